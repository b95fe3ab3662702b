//! One text with objects: YAML or JSON, several documents, each an object or a list of objects; what is wrong is told by file,
//! line and column.

use super::Declared;
use crate::{failure::Failure, suggest};
use control_plane_api::{
    name::Name,
    object::{Kind, Named, Object},
};
use serde::{
    Deserialize, Deserializer as _,
    de::{DeserializeOwned, DeserializeSeed, SeqAccess, Visitor, value},
};
use serde_yaml_ng::Deserializer;
use std::fmt;

/// Reads the documents in `text`; `file` is what errors call it. Documents without anything in them are passed over.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Declared>, Failure> {
    // Twice over the text: the kinds first, then the specs of exactly those kinds. A tagged enum in one go would be
    // buffered, and its errors would lose their place.
    let wrong = |error: &serde_yaml_ng::Error| located(file, error);
    let mut lines = beginnings(text).into_iter();
    let mut all = Vec::new();
    for (kinds, document) in Deserializer::from_str(text).zip(Deserializer::from_str(text)) {
        let line = lines.next();
        let place = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
        match Kinds::deserialize(kinds).map_err(|error| wrong(&error))? {
            Kinds::None => {}
            Kinds::One(kind) => {
                let object = typed(kind, document).map_err(|error| wrong(&error))?;
                all.push(Declared { object, place });
            }
            Kinds::Many(kinds) => {
                let objects = document.deserialize_seq(Typed(&kinds)).map_err(|error| wrong(&error))?;
                let placed = objects.into_iter().enumerate();
                all.extend(placed.map(|(at, object)| Declared { object, place: format!("{place}[{at}]") }));
            }
        }
    }
    Ok(all)
}

/// The line on which each document of `text` begins. `---` at the beginning of a line begins one, whatever stands around it.
fn beginnings(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    // The line of a marker nothing has followed yet; 0 before the first one.
    let mut open = Some(0);
    for (line, text) in (1..).zip(text.lines()) {
        let marker = text.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        if marker.is_some() {
            found.extend(open.filter(|line| *line > 0));
            open = Some(line);
        }
        let rest = marker.unwrap_or(text).trim();
        if marker.is_none() && text.starts_with("...") {
            open = Some(0);
        } else if !rest.is_empty() && !rest.starts_with('#') && open.take().is_some() {
            found.push(line);
        }
    }
    found.extend(open.filter(|line| *line > 0));
    found
}

/// What a document holds.
enum Kinds {
    None,
    One(Kind),
    Many(Vec<Kind>),
}

#[derive(Deserialize)]
struct Header {
    kind: KindWord,
}

/// A kind as it is written; one that nobody knows is told with the one that may be meant.
struct KindWord(Kind);

impl<'de> Deserialize<'de> for KindWord {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By a visitor, so that the error has the place of the word and not of the object around it.
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a kind of object")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Kind, E> {
                let words = || Kind::ALL.iter().map(|kind| kind.as_str());
                if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == word) {
                    return Ok(kind);
                }
                let meant = match suggest::closest(&word.to_lowercase(), words()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("there are {}", words().collect::<Vec<_>>().join(", ")),
                };
                Err(E::custom(format!("`{word}` is not a kind of object; {meant}")))
            }
        }
        deserializer.deserialize_str(Word).map(Self)
    }
}

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Kinds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `kind`, `name` and `spec`, or a list of such objects")
            }

            fn visit_unit<E>(self) -> Result<Kinds, E> {
                Ok(Kinds::None)
            }

            // Of a text that is comments only.
            fn visit_none<E>(self) -> Result<Kinds, E> {
                Ok(Kinds::None)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Kinds, A::Error> {
                let header = Header::deserialize(value::MapAccessDeserializer::new(map))?;
                Ok(Kinds::One(header.kind.0))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kinds, A::Error> {
                let mut kinds = Vec::new();
                while let Some(header) = seq.next_element::<Header>()? {
                    kinds.push(header.kind.0);
                }
                Ok(Kinds::Many(kinds))
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

/// Reads a list whose members have these kinds.
struct Typed<'a>(&'a [Kind]);

impl<'de> Visitor<'de> for Typed<'_> {
    type Value = Vec<Object>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Object>, A::Error> {
        let read = self.0.iter().map_while(|kind| seq.next_element_seed(OfKind(*kind)).transpose());
        read.collect()
    }
}

struct OfKind(Kind);

impl<'de> DeserializeSeed<'de> for OfKind {
    type Value = Object;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        typed(self.0, deserializer)
    }
}

/// [`Named`] with the kind that stands beside it in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<S> {
    #[serde(rename = "kind")]
    _kind: Kind,
    name: Name,
    #[serde(default)]
    revision: u64,
    spec: S,
}

impl<S> From<Document<S>> for Named<S> {
    fn from(document: Document<S>) -> Self {
        Self { name: document.name, revision: document.revision, spec: document.spec }
    }
}

fn typed<'de, D: serde::Deserializer<'de>>(kind: Kind, document: D) -> Result<Object, D::Error> {
    fn one<'de, S: DeserializeOwned, D: serde::Deserializer<'de>>(document: D) -> Result<Named<S>, D::Error> {
        Document::deserialize(document).map(Named::from)
    }
    Ok(match kind {
        Kind::Server => Object::Server(one(document)?),
        Kind::Pin => Object::Pin(one(document)?),
        Kind::Connection => Object::Connection(one(document)?),
        Kind::Profile => Object::Profile(one(document)?),
        Kind::Project => Object::Project(one(document)?),
        Kind::User => Object::User(one(document)?),
        Kind::Secret => Object::Secret(one(document)?),
        Kind::Issuer => Object::Issuer(one(document)?),
    })
}

fn located(file: &str, error: &serde_yaml_ng::Error) -> Failure {
    let text = error.to_string();
    let message = match error.location() {
        Some(at) => {
            let bare = text.split(" at line ").next().unwrap_or(&text);
            format!("{file}:{}:{}: {bare}", at.line(), at.column())
        }
        None => format!("{file}: {text}"),
    };
    Failure::usage(message).hint("correct that line; nothing was applied")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[usize]) {
        assert_eq!(beginnings(text), expected, "{text:?}");
        assert_eq!(Deserializer::from_str(text).count(), expected.len(), "{text:?}");
    }

    #[test]
    fn every_document_has_the_line_it_begins_on() {
        check("a: 1\n", &[1]);
        check("# note\n\na: 1\n---\n# note\nb: 1\n", &[3, 6]);
        check("---\na: 1\n--- {b: 1}\n", &[2, 3]);
        check("--- # note\na: 1\n---\n---\nb: 1\n", &[2, 3, 5]);
        check("a: |\n  ---\n  text\n---\nb: 1\n", &[1, 5]);
        check("a: 1\n...\n---\nb: 1\n", &[1, 4]);
        check("{\"a\": 1}", &[1]);
    }
}
