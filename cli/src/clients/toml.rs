//! TOML: one table put at the end of the text of a file or taken out of it; every other byte stays.
//!
//! `toml_edit` reads the text and says where things are. The text is cut and joined here, because printing a document again
//! does not keep every byte of it.

use super::edit::{Spot, Trouble};
use serde_json::Value;
use std::ops::Range;
use toml_edit::{Document, InlineTable, Item, Key, Table};

/// The whole file as a value.
pub(super) fn value(text: &str) -> Result<Value, String> {
    toml_edit::de::from_str(text).map_err(|error| error.message().to_owned())
}

/// `text` with `entry` at `spot`.
pub(super) fn put(text: &str, spot: Spot<'_>, entry: &Value) -> Result<String, Trouble> {
    let document = Document::parse(text).map_err(|_| Trouble::NotSafe)?;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    match document.get(spot.servers) {
        Some(Item::Value(toml_edit::Value::InlineTable(servers))) => put_inline(text, servers, spot, entry),
        Some(Item::Table(servers)) if servers.contains_key(spot.name) => {
            let parts = parts(text, &document, spot)?;
            let first = parts.first().ok_or(Trouble::NotSafe)?.clone();
            let table = table(spot, entry, newline)?;
            let ended = text.get(first.clone()).is_some_and(|part| part.ends_with('\n'));
            let table = if ended { table + newline } else { table };
            let mut after = text.to_owned();
            for (at, part) in parts.iter().enumerate().rev() {
                after.replace_range(part.clone(), if at == 0 { &table } else { "" });
            }
            Ok(after)
        }
        Some(Item::Table(_)) | None => {
            let (before, end) = match text.is_empty() {
                true => (String::new(), newline),
                false if text.ends_with('\n') => (newline.to_owned(), newline),
                false => (newline.repeat(2), ""),
            };
            Ok(format!("{text}{before}{}{end}", table(spot, entry, newline)?))
        }
        Some(_) => Err(Trouble::NoObject),
    }
}

/// `text` without what is at `spot`.
pub(super) fn take(text: &str, spot: Spot<'_>) -> Result<String, Trouble> {
    let document = Document::parse(text).map_err(|_| Trouble::NotSafe)?;
    if let Some(Item::Value(toml_edit::Value::InlineTable(servers))) = document.get(spot.servers) {
        return take_inline(text, servers, spot.name);
    }
    let mut after = text.to_owned();
    for part in parts(text, &document, spot)?.into_iter().rev() {
        after.replace_range(with_blank_before(text, part), "");
    }
    Ok(after)
}

/// A part together with the empty line before it, and with the line end before it where the part ends the file without one.
fn with_blank_before(text: &str, part: Range<usize>) -> Range<usize> {
    let line_end = |at: usize| {
        let before = text.get(..at).unwrap_or_default();
        before.strip_suffix("\r\n").or_else(|| before.strip_suffix('\n')).map(str::len)
    };
    let is_blank = |at: usize| at == 0 || text.get(..at).is_some_and(|before| before.ends_with('\n'));
    let Some(before) = line_end(part.start) else { return part };
    let start = if is_blank(before) { before } else { part.start };
    let bare = part.end == text.len() && !text.ends_with('\n');
    let start = if bare { line_end(start).unwrap_or(start) } else { start };
    start..part.end
}

fn key(name: &str) -> String {
    Key::new(name).display_repr().into_owned()
}

/// The table of an entry, without a line end after it.
fn table(spot: Spot<'_>, entry: &Value, newline: &str) -> Result<String, Trouble> {
    let members = entry.as_object().ok_or(Trouble::NotSafe)?;
    let header = format!("[{}.{}]", key(spot.servers), key(spot.name));
    let member = |(name, value): (&String, &Value)| Ok(format!("{} = {}", key(name), written(value)?));
    let lines = std::iter::once(Ok(header)).chain(members.iter().map(member));
    Ok(lines.collect::<Result<Vec<_>, Trouble>>()?.join(newline))
}

/// A value on one line.
fn written(value: &Value) -> Result<String, Trouble> {
    Ok(match value {
        Value::Null => return Err(Trouble::NotSafe),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => toml_edit::Value::from(text.as_str()).to_string(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(written).collect::<Result<Vec<_>, _>>()?.join(", "))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| Ok(format!("{} = {}", key(name), written(value)?));
            format!("{{ {} }}", members.iter().map(member).collect::<Result<Vec<_>, Trouble>>()?.join(", "))
        }
    })
}

/// The lines of the table at `spot` and of the tables in it, in order.
fn parts(text: &str, document: &Document<&str>, spot: Spot<'_>) -> Result<Vec<Range<usize>>, Trouble> {
    let mut values = Vec::new();
    spans(document.as_table(), &mut values);
    let mut parts: Vec<Range<usize>> = Vec::new();
    let (mut at, mut ours) = (0, false);
    for line in text.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let inside = values.iter().any(|value| value.start < start && start < value.end);
        let path = if inside { None } else { header(line) };
        if let Some(path) = path {
            ours = path.first().is_some_and(|first| first == spot.servers)
                && path.get(1).is_some_and(|second| second == spot.name);
            if ours {
                parts.push(start..end);
                continue;
            }
        }
        let says_something = inside || !(line.trim().is_empty() || line.trim_start().starts_with('#'));
        if let Some(part) = parts.last_mut().filter(|_| ours && says_something) {
            part.end = end;
        }
    }
    if parts.is_empty() { Err(Trouble::NotSafe) } else { Ok(parts) }
}

/// The path in the header of a table, if `line` is one.
fn header(line: &str) -> Option<Vec<String>> {
    let inner = line.trim_start().strip_prefix('[')?;
    let inner = inner.strip_prefix('[').unwrap_or(inner);
    // The shortest one that is a path: a comment behind the header may hold brackets too.
    let ends = inner.match_indices(']').map(|(end, _)| end);
    let path = ends.filter_map(|end| inner.get(..end)).find_map(|path| Key::parse(path.trim()).ok())?;
    Some(path.iter().map(|key| key.get().to_owned()).collect())
}

/// Where the values below `table` are.
fn spans(table: &Table, found: &mut Vec<Range<usize>>) {
    for (_, item) in table {
        match item {
            Item::Table(table) => spans(table, found),
            Item::ArrayOfTables(tables) => tables.iter().for_each(|table| spans(table, found)),
            Item::Value(value) => found.extend(value.span()),
            Item::None => {}
        }
    }
}

fn put_inline(text: &str, servers: &InlineTable, spot: Spot<'_>, entry: &Value) -> Result<String, Trouble> {
    if servers.contains_key(spot.name) {
        return put(&take_inline(text, servers, spot.name)?, spot, entry);
    }
    let span = servers.span().ok_or(Trouble::NotSafe)?;
    let (at, before) = if let Some(last) = servers.iter().last().and_then(|(_, value)| value.span()) {
        (last.end, ", ")
    } else {
        (span.start + 1, "")
    };
    let mut after = text.to_owned();
    after.insert_str(at, &format!("{before}{} = {}", key(spot.name), written(entry)?));
    Ok(after)
}

fn take_inline(text: &str, servers: &InlineTable, name: &str) -> Result<String, Trouble> {
    let names: Vec<&str> = servers.iter().map(|(name, _)| name).collect();
    let at = names.iter().position(|other| *other == name).ok_or(Trouble::NotSafe)?;
    let key_of = |name: &str| servers.key(name).and_then(Key::span);
    let value_of = |name: &str| servers.get(name).and_then(toml_edit::Value::span);
    let end = value_of(name).ok_or(Trouble::NotSafe)?.end;
    let previous = at.checked_sub(1).and_then(|at| names.get(at)).and_then(|name| value_of(name));
    let next = names.get(at + 1).and_then(|name| key_of(name));
    let cut = match (previous, next) {
        (Some(previous), _) => previous.end..end,
        (None, Some(next)) => key_of(name).ok_or(Trouble::NotSafe)?.start..next.start,
        (None, None) => key_of(name).ok_or(Trouble::NotSafe)?.start..end,
    };
    let mut after = text.to_owned();
    after.replace_range(cut, "");
    Ok(after)
}
