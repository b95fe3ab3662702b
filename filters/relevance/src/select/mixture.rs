//! Whether scores fall into two: two normal distributions are fitted to them, the bulk and the few.

use super::ranked;

/// Rounds of the fit; it settles within a few dozen.
const FIT_ROUNDS: usize = 60;
/// Bounds of the share of the few, so that neither distribution dies or takes everything.
const SHARE_MIN: f64 = 0.005;
const SHARE_MAX: f64 = 0.3;

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

/// The probability of each score not to belong to the bulk: 0 up to its middle, and never less for a higher score.
pub(super) fn apart(scores: &[f64]) -> Vec<f64> {
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
mod tests {
    use super::*;

    #[test]
    fn two_clusters_are_told_apart() {
        let scores: Vec<f64> = (0..100).map(|i| if i % 10 == 0 { 4.0 } else { f64::from(i % 7) / 10.0 }).collect();
        let apart = apart(&scores);
        assert!(apart.iter().enumerate().all(|(i, p)| (*p > 0.5) == (i % 10 == 0)), "{apart:?}");
    }
}
