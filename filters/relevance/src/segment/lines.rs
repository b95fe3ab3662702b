//! Records that are single lines: listings with a tag or a place on every line, paths, and plain texts of many lines.
//! Prose, source code and configuration files are not taken for any of them.

use super::detect::Shape;
use super::line::{self, Line};
use super::segmented::{Record, Segmented};
use super::speaking::Spoken;

/// Head lines that are kept whatever follows.
const HEAD_LINES_MAX: usize = 5;
/// So many percent of the lines must have the tag or the place.
const MARKED_PERCENT_MIN: usize = 95;
/// Lines that a text without marks must have to be taken for records.
const PLAIN_LINES_MIN: usize = 30;
/// Bytes of a tag.
const TAG_BYTES_MAX: usize = 20;

/// The line records of `text`.
#[must_use]
pub(crate) fn segment(text: &str) -> Option<Segmented> {
    let lines = line::lines(text);
    [is_tagged, is_located, is_path]
        .into_iter()
        .find_map(|is_marked| marked(text, &lines, is_marked))
        .or_else(|| plain(text, &lines))
}

fn of(text: &str, lines: &[Line<'_>]) -> Option<Segmented> {
    let record = |line: &Line<'_>| Record {
        spoken: Spoken::of_text(text.get(line.span.clone()).unwrap_or_default()),
        span: line.span.clone(),
    };
    Segmented::of(Shape::Lines, lines.iter().filter(|line| !line.is_blank()).map(record).collect())
}

fn marked(text: &str, lines: &[Line<'_>], is_marked: fn(&str) -> bool) -> Option<Segmented> {
    let head = lines.iter().take(HEAD_LINES_MAX + 1).position(|line| is_marked(line.text))?;
    let lines = lines.get(head..)?;
    let filled = lines.iter().filter(|line| !line.is_blank()).count();
    let marked = lines.iter().filter(|line| is_marked(line.text)).count();
    (marked * 100 >= filled * MARKED_PERCENT_MIN).then(|| of(text, lines)).flatten()
}

/// `[FILE] name`, `[x] thing`.
fn is_tagged(line: &str) -> bool {
    let tag = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    tag.is_some_and(|(tag, rest)| !tag.is_empty() && tag.len() <= TAG_BYTES_MAX && !rest.is_empty())
}

/// `src/main.rs:12: text`, as searches print it.
fn is_located(line: &str) -> bool {
    let Some((path, rest)) = line.split_once(':') else { return false };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let is_name = !path.is_empty() && !path.contains(' ') && path.contains(['.', '/']);
    is_name && digits > 0 && rest.get(digits..).is_some_and(|rest| rest.starts_with([':', '-']))
}

/// `/srv/notes.md`.
fn is_path(line: &str) -> bool {
    let is_rooted = line.starts_with("./") || line.starts_with('/') && !line.starts_with("//");
    is_rooted && line.len() > 2 && !line.starts_with("/*") && !line.contains([' ', '{', ';'])
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
    of(text, lines)
}

#[cfg(test)]
mod tests;
