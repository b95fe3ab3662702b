//! Which records are relevant to an intent: words first, then meaning as far as time allows, then the selection.

use std::collections::{BTreeSet, HashMap};

use control_plane_api::relevance::Relevance as Settings;

use crate::encoder::{Embedding, Encoder, EncoderError};
use crate::intent::{Facets, Intent};
use crate::lexical::Lexical;
use crate::score::{self, Queries};
use crate::segment::Record;
use crate::select;

/// A match in who and where counts this much of one in what.
const ASIDE_WEIGHT: f64 = 0.5;
/// A collection whose third-nearest record is farther than this from the intent, and of which no record has this share
/// of the intent's words, holds nothing relevant.
const COSINE_MIN: f32 = 0.35;
const COVERAGE_MIN: f64 = 0.5;
/// In the tier without meaning a record needs this share of the best record's score.
const WORDS_SHARE_MIN: f64 = 0.25;

/// Which scorers had their say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Meaning and words.
    MiniLm,
    /// Words alone.
    Bm25,
}

impl Tier {
    /// As it is written in notes, metrics and the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MiniLm => "minilm+bm25",
            Self::Bm25 => "bm25",
        }
    }
}

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Indices of the kept records.
    pub kept: BTreeSet<usize>,
    /// The score of each record.
    pub scores: Vec<f64>,
    /// Which scorers had their say.
    pub tier: Tier,
    /// Records that were judged by words alone because time ran out.
    pub unread: usize,
    /// Whether anything relevant was found; if not, the kept ones are only the least remote.
    pub found: bool,
}

/// Judges `records`. Without an encoder, or when it fails, by words alone; `go_on` is asked between batches.
/// `None` when nothing can be said about any record, so that none should be dropped.
#[must_use]
pub fn judge(
    records: &[Record],
    intent: &Intent,
    settings: &Settings,
    encoder: Option<&Encoder>,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Option<Judgement> {
    let lexical = Lexical::new(records.iter().map(|record| record.spoken.text.as_str()));
    let asides = Lexical::new(records.iter().map(|record| record.spoken.aside.as_str()));
    let words = words(&lexical, &asides, intent);
    let bytes: Vec<usize> = records.iter().map(|record| record.span.len()).collect();
    let meant = encoder.and_then(|encoder| match meaning(encoder, records, intent, &words, go_on) {
        Ok(meaning) => Some(meaning).filter(|meaning| meaning.embeddings.iter().any(Option::is_some)),
        Err(error) => {
            tracing::warn!(error = %error, "results are judged by words alone");
            None
        }
    });
    let Some(meaning) = meant else {
        return by_words_alone(records, &words, &bytes, settings);
    };
    let found = [&lexical, &asides].iter().any(|words| words.best_coverage(&intent.cleaned) >= COVERAGE_MIN)
        || meaning.nearest_but_two() >= COSINE_MIN;
    let scores = score::by_meaning(&meaning.queries, &meaning.embeddings, &words);
    let threads = threads(records);
    let scores = score::with_feedback(&scores, &meaning.embeddings, &lexical, &threads);
    let scores = score::with_surroundings(&scores, &threads);
    let kept =
        if found { select::select(&scores, &bytes, settings) } else { select::best(&scores, &bytes, 0, settings) };
    Some(Judgement { kept, scores, tier: Tier::MiniLm, unread: meaning.unread, found })
}

fn threads(records: &[Record]) -> Vec<Option<&str>> {
    records.iter().map(|record| record.spoken.thread.as_deref()).collect()
}

/// Shared words with the cleaned intent. Words of a broad topic's facets count as well; who and where count half.
fn words(lexical: &Lexical, asides: &Lexical, intent: &Intent) -> Vec<f64> {
    let mut query = intent.cleaned.clone();
    if let Facets::Topic(facets) = intent.facets {
        query = format!("{query} {}", facets.join(" "));
    }
    let mut scores = lexical.score(&query);
    let asides = asides.score(&intent.cleaned);
    scores.iter_mut().zip(asides).for_each(|(score, aside)| *score += ASIDE_WEIGHT * aside);
    scores
}

/// The tier without a model. No shared word anywhere says nothing about relevance: then nothing is dropped.
fn by_words_alone(records: &[Record], words: &[f64], bytes: &[usize], settings: &Settings) -> Option<Judgement> {
    let best = words.iter().copied().fold(0.0, f64::max);
    if best <= 0.0 {
        return None;
    }
    let wanted = words.iter().filter(|score| **score >= WORDS_SHARE_MIN * best).count();
    let scores = score::with_surroundings(&score::by_words(words), &threads(records));
    let kept = select::best(&scores, bytes, wanted, settings);
    Some(Judgement { kept, scores, tier: Tier::Bm25, unread: 0, found: true })
}

/// The encoder's view of intent and records.
struct Meaning {
    queries: Queries,
    embeddings: Vec<Option<Embedding>>,
    unread: usize,
}

impl Meaning {
    /// The third-highest cosine with the intent, typed or cleaned.
    fn nearest_but_two(&self) -> f32 {
        let nearness = |e: &Embedding| {
            let to = |query: &[f32]| crate::encoder::cosine(e, query);
            to(&self.queries.raw).max(to(&self.queries.cleaned))
        };
        let mut all: Vec<f32> = self.embeddings.iter().flatten().map(nearness).collect();
        all.sort_unstable_by(|a, b| b.total_cmp(a));
        all.get(2).or(all.last()).copied().unwrap_or_default()
    }
}

/// Encodes the intent, then each distinct record text once, those with shared words first.
fn meaning(
    encoder: &Encoder,
    records: &[Record],
    intent: &Intent,
    words: &[f64],
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Meaning, EncoderError> {
    let is_topic = matches!(intent.facets, Facets::Topic(_));
    let facets = intent.facets.texts().into_iter().map(|facet| encoder.encode_one(facet));
    let queries = Queries {
        raw: encoder.encode_one(&intent.raw)?,
        cleaned: encoder.encode_one(&intent.cleaned)?,
        facets: facets.collect::<Result<_, _>>()?,
        is_topic,
    };
    let mut ranked: Vec<(&Record, &f64)> = records.iter().zip(words).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(a.1));
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut distinct: Vec<&str> = Vec::new();
    for text in ranked.into_iter().map(|(record, _)| record.spoken.text.as_str()).filter(|text| !text.is_empty()) {
        places.entry(text).or_insert_with(|| {
            distinct.push(text);
            distinct.len() - 1
        });
    }
    let encoded = encoder.encode(&distinct, go_on)?;
    let of = |record: &Record| -> Option<&Option<Embedding>> { encoded.get(*places.get(record.spoken.text.as_str())?) };
    let unread = records.iter().filter(|record| of(record).is_some_and(Option::is_none)).count();
    let embeddings = records.iter().map(|record| of(record).cloned().flatten()).collect();
    Ok(Meaning { queries, embeddings, unread })
}

#[cfg(test)]
mod tests;
