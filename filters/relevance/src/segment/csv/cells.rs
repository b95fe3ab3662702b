//! The cells of CSV, as bytes.

use std::ops::Range;

/// The spans of the cells, row after row; ends early at a quote that is never closed or closes in mid-cell.
pub(super) struct Rows<'a> {
    text: &'a str,
    at: usize,
    delimiter: u8,
}

impl<'a> Rows<'a> {
    /// The rows of `text` from `at` on.
    pub(super) fn new(text: &'a str, at: usize, delimiter: u8) -> Self {
        Self { text, at, delimiter }
    }

    /// Where the next row starts.
    pub(super) fn at(&self) -> usize {
        self.at.min(self.text.len())
    }

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

/// A cell's value.
pub(super) fn value(cell: Option<&str>) -> String {
    let cell = cell.unwrap_or_default();
    match cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')) {
        Some(inside) => inside.replace("\"\"", "\""),
        None => cell.to_owned(),
    }
}
