//! Who is kept, when nobody knows how many are relevant.
//!
//! Two normal distributions are fitted to the scores, the bulk and the relevant few, which gives every record a
//! probability of belonging to the few. The best are kept until they hold the share of all expected relevant ones that
//! the recall knob asks for, up to a share of the collection. Floors and ceilings come after. It sees scores and sizes only.

use std::collections::BTreeSet;

use control_plane_api::relevance::{Recall, Relevance as Settings};

/// Rounds of the fit; it settles within a few dozen.
const FIT_ROUNDS: usize = 60;
/// Bounds of the relevant share, so that neither distribution dies or takes everything.
const SHARE_MIN: f64 = 0.005;
const SHARE_MAX: f64 = 0.3;
/// Bytes of a token, on average, in English and JSON.
pub const BYTES_PER_TOKEN: usize = 4;

/// What the recall knob asks for.
struct Aim {
    /// Share of the expected relevant records to keep.
    recall: f64,
    /// Share of all records not to go beyond, but for those that are certain.
    kept_max: f64,
}

fn aim(recall: Recall) -> Aim {
    match recall {
        Recall::High => Aim { recall: 0.985, kept_max: 0.5 },
        Recall::Balanced => Aim { recall: 0.95, kept_max: 0.25 },
        Recall::Tight => Aim { recall: 0.75, kept_max: 0.15 },
    }
}

/// The kept indices. `certain` are kept whatever the fit says; `bytes` is the size of each record.
#[must_use]
pub fn select(scores: &[f64], certain: &BTreeSet<usize>, bytes: &[usize], settings: &Settings) -> BTreeSet<usize> {
    let probabilities = probabilities(scores);
    let aim = aim(settings.recall);
    let expected: f64 = probabilities.iter().sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
    let most = (scores.len() as f64 * aim.kept_max).ceil() as usize;
    let mut held = 0.0;
    let mut wanted = certain.clone();
    for (place, index) in ranked(scores).into_iter().enumerate() {
        if place >= most || held >= aim.recall * expected {
            break;
        }
        held += probabilities.get(index).copied().unwrap_or_default();
        wanted.insert(index);
    }
    bounded(scores, bytes, &wanted, settings)
}

/// The `wanted` within floors and ceilings: filled up with the next best, cut by the worst. The floor wins over the ceiling
/// in tokens.
#[must_use]
pub fn bounded(scores: &[f64], bytes: &[usize], wanted: &BTreeSet<usize>, settings: &Settings) -> BTreeSet<usize> {
    let floor = bound(settings.min_records).max(1);
    let ceiling = bound(settings.max_records).max(floor);
    let bytes_max = bound(settings.max_tokens).saturating_mul(BYTES_PER_TOKEN);
    let (first, rest): (Vec<usize>, Vec<usize>) = ranked(scores).into_iter().partition(|index| wanted.contains(index));
    let count = first.len().clamp(floor, ceiling);
    let mut kept = BTreeSet::new();
    let mut bytes_kept = 0_usize;
    for index in first.into_iter().chain(rest).take(count) {
        bytes_kept = bytes_kept.saturating_add(bytes.get(index).copied().unwrap_or_default());
        if bytes_kept > bytes_max && kept.len() >= floor {
            break;
        }
        kept.insert(index);
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

/// A normal distribution.
#[derive(Debug, Clone, Copy)]
struct Normal {
    mean: f64,
    variance: f64,
}

impl Normal {
    /// Fitted to `scores`, each counting by its weight.
    fn fitted(scores: &[f64], weights: impl Iterator<Item = f64> + Clone) -> Self {
        let total = weights.clone().sum::<f64>().max(1e-9);
        let mean = scores.iter().zip(weights.clone()).map(|(x, w)| x * w).sum::<f64>() / total;
        let square = scores.iter().zip(weights).map(|(x, w)| (x - mean).powi(2) * w).sum::<f64>();
        Self { mean, variance: square / total + 1e-3 }
    }

    fn density(self, x: f64) -> f64 {
        (-(x - self.mean).powi(2) / (2.0 * self.variance)).exp() / self.variance.sqrt()
    }
}

/// The two distributions, and the share of the few.
#[derive(Debug, Clone, Copy)]
struct Mixture {
    bulk: Normal,
    few: Normal,
    share: f64,
}

impl Mixture {
    fn fitted(scores: &[f64]) -> Self {
        let mut sorted = scores.to_vec();
        sorted.sort_by(f64::total_cmp);
        let quantile = |share: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
            let index = (sorted.len().saturating_sub(1) as f64 * share) as usize;
            sorted.get(index).copied().unwrap_or_default()
        };
        let all = Normal::fitted(scores, scores.iter().map(|_| 1.0));
        let start = |share: f64| Normal { mean: quantile(share), variance: all.variance / 2.0 };
        let mut mixture = Self { bulk: start(0.5), few: start(0.97), share: 0.05 };
        for _ in 0..FIT_ROUNDS {
            let inside: Vec<f64> = scores.iter().map(|x| mixture.belongs(*x)).collect();
            let total: f64 = inside.iter().sum();
            mixture = Self {
                share: (total / scores.len().max(1) as f64).clamp(SHARE_MIN, SHARE_MAX),
                bulk: Normal::fitted(scores, inside.iter().map(|p| 1.0 - p)),
                few: Normal::fitted(scores, inside.iter().copied()),
            };
        }
        mixture
    }

    /// The probability that a score belongs to the few.
    fn belongs(&self, x: f64) -> f64 {
        let (outside, inside) = ((1.0 - self.share) * self.bulk.density(x), self.share * self.few.density(x));
        inside / (outside + inside + f64::MIN_POSITIVE)
    }
}

/// The probability of each record to be one of the relevant few: 0 up to the middle of the bulk, and never less for a
/// higher score.
#[must_use]
pub fn probabilities(scores: &[f64]) -> Vec<f64> {
    let mixture = Mixture::fitted(scores);
    let mut probabilities = vec![0.0; scores.len()];
    let mut least: f64 = 0.0;
    for index in ranked(scores).into_iter().rev() {
        let score = scores.get(index).copied().unwrap_or_default();
        if score > mixture.bulk.mean {
            least = least.max(mixture.belongs(score));
        }
        if let Some(probability) = probabilities.get_mut(index) {
            *probability = least;
        }
    }
    probabilities
}

#[cfg(test)]
mod tests;
