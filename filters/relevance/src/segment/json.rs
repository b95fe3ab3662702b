//! Records in JSON: the elements of the array that carries the result, wherever it is in the value.
//!
//! Candidates are arrays of objects, rows or strings (all arrays at the same path count as one), objects of like
//! objects by their ids, and long strings that hold records themselves, such as a wrapped `{"result": "<JSON or CSV
//! text>"}`. What is around them, totals and cursors, is never touched.

mod among_text;
mod map;
mod place;
mod raw;
mod rows;
mod search;

use serde_json::value::RawValue;

use super::detect::Shape;
use super::segmented::Segmented;
pub(crate) use among_text::among_text;
pub(crate) use raw::{elements, members, parse, span};

/// Records that are less than so many percent of the value are not what it is about.
const PERCENT_MIN: usize = 10;

/// The records inside `root`, which is a part of `source`; spans are offsets in `source`.
#[must_use]
pub(crate) fn segment(source: &str, root: &RawValue) -> Option<Segmented> {
    let mut search = search::Search::new(source);
    search.look_into(root);
    search.best(Shape::Json).filter(|found| found.bytes() * 100 >= root.get().len() * PERCENT_MIN)
}

#[cfg(test)]
mod tests;
