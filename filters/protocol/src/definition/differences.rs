//! What differs between two definitions, for people: one line for each place.

use super::{Definition, Node};
use std::{collections::BTreeMap, fmt};

/// Places listed of two definitions; of more, only how many.
const DIFFERENCES_MAX: usize = 50;
/// Letters of a value that are shown.
const SHOWN_CHARS_MAX: usize = 300;
/// Letters shown before the place where two texts begin to differ.
const SHOWN_BEFORE_CHARS: usize = 24;

/// One place where two definitions differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where (JSON Pointer, RFC 6901).
    pub path: String,
    /// What was there; absent: nothing.
    pub before: Option<String>,
    /// What is there; absent: nothing.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{}: {before} became {after}", self.path),
            (None, Some(after)) => write!(f, "{}: added {after}", self.path),
            (Some(before), None) => write!(f, "{}: removed {before}", self.path),
            (None, None) => f.write_str(&self.path),
        }
    }
}

impl Definition {
    /// Where `other` differs from this one; at most so many places that a person reads them. What cannot be seen (controls,
    /// letters of no width, marks that turn the direction of a line) is spelt out.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        compare("", &Node::read(self.text()), &Node::read(other.text()), &mut found);
        let more = found.len().saturating_sub(DIFFERENCES_MAX);
        found.truncate(DIFFERENCES_MAX);
        if more > 0 {
            found.push(Difference { path: format!("and {more} more"), before: None, after: None });
        }
        found
    }
}

fn compare(path: &str, before: &Node<'_>, after: &Node<'_>, found: &mut Vec<Difference>) {
    match (before, after) {
        (Node::Object(before), Node::Object(after)) => {
            let mut places: BTreeMap<&str, [Option<&Node<'_>>; 2]> = BTreeMap::new();
            for (name, node) in before {
                places.insert(name, [Some(node), None]);
            }
            for (name, node) in after {
                let [was, _] = places.get(name.as_str()).copied().unwrap_or_default();
                places.insert(name, [was, Some(node)]);
            }
            for (name, [before, after]) in places {
                place(&format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), before, after, found);
            }
        }
        (Node::List(before), Node::List(after)) => {
            for at in 0..before.len().max(after.len()) {
                place(&format!("{path}/{at}"), before.get(at), after.get(at), found);
            }
        }
        (before, after) if before == after => {}
        (Node::Text(before), Node::Text(after)) => {
            let (before, after) = excerpts(before, after);
            found.push(Difference { path: visible(path), before: Some(before), after: Some(after) });
        }
        (before, after) => {
            found.push(Difference { path: visible(path), before: Some(shown(before)), after: Some(shown(after)) })
        }
    }
}

fn place(path: &str, before: Option<&Node<'_>>, after: Option<&Node<'_>>, found: &mut Vec<Difference>) {
    match (before, after) {
        (Some(before), Some(after)) => compare(path, before, after, found),
        (before, after) => {
            found.push(Difference { path: visible(path), before: before.map(shown), after: after.map(shown) });
        }
    }
}

/// Both texts from where they begin to differ, with a little of what is before.
fn excerpts(before: &str, after: &str) -> (String, String) {
    let same = before.chars().zip(after.chars()).take_while(|(one, other)| one == other).count();
    let from = |text: &str| {
        let skipped = same.saturating_sub(SHOWN_BEFORE_CHARS);
        let rest: String = text.chars().skip(skipped).collect();
        let shown = shown(&Node::Text(rest));
        if skipped > 0 { format!("…{shown}") } else { shown }
    };
    (from(before), from(after))
}

fn shown(node: &Node<'_>) -> String {
    let mut text = String::new();
    node.write(&mut text);
    let letters = text.chars().count();
    let mut cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if letters > SHOWN_CHARS_MAX {
        cut.push_str(&format!("… ({letters} letters)"));
    }
    visible(&cut)
}

/// `text` with everything spelt out that cannot be seen, or would move what is seen.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for letter in text.chars() {
        let spelt = letter.escape_debug();
        // Escapes of quotes and back slashes are JSON's business.
        if spelt.len() > 2 { visible.extend(spelt) } else { visible.push(letter) }
    }
    visible
}
