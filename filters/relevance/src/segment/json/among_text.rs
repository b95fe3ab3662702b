//! JSON values that follow each other, such as one a line, or that stand between lines of text.

use serde_json::value::RawValue;

use super::raw;
use super::search::Search;
use crate::segment::detect::Shape;
use crate::segment::line;
use crate::segment::segmented::Segmented;

/// Lines before the first value.
const HEAD_LINES_MAX: usize = 16;
/// Lines after the last value.
const TAIL_LINES_MAX: usize = 5;
/// Lines at which a value is tried.
const TRIES_MAX: usize = 4;

/// The records of the values in `text`.
#[must_use]
pub(crate) fn among_text(text: &str) -> Option<Segmented> {
    let head = line::lines(text).into_iter().take(HEAD_LINES_MAX);
    let starts = head.filter(|line| line.text.starts_with(['{', '['])).map(|line| line.span.start);
    starts.take(TRIES_MAX).find_map(|start| from(text, start))
}

fn from(text: &str, start: usize) -> Option<Segmented> {
    let (values, length) = values(text.get(start..)?);
    let tail = text.get(start + length..)?;
    if tail.lines().filter(|line| !line::is_blank(line)).count() > TAIL_LINES_MAX {
        return None;
    }
    let mut search = Search::new(text);
    let shape = match values.as_slice() {
        [] => return None,
        [value] => {
            search.look_into(value);
            Shape::Json
        }
        values => {
            search.look_into_values(values);
            Shape::JsonLines
        }
    };
    search.best(shape)
}

/// The objects and arrays at the start of `text`, and where the last of them ends.
fn values(text: &str) -> (Vec<&RawValue>, usize) {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let (mut values, mut end) = (Vec::new(), 0);
    while let Some(Ok(value)) = stream.next() {
        if !value.get().starts_with(['{', '[']) {
            break;
        }
        end = raw::span(text, value).end;
        values.push(value);
    }
    (values, end)
}
