//! Adding and removing exactly one entry: text in, text out. It reads and writes no file.
//!
//! Whatever a format's module does to the text is checked: read again, the file must say what it said before, and differ in
//! our entry alone. Where that cannot be had, the file is refused and stays as it is.

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;

use super::{
    entry::{self, Values},
    json::{self, Dialect},
    table::{Client, Format},
    toml, yaml,
};
use crate::failure::Failure;
use serde_json::{Map, Value};

/// Where an entry stands in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    /// The key of all servers.
    pub servers: &'a str,
    /// The entry's own.
    pub name: &'a str,
}

/// Why a text cannot be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// What should hold the servers holds no names.
    NoObject,
    /// It is written in a way in which it cannot be edited without touching the rest.
    NotSafe,
}

/// What became of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// It says this already.
    Unchanged,
    /// There was no entry; the new text.
    Created(String),
    /// The entry said something else; the new text.
    Configured(String),
    /// The entry is gone; what is left of the text.
    Removed(String),
    /// The entry is gone, and nothing else was in the file; what is left where the file must stay.
    Emptied(String),
}

/// One entry of one client, in a file that people know as `file`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The client.
    pub client: &'a Client,
    /// The file, for messages.
    pub file: &'a str,
    /// What the entry is called.
    pub name: &'a str,
}

/// Takes something out of a text.
type Take = fn(&str, Spot<'_>) -> Result<String, Trouble>;

/// The byte order mark some editors put first.
const MARK: char = '\u{feff}';

impl<'a> Target<'a> {
    /// Adds `new` to the text of a file; none when there is no file.
    pub(crate) fn add(self, text: Option<&str>, new: &Value) -> Result<Edit, Failure> {
        let Some(text) = text else { return Ok(Edit::Created(self.new_file(new)?)) };
        let (mark, text) = marked(text);
        let before = self.value(text)?;
        let old = self.servers(&before)?.and_then(|servers| servers.get(self.name));
        if old.is_some_and(|old| entry::project_of(old).is_none()) {
            return Err(self.foreign());
        }
        let new = old.map_or_else(|| new.clone(), |old| entry::renewed(old, new, self.client));
        if old == Some(&new) {
            return Ok(Edit::Unchanged);
        }
        let after = self.put(text, &new)?;
        let is_so = self.value(&after).is_ok_and(|value| value == self.with(&before, Some(&new)));
        match (is_so, old) {
            (false, _) => Err(self.unsafe_to(&new)),
            (true, None) => Ok(Edit::Created(format!("{mark}{after}"))),
            (true, Some(_)) => Ok(Edit::Configured(format!("{mark}{after}"))),
        }
    }

    /// Takes our entry out of `text`; with `project`, only if it is for that project.
    pub(crate) fn remove(self, text: &str, project: Option<&str>) -> Result<Edit, Failure> {
        let (mark, text) = marked(text);
        let before = self.value(text)?;
        let Some(old) = self.servers(&before)?.and_then(|servers| servers.get(self.name)) else {
            return Ok(Edit::Unchanged);
        };
        let Some(connected) = entry::project_of(old) else { return Err(self.foreign()) };
        if let Some(project) = project.filter(|project| *project != connected) {
            return Err(Failure::failed(format!(
                "the entry `{}` in {} is for project `{connected}`, not for `{project}`",
                self.name, self.file
            ))
            .hint(format!("mcpctl client remove {connected} --client {}", self.client.name)));
        }
        let emptied = self.new_file(old).is_ok_and(|whole| whole == text);
        if self.client.format == Format::YamlFile {
            // It holds one server: either it is ours alone, or somebody made it theirs.
            return if emptied { Ok(Edit::Emptied(String::new())) } else { Err(self.unsafe_to(&Value::Null)) };
        }
        let after = self.take(text, old)?;
        let bare = |value: Value| without_servers(value, &self.client.servers);
        if !self.value(&after).is_ok_and(|left| bare(left) == bare(self.with(&before, None))) {
            return Err(self.unsafe_to(&Value::Null));
        }
        let after = format!("{mark}{after}");
        Ok(if emptied { Edit::Emptied(after) } else { Edit::Removed(after) })
    }

    /// The project our entry in `text` connects to; none: there is none of ours.
    pub(crate) fn project(self, text: &str) -> Result<Option<String>, Failure> {
        Ok(self.entry(text)?.as_ref().and_then(entry::project_of))
    }

    /// The entry of our name in `text`, whoever made it.
    pub(crate) fn entry(self, text: &str) -> Result<Option<Value>, Failure> {
        let value = self.value(text)?;
        Ok(self.servers(&value)?.and_then(|servers| servers.get(self.name)).cloned())
    }

    /// What `text` says.
    pub(crate) fn value(self, text: &str) -> Result<Value, Failure> {
        let (_, text) = marked(text);
        let read = match self.client.format {
            Format::Json => json::value(text, Dialect::Plain),
            Format::Jsonc => json::value(text, Dialect::Commented),
            Format::Toml => toml::value(text),
            Format::Yaml | Format::YamlFile => yaml::value(text),
        };
        let title = self.client.format.title();
        let value = read.map_err(|why| self.broken(&format!("{} is not valid {title}: {why}", self.file)))?;
        let is_nothing = value.is_null() && self.client.format == Format::Yaml;
        if !value.is_object() && !is_nothing {
            return Err(self.broken(&format!("{} is not a {title} object", self.file)));
        }
        match self.client.format {
            Format::YamlFile => Ok(by_name(value, &self.client.servers)),
            _ => Ok(value),
        }
    }

    /// The servers in what a file says; none when it has no such member.
    fn servers(self, value: &Value) -> Result<Option<&Map<String, Value>>, Failure> {
        match value.get(&self.client.servers) {
            None => Ok(None),
            Some(Value::Null) if matches!(self.client.format, Format::Yaml) => Ok(None),
            Some(servers) => servers
                .as_object()
                .map(Some)
                .ok_or_else(|| self.broken(&format!("`{}` in {} is not an object", self.client.servers, self.file))),
        }
    }

    /// What a file says, with another entry or none.
    fn with(self, value: &Value, entry: Option<&Value>) -> Value {
        let mut file = value.as_object().cloned().unwrap_or_default();
        let mut servers = file.get(&self.client.servers).and_then(Value::as_object).cloned().unwrap_or_default();
        match entry {
            Some(entry) => servers.insert(self.name.to_owned(), entry.clone()),
            None => servers.shift_remove(self.name),
        };
        file.insert(self.client.servers.clone(), Value::Object(servers));
        Value::Object(file)
    }

    fn spot(self) -> Spot<'a> {
        Spot { servers: &self.client.servers, name: self.name }
    }

    fn new_file(self, entry: &Value) -> Result<String, Failure> {
        match self.client.format {
            Format::Json | Format::Jsonc => Ok(json::new(self.spot(), entry)),
            Format::Toml => toml::put("", self.spot(), entry).map_err(|_| self.unsafe_to(entry)),
            Format::Yaml => yaml::put("", self.spot(), entry).map_err(|_| self.unsafe_to(entry)),
            Format::YamlFile => {
                let values = Values { name: self.name.to_owned(), ..Values::default() };
                let mut file = values.fill(&self.client.document).as_object().cloned().unwrap_or_default();
                file.insert(self.client.servers.clone(), Value::Array(vec![entry.clone()]));
                yaml::text(&Value::Object(file)).map_err(|_| self.unsafe_to(entry))
            }
        }
    }

    fn put(self, text: &str, entry: &Value) -> Result<String, Failure> {
        let put = match self.client.format {
            Format::Json | Format::Jsonc => json::put(text, self.spot(), entry),
            Format::Toml => toml::put(text, self.spot(), entry),
            Format::Yaml => yaml::put(text, self.spot(), entry),
            Format::YamlFile => {
                let before = self.value(text)?;
                let old = self.servers(&before)?.and_then(|servers| servers.get(self.name));
                let is_ours = old.is_some_and(|old| self.new_file(old).is_ok_and(|whole| whole == text));
                return if is_ours { self.new_file(entry) } else { Err(self.unsafe_to(entry)) };
            }
        };
        put.map_err(|_| self.unsafe_to(entry))
    }

    /// The text without our entry; without what it is in, too, where that came with it.
    fn take(self, text: &str, old: &Value) -> Result<String, Failure> {
        let spot = self.spot();
        let (around, alone): (Take, Take) = match self.client.format {
            Format::Json | Format::Jsonc => (json::take_around, json::take),
            Format::Toml => (toml::take, toml::take),
            Format::Yaml => (yaml::take_around, yaml::take),
            Format::YamlFile => return Ok(String::new()),
        };
        if let Ok(candidate) = around(text, spot)
            && self.put(&candidate, old).is_ok_and(|again| again == text)
        {
            return Ok(candidate);
        }
        alone(text, spot).map_err(|_| self.unsafe_to(&Value::Null))
    }

    fn broken(self, what: &str) -> Failure {
        Failure::usage(what).hint("correct or move the file; it was not touched")
    }

    fn foreign(self) -> Failure {
        Failure::failed(format!("the entry `{}` in {} was not made by mcpctl, so it stays", self.name, self.file))
            .hint("call ours something else with `--name`, or remove the other one by hand")
    }

    /// The file cannot be edited; what to do by hand.
    fn unsafe_to(self, entry: &Value) -> Failure {
        let failure = Failure::failed(format!(
            "{} is written in a way that mcpctl cannot edit without touching the rest, so it was not touched",
            self.file
        ));
        let at = format!("`{}.{}`", self.client.servers, self.name);
        match entry {
            Value::Null => failure.hint(format!("remove {at} by hand")),
            entry => failure.hint(format!("put this at {at} by hand: {}", json::line(entry))),
        }
    }
}

/// A byte order mark, if there is one, and the rest.
fn marked(text: &str) -> (&str, &str) {
    match text.strip_prefix(MARK) {
        Some(rest) => text.split_at(text.len() - rest.len()),
        None => ("", text),
    }
}

/// A list of servers with names as servers by name.
fn by_name(mut value: Value, servers: &str) -> Value {
    if let Some(list) = value.get_mut(servers)
        && let Some(items) = list.as_array()
    {
        let named = |item: &Value| Some((item.get("name")?.as_str()?.to_owned(), item.clone()));
        *list = Value::Object(items.iter().filter_map(named).collect());
    }
    value
}

/// What a file says, its servers left out where there are none.
fn without_servers(value: Value, servers: &str) -> Map<String, Value> {
    let Value::Object(mut file) = value else { return Map::new() };
    if file.get(servers).is_some_and(|servers| servers.is_null() || servers.as_object().is_some_and(Map::is_empty)) {
        file.shift_remove(servers);
    }
    file
}
