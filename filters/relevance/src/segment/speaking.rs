//! What a record says: its speaking fields, without ids, addresses and timestamps.
//!
//! A field speaks by its name (title, text, labels, …). A record none of whose names is known speaks with every
//! value that looks like words; one of which only a title is known, with its sentences too.

mod role;

use serde_json::Value;

use role::{Role, inner_role, role};

/// How deep into a record's objects and arrays fields are looked for.
const DEPTH_MAX: usize = 6;
/// Bytes of text taken from one record; what a record is about is said before that.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Words from which on a value of an unknown name is taken for something said.
const SENTENCE_WORDS_MIN: usize = 4;

/// A record for scoring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spoken {
    /// Titles, then texts, then labels.
    pub text: String,
    /// Who and where (author, channel, status): words that may match, but that are not what the record is about.
    pub aside: String,
    /// The conversation it belongs to.
    pub thread: Option<String>,
}

/// The parts of a record as they are found.
#[derive(Default)]
struct Parts {
    titles: Vec<String>,
    bodies: Vec<String>,
    labels: Vec<String>,
    asides: Vec<String>,
    /// Values without a known name, for records where nothing else speaks.
    unknown: Vec<String>,
    thread: Option<String>,
}

impl Parts {
    fn add(&mut self, role: Role, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let said = match role {
            Role::Thread => {
                self.thread = Some(value.to_owned());
                return;
            }
            Role::Silent => return,
            Role::Title => &mut self.titles,
            Role::Body => &mut self.bodies,
            Role::Label => &mut self.labels,
            Role::Aside => &mut self.asides,
            Role::Unknown => &mut self.unknown,
        };
        // Formatted and plain text of the same words often stand beside each other.
        if is_wordy(value) && said.last().is_none_or(|last| last != value) {
            said.push(value.to_owned());
        }
    }

    fn spoken(self) -> Spoken {
        let (is_named, is_told) = (!self.titles.is_empty(), !self.bodies.is_empty());
        let mut said = [self.titles, self.bodies].concat();
        if !is_told {
            // What has only a name says the rest in fields that nobody knows; a single word there is rather a state.
            said.extend(self.unknown.into_iter().filter(|value| !is_named || is_sentence(value)));
        }
        said.extend(self.labels);
        Spoken { text: shortened(said.join(" \n")), aside: self.asides.join(" "), thread: self.thread }
    }

    /// A column and its value as an object, `{"field": "message", "value": "…"}`, speaks by the column's name.
    fn pair(&mut self, members: &serde_json::Map<String, Value>) -> bool {
        let (Some(Value::String(name)), Some(Value::String(value)), 2) =
            (members.get("field"), members.get("value"), members.len())
        else {
            return false;
        };
        self.add(role(name), value);
        true
    }

    fn visit(&mut self, role_here: Role, value: &Value, depth: usize) {
        match value {
            Value::String(text) => self.add(role_here, text),
            Value::Array(items) if depth < DEPTH_MAX => {
                items.iter().for_each(|item| self.visit(role_here, item, depth + 1));
            }
            Value::Object(members) if depth < DEPTH_MAX && !self.pair(members) => {
                for (name, value) in members {
                    self.visit(inner_role(role_here, name, value), value, depth + 1);
                }
            }
            Value::Number(number) if role_here == Role::Thread => self.add(role_here, &number.to_string()),
            _ => {}
        }
    }
}

/// Words rather than an address, a hash, a number or a timestamp.
fn is_wordy(value: &str) -> bool {
    let letters = value.chars().filter(|c| c.is_alphabetic()).count();
    let one_word = !value.contains(char::is_whitespace);
    let is_address = one_word && value.contains("://");
    let is_code = one_word && value.len() > 8 && value.chars().filter(char::is_ascii_digit).count() * 4 > value.len();
    letters >= 2 && !is_address && !is_code
}

fn is_sentence(value: &str) -> bool {
    value.split_whitespace().nth(SENTENCE_WORDS_MIN - 1).is_some()
}

impl Spoken {
    /// What a JSON value says.
    #[must_use]
    pub fn of_value(value: &Value) -> Self {
        let mut parts = Parts::default();
        let role = if value.is_object() { Role::Unknown } else { Role::Body };
        parts.visit(role, value, 0);
        parts.spoken()
    }

    /// What a row says, cells paired with the names in the header.
    pub fn of_cells<'a>(cells: impl Iterator<Item = (&'a str, String)>) -> Self {
        let mut parts = Parts::default();
        for (name, cell) in cells {
            parts.add(role(name), &cell);
        }
        parts.spoken()
    }

    /// What plain text says: a JSON object by its fields, `Label: value` lines by their label, anything else whole.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        if text.starts_with('{')
            && let Ok(value) = serde_json::from_str::<Value>(text)
        {
            return Self::of_value(&value);
        }
        let mut parts = Parts::default();
        for line in text.lines() {
            match line.split_once(": ").map(|(label, value)| (role(label), value)) {
                Some((Role::Silent, _)) => {}
                Some((role @ (Role::Aside | Role::Thread), value)) => parts.add(role, value),
                _ => parts.add(Role::Body, line),
            }
        }
        parts.spoken()
    }

    /// What a log line and the lines that continue it say, without its stamps.
    #[must_use]
    pub fn of_log(text: &str) -> Self {
        if text.starts_with('{') {
            return Self::of_text(text);
        }
        let mut rest = text.trim_start();
        while let Some((_, behind)) = rest.split_once(' ').filter(|(word, _)| is_stamp(word)) {
            rest = behind.trim_start();
        }
        Self::of_words(rest)
    }

    /// A text that speaks whole.
    #[must_use]
    pub fn of_words(text: &str) -> Self {
        Self { text: shortened(text.to_owned()), ..Self::default() }
    }

    /// The same under a heading, or a name that is words.
    #[must_use]
    pub(crate) fn under(self, heading: Option<&str>) -> Self {
        match heading.filter(|heading| is_wordy(heading)) {
            Some(heading) => Self { text: shortened(format!("{heading} \n{}", self.text)), ..self },
            None => self,
        }
    }
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    text
}

/// A date, a time or a number, in brackets or not.
fn is_stamp(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || "[(<".contains(c))
        && word.chars().any(|c| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || "TZ+-:.,/[]()<>".contains(c))
}

#[cfg(test)]
mod tests;
