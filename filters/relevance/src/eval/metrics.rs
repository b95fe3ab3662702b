//! How good a ranking is, and how good a selection: pure arithmetic over scores, indices and labels.
//!
//! Relevance is yes or no. Of equal scores the earlier record comes first, as in the selection itself. Shares are from
//! 0 to 1.

use std::collections::BTreeSet;

use serde::Serialize;

/// The share of records that a threshold may keep for [`Ranking::recall_at_25`].
const ORACLE_SHARE: f64 = 0.25;

/// How high the relevant records stand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ranking {
    /// Normalised discounted cumulative gain over the whole ranking (Järvelin and Kekäläinen 2002, gain 0 or 1).
    pub ndcg: f64,
    /// Average precision: the mean of the precision at each relevant record.
    pub average_precision: f64,
    /// The share of the relevant records among the first 5 % of all.
    pub recall_at_5: f64,
    /// Among the first 10 %.
    pub recall_at_10: f64,
    /// Among the first 25 %: of a full ranking by the encoder the best that any threshold reaches that keeps a quarter.
    pub recall_at_25: f64,
    /// The F1 of the best threshold, chosen with the labels in sight.
    pub best_f1: f64,
}

/// How good the kept records are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Selection {
    /// The share of the relevant records that was kept; none where there is no relevant one.
    pub recall: Option<f64>,
    /// The same of the records that say so themselves; none where the set does not tell.
    pub core_recall: Option<f64>,
    /// The share of the kept records that is relevant; none where there is no relevant one.
    pub precision: Option<f64>,
    /// The harmonic mean of recall and precision.
    pub f1: Option<f64>,
    /// The share of all records that was kept.
    pub kept_share: f64,
    /// How many were kept.
    pub kept: usize,
    /// Whether it was said correctly that something relevant is there, or that nothing is.
    pub found_right: bool,
}

/// Judges the ranking by `scores`; `None` where no record is relevant.
#[must_use]
pub fn ranking(scores: &[f64], relevant: &BTreeSet<usize>) -> Option<Ranking> {
    if relevant.is_empty() {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let score = |index: &usize| scores.get(*index).copied().unwrap_or(f64::NEG_INFINITY);
    order.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.cmp(b)));
    let wanted = relevant.len() as f64;
    let (mut found, mut gain, mut precisions, mut best_f1) = (0.0, 0.0, 0.0, 0.0_f64);
    let mut recalls = Vec::with_capacity(order.len());
    for (place, index) in order.iter().enumerate() {
        let seen = place as f64 + 1.0;
        if relevant.contains(index) {
            found += 1.0;
            gain += discount(place);
            precisions += found / seen;
            best_f1 = best_f1.max(2.0 * found / (wanted + seen));
        }
        recalls.push(found / wanted);
    }
    let ideal: f64 = (0..relevant.len()).map(discount).sum();
    let recall_at = |share: f64| recalls.get(kept_at(share, recalls.len()).saturating_sub(1)).copied().unwrap_or(1.0);
    Some(Ranking {
        ndcg: gain / ideal,
        average_precision: precisions / wanted,
        recall_at_5: recall_at(0.05),
        recall_at_10: recall_at(0.1),
        recall_at_25: recall_at(ORACLE_SHARE),
        best_f1,
    })
}

/// How many of `records` a share is: rounded to the nearest, at least one.
fn kept_at(share: f64, records: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
    let kept = (share * records as f64).round() as usize;
    kept.max(1)
}

fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

/// Judges the `kept` ones of `records` records. `found` is what was said about them: whether anything relevant is there.
#[must_use]
pub fn selection(
    kept: &BTreeSet<usize>,
    records: usize,
    relevant: &BTreeSet<usize>,
    core: &BTreeSet<usize>,
    found: bool,
) -> Selection {
    let share_of = |wanted: &BTreeSet<usize>| {
        (!wanted.is_empty()).then(|| wanted.intersection(kept).count() as f64 / wanted.len() as f64)
    };
    let hits = relevant.intersection(kept).count() as f64;
    let labelled = !relevant.is_empty();
    Selection {
        recall: share_of(relevant),
        core_recall: share_of(core),
        precision: labelled.then(|| hits / kept.len().max(1) as f64),
        f1: labelled.then(|| 2.0 * hits / (kept.len() + relevant.len()) as f64),
        kept_share: kept.len() as f64 / records.max(1) as f64,
        kept: kept.len(),
        found_right: found == labelled,
    }
}

/// The mean of those values that there are.
#[must_use]
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}

/// The value below which `share` of the values lie (nearest rank); none of no values.
#[must_use]
pub fn quantile(values: impl Iterator<Item = f64>, share: f64) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank of a count")]
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests;
