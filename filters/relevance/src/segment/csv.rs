//! Records in CSV: the rows under a header, after a preamble and before an epilogue of lines that are no rows.
//!
//! Every row must have exactly as many cells as the header, otherwise the text is not taken for CSV. Quoted cells
//! may hold delimiters, doubled quotes and newlines. A last column named `Cursor` is a pagination cursor, which
//! Slack's server puts into the last row only.

mod cells;

use super::detect::Shape;
use super::line;
use super::segmented::{Record, Segmented};
use super::speaking::Spoken;
use cells::Rows;

/// Lines before the header that are looked at.
const PREAMBLE_LINES_MAX: usize = 16;
/// Lines after the last row, blank ones not counted.
const EPILOGUE_LINES_MAX: usize = 5;
/// Bytes of a column name.
const NAME_BYTES_MAX: usize = 48;
/// Fewer rows are more likely prose with commas.
const ROWS_MIN: usize = 3;
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// The rows of `text`.
#[must_use]
pub(crate) fn segment(text: &str) -> Option<Segmented> {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    starts
        .take(PREAMBLE_LINES_MAX)
        .find_map(|start| DELIMITERS.into_iter().find_map(|delimiter| under_header(text, start, delimiter)))
}

/// The rows if the line at `start` is a header and everything below it fits.
fn under_header(text: &str, start: usize, delimiter: u8) -> Option<Segmented> {
    let mut rows = Rows::new(text, start, delimiter);
    let names: Vec<String> = rows.next()?.iter().map(|cell| cells::value(text.get(cell.clone()))).collect();
    if names.len() < 2 || !names.iter().all(|name| is_name(name)) {
        return None;
    }
    let mut records = Vec::new();
    let mut last_cells = Vec::new();
    let mut end = rows.at();
    for cells in rows.by_ref().take_while(|cells| cells.len() == names.len()) {
        let (first, last) = (cells.first()?, cells.last()?);
        let paired = names.iter().zip(&cells).map(|(name, cell)| (name.as_str(), cells::value(text.get(cell.clone()))));
        records.push(Record { span: first.start..last.end, spoken: Spoken::of_cells(paired) });
        last_cells.push(last.start);
        end = last.end;
    }
    if records.len() < ROWS_MIN || !is_epilogue(text.get(end..)?) {
        return None;
    }
    let segmented = Segmented::of(Shape::Csv, records)?;
    let has_cursor = names.last().is_some_and(|name| name.to_ascii_lowercase().ends_with("cursor"));
    Some(if has_cursor { segmented.with_cursor(last_cells) } else { segmented })
}

/// Few enough lines. What does not fit is a last row that was cut off, or a remark, and stays either way.
fn is_epilogue(rest: &str) -> bool {
    rest.lines().filter(|line| !line::is_blank(line)).count() <= EPILOGUE_LINES_MAX
}

fn is_name(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '@' | '#'));
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.' | '#' | '/' | '(' | ')' | '@' | '%');
    starts_well && name.len() <= NAME_BYTES_MAX && name.chars().all(plain)
}

#[cfg(test)]
mod tests;
