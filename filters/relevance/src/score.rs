//! One score per record from everything that is known: cosines, words, feedback, threads and neighbours.
//!
//! Every part is z-scored before it is added, so that weights mean the same for any collection. The weights were
//! chosen on labelled chats, meetings and utterances; what each part brings is written beside it. Pure arithmetic:
//! it does not know where vectors come from, nor who is kept.

use std::collections::HashMap;

use crate::encoder::{Embedding, cosine};

/// The intent as typed beside the cleaned one: helps where the cleaned intent is a single word.
const WEIGHT_RAW: f64 = 0.5;
/// Shared words: exact names that an encoder blurs.
const WEIGHT_WORDS: f64 = 0.5;
/// Facets that the intent lists itself, and those of a broad topic, which alone say what is meant.
const WEIGHT_LISTED: f64 = 0.5;
const WEIGHT_TOPIC: f64 = 1.0;
/// Similarity to what is already found (Rocchio feedback): by far the best help for vague intents.
const WEIGHT_FEEDBACK: f64 = 2.0;
/// Records that feedback learns from.
const FEEDBACK_RECORDS: usize = 20;
/// Evidence from the same thread: a reply is about what its thread is about.
const WEIGHT_THREAD: f64 = 1.0;
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

/// Scores from meaning and words; a record without an embedding is judged by its words and its surroundings.
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
    let feedback = feedback(embeddings, &scores);
    add(&mut scores, WEIGHT_FEEDBACK, &standardised_known(&feedback));
    standardised(&scores)
}

/// Adds what a record's thread and its neighbours say about it.
#[must_use]
pub fn with_surroundings(scores: &[f64], threads: &[Option<&str>]) -> Vec<f64> {
    let mut result = scores.to_vec();
    for (index, score) in result.iter_mut().enumerate() {
        *score += WEIGHT_NEIGHBOURS * around(scores, index);
    }
    let mut members: HashMap<&str, Vec<f64>> = HashMap::new();
    for (score, thread) in scores.iter().zip(threads) {
        if let Some(thread) = thread {
            members.entry(thread).or_default().push(*score);
        }
    }
    for (score, thread) in result.iter_mut().zip(threads) {
        let Some(thread) = thread.and_then(|thread| members.get(thread)).filter(|thread| thread.len() > 1) else {
            continue;
        };
        let best = thread.iter().copied().fold(f64::MIN, f64::max);
        *score += WEIGHT_THREAD * f64::midpoint(mean(thread), best);
    }
    result
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

/// How near each record is to the best ones, as seen from the middle of all.
fn feedback(embeddings: &[Option<Embedding>], scores: &[f64]) -> Vec<Option<f64>> {
    let mut ranked: Vec<(f64, &Embedding)> =
        scores.iter().zip(embeddings).filter_map(|(score, e)| Some((*score, e.as_ref()?))).collect();
    let centre = weighted_mean(ranked.iter().map(|(_, e)| (1.0, *e)));
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.truncate(FEEDBACK_RECORDS);
    let least = ranked.last().map_or(0.0, |(score, _)| *score);
    let best = weighted_mean(ranked.iter().map(|(score, e)| (score - least + 1e-3, *e)));
    let direction: Vec<f32> = best.iter().zip(&centre).map(|(b, c)| b - c).collect();
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
