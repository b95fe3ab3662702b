//! Records in JSON: the elements of the largest array of objects, rows or strings, wherever it is in the value;
//! or the records of a long string inside it, such as a wrapped `{"result": "<JSON or CSV text>"}`.

use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::speaking::Spoken;
use super::{Record, Segmented, unescape};

/// How deep in envelopes records are looked for.
const DEPTH_MAX: usize = 8;
/// Arrays up to this length are looked into for a larger one; longer ones are taken as records themselves.
const ENVELOPE_ELEMENTS_MAX: usize = 8;
/// From this many elements on an array competes by size, below by number.
const MANY: usize = 20;
/// A string shorter than this is not searched for records.
const STRING_BYTES_MIN: usize = 256;

/// The members of an object in order, values raw.
pub(crate) struct Members<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The value of a whole text, if it is one JSON value.
#[must_use]
pub fn parse(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

/// The records inside `root`, which is a part of `source`; spans are offsets in `source`.
#[must_use]
pub fn segment(source: &str, root: &RawValue) -> Option<Segmented> {
    let mut search = Search { source, best: None };
    search.look_into(root, 0);
    search.best?.segmented(source)
}

/// The bytes of `raw`, which borrows from `source`.
pub(crate) fn span(source: &str, raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr().addr().saturating_sub(source.as_ptr().addr());
    start..start + raw.get().len()
}

/// The elements of an array, `None` for anything else.
pub(crate) fn elements(raw: &RawValue) -> Option<Vec<&RawValue>> {
    if !raw.get().starts_with('[') {
        return None;
    }
    serde_json::from_str(raw.get()).ok()
}

/// The members of an object, `None` for anything else.
pub(crate) fn members(raw: &RawValue) -> Option<Vec<(String, &RawValue)>> {
    if !raw.get().starts_with('{') {
        return None;
    }
    serde_json::from_str(raw.get()).ok().map(|Members(members)| members)
}

/// A place that holds records.
enum Place<'a> {
    Array(Vec<&'a RawValue>),
    /// Already segmented, at offsets of the source.
    Text(Segmented),
}

impl Place<'_> {
    fn records(&self) -> usize {
        match self {
            Self::Array(elements) => elements.len(),
            Self::Text(segmented) => segmented.records().len(),
        }
    }

    fn segmented(self, source: &str) -> Option<Segmented> {
        match self {
            Self::Text(segmented) => Some(segmented),
            Self::Array(elements) => Segmented::of(elements.iter().map(|raw| record(source, raw)).collect()),
        }
    }
}

fn record(source: &str, raw: &RawValue) -> Record {
    let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    Record { span: span(source, raw), spoken: Spoken::of_value(&value) }
}

struct Search<'a> {
    source: &'a str,
    best: Option<Place<'a>>,
}

impl<'a> Search<'a> {
    fn look_into(&mut self, raw: &'a RawValue, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        match raw.get().as_bytes().first() {
            Some(b'[') => self.look_into_array(raw, depth),
            Some(b'{') => {
                for (_, value) in members(raw).unwrap_or_default() {
                    self.look_into(value, depth + 1);
                }
            }
            Some(b'"') if raw.get().len() >= STRING_BYTES_MIN => self.look_into_string(raw),
            _ => {}
        }
    }

    fn look_into_array(&mut self, raw: &'a RawValue, depth: usize) {
        let elements = elements(raw).unwrap_or_default();
        let are_records = elements.iter().all(|element| element.get().starts_with(['{', '[', '"']));
        if elements.len() <= ENVELOPE_ELEMENTS_MAX {
            for element in &elements {
                self.look_into(element, depth + 1);
            }
        }
        if are_records && elements.len() >= 2 {
            self.offer(Place::Array(elements));
        }
    }

    fn look_into_string(&mut self, raw: &'a RawValue) {
        let found = unescape::unescape(raw.get())
            .and_then(|(text, offsets)| super::segment(&text).map(|segmented| (segmented, offsets)));
        if let Some((segmented, offsets)) = found {
            let start = span(self.source, raw).start;
            self.offer(Place::Text(segmented.moved(|decoded| start + offsets.raw(decoded))));
        }
    }

    fn offer(&mut self, place: Place<'a>) {
        let better = self.best.as_ref().is_none_or(|best| rank(&place) > rank(best));
        if better {
            self.best = Some(place);
        }
    }
}

/// Many small records beat few large ones; among arrays of many, the larger in bytes is the matter of the result.
fn rank(place: &Place<'_>) -> (usize, usize) {
    let bytes = match place {
        Place::Array(elements) => elements.iter().map(|element| element.get().len()).sum(),
        Place::Text(segmented) => segmented.records().iter().map(|record| record.span.len()).sum(),
    };
    (place.records().min(MANY), bytes)
}

#[cfg(test)]
mod tests;
