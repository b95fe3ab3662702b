//! YAML: one block put into the text of a file or taken out of it; every other byte stays.
//!
//! Lines are looked at, not the grammar: where a line can be misread, what comes of it is not what was meant, which the caller
//! sees by reading the whole file again.

use super::{
    edit::{Spot, Trouble},
    json::line as flow,
};
use serde_json::Value;
use std::ops::Range;

/// The whole file as a value.
pub(super) fn value(text: &str) -> Result<Value, String> {
    let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
    plain(value)
}

/// `value` as a file.
pub(super) fn text(value: &Value) -> Result<String, Trouble> {
    serde_yaml_ng::to_string(value).map_err(|_| Trouble::NotSafe)
}

/// The same value in JSON; names that are no texts are written as such.
fn plain(value: serde_yaml_ng::Value) -> Result<Value, String> {
    use serde_yaml_ng::Value as Yaml;
    Ok(match value {
        Yaml::Sequence(items) => items.into_iter().map(plain).collect::<Result<_, _>>()?,
        Yaml::Mapping(members) => {
            let member = |(name, value): (Yaml, Yaml)| {
                let name = match name {
                    Yaml::String(name) => name,
                    other => serde_yaml_ng::to_string(&other).map_err(|error| error.to_string())?,
                };
                Ok::<_, String>((name, plain(value)?))
            };
            Value::Object(members.into_iter().map(member).collect::<Result<_, _>>()?)
        }
        Yaml::Tagged(tagged) => Value::Array(vec![tagged.tag.to_string().into(), plain(tagged.value)?]),
        // Infinities and the like have no form in JSON.
        Yaml::Number(number) => serde_json::to_value(&number).unwrap_or_else(|_| number.to_string().into()),
        other => serde_json::to_value(other).map_err(|error| error.to_string())?,
    })
}

/// `text` with `entry` at `spot`.
pub(super) fn put(text: &str, spot: Spot<'_>, entry: &Value) -> Result<String, Trouble> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let Some(block) = Block::find(text, 0..text.len(), 0, spot.servers) else {
        let lines = format!("{}:{newline}{}", spot.servers, spread(spot.name, entry, "  ", newline)?);
        return Ok(appended(text, text.len(), &lines, newline));
    };
    if block.rest == "{}" {
        let at = block.at + text.get(block.at..).and_then(|rest| rest.find("{}")).ok_or(Trouble::NotSafe)? + 1;
        return Ok(inserted(text, at, &format!("{}: {}", flow(&spot.name.into()), flow(entry))));
    }
    if block.rest.starts_with('{') {
        // Ours alone, or it will be seen that something else is gone.
        return put(&take(text, spot)?, spot, entry);
    }
    if !block.rest.is_empty() {
        return Err(Trouble::NotSafe);
    }
    let Some(indent) = block.indent(text) else {
        let line = format!("  {}: {}", spot.name, flow(entry));
        return Ok(appended(text, block.end, &line, newline));
    };
    let pad = " ".repeat(indent);
    if let Some(old) = Block::find(text, block.body.clone(), indent, spot.name) {
        let lines = match old.rest.is_empty() {
            true => spread(spot.name, entry, &pad, newline)?,
            false => format!("{pad}{}: {}", spot.name, flow(entry)),
        };
        let ended = text.get(old.at..old.end).is_some_and(|part| part.ends_with('\n'));
        let mut after = text.to_owned();
        after.replace_range(old.at..old.end, &(lines + if ended { newline } else { "" }));
        return Ok(after);
    }
    Ok(appended(text, block.end, &spread(spot.name, entry, &pad, newline)?, newline))
}

/// `text` without what is at `spot`.
pub(super) fn take(text: &str, spot: Spot<'_>) -> Result<String, Trouble> {
    let block = Block::find(text, 0..text.len(), 0, spot.servers).ok_or(Trouble::NotSafe)?;
    if block.rest.starts_with('{') {
        let start = block.at + text.get(block.at..).and_then(|rest| rest.find('{')).ok_or(Trouble::NotSafe)?;
        let mut after = text.to_owned();
        after.replace_range(start..start + block.rest.len(), "{}");
        return Ok(after);
    }
    let indent = block.indent(text).ok_or(Trouble::NotSafe)?;
    let ours = Block::find(text, block.body, indent, spot.name).ok_or(Trouble::NotSafe)?;
    Ok(without(text, ours.at..ours.end))
}

/// `text` without the block that `spot` is in.
pub(super) fn take_around(text: &str, spot: Spot<'_>) -> Result<String, Trouble> {
    let block = Block::find(text, 0..text.len(), 0, spot.servers).ok_or(Trouble::NotSafe)?;
    Ok(without(text, block.at..block.end))
}

/// A key with the lines below it.
struct Block {
    /// Where its line begins.
    at: usize,
    /// What stands behind the colon, without a comment.
    rest: String,
    /// The lines below it.
    body: Range<usize>,
    /// Where the last line ends that says something.
    end: usize,
}

impl Block {
    /// The block of `key` among the lines of `within`, at that indentation.
    fn find(text: &str, within: Range<usize>, indent: usize, key: &str) -> Option<Self> {
        let mut found: Option<Self> = None;
        let mut at = within.start;
        for line in text.get(within)?.split_inclusive('\n') {
            let (start, end) = (at, at + line.len());
            at = end;
            let bare = line.trim_start_matches(' ');
            let depth = line.len() - bare.len();
            let says_nothing = bare.trim().is_empty() || (bare.starts_with('#') && depth <= indent);
            match &mut found {
                Some(_) if says_nothing => {}
                Some(block) if depth > indent => {
                    block.body.end = end;
                    block.end = end;
                }
                Some(_) => break,
                None if depth == indent => {
                    found = rest_of(bare, key).map(|rest| Self { at: start, rest, body: end..end, end });
                }
                None => {}
            }
        }
        found
    }

    /// How far its members are indented; none: it has none.
    fn indent(&self, text: &str) -> Option<usize> {
        let lines = text.get(self.body.clone())?.lines();
        let members = lines.filter(|line| !(line.trim().is_empty() || line.trim_start().starts_with('#')));
        members.map(|line| line.len() - line.trim_start_matches(' ').len()).next()
    }
}

/// What stands behind `key:` in a line that begins with it.
fn rest_of(line: &str, key: &str) -> Option<String> {
    let forms = [key.to_owned(), format!("\"{key}\""), format!("'{key}'")];
    let rest = forms.iter().find_map(|form| line.strip_prefix(form.as_str()))?;
    let rest = rest.trim_start_matches(' ').strip_prefix(':')?;
    if !rest.starts_with([' ', '\n', '\r', '\t']) && !rest.is_empty() {
        return None;
    }
    let rest = rest.trim();
    let rest = if rest.starts_with('#') { "" } else { rest.split(" #").next().unwrap_or_default().trim() };
    Some(rest.to_owned())
}

/// The lines of an entry, without a line end after them.
fn spread(name: &str, entry: &Value, pad: &str, newline: &str) -> Result<String, Trouble> {
    let body = text(entry)?;
    let lines: Vec<String> = body.lines().map(|line| format!("{pad}  {line}")).collect();
    Ok(format!("{pad}{name}:{newline}{}", lines.join(newline)))
}

/// `text` with more lines at `at`, the end of a line or of the text.
fn appended(text: &str, at: usize, lines: &str, newline: &str) -> String {
    let bare = at > 0 && !text.get(..at).is_some_and(|before| before.ends_with('\n'));
    let lines = if bare { format!("{newline}{lines}") } else { format!("{lines}{newline}") };
    inserted(text, at, &lines)
}

fn inserted(text: &str, at: usize, more: &str) -> String {
    let mut after = text.to_owned();
    after.insert_str(at, more);
    after
}

/// `text` without those lines; without the line end before them where they end the file without one.
fn without(text: &str, lines: Range<usize>) -> String {
    let mut start = lines.start;
    if lines.end == text.len() && !text.ends_with('\n') {
        let before = text.get(..start).unwrap_or_default();
        start = before.strip_suffix("\r\n").or_else(|| before.strip_suffix('\n')).map_or(start, str::len);
    }
    let mut after = text.to_owned();
    after.replace_range(start..lines.end, "");
    after
}
