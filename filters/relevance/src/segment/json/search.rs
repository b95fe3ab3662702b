//! The search for the place in a JSON value that carries its records.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::place::{Holds, List, Place, Size};
use super::{map, raw, rows};
use crate::segment::detect::{self, Shape};
use crate::segment::segmented::Segmented;
use crate::segment::unescape;

/// How deep in envelopes records are looked for.
const DEPTH_MAX: usize = 8;
/// Arrays up to this length are looked into for a larger one; longer ones are taken as records themselves.
const ENVELOPE_ELEMENTS_MAX: usize = 8;
/// Lists inside of the elements of another one that are less than so many percent of it are details of its elements.
const DETAIL_PERCENT: usize = 50;
/// A string shorter than this is not searched for records.
const STRING_BYTES_MIN: usize = 256;

/// Collects places, and picks the best.
pub(super) struct Search<'a> {
    source: &'a str,
    places: Vec<Place<'a>>,
    /// Which place holds the lists at a path.
    at_path: HashMap<String, usize>,
}

impl<'a> Search<'a> {
    /// A search in values that borrow from `source`.
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, places: Vec::new(), at_path: HashMap::new() }
    }

    pub(super) fn look_into(&mut self, root: &'a RawValue) {
        self.visit(root, "", 0, None);
    }

    /// Values that follow each other are searched like an array of them.
    pub(super) fn look_into_values(&mut self, values: &[&'a RawValue]) {
        self.visit_elements(values.to_vec(), "", 0, None);
    }

    pub(super) fn best(self, shape: Shape) -> Option<Segmented> {
        let sizes: Vec<Size> = self.places.iter().map(|place| place.size(self.source)).collect();
        let of_path = |path: &str| self.at_path.get(path).and_then(|index| sizes.get(*index));
        // The labels of issues are more than the issues, but not what the result is about.
        let is_detail = |(place, size): &(&Place<'_>, &Size)| {
            let around = place.path.match_indices("[]").filter_map(|(at, _)| of_path(place.path.get(..at)?));
            let mut lists = around.filter(|around| around.records >= 2);
            lists.any(|around| size.bytes * 100 < around.bytes * DETAIL_PERCENT)
        };
        let candidates = self.places.iter().zip(&sizes).enumerate();
        let candidates = candidates.filter(|(_, candidate)| !is_detail(candidate));
        let (best, _) = candidates.max_by_key(|(index, (_, size))| (size.rank(), std::cmp::Reverse(*index)))?;
        match self.places.into_iter().nth(best)?.holds {
            Holds::Text(segmented) => Some(segmented),
            Holds::Lists(lists) => Segmented::of_lists(shape, lists.iter().map(List::records).collect()),
        }
    }

    fn visit(&mut self, raw: &'a RawValue, path: &str, depth: usize, columns: Option<&[String]>) {
        if depth > DEPTH_MAX {
            return;
        }
        match raw.get().as_bytes().first() {
            Some(b'[') => self.visit_elements(raw::elements(raw).unwrap_or_default(), path, depth, columns),
            Some(b'{') => self.visit_object(raw, path, depth),
            Some(b'"') if raw.get().len() >= STRING_BYTES_MIN => self.visit_string(raw, path),
            _ => {}
        }
    }

    fn visit_object(&mut self, raw: &'a RawValue, path: &str, depth: usize) {
        let members = raw::members(raw).unwrap_or_default();
        if let Some(items) = map::records(self.source, raw, &members) {
            self.offer(format!("{path}.*"), List { items, columns: None });
            return;
        }
        let (header, columns) = rows::names(&members).unzip();
        for (index, (name, value)) in members.into_iter().enumerate() {
            if header != Some(index) {
                self.visit(value, &format!("{path}.{name}"), depth + 1, columns.as_deref());
            }
        }
    }

    fn visit_elements(&mut self, elements: Vec<&'a RawValue>, path: &str, depth: usize, columns: Option<&[String]>) {
        let inner = format!("{path}[]");
        if elements.len() <= ENVELOPE_ELEMENTS_MAX {
            // An array in an array is a row, unless it is alone.
            let is_row = |element: &RawValue| elements.len() > 1 && element.get().starts_with('[');
            for element in elements.iter().filter(|element| !is_row(element)) {
                self.visit(element, &inner, depth + 1, None);
            }
        } else if let Some(lists) = rows::inside(self.source, &elements) {
            self.places.push(Place { path: inner, holds: Holds::Lists(lists) });
            return;
        }
        if elements.iter().all(|element| element.get().starts_with(['{', '[', '"'])) {
            let columns = columns.map(<[String]>::to_vec);
            self.offer(path.to_owned(), List { columns, ..List::of(self.source, elements) });
        }
    }

    fn visit_string(&mut self, raw: &RawValue, path: &str) {
        let found = unescape::unescape(raw.get())
            .and_then(|(text, offsets)| detect::segment(&text).map(|segmented| (segmented, offsets)));
        if let Some((segmented, offsets)) = found {
            let start = raw::span(self.source, raw).start;
            let holds = Holds::Text(segmented.moved(|decoded| start + offsets.raw(decoded)));
            self.places.push(Place { path: path.to_owned(), holds });
        }
    }

    /// Adds a list to those at its path.
    fn offer(&mut self, path: String, list: List<'a>) {
        let known = self.at_path.get(&path).and_then(|index| self.places.get_mut(*index));
        if let Some(Place { holds: Holds::Lists(lists), .. }) = known {
            lists.push(list);
        } else {
            self.at_path.insert(path.clone(), self.places.len());
            self.places.push(Place { path, holds: Holds::Lists(vec![list]) });
        }
    }
}
