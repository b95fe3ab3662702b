//! Which records are relevant to an intent: an anytime cascade. The first tier scores all in milliseconds, the encoder
//! reads the doubtful ones for as long as there is time, and then the selection is made with what is known.

mod first;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use control_plane_api::relevance::{Recall, Relevance as Settings};

use crate::encoder::{Embedding, Encoder, EncoderError};
use crate::intent::Intent;
use crate::score::{self, Queries, View};
use crate::segment::Record;
use crate::select;
use first::First;

/// A record is doubtful from half the probability on that the recall knob keeps it by, and up to this one.
const DOUBT_MAX: f64 = 0.5;
/// Records the encoder reads in any case, best first, before doubt decides: the first tier is sure too easily.
const READ_MIN: usize = 64;
/// Doubtful records that are read besides, so that a first call is not kept waiting for the last bit of quality; the rest is
/// read in the background.
const READ_MORE: usize = 96;
/// Records from all over the ranking that are read beside the best, so that both tiers can be compared.
const ANCHORS: usize = 16;
/// A collection whose third-nearest record is farther than this from the intent, and of which no record has this share
/// of the intent's words, holds nothing relevant. The cosines of both tiers are alike in this.
const NEAR_MIN: f32 = 0.3;
const COVERAGE_MIN: f64 = 0.66;

/// Which scorers had their say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// The encoder on top of the first tier.
    Encoder,
    /// The first tier alone: static table and words.
    Static,
}

impl Tier {
    /// As it is written in notes, metrics and the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Encoder => "minilm+static+bm25",
            Self::Static => "static+bm25",
        }
    }
}

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Indices of the kept records.
    pub kept: BTreeSet<usize>,
    /// The score of every record; only their order and distances mean something.
    pub scores: Vec<f64>,
    /// Which scorers had their say.
    pub tier: Tier,
    /// Doubtful records that the encoder did not get to because time ran out.
    pub unread: usize,
    /// Whether anything relevant was found; if not, the kept ones are only the least remote.
    pub found: bool,
}

/// Of the deadline the encoder reads for as much; the rest is for the batch under way and for what comes after.
const READING_PERCENT: u32 = 75;

/// For how long after the start the encoder may go on reading, so that the deadline in `settings` holds.
#[must_use]
pub fn reading_time(settings: &Settings) -> Duration {
    Duration::from_millis(u64::from(settings.deadline_ms)) * READING_PERCENT / 100
}

/// Judges `records`. Without an encoder, or when it fails, by the first tier alone; `go_on` is asked between batches.
#[must_use]
pub fn judge(
    records: &[Record],
    intent: &Intent,
    settings: &Settings,
    encoder: Option<&Encoder>,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Judgement {
    let first = First::new(records, intent);
    let bytes: Vec<usize> = records.iter().map(|record| record.span.len()).collect();
    let decided = encoder.and_then(|encoder| match Reading::start(encoder, records, intent, &first) {
        Ok(reading) => reading.finish(settings.recall, go_on),
        Err(error) => given_up(&error),
    });
    let (probabilities, view) = match &decided {
        Some(decided) => (decided.probabilities(&first), &decided.view),
        None => (select::probabilities(&first.scores), &first.view),
    };
    let found = first.coverage >= COVERAGE_MIN || third_highest(&nearness(view)) >= NEAR_MIN;
    let (scores, unread, tier) = match decided {
        Some(decided) => (decided.scores, decided.unread, Tier::Encoder),
        None => (first.scores, 0, Tier::Static),
    };
    let kept = if found {
        select::select(&scores, &probabilities, &bytes, settings)
    } else {
        select::nearest(&scores, &bytes, settings)
    };
    Judgement { kept, scores, tier, unread, found }
}

fn given_up<T>(error: &EncoderError) -> Option<T> {
    tracing::warn!(%error, "results are judged without the encoder");
    None
}

/// The cosine of every record with the intent; of one without a vector -1.
fn nearness(view: &View) -> Vec<f32> {
    view.records.iter().map(|record| record.as_ref().map_or(-1.0, |record| view.queries.nearness(record))).collect()
}

fn third_highest(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    sorted.get(2).or(sorted.last()).copied().unwrap_or_default()
}

/// The encoder's reading of the doubtful records.
struct Reading<'a> {
    encoder: &'a Encoder,
    first: &'a First<'a>,
    /// What is to be read of each record.
    texts: Vec<&'a str>,
    view: View,
    scores: Vec<f64>,
}

/// What came of it.
struct Decided {
    scores: Vec<f64>,
    unread: usize,
    view: View,
}

impl Decided {
    /// The probability of each record by the tier that has read it: what the encoder says of records it has not read makes
    /// them all look alike, and so the read ones stand out too far.
    fn probabilities(&self, first: &First<'_>) -> Vec<f64> {
        let by_first = select::probabilities(&first.scores);
        let read = self.view.records.iter().map(Option::is_some);
        let both = select::probabilities(&self.scores).into_iter().zip(by_first);
        both.zip(read).map(|((by_encoder, by_first), is_read)| if is_read { by_encoder } else { by_first }).collect()
    }
}

impl<'a> Reading<'a> {
    /// Encodes the intent and takes up what is remembered of the records.
    fn start(
        encoder: &'a Encoder,
        records: &'a [Record],
        intent: &Intent,
        first: &'a First<'a>,
    ) -> Result<Self, EncoderError> {
        let mut asked = vec![intent.raw.as_str(), intent.cleaned.as_str()];
        asked.extend(intent.facets.iter().map(String::as_str));
        let mut vectors = encoder.encode_all(&asked)?.into_iter();
        let none = || EncoderError::Compute("no embedding came back".to_owned());
        let queries = Queries {
            raw: vectors.next().ok_or_else(none)?,
            cleaned: vectors.next().ok_or_else(none)?,
            facets: vectors.collect(),
        };
        let texts: Vec<&str> = records.iter().map(|record| record.spoken.text.as_str()).collect();
        let known = encoder.remembered(&texts).into_iter();
        let view =
            View { queries, records: known.zip(&texts).map(|(e, text)| e.filter(|_| !text.is_empty())).collect() };
        Ok(Self { encoder, first, texts, view, scores: first.scores.clone() })
    }

    /// Reads on until nothing is doubtful or time is up. `None` where nothing at all was read, and where the model failed.
    fn finish(mut self, recall: Recall, go_on: &(dyn Fn() -> bool + Sync)) -> Option<Decided> {
        let mut next = self.opening();
        let mut more = READ_MORE;
        loop {
            if let Err(error) = self.read(&next, go_on) {
                return given_up(&error);
            }
            if self.view.records.iter().all(Option::is_none) {
                return None;
            }
            self.scores = score::second(&self.view, &self.first.view, &self.first.evidence());
            next = self.doubtful(recall);
            next.truncate(more);
            more -= next.len();
            if next.is_empty() || !go_on() {
                break;
            }
        }
        Some(Decided { scores: self.scores, unread: next.len(), view: self.view })
    }

    /// The best by the first tier, then those from all over.
    fn opening(&self) -> Vec<usize> {
        let ranked = select::ranked(&self.scores);
        let step = (ranked.len() / ANCHORS).max(1);
        let best = ranked.iter().take(READ_MIN).copied();
        let all_over = ranked.iter().skip(step / 2).step_by(step).copied();
        let mut seen = BTreeSet::new();
        best.chain(all_over).filter(|index| seen.insert(*index) && self.is_readable(*index)).collect()
    }

    /// The doubtful records that were not read yet, the most promising first.
    fn doubtful(&self, recall: Recall) -> Vec<usize> {
        let probabilities = select::probabilities(&self.scores);
        let doubt = select::aim(recall).probability / 2.0..=DOUBT_MAX;
        let is_doubtful = |index: &usize| {
            probabilities.get(*index).is_some_and(|probability| doubt.contains(probability)) && self.is_readable(*index)
        };
        select::ranked(&self.scores).into_iter().filter(is_doubtful).collect()
    }

    /// Not read yet, and not silent.
    fn is_readable(&self, index: usize) -> bool {
        self.view.records.get(index).is_some_and(Option::is_none)
            && self.texts.get(index).is_some_and(|t| !t.is_empty())
    }

    /// Encodes the records, each distinct text once, as far as time allows.
    fn read(&mut self, records: &[usize], go_on: &(dyn Fn() -> bool + Sync)) -> Result<(), EncoderError> {
        let text = |index: &usize| self.texts.get(*index).copied().unwrap_or_default();
        let mut seen = BTreeSet::new();
        let distinct: Vec<&str> = records.iter().map(text).filter(|text| seen.insert(*text)).collect();
        let vectors = self.encoder.encode(&distinct, go_on)?;
        let read: HashMap<&str, Embedding> =
            distinct.into_iter().zip(vectors).filter_map(|(text, vector)| Some((text, vector?))).collect();
        for (record, text) in self.view.records.iter_mut().zip(&self.texts).filter(|(record, _)| record.is_none()) {
            *record = read.get(text).cloned();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
