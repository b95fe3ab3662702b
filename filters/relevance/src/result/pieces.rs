//! A text in which no records are known, cut where reading it may stop: behind a line, or inside one that is too long.
//!
//! Pieces are everything there is, line ends included: all of them in a row are the text.

use std::ops::Range;

use super::{Found, ToolResult};
use crate::segment::speaking::Spoken;
use crate::segment::{Record, Segmented, Shape};

/// A longer line is cut, behind a blank if there is one.
const LINE_BYTES_MAX: usize = 2_000;

impl ToolResult<'_> {
    /// The lines of all its texts. `None` where they cannot be cut: structuredContent says the same in a way of its own.
    #[must_use]
    pub fn lines(&self) -> Option<Found> {
        if self.stays_whole || self.structured.is_some() {
            return None;
        }
        let of_block = |text: super::Text<'_>| -> Vec<Record> {
            let start = self.start_of(&text);
            let record = |span: Range<usize>| Record {
                spoken: Spoken::of_text(text.decoded.get(span.clone()).unwrap_or_default()),
                span: start + text.offsets.raw(span.start)..start + text.offsets.raw(span.end),
            };
            pieces(&text.decoded).into_iter().map(record).collect()
        };
        let first = Segmented::of_lists(Shape::Lines, self.texts().map(of_block).collect())?;
        Some(Found { first, second: None })
    }
}

/// The pieces of `text` in order, none empty, nothing between them.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        while end - at > LINE_BYTES_MAX {
            let piece = text.get(at..text.floor_char_boundary(at + LINE_BYTES_MAX)).unwrap_or_default();
            let length = piece.rfind(' ').map_or(piece.len(), |blank| blank + 1);
            pieces.push(at..at + length);
            at += length;
        }
        if at < end {
            pieces.push(at..end);
        }
        at = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    #[test]
    fn a_long_line_is_cut_behind_a_blank() {
        let words = "word ".repeat(1_000);
        let found = pieces(&words);
        assert!(found.len() == 3 && found.iter().all(|piece| words[piece.clone()].ends_with(' ')), "{found:?}");
        assert_eq!(pieces(&"x".repeat(LINE_BYTES_MAX * 2 + 1)).len(), 3);
    }

    #[test]
    fn structured_content_is_in_the_way() {
        let lines = "a\n".repeat(50);
        let open = |value: Value| ToolResult::open(&value.to_string()).unwrap().lines().map(|f| f.records().len());
        assert_eq!(open(json!({"content": [{"type": "text", "text": lines}]})), Some(50));
        assert_eq!(open(json!({"content": [{"type": "text", "text": lines}], "structuredContent": {"n": 1}})), None);
        assert_eq!(open(json!({"content": [{"type": "text", "text": lines}], "isError": true})), None);
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_and_keeping_some_leaves_those(
            text in proptest::collection::vec("[a-c \\n\"\u{e9}\u{1f600}]{0,900}", 1..6),
            from in 0_usize..4,
        ) {
            let text = text.concat();
            let found = pieces(&text);
            prop_assert_eq!(found.iter().map(|piece| &text[piece.clone()]).collect::<String>(), text.as_str());
            prop_assert!(found.iter().all(|piece| !piece.is_empty() && piece.len() <= LINE_BYTES_MAX));
            let source = json!({"content": [{"type": "text", "text": text}]}).to_string();
            let result = ToolResult::open(&source).unwrap();
            if let Some(lines) = result.lines() {
                let kept: BTreeSet<usize> = (from..found.len()).step_by(2).collect();
                let cut: Value =
                    serde_json::from_str(result.rewrite(Some((&lines, &kept)), "n", |_| "1".to_owned()).unwrap().get()).unwrap();
                let expected: String = kept.iter().map(|index| &text[found[*index].clone()]).collect();
                prop_assert_eq!(cut["content"][0]["text"].as_str(), Some(expected.as_str()));
            }
        }
    }
}
