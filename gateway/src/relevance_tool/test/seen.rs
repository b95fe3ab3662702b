//! What `relevance test` has to tell: a table of records, a line that sums up, or both as JSON.

use super::super::output::{grouped, numbers, table, words};
use filters_relevance::{
    Options,
    trial::{self, Kind, Trial, Tried},
};
use serde::Serialize;
use std::path::PathBuf;

/// Characters of a record's text in a table.
const TEXT_CHARS_MAX: usize = 80;
/// Records just below the threshold that a table shows; a wide one shows all.
const DROPPED_ROWS: usize = 10;

/// What there is to tell.
pub(super) struct Seen<'a> {
    pub(super) trial: &'a Trial<'a>,
    pub(super) tried: Option<&'a Tried>,
}

/// A record as JSON.
#[derive(Serialize)]
struct Scored<'a> {
    /// Counted from 1, in source order.
    record: usize,
    score: f64,
    kept: bool,
    text: &'a str,
    aside: &'a str,
    thread: Option<&'a str>,
}

/// All of it as JSON.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    taken_for: &'static str,
    shape: Option<String>,
    kept: usize,
    total: usize,
    bytes_before: usize,
    bytes_after: usize,
    tier: &'static str,
    found: bool,
    unread: usize,
    elapsed_ms: f64,
    /// Best first.
    records: Vec<Scored<'a>>,
}

impl Seen<'_> {
    /// The records, best first.
    fn scored(&self) -> Vec<Scored<'_>> {
        let Some(judgement) = self.tried.map(|tried| &tried.judgement) else { return Vec::new() };
        let records = self.trial.records().iter().zip(&judgement.scores).enumerate();
        let scored = records.map(|(index, (record, score))| Scored {
            record: index + 1,
            score: *score,
            kept: judgement.kept.contains(&index),
            text: &record.spoken.text,
            aside: &record.spoken.aside,
            thread: record.spoken.thread.as_deref(),
        });
        let mut scored: Vec<Scored<'_>> = scored.collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.record.cmp(&b.record)));
        scored
    }

    pub(super) fn rows(&self, wide: bool) -> String {
        let scored = self.scored();
        let mut columns = vec![numbers("RANK"), numbers("RECORD"), numbers("SCORE"), words("KEPT")];
        columns.extend(if wide { vec![words("THREAD"), words("ASIDE")] } else { Vec::new() });
        columns.push(words("TEXT"));
        let row = |(index, scored): (usize, &Scored<'_>)| {
            let mut row = vec![
                (index + 1).to_string(),
                scored.record.to_string(),
                format!("{:.2}", scored.score),
                if scored.kept { "✓" } else { "" }.to_owned(),
            ];
            if wide {
                row.extend([scored.thread.unwrap_or_default().to_owned(), start(scored.aside)]);
            }
            row.push(start(scored.text));
            row
        };
        let mut dropped = 0;
        let shown = scored.iter().enumerate().filter(|(_, scored)| {
            dropped += usize::from(!scored.kept);
            scored.kept || wide || dropped <= DROPPED_ROWS
        });
        table(&columns, shown.map(row).collect::<Vec<_>>()) + "\n"
    }

    /// One line: what was recognised, what is left, by whom, in which time.
    pub(super) fn summary(&self) -> String {
        let (bytes, total) = (self.trial.bytes(), self.trial.records().len());
        let taken = match self.trial.kind() {
            Kind::ToolResult => "tools/call result",
            Kind::Text => "text",
        };
        let (Some(shape), Some(tried)) = (self.trial.shape(), self.tried) else {
            return format!("{taken}: no records recognised, so all {} bytes pass as they are", grouped(bytes));
        };
        let judgement = &tried.judgement;
        let remote = if judgement.found { "" } else { ", the nearest: none is clearly relevant" };
        format!(
            "{taken}, {}: kept {} of {} records{remote}; {} of {} bytes; by {} in {:.0} ms",
            trial::shape_name(shape),
            grouped(judgement.kept.len()),
            grouped(total),
            grouped(tried.left.len()),
            grouped(bytes),
            judgement.tier.name(),
            tried.elapsed.as_secs_f64() * 1e3,
        )
    }

    /// What a gateway would do otherwise, and what is not shown.
    pub(super) fn notes(&self) -> Vec<String> {
        let Some(tried) = self.tried else { return Vec::new() };
        let mut notes = Vec::new();
        let unread = tried.judgement.unread;
        if unread > 0 {
            notes.push(format!("{} records did not get to the model in time", grouped(unread)));
        }
        let least = Options::new(PathBuf::new());
        let (bytes, records) = (self.trial.bytes(), self.trial.records().len());
        if bytes < least.result_bytes_min || records < least.result_records_min {
            notes.push(format!(
                "a gateway passes this as it is: it filters from {} records and {} bytes on",
                least.result_records_min,
                grouped(least.result_bytes_min),
            ));
        }
        notes
    }

    pub(super) fn report(&self) -> Report<'_> {
        let judgement = self.tried.map(|tried| &tried.judgement);
        Report {
            taken_for: match self.trial.kind() {
                Kind::ToolResult => "tool_result",
                Kind::Text => "text",
            },
            shape: self.trial.shape().map(trial::shape_name),
            kept: judgement.map_or(0, |judgement| judgement.kept.len()),
            total: self.trial.records().len(),
            bytes_before: self.trial.bytes(),
            bytes_after: self.tried.map_or(self.trial.bytes(), |tried| tried.left.len()),
            tier: judgement.map_or("none", |judgement| judgement.tier.name()),
            found: judgement.is_some_and(|judgement| judgement.found),
            unread: judgement.map_or(0, |judgement| judgement.unread),
            elapsed_ms: self.tried.map_or(0.0, |tried| tried.elapsed.as_secs_f64() * 1e3),
            records: self.scored(),
        }
    }
}

/// The first characters of a text, on one line.
fn start(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TEXT_CHARS_MAX {
        return line;
    }
    line.chars().take(TEXT_CHARS_MAX - 1).chain(['…']).collect()
}
