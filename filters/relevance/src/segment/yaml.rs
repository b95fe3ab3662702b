//! YAML lists of maps: at the margin, or under a key such as `items:`, with whatever keys stand around the list.
//!
//! The longest run of `- key: …` at one depth is the list. What is outside must be keys and comments.

use std::ops::Range;

use super::detect::Shape;
use super::line::{self, Line};
use super::segmented::Segmented;
use super::speaking::Spoken;

/// The items of the longest list in `text`.
#[must_use]
pub(crate) fn segment(text: &str) -> Option<Segmented> {
    let lines = line::lines(text);
    let run = runs(&lines).into_iter().max_by_key(|run| run.len())?;
    let depth = lines.get(run.start)?.indent();
    let is_item = |line: &Line<'_>| line.indent() == depth && line.text.trim_start().starts_with("- ");
    let outside = lines.iter().enumerate().filter(|(at, _)| !run.contains(at));
    let starts: Vec<usize> = run.clone().filter(|&at| lines.get(at).is_some_and(is_item)).collect();
    let are_maps = starts.iter().filter_map(|&at| lines.get(at)).all(|line| is_map_item(line.text));
    if !are_maps || !outside.into_iter().all(|(_, line)| is_around(line)) {
        return None;
    }
    Segmented::of(Shape::Yaml, line::records(text, &lines, (&starts, run.end), line::is_blank, Spoken::of_text))
}

/// Runs of items at one depth, with everything deeper.
fn runs(lines: &[Line<'_>]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_blank()) {
        let is_item = line.text.trim_start().starts_with("- ");
        if let (Some((_, depth)), Some(run)) = (open, runs.last_mut()) {
            if line.indent() > depth || line.indent() == depth && is_item {
                run.end = at + 1;
                continue;
            }
            open = None;
        }
        if is_item {
            open = Some((at, line.indent()));
            runs.push(at..at + 1);
        }
    }
    runs
}

/// `- key:` or `- key: value`.
fn is_map_item(line: &str) -> bool {
    line.trim_start().strip_prefix("- ").is_some_and(|rest| is_key(rest.trim_start()))
}

fn is_key(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else { return false };
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '"' | '\'');
    !key.is_empty() && key.chars().all(is_name) && (value.is_empty() || value.starts_with(' '))
}

/// What may stand around the list: keys, other lists, comments, and marks of documents.
fn is_around(line: &Line<'_>) -> bool {
    let text = line.text.trim();
    text.is_empty() || line.is_indented() || is_key(text) || text.starts_with(['#', '-']) || text == "..."
}

#[cfg(test)]
mod tests {
    use crate::segment::{Shape, segment};

    fn check(text: &str, kept: &[usize], expected: &str) {
        let found = segment(text).expect("a list");
        assert_eq!(found.shape(), Shape::Yaml);
        assert_eq!(found.keep(text, &kept.iter().copied().collect()), expected);
    }

    #[test]
    fn items_take_their_indented_lines_along() {
        check(
            "# The following events were found:\n- Kind: Pod\n  Message: a\n- Kind: Pod\n  Message: b\n- Kind: Pod\n  Message: c\n",
            &[1],
            "# The following events were found:\n- Kind: Pod\n  Message: b\n",
        );
    }

    #[test]
    fn a_list_under_a_key_keeps_what_is_around_it() {
        let item = |n: u8| {
            format!("- metadata:\n    name: pod-{n}\n  spec:\n    containers:\n    - image: i\n      name: c\n")
        };
        let text = format!("apiVersion: v1\nitems:\n{}{}{}kind: List\n", item(1), item(2), item(3));
        check(&text, &[0, 2], &format!("apiVersion: v1\nitems:\n{}{}kind: List\n", item(1), item(3)));
    }

    #[test]
    fn the_lists_of_one_object_are_no_records() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: data\n  uid: 1\nspec:\n  containers:\n  - image: i\n    name: c\n  nodeName: n1\nstatus:\n  phase: Running\n";
        assert!(segment(text).is_none());
    }
}
