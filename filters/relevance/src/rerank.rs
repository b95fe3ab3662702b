//! Which records a last tier is asked about, and what becomes of its answers.
//!
//! The cascade has scored every record and selected. Doubtful are the records whose scores lie nearest to where it drew
//! the line; of these a bounded number goes to the tier, the most doubtful first. Whatever keeps the tier from answering,
//! the cascade's selection stands, and the reason is told. It does not know what a tier is.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use control_plane_api::relevance::Relevance as Settings;

use crate::select::BYTES_PER_TOKEN;
use crate::tiers::{Reranker, Scale, TierError};

/// Distinct records that a tier is asked about, unless the operator says otherwise.
pub const RECORDS_MAX: usize = 40;
/// A record that the cascade dropped is kept from this probability on, by a tier whose scale is absolute.
const KEEP_MIN: f64 = 0.7;
/// A record that the cascade kept is dropped below this one. In between the cascade's verdict stands.
const DROP_BELOW: f64 = 0.3;

/// A last tier, and how much it is asked.
#[derive(Clone)]
pub struct Reranking {
    /// The tier.
    pub tier: Arc<dyn Reranker>,
    /// Distinct records that it is asked about, at most.
    pub records_max: usize,
    /// Time it gets for one result, besides that of the cascade.
    pub deadline: Duration,
}

impl Reranking {
    /// `tier`, which gets `deadline` for a result, asked about as many records as by default.
    #[must_use]
    pub fn new(tier: Arc<dyn Reranker>, deadline: Duration) -> Self {
        Self { tier, records_max: RECORDS_MAX, deadline }
    }
}

impl fmt::Debug for Reranking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reranking")
            .field("tier", &self.tier.name())
            .field("records_max", &self.records_max)
            .field("deadline", &self.deadline)
            .finish()
    }
}

/// What the cascade found; the slices are parallel.
#[derive(Debug, Clone, Copy)]
pub struct Cascade<'a> {
    /// What is read of each record; one without text is not asked about.
    pub texts: &'a [&'a str],
    /// The score of each record, higher for more relevant.
    pub scores: &'a [f64],
    /// The size of each record, in bytes.
    pub bytes: &'a [usize],
    /// The selected ones.
    pub kept: &'a BTreeSet<usize>,
}

/// What is kept after the tier was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reranked {
    /// Indices of the kept records.
    pub kept: BTreeSet<usize>,
    /// Records the tier was asked about.
    pub asked: usize,
    /// Records it judged.
    pub judged: usize,
    /// Whether it is sure of one that it is relevant.
    pub found: bool,
    /// Why it did not judge all of them.
    pub error: Option<TierError>,
}

/// Asks the tier, if there is one, about the doubtful records of `cascade`, and has its answers decide those. It answers
/// until `deadline`. Floors and ceilings of `settings` hold as they do for the cascade.
#[must_use]
pub fn rerank(
    cascade: &Cascade<'_>,
    intent: &str,
    settings: &Settings,
    reranking: Option<&Reranking>,
    deadline: Instant,
) -> Reranked {
    let unchanged = |error| Reranked { kept: cascade.kept.clone(), asked: 0, judged: 0, found: false, error };
    let Some(Reranking { tier, records_max, .. }) = reranking else { return unchanged(None) };
    let doubtful = doubtful(cascade, *records_max);
    let texts: Vec<&str> = doubtful.iter().map(|group| group.text).collect();
    let asked = doubtful.iter().map(|group| group.records.len()).sum();
    if texts.is_empty() {
        return unchanged(None);
    }
    if Instant::now() >= deadline {
        return Reranked { asked, ..unchanged(Some(TierError::Late)) };
    }
    let answers = match tier.judge(intent, &texts, deadline) {
        Ok(answers) => answers,
        Err(error) => {
            if error != TierError::Resting {
                tracing::warn!(tier = tier.name(), %error, "the selection of the other tiers stands");
            }
            return Reranked { asked, ..unchanged(Some(error)) };
        }
    };
    let judged: HashMap<usize, f64> = doubtful
        .iter()
        .zip(answers)
        .filter_map(|(group, answer)| Some((group, answer.filter(|p| (0.0..=1.0).contains(p))?)))
        .flat_map(|(group, probability)| group.records.iter().map(move |record| (*record, probability)))
        .collect();
    let kept = match tier.scale() {
        Scale::Absolute => by_probability(cascade, &judged, settings),
        Scale::Relative => by_order(cascade, &judged, settings),
    };
    let found = tier.scale() == Scale::Absolute && judged.values().any(|probability| *probability >= KEEP_MIN);
    let error = (judged.len() < asked).then_some(TierError::Late);
    Reranked { kept, asked, judged: judged.len(), found, error }
}

/// Records of the same text: asked about once.
struct Group<'a> {
    text: &'a str,
    records: Vec<usize>,
}

/// The records nearest to the line between kept and dropped, nearest first, at most `records_max` distinct ones.
fn doubtful<'a>(cascade: &Cascade<'a>, records_max: usize) -> Vec<Group<'a>> {
    let line = line(cascade);
    let mut nearest: Vec<(usize, f64)> =
        cascade.scores.iter().enumerate().map(|(index, score)| (index, (score - line).abs())).collect();
    nearest.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (index, _) in nearest {
        let text = cascade.texts.get(index).map_or("", |text| text.trim());
        if text.is_empty() {
            continue;
        }
        match places.get(text) {
            Some(place) => groups.get_mut(*place).into_iter().for_each(|group| group.records.push(index)),
            None if groups.len() < records_max => {
                places.insert(text, groups.len());
                groups.push(Group { text, records: vec![index] });
            }
            None => {}
        }
    }
    groups
}

/// The score in the middle between the last that was kept and the first that was not.
fn line(cascade: &Cascade<'_>) -> f64 {
    let is_kept = |index: usize| cascade.kept.contains(&index);
    let of = |wanted: bool| {
        cascade.scores.iter().enumerate().filter(move |(index, _)| is_kept(*index) == wanted).map(|(_, score)| *score)
    };
    let last_kept = of(true).min_by(f64::total_cmp);
    let first_dropped = of(false).max_by(f64::total_cmp);
    match (last_kept, first_dropped) {
        (Some(kept), Some(dropped)) => f64::midpoint(kept, dropped),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => 0.0,
    }
}

/// As many of the judged as the cascade kept of them, the most probable ones.
fn by_order(cascade: &Cascade<'_>, judged: &HashMap<usize, f64>, settings: &Settings) -> BTreeSet<usize> {
    let mut ranked = ranked(cascade, judged);
    let count = ranked.iter().filter(|index| cascade.kept.contains(index)).count();
    ranked.truncate(count);
    let rest = cascade.kept.iter().copied().filter(|index| !judged.contains_key(index)).collect();
    within(cascade, rest, &ranked, settings)
}

/// The judged ones as the tier says; where it is not sure, as the cascade says.
fn by_probability(cascade: &Cascade<'_>, judged: &HashMap<usize, f64>, settings: &Settings) -> BTreeSet<usize> {
    let ranked = ranked(cascade, judged);
    let says_keep = |index: &usize| {
        let probability = judged.get(index).copied().unwrap_or_default();
        probability >= KEEP_MIN || (probability >= DROP_BELOW && cascade.kept.contains(index))
    };
    // Not a cut in the ranking: one that is kept although the tier is not sure may rank below some that stay dropped.
    let (mut best, others): (Vec<usize>, Vec<usize>) = ranked.into_iter().partition(says_keep);
    let rest: BTreeSet<usize> = cascade.kept.iter().copied().filter(|index| !judged.contains_key(index)).collect();
    let lacking = bound(settings.min_records).max(1).saturating_sub(rest.len() + best.len());
    best.extend(others.into_iter().take(lacking));
    within(cascade, rest, &best, settings)
}

/// `rest`, and of `wanted` as many as ceilings allow, the first ones first.
fn within(cascade: &Cascade<'_>, rest: BTreeSet<usize>, wanted: &[usize], settings: &Settings) -> BTreeSet<usize> {
    let floor = bound(settings.min_records).max(1);
    let records_max = bound(settings.max_records).max(floor);
    let bytes_max = bound(settings.max_tokens).saturating_mul(BYTES_PER_TOKEN);
    let size = |index: usize| cascade.bytes.get(index).copied().unwrap_or_default();
    let mut kept = rest;
    let mut bytes: usize = kept.iter().map(|index| size(*index)).fold(0, usize::saturating_add);
    for index in wanted {
        let grown = bytes.saturating_add(size(*index));
        if kept.len() >= records_max || (grown > bytes_max && kept.len() >= floor) {
            break;
        }
        bytes = grown;
        kept.insert(*index);
    }
    kept
}

/// The judged records, the most probable first; of equally probable ones the one that the cascade scored higher.
fn ranked(cascade: &Cascade<'_>, judged: &HashMap<usize, f64>) -> Vec<usize> {
    let score = |index: usize| cascade.scores.get(index).copied().unwrap_or(f64::NEG_INFINITY);
    let mut ranked: Vec<(usize, f64)> = judged.iter().map(|(index, probability)| (*index, *probability)).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| score(b.0).total_cmp(&score(a.0))).then(a.0.cmp(&b.0)));
    ranked.into_iter().map(|(index, _)| index).collect()
}

fn bound(setting: u32) -> usize {
    usize::try_from(setting).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
