//! How good and how fast judging is on labelled sets: every scorer over the same cases in one run.
//!
//! In reading order: [`dataset`] reads the cases, [`scorer`] names the ways of scoring and runs one over one case,
//! [`metrics`] says how good that was, [`report`] sums it up by set and over all. [`messages`] makes texts for measuring
//! speed alone. Nothing on the path of a request uses this; printing is up to the caller.

pub mod dataset;
pub mod messages;
pub mod metrics;
pub mod report;
pub mod scorer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::encoder::EncoderError;
use crate::segment::Record;
use crate::statics::Table;
use dataset::{Case, Set};
use report::{Line, Outcome, Report, SetReport, ThreadGain};
use scorer::{Judges, Scorer};

/// What was encoded, and in which time.
#[derive(Debug, Clone, Copy, Default)]
struct Encoded {
    messages: usize,
    elapsed: Duration,
}

/// The outcomes of one scorer over the cases of one set.
struct Column {
    scorer: Scorer,
    outcomes: Vec<Outcome>,
    /// The same with nobody's thread known; only of the scorer that shows what threads bring.
    without_threads: Vec<Outcome>,
}

/// Runs every one of `scorers` over every case of `sets`. `progress` is told what is being done.
///
/// # Errors
/// [`EncoderError`] when the model fails to encode, or a scorer needs a model and `judges` have none.
pub fn evaluate(
    sets: &[Set],
    scorers: &[Scorer],
    judges: &Judges<'_>,
    progress: &dyn Fn(&str),
) -> Result<Report, EncoderError> {
    let mut scorers = scorers.to_vec();
    // Those that use what is encoded come before those that forget it.
    scorers.sort_unstable();
    scorers.dedup();
    // Read from the program now, so that no case pays for it.
    let _ = Table::shipped();
    let mut encoded = Encoded::default();
    let mut reports = Vec::new();
    let mut all: Vec<Vec<Outcome>> = vec![Vec::new(); scorers.len()];
    for (index, set) in sets.iter().enumerate() {
        progress(&format!("set {} of {}: {}, {} cases", index + 1, sets.len(), set.name, set.cases.len()));
        let columns = columns(set, &scorers, judges, &mut encoded)?;
        reports.push(set_report(set, &columns));
        for (outcomes, column) in all.iter_mut().zip(columns) {
            outcomes.extend(column.outcomes);
        }
    }
    let mean = |(index, (scorer, outcomes)): (usize, (&Scorer, &Vec<Outcome>))| {
        let lines: Vec<&Line> = reports.iter().filter_map(|set: &SetReport| set.scorers.get(index)).collect();
        Line::mean(*scorer, &lines, outcomes)
    };
    let mean = scorers.iter().zip(&all).enumerate().map(mean).collect();
    let seconds = encoded.elapsed.as_secs_f64();
    let encoder_messages_per_second = (encoded.messages > 0).then(|| encoded.messages as f64 / seconds);
    Ok(Report { sets: reports, mean, encoder_messages_per_second })
}

/// Every scorer over one set, collection by collection, so that what several cases share is encoded once.
fn columns(
    set: &Set,
    scorers: &[Scorer],
    judges: &Judges<'_>,
    encoded: &mut Encoded,
) -> Result<Vec<Column>, EncoderError> {
    let new = |scorer: &Scorer| Column { scorer: *scorer, outcomes: Vec::new(), without_threads: Vec::new() };
    let mut columns: Vec<Column> = scorers.iter().map(new).collect();
    let shows_threads = scorers.iter().copied().filter(|scorer| scorer.shows_threads()).max();
    let shows_threads = shows_threads.filter(|_| set.knows_threads());
    for (records, cases) in collections(set) {
        if scorers.iter().any(|scorer| scorer.needs_everything_encoded()) {
            let started = Instant::now();
            encoded.messages += judges.encode_anew(records)?;
            encoded.elapsed += started.elapsed();
        }
        let threadless: Vec<Record> = records.iter().cloned().map(without_thread).collect();
        for column in &mut columns {
            for case in &cases {
                column.outcomes.push(outcome(column.scorer, case, records, judges)?);
                if shows_threads == Some(column.scorer) {
                    column.without_threads.push(outcome(column.scorer, case, &threadless, judges)?);
                }
            }
        }
    }
    Ok(columns)
}

/// The cases by the records they look into.
fn collections(set: &Set) -> Vec<(&[Record], Vec<&Case>)> {
    let mut collections: Vec<(&Arc<Vec<Record>>, Vec<&Case>)> = Vec::new();
    for case in &set.cases {
        match collections.iter_mut().find(|(records, _)| Arc::ptr_eq(records, &case.records)) {
            Some((_, cases)) => cases.push(case),
            None => collections.push((&case.records, vec![case])),
        }
    }
    collections.into_iter().map(|(records, cases)| (records.as_slice(), cases)).collect()
}

fn without_thread(mut record: Record) -> Record {
    record.spoken.thread = None;
    record
}

fn outcome(scorer: Scorer, case: &Case, records: &[Record], judges: &Judges<'_>) -> Result<Outcome, EncoderError> {
    let scored = judges.score(scorer, records, &case.intent)?;
    let selection = scored
        .selected
        .as_ref()
        .map(|selected| metrics::selection(&selected.kept, records.len(), &case.relevant, &case.core, selected.found));
    Ok(Outcome {
        ranking: metrics::ranking(&scored.scores, &case.relevant),
        selection,
        unread_share: scored.selected.map(|selected| selected.unread as f64 / records.len().max(1) as f64),
        ms_per_thousand: scored.elapsed.as_secs_f64() * 1e6 / records.len().max(1) as f64,
    })
}

fn set_report(set: &Set, columns: &[Column]) -> SetReport {
    let with_threads = columns.iter().find(|column| !column.without_threads.is_empty());
    SetReport {
        set: set.name.clone(),
        cases: set.cases.len(),
        records: collections(set).iter().map(|(records, _)| records.len()).sum(),
        scorers: columns.iter().map(|column| Line::of(column.scorer, &column.outcomes)).collect(),
        threads: with_threads.map(|column| ThreadGain {
            scorer: column.scorer.to_string(),
            with: Line::of(column.scorer, &column.outcomes),
            without: Line::of(column.scorer, &column.without_threads),
        }),
    }
}

#[cfg(test)]
mod tests;
