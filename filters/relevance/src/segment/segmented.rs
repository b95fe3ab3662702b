//! What was found in one text, and the edits that leave only some of it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::detect::Shape;
use super::speaking::Spoken;
use super::splice::{self, Edit};

/// One record: where it is and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its bytes in the source, without the separators around it.
    pub span: Range<usize>,
    /// What it says, for scoring.
    pub spoken: Spoken,
}

/// Bytes that stay as long as one of the records they are about does: a heading, a table's header, a file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) span: Range<usize>,
    /// The indices of those records.
    pub(crate) over: Range<usize>,
}

/// The records of one source text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segmented {
    shape: Shape,
    /// In source order, never overlapping.
    records: Vec<Record>,
    /// Runs of records that are lists of their own; what stands between two of them always stays.
    lists: Vec<Range<usize>>,
    /// Only where there is one list.
    frames: Vec<Frame>,
    /// Where each record's last cell starts, if the last cell of the last record is a pagination cursor that has
    /// to survive it.
    cursor_starts: Option<Vec<usize>>,
}

impl Segmented {
    /// A segmentation of `records`; `None` unless there are at least two.
    pub(crate) fn of(shape: Shape, records: Vec<Record>) -> Option<Self> {
        Self::of_lists(shape, vec![records])
    }

    /// A segmentation of several lists in source order; `None` unless there are at least two records in all.
    pub(crate) fn of_lists(shape: Shape, lists: Vec<Vec<Record>>) -> Option<Self> {
        let mut start = 0;
        let run = |list: &Vec<Record>| {
            let run = start..start + list.len();
            start = run.end;
            run
        };
        let runs = lists.iter().map(run).collect();
        let records: Vec<Record> = lists.into_iter().flatten().collect();
        (records.len() >= 2).then_some(Self { shape, records, lists: runs, frames: Vec::new(), cursor_starts: None })
    }

    /// The same, where the last cell of the last record is a pagination cursor. `starts` is parallel to the records.
    pub(crate) fn with_cursor(mut self, starts: Vec<usize>) -> Self {
        self.cursor_starts = Some(starts);
        self
    }

    /// The same with frames. A frame over nothing is no frame: it goes with what stands around it.
    pub(crate) fn with_frames(mut self, frames: Vec<Frame>) -> Self {
        self.frames = frames;
        self.frames.retain(|frame| !frame.over.is_empty());
        self
    }

    /// What the text was taken for.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The records in source order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The bytes of records and frames.
    pub(crate) fn bytes(&self) -> usize {
        let records = self.records.iter().map(|record| record.span.len());
        records.chain(self.frames.iter().map(|frame| frame.span.len())).sum()
    }

    /// The same records at other offsets, for a text that is itself part of a larger one.
    pub(crate) fn moved(mut self, offset: impl Fn(usize) -> usize) -> Self {
        let spans = self.records.iter_mut().map(|record| &mut record.span);
        for span in spans.chain(self.frames.iter_mut().map(|frame| &mut frame.span)) {
            *span = offset(span.start)..offset(span.end);
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
        let cursor_row: BTreeSet<usize>;
        let mut kept = kept;
        if self.cursor_starts.is_some() && kept.range(..self.records.len()).next().is_none() {
            cursor_row = self.records.len().checked_sub(1).into_iter().collect();
            kept = &cursor_row;
        }
        let mut edits: Vec<Edit> = self.lists.iter().flat_map(|list| self.cuts(list, kept)).collect();
        edits.extend(self.cursor_move(source, kept));
        edits.retain(|edit| !edit.is_nothing());
        edits
    }

    /// The text with only the `kept` records.
    #[must_use]
    pub fn keep(&self, source: &str, kept: &BTreeSet<usize>) -> String {
        splice::apply(source, self.edits(source, kept))
    }

    /// The cuts in one list. Of the separators around a run of dropped parts the last one stays; before the first
    /// part that stays none does.
    fn cuts(&self, list: &Range<usize>, kept: &BTreeSet<usize>) -> Vec<Edit> {
        let records = self.records.iter().enumerate().skip(list.start).take(list.len());
        let frames = self.frames.iter().filter(|frame| list.contains(&frame.over.start));
        let mut parts: Vec<(&Range<usize>, bool)> = records
            .map(|(index, record)| (&record.span, kept.contains(&index)))
            .chain(frames.map(|frame| (&frame.span, kept.range(frame.over.clone()).next().is_some())))
            .collect();
        parts.sort_by_key(|(span, _)| span.start);
        let (Some(start), Some(end)) = (parts.first().map(|(span, _)| span.start), parts.last()) else {
            return Vec::new();
        };
        let end = end.0.end;
        let mut edits = Vec::new();
        let mut kept_end = None;
        let mut before = start;
        for (span, stays) in parts {
            if stays {
                edits.push(Edit::cut(kept_end.map_or(start..span.start, |kept_end| kept_end..before)));
                kept_end = Some(span.end);
            }
            before = span.end;
        }
        edits.push(Edit::cut(kept_end.unwrap_or(start)..end));
        edits
    }

    /// Puts the cursor of the last record into the last kept one.
    fn cursor_move(&self, source: &str, kept: &BTreeSet<usize>) -> Option<Edit> {
        let starts = self.cursor_starts.as_ref()?;
        let last = self.records.len().checked_sub(1)?;
        let home = *kept.range(..last).next_back().filter(|_| !kept.contains(&last))?;
        let cell =
            |index: usize| -> Option<Range<usize>> { Some(*starts.get(index)?..self.records.get(index)?.span.end) };
        let cursor = source.get(cell(last)?)?;
        Some(Edit { span: cell(home)?, with: cursor.to_owned() })
    }
}
