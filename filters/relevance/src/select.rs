//! Who is kept, when nobody knows how many are relevant.
//!
//! Two normal distributions are fitted to the scores, the bulk and the relevant few; a record is kept from the score
//! on at which it belongs to the few with the probability that the recall knob asks for. Floors and ceilings come
//! after. It sees scores and sizes only.

use std::collections::BTreeSet;

use control_plane_api::relevance::{Recall, Relevance as Settings};

/// Rounds of the fit; it settles within a few dozen.
const FIT_ROUNDS: usize = 60;
/// Bounds of the relevant share, so that neither distribution dies or takes everything.
const SHARE_MIN: f64 = 0.005;
const SHARE_MAX: f64 = 0.3;
/// Bytes of a token, on average, in English and JSON.
pub const BYTES_PER_TOKEN: usize = 4;

/// The probability of belonging to the relevant ones from which a record is kept.
fn probability_min(recall: Recall) -> f64 {
    match recall {
        Recall::High => 0.03,
        Recall::Balanced => 0.15,
        Recall::Tight => 0.5,
    }
}

/// The kept indices: scores from the fitted threshold on, at least and at most as many as the settings say. `bytes`
/// is the size of each record.
#[must_use]
pub fn select(scores: &[f64], bytes: &[usize], settings: &Settings) -> BTreeSet<usize> {
    let threshold = threshold(scores, probability_min(settings.recall));
    let wanted = scores.iter().filter(|score| **score >= threshold).count();
    best(scores, bytes, wanted, settings)
}

/// The `wanted` best within floors and ceilings; the floor wins over the ceiling in tokens.
#[must_use]
pub fn best(scores: &[f64], bytes: &[usize], wanted: usize, settings: &Settings) -> BTreeSet<usize> {
    let floor = bound(settings.min_records).max(1);
    let ceiling = bound(settings.max_records).max(floor);
    let bytes_max = bound(settings.max_tokens).saturating_mul(BYTES_PER_TOKEN);
    let mut ranked: Vec<(usize, &f64)> = scores.iter().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(&b.0)));
    let mut kept = BTreeSet::new();
    let mut bytes_kept = 0_usize;
    for (index, _) in ranked.into_iter().take(wanted.clamp(floor, ceiling)) {
        bytes_kept = bytes_kept.saturating_add(bytes.get(index).copied().unwrap_or_default());
        if bytes_kept > bytes_max && kept.len() >= floor {
            break;
        }
        kept.insert(index);
    }
    kept
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

/// The lowest score above the bulk's mean that belongs to the relevant ones with at least `probability`.
fn threshold(scores: &[f64], probability: f64) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
        let index = (sorted.len().saturating_sub(1) as f64 * share) as usize;
        sorted.get(index).copied().unwrap_or_default()
    };
    let all = Normal::fitted(scores, scores.iter().map(|_| 1.0));
    let mut bulk = Normal { mean: quantile(0.5), variance: all.variance / 2.0 };
    let mut few = Normal { mean: quantile(0.97), variance: all.variance / 2.0 };
    let mut share: f64 = 0.05;
    let belongs = |x: f64, bulk: Normal, few: Normal, share: f64| {
        let (outside, inside) = ((1.0 - share) * bulk.density(x), share * few.density(x));
        inside / (outside + inside + f64::MIN_POSITIVE)
    };
    for _ in 0..FIT_ROUNDS {
        let inside: Vec<f64> = scores.iter().map(|x| belongs(*x, bulk, few, share)).collect();
        let total: f64 = inside.iter().sum();
        share = (total / scores.len().max(1) as f64).clamp(SHARE_MIN, SHARE_MAX);
        bulk = Normal::fitted(scores, inside.iter().map(|p| 1.0 - p));
        few = Normal::fitted(scores, inside.iter().copied());
    }
    let kept = sorted.iter().filter(|x| **x > bulk.mean && belongs(**x, bulk, few, share) >= probability);
    kept.copied().next().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    /// 300 around 0 and `few` around 5, deterministic.
    fn scores(few: usize) -> Vec<f64> {
        let wave = |i: usize| ((i * 37 % 100) as f64 - 50.0) / 40.0;
        (0..300).map(wave).chain((0..few).map(|i| 5.0 + wave(i) / 3.0)).collect()
    }

    fn check(few: usize, settings: &Settings) -> Vec<usize> {
        let scores = scores(few);
        select(&scores, &vec![100; scores.len()], settings).into_iter().collect()
    }

    #[test]
    fn a_cluster_of_any_size_is_found() {
        for few in [8, 20, 60] {
            assert_eq!(check(few, &Settings::default()), (300..300 + few).collect::<Vec<_>>());
        }
    }

    #[test]
    fn floors_and_ceilings_hold() {
        let floor = Settings { min_records: 12, ..Settings::default() };
        assert_eq!(check(2, &floor).len(), 12);
        let ceiling = Settings { max_records: 7, ..Settings::default() };
        assert_eq!(check(20, &ceiling).len(), 7);
        let tokens = Settings { max_tokens: 250, ..Settings::default() };
        assert_eq!(check(20, &tokens).len(), 10);
    }

    #[test]
    fn more_recall_never_keeps_less() {
        let kept = |recall| check(20, &Settings { recall, ..Settings::default() }).len();
        assert!(kept(Recall::High) >= kept(Recall::Balanced));
        assert!(kept(Recall::Balanced) >= kept(Recall::Tight));
    }

    proptest! {
        #[test]
        fn no_scores_are_too_odd(scores in proptest::collection::vec(-1e6..1e6, 1..200)) {
            let kept = select(&scores, &vec![10; scores.len()], &Settings::default());
            prop_assert!(kept.len() >= scores.len().min(5));
            prop_assert!(kept.iter().all(|index| *index < scores.len()));
        }
    }
}
