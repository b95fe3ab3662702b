//! The ways of scoring that are compared, and one of them run over one case.
//!
//! A scorer that only ranks shows what a part is worth by itself; one that selects is judging as the gateway does it.
//! What is measured is judging alone: records are found already, and nothing is cut.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use control_plane_api::relevance::Relevance as Settings;

use crate::encoder::{Encoder, EncoderError, cosine};
use crate::intent::Intent;
use crate::judge;
use crate::lexical::Lexical;
use crate::segment::Record;
use crate::statics::Table;
use crate::words::Words;

/// Deadlines at which the cascade is measured unless others are asked for, in milliseconds.
const DEADLINES_MS: [u32; 3] = [100, 300, 1_000];

/// A way of scoring. The order is that in which they run and are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scorer {
    /// BM25 over the words of the cleaned intent; ranks only.
    Bm25,
    /// The cosine with the cleaned intent in the static table's eyes; ranks only.
    Static,
    /// Judging as it is without a model.
    StaticBm25,
    /// The cosine with the cleaned intent in the encoder's eyes; ranks only. Everything is encoded beforehand.
    MiniLm,
    /// Judging with everything encoded beforehand: what it gives where time does not matter.
    Cascade,
    /// Judging that has this long.
    CascadeWithin {
        /// How long, in milliseconds.
        deadline_ms: u32,
        /// Whether the same records were judged before; if not, nothing of them is remembered.
        warm: bool,
    },
}

impl Scorer {
    /// All that are compared unless some are chosen.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let within = |deadline_ms| [false, true].map(|warm| Self::CascadeWithin { deadline_ms, warm });
        let always = [Self::Bm25, Self::Static, Self::StaticBm25, Self::MiniLm, Self::Cascade];
        always.into_iter().chain(DEADLINES_MS.into_iter().flat_map(within)).collect()
    }

    /// Whether it cannot run without the model.
    #[must_use]
    pub fn needs_encoder(self) -> bool {
        !matches!(self, Self::Bm25 | Self::Static | Self::StaticBm25)
    }

    /// Whether it takes every embedding for known.
    pub(super) fn needs_everything_encoded(self) -> bool {
        matches!(self, Self::MiniLm | Self::Cascade)
    }

    /// Whether it can show what knowing threads brings: it uses them, and time has no part in it.
    pub(super) fn shows_threads(self) -> bool {
        matches!(self, Self::StaticBm25 | Self::Cascade)
    }
}

impl fmt::Display for Scorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bm25 => f.write_str("bm25"),
            Self::Static => f.write_str("static"),
            Self::StaticBm25 => f.write_str("static+bm25"),
            Self::MiniLm => f.write_str("minilm"),
            Self::Cascade => f.write_str("cascade"),
            Self::CascadeWithin { deadline_ms, warm } => {
                write!(f, "cascade-{deadline_ms}{}", if *warm { "-warm" } else { "" })
            }
        }
    }
}

/// There is no scorer of that name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scorer: use bm25, static, static+bm25, minilm, cascade, cascade-MS or cascade-MS-warm")]
pub struct UnknownScorer(String);

impl FromStr for Scorer {
    type Err = UnknownScorer;

    fn from_str(name: &str) -> Result<Self, UnknownScorer> {
        let unknown = || UnknownScorer(name.to_owned());
        if let Some(named) = Self::all().into_iter().find(|scorer| scorer.to_string() == name) {
            return Ok(named);
        }
        let rest = name.strip_prefix("cascade-").ok_or_else(unknown)?;
        let (deadline, warm) = match rest.strip_suffix("-warm") {
            Some(deadline) => (deadline, true),
            None => (rest, false),
        };
        let deadline_ms = deadline.parse().map_err(|_| unknown())?;
        Ok(Self::CascadeWithin { deadline_ms, warm })
    }
}

/// What judging is done with.
pub struct Judges<'a> {
    /// The model, if there is one.
    pub encoder: Option<&'a Encoder>,
    /// The knobs; the deadline is the scorer's.
    pub settings: Settings,
}

/// What a scorer says about one case.
pub(super) struct Scored {
    pub(super) scores: Vec<f64>,
    /// None from a scorer that only ranks.
    pub(super) selected: Option<Selected>,
    pub(super) elapsed: Duration,
}

/// Who was kept.
pub(super) struct Selected {
    pub(super) kept: BTreeSet<usize>,
    pub(super) found: bool,
    pub(super) unread: usize,
}

impl Judges<'_> {
    /// Encodes the texts of `records` as if for the first time. How many they are, each counted once.
    pub(super) fn encode_anew(&self, records: &[Record]) -> Result<usize, EncoderError> {
        let texts: BTreeSet<&str> = texts(records).filter(|text| !text.is_empty()).collect();
        let texts: Vec<&str> = texts.into_iter().collect();
        let encoder = self.encoder()?;
        encoder.forget();
        encoder.encode_all(&texts)?;
        Ok(texts.len())
    }

    pub(super) fn score(&self, scorer: Scorer, records: &[Record], intent: &Intent) -> Result<Scored, EncoderError> {
        match scorer {
            Scorer::Bm25 => Ok(ranked(|| by_words(records, intent))),
            Scorer::Static => Ok(ranked(|| by_table(records, intent))),
            Scorer::StaticBm25 => Ok(self.judged(records, intent, None, None)),
            Scorer::MiniLm => self.by_meaning(records, intent),
            Scorer::Cascade => {
                let encoder = self.encoder()?;
                read_all(encoder, records)?;
                Ok(self.judged(records, intent, Some(encoder), None))
            }
            Scorer::CascadeWithin { deadline_ms, warm } => {
                let encoder = self.encoder()?;
                encoder.forget();
                if warm {
                    read_all(encoder, records)?;
                }
                Ok(self.judged(records, intent, Some(encoder), Some(deadline_ms)))
            }
        }
    }

    fn encoder(&self) -> Result<&Encoder, EncoderError> {
        self.encoder.ok_or_else(no_model)
    }

    fn by_meaning(&self, records: &[Record], intent: &Intent) -> Result<Scored, EncoderError> {
        let encoder = self.encoder()?;
        let texts: Vec<&str> = std::iter::once(intent.cleaned.as_str()).chain(texts(records)).collect();
        let started = Instant::now();
        let embeddings = encoder.encode_all(&texts)?;
        let (query, embeddings) = embeddings.split_first().ok_or_else(no_model)?;
        let scores = embeddings.iter().map(|embedding| f64::from(cosine(embedding, query))).collect();
        Ok(Scored { scores, selected: None, elapsed: started.elapsed() })
    }

    fn judged(
        &self,
        records: &[Record],
        intent: &Intent,
        encoder: Option<&Encoder>,
        deadline_ms: Option<u32>,
    ) -> Scored {
        let started = Instant::now();
        let time = deadline_ms.map(|deadline_ms| judge::reading_time(&Settings { deadline_ms, ..self.settings }));
        let go_on = || time.is_none_or(|time| started.elapsed() < time);
        let judgement = judge::judge(records, intent, &self.settings, encoder, &go_on);
        let elapsed = started.elapsed();
        let selected = Selected { kept: judgement.kept, found: judgement.found, unread: judgement.unread };
        Scored { scores: judgement.scores, selected: Some(selected), elapsed }
    }
}

/// Encodes what was not encoded yet, as the background does between two questions about the same records.
fn read_all(encoder: &Encoder, records: &[Record]) -> Result<(), EncoderError> {
    let texts: Vec<&str> = texts(records).filter(|text| !text.is_empty()).collect();
    encoder.encode_all(&texts).map(drop)
}

fn no_model() -> EncoderError {
    EncoderError::Compute("there is no model".to_owned())
}

fn by_words(records: &[Record], intent: &Intent) -> Vec<f64> {
    let mut words = Words::new(Table::shipped().pieces());
    let read: Vec<_> = texts(records).map(|text| words.read(text)).collect();
    let query = words.read(&intent.cleaned);
    Lexical::new(&words, &read).score(&words, &query)
}

fn by_table(records: &[Record], intent: &Intent) -> Vec<f64> {
    let table = Table::shipped();
    let mut words = Words::new(table.pieces());
    let read: Vec<_> = texts(records).map(|text| words.read(text)).collect();
    let query = words.read(&intent.cleaned);
    let vectors = table.of_words(&words);
    let query = vectors.embed(&query);
    read.iter().map(|record| f64::from(cosine(&vectors.embed(record), &query))).collect()
}

fn texts(records: &[Record]) -> impl Iterator<Item = &str> {
    records.iter().map(|record| record.spoken.text.as_str())
}

fn ranked(score: impl FnOnce() -> Vec<f64>) -> Scored {
    let started = Instant::now();
    let scores = score();
    Scored { scores, selected: None, elapsed: started.elapsed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scorer_has_a_name_that_is_read_back() {
        for scorer in Scorer::all() {
            assert_eq!(scorer.to_string().parse(), Ok(scorer));
        }
        assert_eq!("cascade-50-warm".parse(), Ok(Scorer::CascadeWithin { deadline_ms: 50, warm: true }));
        for bad in ["", "cascade-", "cascade-x", "bm26", "cascade--5"] {
            assert_eq!(bad.parse::<Scorer>(), Err(UnknownScorer(bad.to_owned())));
        }
    }
}
