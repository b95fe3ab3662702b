//! Documents: Markdown and other prose, split where its structure is.
//!
//! A short section under its heading is one record. In a longer one each paragraph, list item, code block and table row
//! is; the headings above it, and the header of its table, stay with it.

mod part;
mod prose;

use std::ops::Range;

use super::detect::Shape;
use super::line::{self, Line};
use super::remark;
use super::segmented::{Frame, Record, Segmented};
use super::speaking::Spoken;
use part::{Kind, Part};

/// A section without subsections up to this size is one record.
const SECTION_BYTES_MAX: usize = 1_000;
const HEADINGS_MIN: usize = 2;

/// The parts of a text with headings.
#[must_use]
pub(crate) fn under_headings(text: &str) -> Option<Segmented> {
    let lines = line::lines(text);
    let parts = part::parts(&lines);
    let headings = parts.iter().filter(|part| part.level().is_some()).count();
    (headings >= HEADINGS_MIN && prose::has_honest_headings(&lines, &parts))
        .then(|| Assembly::new(text, &lines, &parts).finish(Shape::Document))
        .flatten()
}

/// The paragraphs of a text without headings.
#[must_use]
pub(crate) fn of_prose(text: &str) -> Option<Segmented> {
    let lines = line::lines(text);
    let parts = part::parts(&lines);
    prose::is_prose(&lines, &parts).then(|| Assembly::new(text, &lines, &parts).finish(Shape::Prose)).flatten()
}

/// A heading whose section is not over yet.
struct Open<'a> {
    level: usize,
    title: &'a str,
    span: Range<usize>,
    first: usize,
}

/// Records and frames as they are put together.
struct Assembly<'a> {
    text: &'a str,
    lines: &'a [Line<'a>],
    parts: &'a [Part],
    records: Vec<Record>,
    frames: Vec<Frame>,
    open: Vec<Open<'a>>,
}

impl<'a> Assembly<'a> {
    fn new(text: &'a str, lines: &'a [Line<'a>], parts: &'a [Part]) -> Self {
        Self { text, lines, parts, records: Vec::new(), frames: Vec::new(), open: Vec::new() }
    }

    fn finish(mut self, shape: Shape) -> Option<Segmented> {
        let mut at = usize::from(self.begins_with_remark());
        let mut table: Option<(Range<usize>, usize)> = None;
        while let Some(part) = self.parts.get(at) {
            if part.kind != Kind::Row
                && let Some((span, first)) = table.take()
            {
                self.frames.push(Frame { span, over: first..self.records.len() });
            }
            at += match part.kind {
                Kind::Heading(level) => self.heading(at, level),
                Kind::TableHead => {
                    table = Some((self.span(at..at + 1), self.records.len()));
                    1
                }
                Kind::Paragraph | Kind::Item | Kind::Code | Kind::Row => {
                    self.record(at..at + 1);
                    1
                }
            };
        }
        if let Some((span, first)) = table {
            self.frames.push(Frame { span, over: first..self.records.len() });
        }
        self.close(0);
        Some(Segmented::of(shape, self.records)?.with_frames(self.frames))
    }

    /// A heading opens its section, or is a record with all of it. Returns how many parts that are.
    fn heading(&mut self, at: usize, level: usize) -> usize {
        self.close(level);
        let below = self.parts.get(at + 1..).unwrap_or_default();
        let length = 1 + below.iter().take_while(|part| part.level().is_none()).count();
        let is_leaf = self.parts.get(at + length).and_then(Part::level).is_none_or(|next| next <= level);
        if is_leaf && (length == 1 || self.span(at..at + length).len() <= SECTION_BYTES_MAX) {
            self.record(at..at + length);
            return length;
        }
        let span = self.span(at..at + 1);
        let title = self.text.get(span.clone()).unwrap_or_default().trim_matches(['#', ' ']);
        self.open.push(Open { level, title, span, first: self.records.len() });
        1
    }

    /// Ends the sections at `level` and below.
    fn close(&mut self, level: usize) {
        while let Some(section) = self.open.pop_if(|section| section.level >= level) {
            self.frames.push(Frame { span: section.span, over: section.first..self.records.len() });
        }
    }

    fn record(&mut self, parts: Range<usize>) {
        let span = self.span(parts);
        let text = self.text.get(span.clone()).unwrap_or_default();
        let title = self.open.last().map(|section| section.title);
        self.records.push(Record { span, spoken: Spoken::of_words(text).under(title) });
    }

    fn span(&self, parts: Range<usize>) -> Range<usize> {
        let parts = self.parts.get(parts).unwrap_or_default();
        let start = parts.first().and_then(|part| self.lines.get(part.lines.start)).map(|line| line.span.start);
        let end = parts.last().and_then(|part| self.lines.get(part.lines.end - 1)).map(|line| line.span.end);
        start.unwrap_or_default()..end.unwrap_or_default()
    }

    /// A first paragraph that announces the text, or says how to get the rest, is not a part of it.
    fn begins_with_remark(&self) -> bool {
        self.parts.first().is_some_and(|part| {
            let said = self.text.get(self.span(0..1)).unwrap_or_default();
            part.kind == Kind::Paragraph && (said.ends_with(':') || remark::is_remark(said))
        })
    }
}

#[cfg(test)]
mod tests;
