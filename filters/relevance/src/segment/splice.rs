//! Edits of a text by byte span.

use std::ops::Range;

/// Replace the bytes of `span` by `with`; an empty span inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Byte offsets at character boundaries.
    pub span: Range<usize>,
    /// What stands there afterwards.
    pub with: String,
}

impl Edit {
    /// Removes `span`.
    #[must_use]
    pub fn cut(span: Range<usize>) -> Self {
        Self { span, with: String::new() }
    }

    /// Inserts `text` at `at`.
    #[must_use]
    pub fn insert(at: usize, text: impl Into<String>) -> Self {
        Self { span: at..at, with: text.into() }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.span.is_empty() && self.with.is_empty()
    }
}

/// Applies edits that do not overlap, in any order; at the same place, in the order given.
#[must_use]
pub fn apply(source: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.span.start);
    let mut result = String::with_capacity(source.len());
    let mut copied = 0;
    for edit in edits {
        result.push_str(source.get(copied..edit.span.start).unwrap_or_default());
        result.push_str(&edit.with);
        copied = copied.max(edit.span.end);
    }
    result.push_str(source.get(copied..).unwrap_or_default());
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_inserts_and_replacements_apply_in_source_order() {
        let edits = vec![Edit::insert(9, "!"), Edit::cut(0..2), Edit { span: 4..6, with: "xyz".to_owned() }];
        assert_eq!(apply("0123456789", edits), "23xyz678!9");
    }

    #[test]
    fn an_insertion_where_a_cut_ends_survives() {
        assert_eq!(apply("abcd", vec![Edit::insert(3, "-"), Edit::cut(1..3)]), "a-d");
    }
}
