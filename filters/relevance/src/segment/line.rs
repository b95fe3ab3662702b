//! A text as lines, and records that begin at some of them.

use std::ops::Range;

use super::segmented::Record;
use super::speaking::Spoken;

/// A line without its line end.
#[derive(Debug, Clone)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) span: Range<usize>,
}

impl Line<'_> {
    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub(crate) fn is_indented(&self) -> bool {
        self.text.starts_with([' ', '\t'])
    }

    /// Bytes of blanks at its start.
    pub(crate) fn indent(&self) -> usize {
        self.text.len() - self.text.trim_start_matches([' ', '\t']).len()
    }
}

/// The lines of `text`; they end with `\n` or `\r\n`.
pub(crate) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut at = 0;
    let mut lines = Vec::new();
    for whole in text.split_inclusive('\n') {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        lines.push(Line { text: line, span: at..at + line.len() });
        at += whole.len();
    }
    lines
}

/// The bytes of the lines in `range` up to the last one that is not `between` records.
pub(crate) fn span(lines: &[Line<'_>], range: Range<usize>, between: fn(&str) -> bool) -> Option<Range<usize>> {
    let lines = lines.get(range)?;
    let last = lines.iter().rfind(|line| !between(line.text))?;
    Some(lines.first()?.span.start..last.span.end)
}

/// The records that begin at the lines `starts`, each up to the next one and the last one up to line `end`.
pub(crate) fn records(
    text: &str,
    lines: &[Line<'_>],
    (starts, end): (&[usize], usize),
    between: fn(&str) -> bool,
    speak: fn(&str) -> Spoken,
) -> Vec<Record> {
    let ends = starts.iter().skip(1).copied().chain([end]);
    let spans = starts.iter().zip(ends).filter_map(|(&start, end)| span(lines, start..end, between));
    spans.map(|span| Record { spoken: speak(text.get(span.clone()).unwrap_or_default()), span }).collect()
}

/// Whether a line is blank.
pub(crate) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// A rule: three or more of the same mark and nothing else.
pub(crate) fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && ['-', '*', '=', '_'].iter().any(|mark| line.trim_matches(*mark).is_empty())
}

/// What is behind the mark of a list item: `- `, `* `, `+ `, `• `, `1. `, `1) `.
pub(crate) fn item(line: &str) -> Option<&str> {
    if let Some(rest) = ["- ", "* ", "+ ", "• "].iter().find_map(|mark| line.strip_prefix(mark)) {
        return Some(rest);
    }
    let behind = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_number = (1..=4).contains(&(line.len() - behind.len()));
    [". ", ") "].iter().find_map(|mark| behind.strip_prefix(mark)).filter(|_| is_number)
}
