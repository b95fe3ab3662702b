//! Who is kept, when nobody knows how many are relevant.
//!
//! A record's probability of being relevant is read off how far its score stands out from all scores, and how far it is
//! behind the best ones: a collection whose best stand out far holds few relevant ones, one whose best are near the others
//! holds many or none. What plainly belongs to the bulk of a collection that falls into two ([`mixture`]) is not relevant.
//! From the probability on that the recall knob names a record is kept, up to a share of the collection. Floors and ceilings
//! come after. It sees scores and sizes only.

mod mixture;

use std::collections::BTreeSet;

use control_plane_api::relevance::{Recall, Relevance as Settings};

/// The logistic regression of relevance on a score in standard deviations from the mean, and on its distance from the best;
/// fitted on labelled chats, tickets, logs, commits and utterances, each set held out in turn to check it.
const SLOPE: f64 = 0.824;
const SLOPE_BEHIND: f64 = -0.381;
const INTERCEPT: f64 = -1.804;
/// Scores whose mean is the best.
const BEST: usize = 3;
/// A record that is less likely than this not to belong to the bulk belongs to it.
const BULK_BELOW: f64 = 0.01;
/// Bytes of a token, on average, in English and JSON.
pub const BYTES_PER_TOKEN: usize = 4;

/// What the recall knob asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    /// A record is kept from this probability of being relevant on.
    pub probability: f64,
    /// Share of all records not to go beyond.
    pub kept_max: f64,
}

/// What `recall` asks for. Unsure means keep: one relevant record in thirty is worth the others, unless told otherwise.
#[must_use]
pub fn aim(recall: Recall) -> Aim {
    match recall {
        Recall::High => Aim { probability: 0.015, kept_max: 0.5 },
        Recall::Balanced => Aim { probability: 0.03, kept_max: 0.25 },
        Recall::Tight => Aim { probability: 0.12, kept_max: 0.15 },
    }
}

/// The kept indices. `scores` order the records, `probabilities` are those of being relevant, `bytes` their sizes.
#[must_use]
pub fn select(scores: &[f64], probabilities: &[f64], bytes: &[usize], settings: &Settings) -> BTreeSet<usize> {
    let aim = aim(settings.recall);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
    let most = (scores.len() as f64 * aim.kept_max).ceil() as usize;
    let is_wanted =
        |index: &usize| probabilities.get(*index).is_some_and(|probability| *probability >= aim.probability);
    let (mut order, others): (Vec<usize>, Vec<usize>) = ranked(scores).into_iter().partition(is_wanted);
    let wanted = order.len().min(most);
    order.extend(others);
    bounded(&order, bytes, wanted, settings)
}

/// The best few, of records none of which is relevant.
#[must_use]
pub fn nearest(scores: &[f64], bytes: &[usize], settings: &Settings) -> BTreeSet<usize> {
    bounded(&ranked(scores), bytes, 0, settings)
}

/// The first `wanted` of `order` within floors and ceilings; the floor wins over the ceiling in tokens.
fn bounded(order: &[usize], bytes: &[usize], wanted: usize, settings: &Settings) -> BTreeSet<usize> {
    let floor = bound(settings.min_records).max(1);
    let ceiling = bound(settings.max_records).max(floor);
    let bytes_max = bound(settings.max_tokens).saturating_mul(BYTES_PER_TOKEN);
    let mut kept = BTreeSet::new();
    let mut bytes_kept = 0_usize;
    for index in order.iter().take(wanted.clamp(floor, ceiling)) {
        bytes_kept = bytes_kept.saturating_add(bytes.get(*index).copied().unwrap_or_default());
        if bytes_kept > bytes_max && kept.len() >= floor {
            break;
        }
        kept.insert(*index);
    }
    kept
}

/// The indices by falling score; equal ones in their order.
#[must_use]
pub fn ranked(scores: &[f64]) -> Vec<usize> {
    let mut ranked: Vec<(usize, &f64)> = scores.iter().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(&b.0)));
    ranked.into_iter().map(|(index, _)| index).collect()
}

fn bound(setting: u32) -> usize {
    usize::try_from(setting).unwrap_or(usize::MAX)
}

/// The probability of each record to be relevant, 0 for the bulk. Never less for a higher score; all alike where nothing
/// stands out.
#[must_use]
pub fn probabilities(scores: &[f64]) -> Vec<f64> {
    let count = scores.len().max(1) as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let spread = (scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
    let standing = |score: f64| if spread > 1e-9 { (score - mean) / spread } else { 0.0 };
    let best: Vec<f64> = ranked(scores).into_iter().take(BEST).filter_map(|index| scores.get(index).copied()).collect();
    let best = best.iter().map(|score| standing(*score)).sum::<f64>() / best.len().max(1) as f64;
    let apart = mixture::apart(scores);
    let probability = |(score, apart): (&f64, f64)| {
        if apart < BULK_BELOW {
            return 0.0;
        }
        let standing = standing(*score);
        let odds = SLOPE * standing + SLOPE_BEHIND * (best - standing) + INTERCEPT;
        1.0 / (1.0 + (-odds).exp())
    };
    scores.iter().zip(apart).map(probability).collect()
}

#[cfg(test)]
mod tests;
