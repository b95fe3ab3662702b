//! Rows in JSON: what their columns are called, and rows inside of elements.

use serde_json::Value;
use serde_json::value::RawValue;

use super::place::List;
use super::raw;

/// Members that hold the names of the columns of rows beside them, in lower case.
const NAMES: [&str; 6] = ["columns", "fields", "headers", "header", "column_names", "schema"];
/// Rows inside of elements are the records if they are so many times more, …
const TIMES_MORE_MIN: usize = 4;
/// … and so many percent of the bytes.
const PERCENT_MIN: usize = 75;

/// The member that names the columns of rows beside it, and these names.
pub(super) fn names(members: &[(String, &RawValue)]) -> Option<(usize, Vec<String>)> {
    let is_header = |(name, _): &(String, &RawValue)| NAMES.contains(&name.to_ascii_lowercase().as_str());
    let header = members.iter().position(is_header)?;
    let (_, value) = members.get(header).filter(|_| members.iter().any(|(_, value)| are_rows(value, &['['])))?;
    let name = |element: &RawValue| -> Option<String> {
        match serde_json::from_str(element.get()).ok()? {
            Value::String(name) => Some(name),
            Value::Object(column) => column.get("name")?.as_str().map(str::to_owned),
            _ => None,
        }
    };
    Some((header, raw::elements(value)?.into_iter().map(name).collect::<Option<_>>()?))
}

/// The cells of a row as text, with the names of their columns.
pub(super) fn cells<'n>(names: &'n [String], row: &Value) -> Option<Vec<(&'n str, String)>> {
    let cells = row.as_array().filter(|cells| cells.len() == names.len())?;
    let text = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
    Some(names.iter().map(String::as_str).zip(cells.iter().map(text)).collect())
}

/// The lists of rows or strings that most of each element consists of, such as the lines of each log stream.
pub(super) fn inside<'a>(source: &str, elements: &[&'a RawValue]) -> Option<Vec<List<'a>>> {
    let first = raw::members(elements.first()?)?;
    let rows = first.iter().filter(|(_, value)| are_rows(value, &['[', '"']));
    let (wanted, _) = rows.max_by_key(|(_, value)| value.get().len())?;
    let (mut bytes, mut all_bytes) = (0, 0);
    let mut lists = Vec::new();
    for element in elements {
        let rows = raw::members(element)?.into_iter().find(|(name, _)| name == wanted)?.1;
        bytes += rows.get().len();
        all_bytes += element.get().len();
        lists.push(List::of(source, raw::elements(rows)?));
    }
    let records: usize = lists.iter().map(|list| list.items.len()).sum();
    (bytes * 100 >= all_bytes * PERCENT_MIN && records >= elements.len() * TIMES_MORE_MIN).then_some(lists)
}

/// Whether the first element of an array begins with one of `marks`.
fn are_rows(value: &RawValue, marks: &[char]) -> bool {
    let inside = value.get().strip_prefix('[').map(str::trim_start);
    inside.is_some_and(|inside| inside.starts_with(marks))
}
