//! What came out, by set and over all sets: one line of numbers per scorer.
//!
//! The columns are a table of their own, [`METRICS`]: whoever prints or compares goes through it.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::metrics::{Ranking, Selection, mean, quantile};
use super::scorer::Scorer;

/// One scorer on one case.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) ranking: Option<Ranking>,
    pub(super) selection: Option<Selection>,
    pub(super) unread_share: Option<f64>,
    /// Milliseconds per 1,000 records.
    pub(super) ms_per_thousand: f64,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A goodness from 0 to 1.
    Goodness,
    /// A share of all records, from 0 to 1.
    Share,
    /// Records.
    Count,
    /// Milliseconds per 1,000 records.
    Milliseconds,
}

/// A column of numbers.
pub struct Metric {
    /// Its name in JSON.
    pub name: &'static str,
    /// Its heading in a table.
    pub heading: &'static str,
    /// What its numbers are.
    pub unit: Unit,
    of: Of,
}

/// How a column is made from outcomes.
enum Of {
    /// The mean over cases, and over sets the mean of the sets' means: a set of many cases counts as one of few.
    Mean(fn(&Outcome) -> Option<f64>),
    /// A quantile over all cases of all sets.
    Quantile(f64, fn(&Outcome) -> f64),
}

const fn of_ranking(name: &'static str, heading: &'static str, of: fn(&Outcome) -> Option<f64>) -> Metric {
    Metric { name, heading, unit: Unit::Goodness, of: Of::Mean(of) }
}

const fn of_selection(
    name: &'static str,
    heading: &'static str,
    unit: Unit,
    of: fn(&Outcome) -> Option<f64>,
) -> Metric {
    Metric { name, heading, unit, of: Of::Mean(of) }
}

const fn of_time(name: &'static str, heading: &'static str, share: f64) -> Metric {
    Metric { name, heading, unit: Unit::Milliseconds, of: Of::Quantile(share, |o| o.ms_per_thousand) }
}

/// The columns, in the order in which they are printed. The first six judge the ranking, the next eight the selection.
pub const METRICS: [Metric; 16] = [
    of_ranking("ndcg", "NDCG", |o| Some(o.ranking?.ndcg)),
    of_ranking("average_precision", "AP", |o| Some(o.ranking?.average_precision)),
    of_ranking("recall_at_5_percent", "R@5%", |o| Some(o.ranking?.recall_at_5)),
    of_ranking("recall_at_10_percent", "R@10%", |o| Some(o.ranking?.recall_at_10)),
    of_ranking("recall_at_25_percent", "R@25%", |o| Some(o.ranking?.recall_at_25)),
    of_ranking("best_f1", "BEST-F1", |o| Some(o.ranking?.best_f1)),
    of_selection("recall", "RECALL", Unit::Goodness, |o| o.selection?.recall),
    of_selection("core_recall", "CORE", Unit::Goodness, |o| o.selection?.core_recall),
    of_selection("precision", "PRECISION", Unit::Goodness, |o| o.selection?.precision),
    of_selection("f1", "F1", Unit::Goodness, |o| o.selection?.f1),
    of_selection("kept_share", "KEPT%", Unit::Share, |o| Some(o.selection?.kept_share)),
    of_selection("kept_records", "KEPT", Unit::Count, |o| Some(o.selection?.kept as f64)),
    of_selection("found_right", "FOUND", Unit::Goodness, |o| Some(f64::from(u8::from(o.selection?.found_right)))),
    of_selection("unread_share", "UNREAD%", Unit::Share, |o| o.unread_share),
    of_time("p50_ms_per_1000_records", "P50-MS", 0.5),
    of_time("p95_ms_per_1000_records", "P95-MS", 0.95),
];

/// A scorer's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The scorer.
    pub scorer: String,
    /// Cases it ran over.
    pub cases: usize,
    /// In the order of [`METRICS`]; none where a number has no meaning, such as the recall of a scorer that only ranks.
    pub values: Vec<Option<f64>>,
}

impl Line {
    pub(super) fn of(scorer: Scorer, outcomes: &[Outcome]) -> Self {
        let value = |metric: &Metric| match metric.of {
            Of::Mean(of) => mean(outcomes.iter().filter_map(of)),
            Of::Quantile(share, of) => quantile(outcomes.iter().map(of), share),
        };
        Self { scorer: scorer.to_string(), cases: outcomes.len(), values: METRICS.iter().map(value).collect() }
    }

    /// Over several sets, of which `lines` are the numbers and `outcomes` all cases.
    pub(super) fn mean(scorer: Scorer, lines: &[&Self], outcomes: &[Outcome]) -> Self {
        let mut line = Self::of(scorer, outcomes);
        for (index, metric) in METRICS.iter().enumerate() {
            if let (Of::Mean(_), Some(value)) = (&metric.of, line.values.get_mut(index)) {
                *value = mean(lines.iter().filter_map(|line| *line.values.get(index)?));
            }
        }
        line
    }

    /// The number called `name` in JSON.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        let index = METRICS.iter().position(|metric| metric.name == name)?;
        self.values.get(index).copied().flatten()
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("scorer", &self.scorer)?;
        map.serialize_entry("cases", &self.cases)?;
        for (metric, value) in METRICS.iter().zip(&self.values) {
            map.serialize_entry(metric.name, value)?;
        }
        map.end()
    }
}

/// What knowing threads brings: the same cases with the threads of the set, and with none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThreadGain {
    /// The scorer that shows it.
    pub scorer: String,
    /// As the set is.
    pub with: Line,
    /// With nobody's thread known.
    pub without: Line,
}

/// One set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetReport {
    /// Its name.
    pub set: String,
    /// Its cases.
    pub cases: usize,
    /// Its records, those that several cases share counted once.
    pub records: usize,
    /// One line per scorer.
    pub scorers: Vec<Line>,
    /// Only where the set knows threads.
    pub threads: Option<ThreadGain>,
}

/// All sets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// One by one.
    pub sets: Vec<SetReport>,
    /// One line per scorer: the mean over sets, and quantiles over all cases.
    pub mean: Vec<Line>,
    /// Distinct texts per second through the encoder, none of them seen before; none where nothing was encoded.
    pub encoder_messages_per_second: Option<f64>,
}

impl Report {
    /// The oracle bound: the recall that the best threshold on the encoder's own full ranking reaches with a quarter of
    /// the records, the mean over sets. None where the encoder did not run alone.
    #[must_use]
    pub fn oracle_recall(&self) -> Option<f64> {
        let minilm = self.mean.iter().find(|line| line.scorer == Scorer::MiniLm.to_string())?;
        minilm.value("recall_at_25_percent")
    }
}

#[cfg(test)]
mod tests;
