//! From nearness and shared words to one score per record: fusion, feedback, context. The weights were chosen on
//! labelled chats, meetings and utterances. Pure arithmetic: it does not know where vectors come from, nor who is kept.
//!
//! Both tiers are scored alike, each in its own space of vectors ([`View`]). What the second tier has not read is judged
//! by the first, brought to the second's scale by a regression over what both have read.

mod arithmetic;
mod surroundings;

use crate::encoder::{Embedding, cosine};
use crate::lexical::Lexical;
use arithmetic::{add, filled, mean, standardised};
pub use surroundings::with_surroundings;

/// The intent as typed beside the cleaned one: helps where the cleaned intent is a single word.
const WEIGHT_RAW: f64 = 0.5;
/// Shared words: exact names that vectors blur.
const WEIGHT_WORDS: f64 = 0.5;
/// What the intent lists itself.
const WEIGHT_FACETS: f64 = 0.5;
/// Similarity in meaning to what is already found (Rocchio feedback).
const WEIGHT_FEEDBACK: f64 = 1.0;
/// Similarity in words to what is already found: finds what belongs to the subject and does not name it.
const WEIGHT_FEEDBACK_WORDS: f64 = 1.0;
/// Records that feedback learns from, round by round: few that are nearly certain first, then more.
const FEEDBACK_ROUNDS: [usize; 3] = [20, 40, 80];
/// Of a small collection feedback learns from at most one record in this many.
const FEEDBACK_ONE_IN: usize = 8;

/// What the intent looks like in a space of vectors.
#[derive(Debug, Clone)]
pub struct Queries {
    /// The intent as typed.
    pub raw: Embedding,
    /// The cleaned intent.
    pub cleaned: Embedding,
    /// What it lists.
    pub facets: Vec<Embedding>,
}

impl Queries {
    /// The larger cosine with the intent, typed or cleaned.
    #[must_use]
    pub fn nearness(&self, record: &[f32]) -> f32 {
        cosine(&self.raw, record).max(cosine(&self.cleaned, record))
    }
}

/// Records and intent in one space of vectors; a record without a vector was not read, or says nothing.
#[derive(Debug, Clone)]
pub struct View {
    /// The intent.
    pub queries: Queries,
    /// The records.
    pub records: Vec<Option<Embedding>>,
}

/// What is known of the records besides their meaning. All are parallel to the records.
pub struct Evidence<'a> {
    /// Shared words with the intent.
    pub words: &'a [f64],
    /// All their words.
    pub lexical: &'a Lexical,
    /// The conversations they belong to.
    pub threads: &'a [Option<&'a str>],
}

/// Scores of the first tier, which has a vector for every record.
#[must_use]
pub fn first(view: &View, evidence: &Evidence<'_>) -> Vec<f64> {
    let intent = by_intent(view, evidence.words, evidence.words);
    let learned = with_feedback(&intent, evidence, |best| nearness(view, best, &intent));
    with_surroundings(&learned, evidence.threads)
}

/// Scores of the second tier in `view`, which may have read few records, on top of the first tier's view.
#[must_use]
pub fn second(view: &View, first: &View, evidence: &Evidence<'_>) -> Vec<f64> {
    let guide = by_intent(first, evidence.words, evidence.words);
    let intent = by_intent(view, evidence.words, &guide);
    let near = |best: &[(usize, f64)]| {
        let guide = nearness(first, best, &guide);
        nearness(view, best, &guide)
    };
    let learned = with_feedback(&intent, evidence, near);
    with_surroundings(&learned, evidence.threads)
}

/// Scores as the intent alone gives them; `guide` stands in for records without a vector.
fn by_intent(view: &View, words: &[f64], guide: &[f64]) -> Vec<f64> {
    let towards = |query: &[f32]| {
        let known: Vec<Option<f64>> =
            view.records.iter().map(|e| e.as_ref().map(|e| f64::from(cosine(e, query)))).collect();
        standardised(&filled(&known, guide))
    };
    let mut scores = towards(&view.queries.cleaned);
    add(&mut scores, WEIGHT_RAW, &towards(&view.queries.raw));
    add(&mut scores, WEIGHT_WORDS, &standardised(words));
    let mut scores = standardised(&scores);
    if !view.queries.facets.is_empty() {
        let facets: Vec<Vec<f64>> = view.queries.facets.iter().map(|facet| towards(facet)).collect();
        let listed = standardised(&best_facets(&facets, scores.len()));
        add(&mut scores, WEIGHT_FACETS, &listed);
        scores = standardised(&scores);
    }
    scores
}

/// Scores that have learned from the best records found so far, in a few rounds: what is near them in meaning and speaks
/// like them gains. `intent` are the scores of the intent alone, `near` tells how near every record is to the best.
fn with_feedback(intent: &[f64], evidence: &Evidence<'_>, near: impl Fn(&[(usize, f64)]) -> Vec<f64>) -> Vec<f64> {
    let mut learned = intent.to_vec();
    for records in FEEDBACK_ROUNDS {
        let seen = standardised(&with_surroundings(&learned, evidence.threads));
        let best = best(&seen, records.min(seen.len() / FEEDBACK_ONE_IN).max(1));
        let indices: Vec<usize> = best.iter().map(|(index, _)| *index).collect();
        learned = intent.to_vec();
        add(&mut learned, WEIGHT_FEEDBACK, &standardised(&near(&best)));
        add(&mut learned, WEIGHT_FEEDBACK_WORDS, &standardised(&evidence.lexical.likeness(&indices)));
        learned = standardised(&learned);
    }
    learned
}

/// The `count` highest scores with their indices, highest first.
fn best(scores: &[f64], count: usize) -> Vec<(usize, f64)> {
    let mut ranked: Vec<(usize, f64)> = scores.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked.truncate(count);
    ranked
}

/// How near each record is to the `best` ones, as seen from the middle of all; `guide` stands in for records without a
/// vector.
fn nearness(view: &View, best: &[(usize, f64)], guide: &[f64]) -> Vec<f64> {
    let least = best.last().map_or(0.0, |(_, score)| *score);
    let known =
        best.iter().filter_map(|(index, score)| Some((score - least + 1e-3, view.records.get(*index)?.as_ref()?)));
    let (Some(middle), Some(centre)) =
        (weighted_mean(known), weighted_mean(view.records.iter().flatten().map(|e| (1.0, e))))
    else {
        return guide.to_vec();
    };
    let direction: Vec<f32> = middle.iter().zip(&centre).map(|(m, c)| m - c).collect();
    let towards = |e: &Embedding| f64::from(cosine(e, &direction));
    let known: Vec<Option<f64>> = view.records.iter().map(|e| e.as_ref().map(towards)).collect();
    filled(&known, guide)
}

/// The weighted mean; none of nothing.
fn weighted_mean<'a>(vectors: impl Iterator<Item = (f64, &'a Embedding)>) -> Option<Vec<f32>> {
    let mut sum: Vec<f64> = Vec::new();
    let mut weights = 0.0;
    for (weight, vector) in vectors {
        sum.resize(vector.len(), 0.0);
        sum.iter_mut().zip(vector.iter()).for_each(|(total, x)| *total += weight * f64::from(*x));
        weights += weight;
    }
    #[expect(clippy::cast_possible_truncation, reason = "back to the precision the vectors came in")]
    let mean = sum.into_iter().map(|total| (total / weights) as f32).collect();
    (weights > 0.0).then_some(mean)
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

#[cfg(test)]
mod tests;
