//! Lists: items at the left margin, bulleted or numbered, each with its indented lines; nothing else after the first.

use super::detect::Shape;
use super::line::{self, Line};
use super::segmented::Segmented;
use super::speaking::Spoken;

/// The items of `text`.
#[must_use]
pub(crate) fn segment(text: &str) -> Option<Segmented> {
    let lines = line::lines(text);
    let is_item = |line: &Line<'_>| line::item(line.text).is_some();
    let first = lines.iter().position(is_item)?;
    if !lines.iter().skip(first).all(|line| line.is_blank() || line.is_indented() || is_item(line)) {
        return None;
    }
    let starts: Vec<usize> = (first..lines.len()).filter(|&at| lines.get(at).is_some_and(is_item)).collect();
    Segmented::of(Shape::Items, line::records(text, &lines, (&starts, lines.len()), line::is_blank, Spoken::of_text))
}

#[cfg(test)]
mod tests {
    use crate::segment::segment;

    #[test]
    fn items_take_their_indented_lines_along() {
        let text = "Notes:\n1. buy milk\n   oat, not soy\n\n2. call Bob\n\n   about the roof\n3. rest\n";
        let found = segment(text).unwrap();
        assert_eq!(found.keep(text, &[1].into()), "Notes:\n2. call Bob\n\n   about the roof\n");
    }

    #[test]
    fn text_after_a_list_makes_it_no_collection() {
        assert!(segment("- one\n- two\n- three\n\nAnd so on.\n").is_none());
    }
}
