//! Reads the phrase files (`phrases/*.txt`) from which the demo collections are written.
//!
//! ```text
//! # comment
//! = service: ledger | notifier            a word list
//! [incident] channels=a,b count=40        a topic and its attributes
//! - {service} is slow for {2-9} minutes.  how a record of the topic may begin
//! + Rolling back.                         a sentence that may follow
//! > Looks fine {again|now}.               a reply
//! ```
//! It does not know what the attributes mean; the collections do.

pub mod wording;

use std::collections::BTreeMap;

/// Why a phrase file cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PhrasebookError {
    /// The line begins with none of the known signs.
    #[error("cannot read the line `{0}`: it begins with none of `#`, `=`, `[`, `-`, `+`, `>`")]
    UnknownLine(String),
    /// A sentence stands before the first topic.
    #[error("the line `{0}` belongs to no topic: put a `[topic]` line before it")]
    NoTopic(String),
    /// A word list without a colon, or a topic without its closing bracket.
    #[error("the line `{0}` is not complete")]
    Incomplete(String),
}

/// All topics and word lists of one collection.
#[derive(Debug, Default)]
pub struct Phrasebook {
    /// Word lists by name.
    pub words: BTreeMap<String, Vec<String>>,
    /// Topics in the order of the files.
    pub topics: Vec<Topic>,
}

/// One topic: its attributes and its sentences.
#[derive(Debug, Default)]
pub struct Topic {
    /// The name in brackets.
    pub name: String,
    attributes: BTreeMap<String, Vec<String>>,
    /// How a record of this topic may begin (`-`).
    pub openings: Vec<String>,
    /// Sentences that may follow the opening (`+`).
    pub sequels: Vec<String>,
    /// Replies and comments (`>`).
    pub replies: Vec<String>,
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
            ">" => &mut topic.replies,
            _ => return Err(PhrasebookError::UnknownLine(line.to_owned())),
        };
        sentences.push(sentence.to_owned());
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
    use super::{Phrasebook, PhrasebookError};

    #[test]
    fn a_topic_keeps_its_attributes_and_sentences() {
        let book = Phrasebook::parse(&[
            "# note\n= tea: mint | black\n",
            "[break] channels=a,b count=3 labelled\n- Tea?\n+ Now.\n> Yes.\n",
        ])
        .unwrap();
        let topic = book.topic("break").unwrap();
        assert_eq!(book.words["tea"], ["mint", "black"]);
        assert_eq!(topic.list("channels"), ["a", "b"]);
        assert_eq!(topic.number("count"), 3);
        assert!(topic.has("labelled") && !topic.has("threads"));
        assert_eq!(
            (&topic.openings[..], &topic.sequels[..], &topic.replies[..]),
            (&["Tea?".to_owned()][..], &["Now.".to_owned()][..], &["Yes.".to_owned()][..])
        );
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
