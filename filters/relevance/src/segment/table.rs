//! Tables in columns: under a header in capitals (`NAME   READY   STATUS`), or under a header with a rule below it
//! (psql, MySQL, Markdown). A text may hold several, one after the other; the headers always stay.

mod header;

use super::detect::Shape;
use super::line::{self, Line};
use super::segmented::{Record, Segmented};
use header::Header;
pub(crate) use header::is_rule;

/// Lines before the first header.
const HEAD_LINES_MAX: usize = 10;
/// Lines that are no rows of any table, after the first header, blank ones not counted.
const STRAY_LINES_MAX: usize = 5;
/// So many percent of the rows must fit the columns.
const FITTING_PERCENT_MIN: usize = 90;

/// The rows of the tables in `text`.
#[must_use]
pub(crate) fn segment(text: &str) -> Option<Segmented> {
    let lines = line::lines(text);
    let first = (0..lines.len().min(HEAD_LINES_MAX)).find(|&at| Header::at(&lines, at).is_some())?;
    let (mut tables, mut at, mut stray) = (Vec::new(), first, 0);
    while at < lines.len() {
        let Some((header, body)) = Header::at(&lines, at) else {
            stray += usize::from(!lines.get(at).is_some_and(Line::is_blank));
            at += 1;
            continue;
        };
        let length = lines.get(body..)?.iter().take_while(|line| header.may_be_row(line.text)).count();
        tables.push(rows(text, lines.get(body..body + length)?, &header)?);
        at = body + length;
    }
    if stray > STRAY_LINES_MAX {
        return None;
    }
    Segmented::of_lists(Shape::Table, tables)
}

/// The lines as rows, if they fit.
fn rows(text: &str, lines: &[Line<'_>], header: &Header) -> Option<Vec<Record>> {
    let fitting = lines.iter().filter(|line| header.fits(line.text)).count();
    if fitting * 100 < lines.len() * FITTING_PERCENT_MIN {
        return None;
    }
    let record = |line: &Line<'_>| Record {
        spoken: header.speak(text.get(line.span.clone()).unwrap_or_default()),
        span: line.span.clone(),
    };
    Some(lines.iter().map(record).collect())
}

#[cfg(test)]
mod tests;
