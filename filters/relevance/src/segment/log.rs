//! Log lines, each with the lines that continue it, such as a stack trace.
//!
//! A line starts a record by a time, a date, a level, a logfmt key or by being a JSON object. So many percent of the
//! lines that are not indented must do so.

use super::detect::Shape;
use super::line::{self, Line};
use super::segmented::Segmented;
use super::speaking::Spoken;

/// Head lines that are kept whatever follows.
const HEAD_LINES_MAX: usize = 5;
/// Bytes at the start of a line in which a stamp is looked for.
const STAMP_BYTES: usize = 40;
const STAMPED_PERCENT_MIN: usize = 60;
/// How unindented lines begin that belong to a stack trace.
const TRACES: [&str; 6] =
    ["Traceback (", "Caused by:", "During handling of", "The above exception", "goroutine ", "stack backtrace:"];

/// The log lines of `text`.
#[must_use]
pub(crate) fn segment(text: &str) -> Option<Segmented> {
    let lines = line::lines(text);
    let head = lines.iter().position(|line| is_stamped(line.text)).filter(|head| *head <= HEAD_LINES_MAX)?;
    let counted = lines.iter().filter(|line| !line.is_blank() && !line.is_indented() && !is_trace(line.text));
    let (stamped, all) = counted.fold((0, 0), |(s, n), line| (s + usize::from(is_stamped(line.text)), n + 1));
    if stamped * 100 < all * STAMPED_PERCENT_MIN {
        return None;
    }
    let is_start = |at: &usize| lines.get(*at).is_some_and(|line: &Line<'_>| is_stamped(line.text));
    let starts: Vec<usize> = (head..lines.len()).filter(is_start).collect();
    Segmented::of(Shape::Log, line::records(text, &lines, (&starts, lines.len()), line::is_blank, Spoken::of_log))
}

/// Whether an unindented line belongs to a stack trace: `java.io.IOException: gone`.
fn is_trace(line: &str) -> bool {
    let thrown = line.split([':', ' ']).next().unwrap_or_default();
    TRACES.iter().any(|beginning| line.starts_with(beginning))
        || line.starts_with(|c: char| c.is_ascii_alphabetic())
            && ["Error", "Exception"].iter().any(|e| thrown.ends_with(e))
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
    // `Date: 2026-11-22` is a field of something.
    let is_field = line.split_once(": ").is_some_and(|(name, _)| name.chars().all(char::is_alphabetic) && !has_level);
    !line.starts_with([' ', '\t'])
        && !is_field
        && (shaped("00:00:00") || shaped("0000-00-00") || shaped("0000/00/00") || has_level || has_key || is_object)
}

#[cfg(test)]
mod tests;
