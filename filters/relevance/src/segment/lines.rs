//! Records that are lines: logs (with continuation lines), NDJSON, tables with a header, tagged listings, and
//! plain one-line-per-record texts. Prose, source code and configuration files are not taken for any of them.

use std::ops::Range;

use super::speaking::Spoken;
use super::{Record, Segmented};

/// Head lines (a heading, a table header) that are kept whatever follows.
const HEAD_LINES_MAX: usize = 5;
/// Lines that a text without stamps, tags or columns must have to be taken for records.
const PLAIN_LINES_MIN: usize = 30;
/// Bytes at the start of a line in which a stamp is looked for.
const STAMP_BYTES: usize = 40;

/// A line without its line end.
#[derive(Debug, Clone)]
struct Line<'a> {
    text: &'a str,
    span: Range<usize>,
}

/// The line records of `text`.
#[must_use]
pub fn segment(text: &str) -> Option<Segmented> {
    let lines = lines(text);
    table(text, &lines)
        .or_else(|| starting_with(text, &lines, is_stamped, 60))
        .or_else(|| starting_with(text, &lines, is_tagged, 95))
        .or_else(|| plain(text, &lines))
}

fn lines(text: &str) -> Vec<Line<'_>> {
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

fn record(text: &str, span: Range<usize>) -> Record {
    let spoken = Spoken::of_text(text.get(span.clone()).unwrap_or_default());
    Record { span, spoken }
}

/// Lines that start a record in at least `percent` of all that are not indented; the others continue the one before.
fn starting_with(text: &str, lines: &[Line<'_>], starts: fn(&str) -> bool, percent: usize) -> Option<Segmented> {
    let counted = lines.iter().filter(|line| !line.text.trim().is_empty() && !line.text.starts_with([' ', '\t']));
    let (starting, all) = counted.fold((0, 0), |(s, n), line| (s + usize::from(starts(line.text)), n + 1));
    let head = lines.iter().position(|line| starts(line.text))?;
    if starting * 100 < all * percent || head > HEAD_LINES_MAX {
        return None;
    }
    let mut spans: Vec<Range<usize>> = Vec::new();
    for line in lines.iter().skip(head) {
        if starts(line.text) {
            spans.push(line.span.clone());
        } else if let (Some(open), false) = (spans.last_mut(), line.text.trim().is_empty()) {
            open.end = line.span.end;
        }
    }
    Segmented::of(spans.into_iter().map(|span| record(text, span)).collect())
}

/// A time or date near the start, a log level, a logfmt key, or a whole JSON object.
fn is_stamped(line: &str) -> bool {
    let start: &[u8] = line.as_bytes().get(..STAMP_BYTES.min(line.len())).unwrap_or_default();
    let shaped = |shape: &str| {
        start.windows(shape.len()).any(|window| {
            let fits = |(byte, wanted): (&u8, u8)| if wanted == b'0' { byte.is_ascii_digit() } else { *byte == wanted };
            window.iter().zip(shape.bytes()).all(fits)
        })
    };
    let bare = line.trim_start_matches(['[', '<', '(']);
    let first_word = bare.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let has_level = ["TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"]
        .contains(&first_word.to_ascii_uppercase().as_str())
        && bare.get(first_word.len()..).is_some_and(|rest| rest.starts_with([' ', ']', ':', '>', ')', '\t']));
    let has_key = ["time=", "ts=", "level=", "timestamp="].iter().any(|key| line.starts_with(key));
    let is_object = line.starts_with('{') && line.ends_with('}');
    !line.starts_with([' ', '\t'])
        && (shaped("00:00:00") || shaped("0000-00-00") || shaped("0000/00/00") || has_level || has_key || is_object)
}

/// `[FILE] name`, `[x] thing`.
fn is_tagged(line: &str) -> bool {
    let tag = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    tag.is_some_and(|(tag, rest)| !tag.is_empty() && tag.len() <= 20 && !rest.is_empty())
}

/// A fixed-width table under a header in capitals, or a Markdown table.
fn table(text: &str, lines: &[Line<'_>]) -> Option<Segmented> {
    let (header, columns) = lines.iter().take(HEAD_LINES_MAX).enumerate().find_map(|(index, line)| {
        let columns = columns(line.text);
        let is_markdown = line.text.starts_with('|') && lines.get(index + 1).is_some_and(|next| is_rule(next.text));
        (is_markdown || columns.len() >= 2).then_some((index + usize::from(is_markdown), columns))
    })?;
    let rows: Vec<&Line<'_>> = lines.iter().skip(header + 1).filter(|line| !line.text.trim().is_empty()).collect();
    let is_row = |line: &Line<'_>| match columns.as_slice() {
        [] => line.text.starts_with('|'),
        columns => columns.iter().filter(|column| starts_cell(line.text, **column)).count() * 2 > columns.len(),
    };
    let fitting = rows.iter().filter(|line| is_row(line)).count();
    if fitting * 10 < rows.len() * 9 {
        return None;
    }
    Segmented::of(rows.into_iter().map(|line| record(text, line.span.clone())).collect())
}

/// Where the columns of a header in capitals start; empty when the line is no such header.
fn columns(line: &str) -> Vec<usize> {
    let is_capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || " -_/()%".contains(c);
    if !line.starts_with(|c: char| c.is_ascii_uppercase()) || !line.chars().all(is_capital) {
        return Vec::new();
    }
    let gaps = line.match_indices("  ").map(|(at, _)| at + 2);
    let starts = gaps.filter(|at| line.as_bytes().get(*at).is_some_and(|byte| *byte != b' '));
    std::iter::once(0).chain(starts).collect()
}

fn starts_cell(row: &str, column: usize) -> bool {
    let at = |index: usize| row.as_bytes().get(index).copied();
    column == 0 && at(0).is_some_and(|byte| byte != b' ')
        || column.checked_sub(1).and_then(at) == Some(b' ') && at(column).is_some()
}

fn is_rule(line: &str) -> bool {
    line.starts_with('|') && line.contains("--") && line.chars().all(|c| "|-: ".contains(c))
}

/// Many unindented lines without a blank one between, none of which looks like code, configuration or markup.
fn plain(text: &str, lines: &[Line<'_>]) -> Option<Segmented> {
    let is_plain = |line: &Line<'_>| {
        let text = line.text;
        !text.is_empty()
            && !text.starts_with([' ', '\t', '#', '<', '}', ')', '/', '|', '`', '>'])
            && !text.ends_with(['{', '}', ';', '\\', '(', ')', ':'])
    };
    let filled = lines.iter().rposition(|line| !line.text.is_empty()).map_or(0, |last| last + 1);
    let lines = lines.get(..filled)?;
    if lines.len() < PLAIN_LINES_MIN || !lines.iter().all(is_plain) {
        return None;
    }
    Segmented::of(lines.iter().map(|line| record(text, line.span.clone())).collect())
}

#[cfg(test)]
mod tests;
