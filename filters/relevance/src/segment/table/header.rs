//! The header of a table, and what it says about rows.

use crate::segment::line::Line;
use crate::segment::speaking::Spoken;

/// How the cells of a row are told apart.
#[derive(Debug)]
enum Columns {
    /// By the bytes at which they start.
    At(Vec<usize>),
    /// By bars.
    Bars,
}

#[derive(Debug)]
pub(super) struct Header {
    columns: Columns,
    names: Vec<String>,
}

impl Header {
    /// The header at line `at`, and the line at which its rows start.
    pub(super) fn at(lines: &[Line<'_>], at: usize) -> Option<(Self, usize)> {
        let line = lines.get(at)?.text;
        if let Some(rule) = lines.get(at + 1).map(|line| line.text).filter(|rule| is_rule(rule)) {
            let has_bars = line.contains('|');
            let columns = if has_bars { Columns::Bars } else { Columns::At(dashes(rule)) };
            let header = Self::named(columns, line);
            let is_header = !is_rule(line) && header.names.len() >= 2 && (has_bars || header.fits(line));
            return is_header.then_some((header, at + 2));
        }
        let header = Self::named(Columns::At(in_capitals(line)?), line);
        Some((header, at + 1))
    }

    fn named(columns: Columns, line: &str) -> Self {
        let mut header = Self { columns, names: Vec::new() };
        header.names = header.cells(line).unwrap_or_default();
        header
    }

    /// Whether the table goes on with `line`.
    pub(super) fn may_be_row(&self, line: &str) -> bool {
        match self.columns {
            Columns::At(_) => !line.trim().is_empty() && in_capitals(line).is_none(),
            Columns::Bars => line.contains('|') && !is_rule(line),
        }
    }

    /// Whether most columns start a cell in `row`, or it has as many bars as the header.
    pub(super) fn fits(&self, row: &str) -> bool {
        match &self.columns {
            Columns::At(starts) => starts.iter().filter(|start| starts_cell(row, **start)).count() * 2 > starts.len(),
            Columns::Bars => self.cells(row).is_some_and(|cells| cells.len() == self.names.len()),
        }
    }

    /// What a row says, by the names of its columns.
    pub(super) fn speak(&self, row: &str) -> Spoken {
        match self.cells(row).filter(|cells| cells.len() == self.names.len()) {
            Some(cells) => Spoken::of_cells(self.names.iter().map(String::as_str).zip(cells)),
            None => Spoken::of_text(row),
        }
    }

    /// `None` where a column would start inside a character.
    fn cells(&self, row: &str) -> Option<Vec<String>> {
        match &self.columns {
            Columns::At(starts) => {
                let ends = starts.iter().skip(1).copied().chain([row.len()]);
                let cell = |(start, end): (&usize, usize)| {
                    let (start, end) = ((*start).min(row.len()), end.min(row.len()));
                    row.get(start..end.max(start)).map(|cell| cell.trim().to_owned())
                };
                starts.iter().zip(ends).map(cell).collect()
            }
            Columns::Bars => {
                let inside = row.trim();
                let inside = inside.strip_prefix('|').unwrap_or(inside);
                let inside = inside.strip_suffix('|').unwrap_or(inside);
                // A bar in a cell of a Markdown table is escaped.
                let hidden = inside.replace("\\|", "\u{0}");
                Some(hidden.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect())
            }
        }
    }
}

/// Where the columns of a header in capitals start.
fn in_capitals(line: &str) -> Option<Vec<usize>> {
    let is_capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || " -_/()%".contains(c);
    if !line.starts_with(|c: char| c.is_ascii_uppercase()) || !line.chars().all(is_capital) {
        return None;
    }
    let behind_gap =
        |(at, window): (usize, &[u8])| (window.starts_with(b"  ") && !window.ends_with(b" ")).then_some(at + 2);
    let starts = line.as_bytes().windows(3).enumerate().filter_map(behind_gap);
    let starts: Vec<usize> = std::iter::once(0).chain(starts).collect();
    (starts.len() >= 2).then_some(starts)
}

fn starts_cell(row: &str, column: usize) -> bool {
    let at = |index: usize| row.as_bytes().get(index).copied();
    column == 0 && at(0).is_some_and(|byte| byte != b' ')
        || column.checked_sub(1).and_then(at) == Some(b' ') && at(column).is_some()
}

/// Dashes for two columns or more, with what may stand between and around them.
pub(crate) fn is_rule(line: &str) -> bool {
    let is_of_rule = |c: char| "|-:+= ".contains(c);
    line.chars().all(is_of_rule) && dashes(line).len() >= 2
}

/// Where runs of dashes start.
fn dashes(rule: &str) -> Vec<usize> {
    let is_dash = |byte: u8| matches!(byte, b'-' | b'=' | b':');
    let bytes = rule.as_bytes();
    let starts = |at: &usize| {
        let here = bytes.get(*at).copied().is_some_and(is_dash);
        here && at.checked_sub(1).and_then(|before| bytes.get(before)).is_none_or(|before| !is_dash(*before))
    };
    (0..bytes.len()).filter(starts).collect()
}
