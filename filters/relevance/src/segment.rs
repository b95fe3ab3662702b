//! Finds the records in one text and says which bytes to cut when some are dropped.
//!
//! A segmentation never re-serialises: a rewrite is a list of cuts (and, for a pagination cursor, one move) over
//! the original bytes, so kept records stay byte for byte what the server sent and dropping nothing changes
//! nothing. A text whose records cannot be told apart with certainty has no segmentation and is never filtered.
//! Nothing here knows of MCP, intents or scores.

pub mod blocks;
pub mod csv;
pub mod json;
pub mod lines;
pub mod speaking;
pub mod splice;
pub mod unescape;

use std::collections::BTreeSet;
use std::ops::Range;

use speaking::Spoken;
use splice::Edit;

/// One record: where it is and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its bytes in the source, without the separators around it.
    pub span: Range<usize>,
    /// What it says, for scoring.
    pub spoken: Spoken,
}

/// The records of one source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segmented {
    /// In source order, never overlapping.
    records: Vec<Record>,
    /// Where each record's last cell starts, if the last cell of the last record is a pagination cursor that has
    /// to survive it.
    cursor_starts: Option<Vec<usize>>,
}

/// Finds the records of `text`; `None` when it is not recognised as a text of several records.
#[must_use]
pub fn segment(text: &str) -> Option<Segmented> {
    if text.trim_start().starts_with(['{', '['])
        && let Some(root) = json::parse(text)
    {
        return json::segment(text, root);
    }
    csv::segment(text).or_else(|| blocks::segment(text)).or_else(|| lines::segment(text))
}

impl Segmented {
    /// A segmentation of `records`; `None` unless there are at least two.
    pub(crate) fn of(records: Vec<Record>) -> Option<Self> {
        (records.len() >= 2).then_some(Self { records, cursor_starts: None })
    }

    /// The same, where the last cell of the last record is a pagination cursor. `starts` is parallel to the records.
    pub(crate) fn with_cursor(mut self, starts: Vec<usize>) -> Self {
        self.cursor_starts = Some(starts);
        self
    }

    /// The records in source order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The same records at other offsets, for a text that is itself part of a larger one.
    pub(crate) fn moved(mut self, offset: impl Fn(usize) -> usize) -> Self {
        for record in &mut self.records {
            record.span = offset(record.span.start)..offset(record.span.end);
        }
        for start in self.cursor_starts.iter_mut().flatten() {
            *start = offset(*start);
        }
        self
    }

    /// The edits of `source` that leave only the `kept` records and keep its shape valid. A cursor needs a row to
    /// live in: with nothing kept its row stays.
    #[must_use]
    pub fn edits(&self, source: &str, kept: &BTreeSet<usize>) -> Vec<Edit> {
        let (Some(first), Some(last)) = (self.records.first(), self.records.last()) else {
            return Vec::new();
        };
        let last_index = self.records.len() - 1;
        let stays = |index: usize| {
            kept.contains(&index) || kept.is_empty() && self.cursor_starts.is_some() && index == last_index
        };
        let mut edits = Vec::new();
        let mut last_kept: Option<(usize, &Record)> = None;
        let mut before = first.span.start;
        for (index, record) in self.records.iter().enumerate() {
            if stays(index) {
                // Of the separators around a run of dropped records the last one stays; before the first kept
                // record none does.
                let cut = match last_kept {
                    Some((_, previous)) => previous.span.end..before,
                    None => first.span.start..record.span.start,
                };
                edits.push(Edit::cut(cut));
                last_kept = Some((index, record));
            }
            before = record.span.end;
        }
        let tail = last_kept.map_or(first.span.start, |(_, record)| record.span.end);
        edits.push(Edit::cut(tail..last.span.end));
        if let Some((kept, _)) = last_kept.filter(|(kept, _)| *kept != last_index) {
            edits.extend(self.cursor_move(source, kept, last_index));
        }
        edits.retain(|edit| !edit.is_nothing());
        edits
    }

    /// The text with only the `kept` records.
    #[must_use]
    pub fn keep(&self, source: &str, kept: &BTreeSet<usize>) -> String {
        splice::apply(source, self.edits(source, kept))
    }

    /// Puts the cursor of the last record into the last kept one.
    fn cursor_move(&self, source: &str, kept: usize, last: usize) -> Option<Edit> {
        let starts = self.cursor_starts.as_ref()?;
        let cell =
            |index: usize| -> Option<Range<usize>> { Some(*starts.get(index)?..self.records.get(index)?.span.end) };
        let cursor = source.get(cell(last)?)?;
        Some(Edit { span: cell(kept)?, with: cursor.to_owned() })
    }
}

#[cfg(test)]
mod tests;
