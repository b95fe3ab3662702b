//! A place that may hold the records, and how large it is.

use std::ops::Range;

use serde_json::Value;
use serde_json::value::RawValue;

use super::{raw, rows};
use crate::segment::segmented::{Record, Segmented};
use crate::segment::speaking::Spoken;

/// From this many elements on an array competes by size, below by number.
const MANY: usize = 20;

/// One element, or one member of an object that is a list.
pub(super) struct Item<'a> {
    /// With the name of a member.
    pub(super) span: Range<usize>,
    pub(super) name: Option<String>,
    pub(super) value: &'a RawValue,
}

/// One array, or one object that is a list.
pub(super) struct List<'a> {
    pub(super) items: Vec<Item<'a>>,
    /// What the cells are called, if the items are rows.
    pub(super) columns: Option<Vec<String>>,
}

impl<'a> List<'a> {
    pub(super) fn of(source: &str, elements: Vec<&'a RawValue>) -> Self {
        let item = |value: &'a RawValue| Item { span: raw::span(source, value), name: None, value };
        Self { items: elements.into_iter().map(item).collect(), columns: None }
    }

    pub(super) fn records(&self) -> Vec<Record> {
        let record = |item: &Item<'_>| {
            let value: Value = serde_json::from_str(item.value.get()).unwrap_or_default();
            let cells = self.columns.as_deref().and_then(|names| rows::cells(names, &value));
            let spoken = match cells {
                Some(cells) => Spoken::of_cells(cells.into_iter()),
                None => Spoken::of_value(&value),
            };
            Record { span: item.span.clone(), spoken: spoken.under(item.name.as_deref()) }
        };
        self.items.iter().map(record).collect()
    }
}

/// A place that holds records.
pub(super) struct Place<'a> {
    /// The names on the way to it, with `[]` for any element of an array.
    pub(super) path: String,
    pub(super) holds: Holds<'a>,
}

pub(super) enum Holds<'a> {
    /// All lists at this path.
    Lists(Vec<List<'a>>),
    /// Already segmented, at offsets of the source.
    Text(Segmented),
}

impl Place<'_> {
    pub(super) fn size(&self, source: &str) -> Size {
        // Blanks do not count: however a value is printed, the same place wins.
        let filled = |span: &Range<usize>| {
            let bytes = source.as_bytes().get(span.clone()).unwrap_or_default();
            bytes.iter().filter(|byte| !byte.is_ascii_whitespace()).count()
        };
        match &self.holds {
            Holds::Lists(lists) => {
                let items = || lists.iter().flat_map(|list| &list.items);
                Size { records: items().count(), bytes: items().map(|item| filled(&item.span)).sum() }
            }
            Holds::Text(found) => {
                let records = found.records();
                Size { records: records.len(), bytes: records.iter().map(|record| filled(&record.span)).sum() }
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl Size {
    /// Many small records beat few large ones; among places with many, the larger in bytes is the matter of the result.
    pub(super) fn rank(self) -> (usize, usize) {
        (self.records.min(MANY), self.bytes)
    }
}
