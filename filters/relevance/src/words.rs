//! The words of a collection of records, each distinct word looked at once: its stem for the lexical tier, its pieces
//! for the static one.
//!
//! A word is a run of letters and digits, lower-cased, without accents. Pieces are those of the encoder's vocabulary,
//! longest first (WordPiece, as in BERT). It gives no scores.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::statics::Pieces;

/// Words of one record that are looked at: what it is about is said before that.
pub const WORDS_MAX: usize = 512;
/// A longer word is data (a digest, a blob): only its start is looked at.
const WORD_CHARS_MAX: usize = 64;

/// Words that say nothing about a subject.
static STOP: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP_WORDS.split_ascii_whitespace().collect());
const STOP_WORDS: &str = " a an the of to in on for and or is are was were be been am i you he she it we they me my your his \
    her its our their this that these those with at by from as not no so do does did have has had can could will would \
    should what when where who why how all any some if then than but about into out up down over just also there here \
    which them us ";

/// A distinct word by number.
pub type WordId = u32;
/// A distinct stem by number.
pub type StemId = u32;

/// A distinct word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its stem; none for a word that says nothing about a subject.
    pub stem: Option<StemId>,
    /// Its pieces as rows of the static table.
    pub pieces: Vec<u32>,
}

/// Words as numbers, for as long as one collection is looked at.
pub struct Words<'a> {
    stemmer: Stemmer,
    pieces: &'a Pieces,
    ids: HashMap<String, WordId>,
    stems: HashMap<String, StemId>,
    known: Vec<Word>,
}

impl<'a> Words<'a> {
    /// No words yet; pieces are looked up in `pieces`.
    #[must_use]
    pub fn new(pieces: &'a Pieces) -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        Self { stemmer, pieces, ids: HashMap::new(), stems: HashMap::new(), known: Vec::new() }
    }

    /// The words of `text` in order, at most [`WORDS_MAX`].
    pub fn read(&mut self, text: &str) -> Vec<WordId> {
        let mut lower = String::new();
        let mut found = Vec::new();
        for raw in text.split(|c: char| !c.is_alphanumeric()).filter(|raw| !raw.is_empty()).take(WORDS_MAX) {
            fold(raw, &mut lower);
            if !lower.is_empty() {
                found.push(self.id(&lower));
            }
        }
        found
    }

    /// A word by its number.
    #[must_use]
    pub fn word(&self, id: WordId) -> Option<&Word> {
        self.known.get(id as usize)
    }

    /// The distinct words so far, in the order of their numbers.
    #[must_use]
    pub fn known(&self) -> &[Word] {
        &self.known
    }

    /// How many distinct stems there are.
    #[must_use]
    pub fn stems(&self) -> usize {
        self.stems.len()
    }

    fn id(&mut self, word: &str) -> WordId {
        if let Some(id) = self.ids.get(word) {
            return *id;
        }
        let stem = (!STOP.contains(word)).then(|| {
            let next = number(self.stems.len());
            *self.stems.entry(self.stemmer.stem(word).into_owned()).or_insert(next)
        });
        let id = number(self.known.len());
        self.known.push(Word { stem, pieces: self.pieces.of(word) });
        self.ids.insert(word.to_owned(), id);
        id
    }
}

/// `raw` in lower case and without accents, into `lower`.
fn fold(raw: &str, lower: &mut String) {
    lower.clear();
    if raw.is_ascii() {
        lower.extend(raw.chars().take(WORD_CHARS_MAX).map(|c| c.to_ascii_lowercase()));
    } else {
        let plain = raw.nfd().filter(|c| !is_combining_mark(*c));
        lower.extend(plain.flat_map(char::to_lowercase).take(WORD_CHARS_MAX));
    }
}

/// More than four billion distinct words do not fit into memory before they do not fit into a number.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statics::Table;
    use proptest::prelude::{any, prop_assert, proptest};

    fn words() -> Words<'static> {
        Words::new(Table::shipped().pieces())
    }

    #[test]
    fn inflections_share_a_stem_and_stop_words_have_none() {
        let mut words = words();
        let ids = words.read("The vulnerability, two VULNERABILITIES");
        let stems: Vec<Option<StemId>> = ids.iter().map(|id| words.word(*id).unwrap().stem).collect();
        assert_eq!(stems, [None, Some(0), Some(1), Some(0)]);
        assert_eq!((words.known().len(), words.stems()), (4, 2));
    }

    #[test]
    fn accents_and_case_are_folded() {
        let mut words = words();
        assert_eq!(words.read("Café CAFE café"), [0, 0, 0]);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let mut words = words();
        assert_eq!(words.read(&"word ".repeat(WORDS_MAX + 9)).len(), WORDS_MAX);
        words.read(&"9f".repeat(5_000));
        assert!(words.known().iter().all(|word| word.pieces.len() <= WORD_CHARS_MAX));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in any::<String>()) {
            let mut words = words();
            let ids = words.read(&text);
            prop_assert!(ids.iter().all(|id| (*id as usize) < words.known().len()));
        }
    }
}
