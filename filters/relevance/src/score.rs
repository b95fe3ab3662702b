//! One score per record from everything that is known: cosines, words, feedback, threads and neighbours.
//!
//! Every part is z-scored before it is added, so that weights mean the same for any collection. The weights were
//! chosen on labelled chats, meetings and utterances; what each part brings is written beside it. Pure arithmetic:
//! it does not know where vectors come from, nor who is kept.

use std::collections::HashMap;

use crate::encoder::{Embedding, cosine};
use crate::lexical::Lexical;

/// The intent as typed beside the cleaned one: helps where the cleaned intent is a single word.
const WEIGHT_RAW: f64 = 0.5;
/// Shared words: exact names that an encoder blurs.
const WEIGHT_WORDS: f64 = 0.5;
/// Facets that the intent lists itself, and those of a broad topic, which alone say what is meant.
const WEIGHT_LISTED: f64 = 0.5;
const WEIGHT_TOPIC: f64 = 1.0;
/// Similarity in meaning to what is already found (Rocchio feedback): by far the best help for vague intents.
const WEIGHT_FEEDBACK: f64 = 2.0;
/// Similarity in words to what is already found: finds what belongs to the subject and does not name it.
const WEIGHT_FEEDBACK_WORDS: f64 = 1.0;
/// Records that feedback learns from, round by round: few that are nearly certain first, then more.
const FEEDBACK_ROUNDS: [usize; 3] = [20, 40, 80];
/// Of a small collection feedback learns from at most one record in this many.
const FEEDBACK_ONE_IN: usize = 8;
/// Evidence from the same thread: a reply is as much about what its thread is about as about what it says. A mixture, not
/// a bonus: a thread that is about something else takes as much as one that is about it gives.
const THREAD_SHARE: f64 = 0.5;
/// Evidence from the records just before and after.
const WEIGHT_NEIGHBOURS: f64 = 0.15;
const NEIGHBOURS: usize = 2;

/// What the intent looks like to the encoder.
#[derive(Debug)]
pub struct Queries {
    /// The intent as typed.
    pub raw: Embedding,
    /// The cleaned intent.
    pub cleaned: Embedding,
    /// Its facets, and whether they come from a broad topic.
    pub facets: Vec<Embedding>,
    /// Facets of a broad topic weigh more than those the intent lists.
    pub is_topic: bool,
}

/// Scores from words alone.
#[must_use]
pub fn by_words(words: &[f64]) -> Vec<f64> {
    standardised(words)
}

/// Scores from meaning and words as the intent alone gives them; a record without an embedding is judged by its words
/// and its surroundings.
#[must_use]
pub fn by_meaning(queries: &Queries, embeddings: &[Option<Embedding>], words: &[f64]) -> Vec<f64> {
    let towards = |query: &[f32]| -> Vec<Option<f64>> {
        embeddings.iter().map(|e| e.as_ref().map(|e| f64::from(cosine(e, query)))).collect()
    };
    let mut scores = standardised_known(&towards(&queries.cleaned));
    add(&mut scores, WEIGHT_RAW, &standardised_known(&towards(&queries.raw)));
    add(&mut scores, WEIGHT_WORDS, &standardised(words));
    let mut scores = standardised(&scores);
    if !queries.facets.is_empty() {
        let facets: Vec<Vec<f64>> = queries.facets.iter().map(|facet| standardised_known(&towards(facet))).collect();
        let weight = if queries.is_topic { WEIGHT_TOPIC } else { WEIGHT_LISTED };
        let best = best_facets(&facets, scores.len());
        add(&mut scores, weight, &standardised(&best));
        scores = standardised(&scores);
    }
    scores
}

/// Scores that have learned from the best records found so far, in a few rounds: what is near them in meaning and speaks
/// like them gains. `scores` are those of the intent alone.
#[must_use]
pub fn with_feedback(
    scores: &[f64],
    embeddings: &[Option<Embedding>],
    lexical: &Lexical,
    threads: &[Option<&str>],
) -> Vec<f64> {
    let mut learned = scores.to_vec();
    for records in FEEDBACK_ROUNDS {
        let seen = standardised(&with_surroundings(&learned, threads));
        let best = best(&seen, records.min(seen.len() / FEEDBACK_ONE_IN).max(1));
        learned = scores.to_vec();
        add(&mut learned, WEIGHT_FEEDBACK, &standardised_known(&nearness(embeddings, &seen, &best)));
        add(&mut learned, WEIGHT_FEEDBACK_WORDS, &standardised(&lexical.likeness(&best)));
        learned = standardised(&learned);
    }
    learned
}

/// The indices of the `count` highest scores, highest first.
fn best(scores: &[f64], count: usize) -> Vec<usize> {
    let mut ranked: Vec<(usize, &f64)> = scores.iter().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(&b.0)));
    ranked.into_iter().take(count).map(|(index, _)| index).collect()
}

/// Scores mixed with what a record's thread and its neighbours say about it.
#[must_use]
pub fn with_surroundings(scores: &[f64], threads: &[Option<&str>]) -> Vec<f64> {
    let mut best_of: HashMap<&str, f64> = HashMap::new();
    for (score, thread) in scores.iter().zip(threads) {
        if let Some(thread) = thread {
            let best = best_of.entry(thread).or_insert(*score);
            *best = best.max(*score);
        }
    }
    let mixed = |(index, score): (usize, &f64)| {
        let best = threads.get(index).copied().flatten().and_then(|thread| best_of.get(thread)).unwrap_or(score);
        score + THREAD_SHARE * (best - score) + WEIGHT_NEIGHBOURS * around(scores, index)
    };
    scores.iter().enumerate().map(mixed).collect()
}

/// The mean of the neighbours, nearer ones counting more.
fn around(scores: &[f64], index: usize) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for distance in 1..=NEIGHBOURS {
        let sides = [index.checked_sub(distance), index.checked_add(distance)];
        for score in sides.into_iter().flatten().filter_map(|side| scores.get(side)) {
            sum += score / distance as f64;
            weights += 1.0 / distance as f64;
        }
    }
    if weights > 0.0 { sum / weights } else { 0.0 }
}

/// The mean of each record's best facets: one of a few, up to three of many, so that no single facet decides.
fn best_facets(facets: &[Vec<f64>], records: usize) -> Vec<f64> {
    let count = (facets.len() / 5).clamp(1, 3);
    let of_record = |index: usize| {
        let mut all: Vec<f64> = facets.iter().filter_map(|facet| facet.get(index).copied()).collect();
        all.sort_unstable_by(|a, b| b.total_cmp(a));
        all.truncate(count);
        mean(&all)
    };
    (0..records).map(of_record).collect()
}

/// How near each record is to the `best` ones, as seen from the middle of all.
fn nearness(embeddings: &[Option<Embedding>], scores: &[f64], best: &[usize]) -> Vec<Option<f64>> {
    let centre = weighted_mean(embeddings.iter().flatten().map(|e| (1.0, e)));
    let known = |index: &usize| Some((*scores.get(*index)?, embeddings.get(*index)?.as_ref()?));
    let chosen: Vec<(f64, &Embedding)> = best.iter().filter_map(known).collect();
    let least = chosen.iter().map(|(score, _)| *score).fold(f64::MAX, f64::min);
    let middle = weighted_mean(chosen.iter().map(|(score, e)| (score - least + 1e-3, *e)));
    let direction: Vec<f32> = middle.iter().zip(&centre).map(|(b, c)| b - c).collect();
    embeddings.iter().map(|e| e.as_ref().map(|e| f64::from(cosine(e, &direction)))).collect()
}

fn weighted_mean<'a>(vectors: impl Iterator<Item = (f64, &'a Embedding)>) -> Vec<f32> {
    let mut sum: Vec<f64> = Vec::new();
    let mut weights = 0.0;
    for (weight, vector) in vectors {
        sum.resize(vector.len(), 0.0);
        sum.iter_mut().zip(vector.iter()).for_each(|(total, x)| *total += weight * f64::from(*x));
        weights += weight;
    }
    #[expect(clippy::cast_possible_truncation, reason = "back to the precision the vectors came in")]
    sum.into_iter().map(|total| (total / weights) as f32).collect()
}

fn add(scores: &mut [f64], weight: f64, more: &[f64]) {
    scores.iter_mut().zip(more).for_each(|(score, x)| *score += weight * x);
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Zero mean, unit variance; all zero where nothing varies.
fn standardised(values: &[f64]) -> Vec<f64> {
    let values: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
    standardised_known(&values)
}

/// The same over the known values; an unknown one stands in the middle.
fn standardised_known(values: &[Option<f64>]) -> Vec<f64> {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let centre = mean(&known);
    let spread = mean(&known.iter().map(|x| (x - centre).powi(2)).collect::<Vec<_>>()).sqrt();
    let scaled = |x: f64| if spread > 1e-9 { (x - centre) / spread } else { 0.0 };
    values.iter().map(|value| value.map_or(0.0, scaled)).collect()
}

#[cfg(test)]
mod tests;
