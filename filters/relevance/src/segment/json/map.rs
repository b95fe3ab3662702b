//! Objects that are lists: like objects by their ids, `{"U1": {…}, "U2": {…}, …}`.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::place::Item;
use super::raw;

/// Fewer members are more likely the parts of one thing.
const MEMBERS_MIN: usize = 8;
/// So many percent of the names in a value's first fellow must be in it, and the other way round.
const SHARED_PERCENT_MIN: usize = 60;

/// The `members` of `object` as records, each with its name.
pub(super) fn records<'a>(
    source: &str,
    object: &RawValue,
    members: &[(String, &'a RawValue)],
) -> Option<Vec<Item<'a>>> {
    let (_, first) = members.first().filter(|_| members.len() >= MEMBERS_MIN)?;
    let names = names(first)?;
    if !members.iter().all(|(_, value)| is_like(&names, value)) {
        return None;
    }
    let mut before = raw::span(source, object).start;
    let item = |(name, value): &(String, &'a RawValue)| {
        let value_span = raw::span(source, value);
        // Between a value, or the bracket, and the next name there are only blanks and a comma.
        let start = before + source.get(before..value_span.start)?.find('"')?;
        before = value_span.end;
        Some(Item { span: start..value_span.end, name: Some(name.clone()), value })
    };
    members.iter().map(item).collect()
}

fn names(value: &RawValue) -> Option<HashSet<String>> {
    Some(raw::members(value)?.into_iter().map(|(name, _)| name).collect())
}

fn is_like(one: &HashSet<String>, value: &RawValue) -> bool {
    names(value).is_some_and(|other| {
        let shared = one.intersection(&other).count();
        shared > 0 && shared * 100 >= one.len().max(other.len()) * SHARED_PERCENT_MIN
    })
}
