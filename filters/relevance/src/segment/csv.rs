//! Records in CSV: the rows under a header, after an optional preamble of lines that are no rows.
//!
//! Every row must have exactly as many cells as the header, otherwise the text is not taken for CSV. Quoted cells
//! may hold delimiters, doubled quotes and newlines. A last column named `Cursor` is a pagination cursor, which
//! Slack's server puts into the last row only.

use std::ops::Range;

use super::speaking::Spoken;
use super::{Record, Segmented};

/// Lines before the header that are looked at.
const PREAMBLE_LINES_MAX: usize = 10;
/// Bytes of a column name.
const NAME_BYTES_MAX: usize = 48;
/// Fewer rows are more likely prose with commas.
const ROWS_MIN: usize = 3;

/// The rows of `text`.
#[must_use]
pub fn segment(text: &str) -> Option<Segmented> {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    starts
        .take(PREAMBLE_LINES_MAX)
        .find_map(|start| [b',', b'\t', b';'].into_iter().find_map(|delimiter| under_header(text, start, delimiter)))
}

/// The rows if the line at `start` is a header and everything below it fits.
fn under_header(text: &str, start: usize, delimiter: u8) -> Option<Segmented> {
    let mut rows = Rows { text, at: start, delimiter };
    let names: Vec<String> = rows.next()?.iter().map(|cell| unquote(text.get(cell.clone()))).collect();
    if names.len() < 2 || !names.iter().all(|name| is_name(name)) {
        return None;
    }
    let mut records = Vec::new();
    let mut last_cells = Vec::new();
    for cells in rows {
        let (first, last) = (cells.first()?, cells.last()?);
        if cells.len() != names.len() {
            let is_blank = cells.len() == 1 && text.get(first.clone()).is_some_and(|cell| cell.trim().is_empty());
            if is_blank && text.get(first.start..)?.trim().is_empty() {
                break;
            }
            return None;
        }
        let paired = names.iter().zip(&cells).map(|(name, cell)| (name.as_str(), unquote(text.get(cell.clone()))));
        records.push(Record { span: first.start..last.end, spoken: Spoken::of_cells(paired) });
        last_cells.push(last.start);
    }
    if records.len() < ROWS_MIN {
        return None;
    }
    let segmented = Segmented::of(records)?;
    let has_cursor = names.last().is_some_and(|name| name.to_ascii_lowercase().ends_with("cursor"));
    Some(if has_cursor { segmented.with_cursor(last_cells) } else { segmented })
}

fn is_name(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.' | '#' | '/' | '(' | ')');
    starts_well && name.len() <= NAME_BYTES_MAX && name.chars().all(plain)
}

/// A cell's value.
fn unquote(cell: Option<&str>) -> String {
    let cell = cell.unwrap_or_default();
    match cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')) {
        Some(inside) => inside.replace("\"\"", "\""),
        None => cell.to_owned(),
    }
}

/// The spans of the cells, row after row; ends early at a quote that is never closed.
struct Rows<'a> {
    text: &'a str,
    at: usize,
    delimiter: u8,
}

impl Iterator for Rows<'_> {
    type Item = Vec<Range<usize>>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        if self.at >= bytes.len() {
            return None;
        }
        let mut cells = Vec::new();
        loop {
            let end = self.cell_end()?;
            cells.push(self.at..end);
            match bytes.get(end) {
                Some(byte) if *byte == self.delimiter => self.at = end + 1,
                Some(b'\r') => {
                    self.at = end + 2;
                    return Some(cells);
                }
                _ => {
                    self.at = end + 1;
                    return Some(cells);
                }
            }
        }
    }
}

impl Rows<'_> {
    /// Where the cell that starts here ends: at a delimiter, a line end or the end of the text.
    fn cell_end(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            loop {
                at += memchr::memchr(b'"', bytes.get(at..)?)? + 1;
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
            let closes = match bytes.get(at) {
                None | Some(b'\n') => true,
                Some(b'\r') => bytes.get(at + 1) == Some(&b'\n'),
                Some(byte) => *byte == self.delimiter,
            };
            return closes.then_some(at);
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let length = memchr::memchr2(self.delimiter, b'\n', rest).unwrap_or(rest.len());
        let is_crlf = rest.get(length) == Some(&b'\n') && length > 0 && rest.get(length - 1) == Some(&b'\r');
        Some(at + length - usize::from(is_crlf))
    }
}

#[cfg(test)]
mod tests;
