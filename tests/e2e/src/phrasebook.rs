//! Reads the phrase files (`phrases/*.txt`) from which the demo collections are written.
//!
//! ```text
//! # comment
//! = service: ledger | notifier            a word list
//! [incident] channels=a,b count=40        a topic and its attributes
//! - {service} is slow for {2-9} minutes.  how a record of the topic may begin
//! + Rolling back.                         a sentence that may follow
//! > Looks fine {again|now}.               a reply
//! < Still slow here.                      a reply by whoever began
//! ```
//! `about=outages` says what a topic is about. A sentence may say otherwise, in brackets before its words: `[slow,lunch?]`
//! (central for one subject, related to another), `[?]` (as its topic, but only related), `[]` (about nothing of it).
//! It does not know what the other attributes mean; the collections do.

pub mod marks;
pub mod sentence;
pub mod wording;

use std::collections::BTreeMap;

use marks::Marks;
use sentence::Sentence;

/// Why a phrase file cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PhrasebookError {
    /// The line begins with none of the known signs.
    #[error("cannot read the line `{0}`: it begins with none of `#`, `=`, `[`, `-`, `+`, `>`, `<`")]
    UnknownLine(String),
    /// A sentence stands before the first topic.
    #[error("the line `{0}` belongs to no topic: put a `[topic]` line before it")]
    NoTopic(String),
    /// A word list without a colon, or a topic without its closing bracket.
    #[error("the line `{0}` is not complete")]
    Incomplete(String),
}

/// All topics and word lists of one collection.
#[derive(Debug, Clone, Default)]
pub struct Phrasebook {
    /// Word lists by name.
    pub words: BTreeMap<String, Vec<String>>,
    /// Topics in the order of the files.
    pub topics: Vec<Topic>,
}

/// One topic: its attributes and its sentences.
#[derive(Debug, Clone, Default)]
pub struct Topic {
    /// The name in brackets.
    pub name: String,
    attributes: BTreeMap<String, Vec<String>>,
    /// How a record of this topic may begin (`-`).
    pub openings: Vec<Sentence>,
    /// Sentences that may follow the opening (`+`).
    pub sequels: Vec<Sentence>,
    /// Replies and comments (`>`, `<`).
    pub replies: Vec<Sentence>,
}

impl Topic {
    /// The values of an attribute; none when it is absent.
    pub fn list(&self, attribute: &str) -> &[String] {
        self.attributes.get(attribute).map_or(&[], Vec::as_slice)
    }

    /// A numeric attribute; 0 when it is absent.
    pub fn number(&self, attribute: &str) -> u64 {
        self.list(attribute).first().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Whether the attribute is there at all.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.contains_key(attribute)
    }

    /// What its records are about unless their sentences say otherwise.
    pub fn about(&self) -> Marks {
        Marks::read(self.list("about").iter().map(String::as_str))
    }

    /// Everything that may be said.
    pub fn sentences(&self) -> impl Iterator<Item = &Sentence> {
        self.openings.iter().chain(&self.sequels).chain(&self.replies)
    }
}

impl Phrasebook {
    /// Reads phrase files, in order, into one book.
    pub fn parse(texts: &[&str]) -> Result<Self, PhrasebookError> {
        let mut book = Self::default();
        for text in texts {
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                book.read_line(line)?;
            }
        }
        Ok(book)
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.name == name)
    }

    fn read_line(&mut self, line: &str) -> Result<(), PhrasebookError> {
        if line.starts_with('#') {
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix('=') {
            let (name, list) = rest.split_once(':').ok_or_else(|| PhrasebookError::Incomplete(line.to_owned()))?;
            let items = list.split('|').map(|item| item.trim().to_owned());
            self.words.insert(name.trim().to_owned(), items.collect());
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix('[') {
            self.topics.push(read_topic(rest).ok_or_else(|| PhrasebookError::Incomplete(line.to_owned()))?);
            return Ok(());
        }
        let (sign, sentence) = line.split_once(' ').ok_or_else(|| PhrasebookError::UnknownLine(line.to_owned()))?;
        let topic = self.topics.last_mut().ok_or_else(|| PhrasebookError::NoTopic(line.to_owned()))?;
        let sentences = match sign {
            "-" => &mut topic.openings,
            "+" => &mut topic.sequels,
            ">" | "<" => &mut topic.replies,
            _ => return Err(PhrasebookError::UnknownLine(line.to_owned())),
        };
        sentences.push(Sentence::read(sentence, sign == "<"));
        Ok(())
    }
}

fn read_topic(rest: &str) -> Option<Topic> {
    let (name, attributes) = rest.split_once(']')?;
    let attributes = attributes
        .split_whitespace()
        .map(|attribute| {
            let (key, values) = attribute.split_once('=').unwrap_or((attribute, ""));
            let values = values.split(',').filter(|value| !value.is_empty());
            (key.to_owned(), values.map(str::to_owned).collect())
        })
        .collect();
    Some(Topic { name: name.to_owned(), attributes, ..Topic::default() })
}

#[cfg(test)]
mod tests {
    use super::{Phrasebook, PhrasebookError, marks::Marks};

    #[test]
    fn a_topic_keeps_its_attributes_and_sentences() {
        let book = Phrasebook::parse(&[
            "# note\n= tea: mint | black\n",
            "[break] channels=a,b count=3 about=tea\n- Tea?\n+ Now.\n> Yes.\n< Good.\n",
        ])
        .unwrap();
        let topic = book.topic("break").unwrap();
        assert_eq!(book.words["tea"], ["mint", "black"]);
        assert_eq!(topic.list("channels"), ["a", "b"]);
        assert_eq!(topic.number("count"), 3);
        assert!(topic.has("count") && !topic.has("threads"));
        assert_eq!(topic.about(), Marks::read(["tea"]));
        let said: Vec<(&str, bool)> = topic.sentences().map(|one| (one.text.as_str(), one.by_opener)).collect();
        assert_eq!(said, [("Tea?", false), ("Now.", false), ("Yes.", false), ("Good.", true)]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let check = |text: &str, expected: PhrasebookError| {
            assert_eq!(Phrasebook::parse(&[text]).unwrap_err(), expected);
        };
        check("- Tea?", PhrasebookError::NoTopic("- Tea?".into()));
        check("[a\n", PhrasebookError::Incomplete("[a".into()));
        check("= tea", PhrasebookError::Incomplete("= tea".into()));
        check("[a]\n* Tea?", PhrasebookError::UnknownLine("* Tea?".into()));
    }
}
