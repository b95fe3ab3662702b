//! The definition of a tool, as its server listed it: one text for all ways to write it down, and the digest that stands
//! for it.
//!
//! After RFC 8785 (JSON Canonicalization Scheme): no white space, members in the order of their names, one spelling of
//! every text. Unlike there, numbers keep the digits they were given in, so that two that differ beyond what a float holds
//! stay two. The whole entry counts, whatever members it has: descriptions, schemas, annotations, icons, `_meta`.
//! Deliberately unknown here: what is trusted.

mod differences;

pub use differences::{Difference, visible};

use crate::json::{self, JsonError};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Deepest nesting of a definition.
pub const DEFINITION_DEPTH_MAX: u32 = 128;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    text: String,
    digest: String,
}

impl Definition {
    /// The definition in `entry`.
    ///
    /// # Errors
    /// [`JsonError`] when two readers could read it differently, or it is nested deeper than [`DEFINITION_DEPTH_MAX`].
    pub fn of(entry: &RawValue) -> Result<Self, JsonError> {
        json::check(entry.get().as_bytes(), DEFINITION_DEPTH_MAX)?;
        let mut text = String::with_capacity(entry.get().len());
        Node::read(entry.get()).write(&mut text);
        let digest = hex::encode(Sha256::digest(text.as_bytes()));
        Ok(Self { text, digest })
    }

    /// The canonical text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Hex SHA-256 of the canonical text.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// A value, as far as its canonical text asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node<'a> {
    /// A number or a literal, as it was given.
    Plain(&'a str),
    /// Unescaped.
    Text(String),
    List(Vec<Node<'a>>),
    /// In the order of names.
    Object(Vec<(String, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// Of a text that passed [`json::check`].
    fn read(text: &'a str) -> Self {
        Cursor { rest: text.trim_start() }.node()
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Plain(text) => out.push_str(text),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    quote(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// `text` as RFC 8785 §3.2.2.2 spells it.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' => {
                // Writing to a text cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// Reads what was checked before: nothing here has to be refused.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn node(&mut self) -> Node<'a> {
        match self.rest.as_bytes().first() {
            Some(b'{') => {
                let mut members = self.items(|cursor| {
                    let name = cursor.text();
                    cursor.skip(':');
                    (name, cursor.node())
                });
                // RFC 8785 §3.2.3: in the order of UTF-16 code units.
                members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
                Node::Object(members)
            }
            Some(b'[') => Node::List(self.items(Self::node)),
            Some(b'"') => Node::Text(self.text()),
            _ => {
                let end = self.rest.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(self.rest.len());
                Node::Plain(self.take(end))
            }
        }
    }

    /// What is between a bracket and its partner, by commas.
    fn items<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        self.take(1);
        loop {
            self.space();
            match self.rest.as_bytes().first() {
                Some(b'}' | b']') | None => break,
                Some(b',') => {
                    self.take(1);
                }
                Some(_) => items.push(item(self)),
            }
        }
        self.take(1);
        items
    }

    fn text(&mut self) -> String {
        let bytes = self.rest.as_bytes().iter().enumerate().skip(1);
        let mut escaped = false;
        let end = bytes.into_iter().find(|(_, byte)| {
            let closes = **byte == b'"' && !escaped;
            escaped = **byte == b'\\' && !escaped;
            closes
        });
        let quoted = self.take(end.map_or(self.rest.len(), |(at, _)| at + 1));
        serde_json::from_str(quoted).unwrap_or_default()
    }

    fn skip(&mut self, mark: char) {
        self.space();
        self.rest = self.rest.strip_prefix(mark).unwrap_or(self.rest);
        self.space();
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests;
