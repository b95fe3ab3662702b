//! `relevance eval`: every scorer over labelled sets in one run.

use super::{
    Printing, model,
    output::{Column, Output, grouped, numbers, table, words},
    recall,
    trouble::Trouble,
};
use crate::settings::Settings;
use control_plane_api::relevance::{Recall, Relevance as Knobs};
use filters_relevance::eval::{
    self,
    dataset::{self, Set},
    report::{Line, METRICS, Report, ThreadGain, Unit},
    scorer::{Judges, Scorer},
};
use serde::Serialize;
use std::path::PathBuf;

/// Columns of the ranking come before those of the selection and of time.
const RANKING: [&str; 6] =
    ["ndcg", "average_precision", "recall_at_5_percent", "recall_at_10_percent", "recall_at_25_percent", "best_f1"];

/// `mcp-gateway relevance eval`.
#[derive(Debug, clap::Args)]
pub struct Eval {
    /// Labelled sets: JSON lines, or folders with such files.
    #[arg(required = true, value_name = "DATASET")]
    sets: Vec<PathBuf>,
    /// Only these: bm25, static, static+bm25, minilm, cascade, cascade-MS, cascade-MS-warm; separated by commas.
    #[arg(long = "scorer", value_name = "NAME", value_delimiter = ',')]
    scorers: Vec<Scorer>,
    /// How careful to be not to lose a relevant record: high, balanced or tight [default: balanced].
    #[arg(long, value_parser = recall)]
    recall: Option<Recall>,
    #[command(flatten)]
    pub(super) printing: Printing,
}

/// The report with what this process needed for it.
#[derive(Serialize)]
struct Measured {
    #[serde(flatten)]
    report: Report,
    oracle_recall: Option<f64>,
    memory_peak_bytes: Option<u64>,
}

pub(super) fn run(eval: &Eval, settings: &Settings, output: Output) -> Result<(), Trouble> {
    let mut sets: Vec<Set> = Vec::new();
    for path in &eval.sets {
        sets.extend(dataset::read(path)?);
    }
    let model = model::load(settings)?;
    let scorers = match model.as_ref() {
        Ok(_) => chosen(eval),
        Err(_) if eval.scorers.is_empty() => {
            let (skipped, scorers): (Vec<Scorer>, _) = chosen(eval).into_iter().partition(|s| s.needs_encoder());
            let names: Vec<String> = skipped.iter().map(ToString::to_string).collect();
            output.note(&format!("not measured, because there is no model: {}", names.join(", ")));
            scorers
        }
        Err(_) => chosen(eval),
    };
    let encoder = match model {
        Ok(encoder) => Some(encoder),
        Err(error) if scorers.iter().any(|scorer| scorer.needs_encoder()) => return Err(error.into()),
        Err(error) => {
            output.note(&error.to_string());
            None
        }
    };
    let settings = Knobs { recall: eval.recall.unwrap_or_default(), ..Knobs::default() };
    let judges = Judges { encoder: encoder.as_ref(), settings };
    let report = eval::evaluate(&sets, &scorers, &judges, &|text| output.note(text))?;
    let oracle_recall = report.oracle_recall();
    let measured = Measured { report, oracle_recall, memory_peak_bytes: model::memory_peak_bytes() };
    if output.is_json() { output.json(&measured) } else { output.raw(&text(&measured, output.is_wide())) }
}

fn chosen(eval: &Eval) -> Vec<Scorer> {
    if eval.scorers.is_empty() { Scorer::all() } else { eval.scorers.clone() }
}

/// The report for reading: all sets, in a wide one each of them too, then threads, bound and speed.
fn text(measured: &Measured, wide: bool) -> String {
    let report = &measured.report;
    let mut parts = Vec::new();
    if wide && report.sets.len() > 1 {
        for set in &report.sets {
            let title = format!("{}: {} cases, {} records", set.set, grouped(set.cases), grouped(set.records));
            parts.push(format!("{title}\n{}", lines(&set.scorers)));
        }
    }
    let sets: Vec<&str> = report.sets.iter().map(|set| set.set.as_str()).collect();
    let cases: usize = report.sets.iter().map(|set| set.cases).sum();
    let title = match sets.as_slice() {
        [one] => format!("{one}: {} cases", grouped(cases)),
        all => format!("mean over {} sets ({}), {} cases", all.len(), all.join(", "), grouped(cases)),
    };
    parts.push(format!("{title}\n{}", lines(&report.mean)));
    let gains: Vec<(&str, &ThreadGain)> =
        report.sets.iter().filter_map(|set| Some((set.set.as_str(), set.threads.as_ref()?))).collect();
    if !gains.is_empty() {
        parts.push(format!("what knowing threads brings\n{}", threads(&gains)));
    }
    parts.push(facts(measured));
    parts.join("\n")
}

/// The ranking and the selection, one table each: together they are too wide to read.
fn lines(lines: &[Line]) -> String {
    let is_ranking = |name: &str| RANKING.contains(&name);
    let selects = |line: &&Line| line.value("kept_share").is_some();
    let ranking = part(lines.iter(), &|name| is_ranking(name));
    let selecting: Vec<&Line> = lines.iter().filter(selects).collect();
    let is_time = |name: &str| name.contains("_ms_");
    let selection = part(selecting.iter().copied(), &|name| !is_ranking(name) && !is_time(name));
    let speed = part(lines.iter(), &is_time);
    let selection = if selecting.is_empty() { String::new() } else { format!("\n{selection}") };
    format!("{ranking}{selection}\n{speed}")
}

fn part<'a>(lines: impl Iterator<Item = &'a Line>, shown: &dyn Fn(&str) -> bool) -> String {
    let metrics = || METRICS.iter().enumerate().filter(|(_, metric)| shown(metric.name));
    let columns: Vec<Column> =
        std::iter::once(words("SCORER")).chain(metrics().map(|(_, metric)| numbers(metric.heading))).collect();
    let row = |line: &Line| {
        let cells = metrics().map(|(index, metric)| cell(metric.unit, line.values.get(index).copied().flatten()));
        std::iter::once(line.scorer.clone()).chain(cells).collect()
    };
    table(&columns, lines.map(row).collect::<Vec<_>>())
}

fn cell(unit: Unit, value: Option<f64>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    match unit {
        Unit::Goodness => format!("{value:.3}"),
        Unit::Share => format!("{:.1}", value * 100.0),
        Unit::Count | Unit::Milliseconds => format!("{value:.1}"),
    }
}

fn threads(gains: &[(&str, &ThreadGain)]) -> String {
    let columns = [
        words("SET"),
        words("SCORER"),
        numbers("AP"),
        numbers("WITHOUT"),
        numbers("GAIN"),
        numbers("RECALL"),
        numbers("WITHOUT"),
        numbers("GAIN"),
    ];
    let row = |(set, gain): &(&str, &ThreadGain)| {
        let mut row = vec![(*set).to_owned(), gain.scorer.clone()];
        for name in ["average_precision", "recall"] {
            let (with, without) = (gain.with.value(name), gain.without.value(name));
            let difference = with.zip(without).map(|(with, without)| format!("{:+.3}", with - without));
            row.extend([cell(Unit::Goodness, with), cell(Unit::Goodness, without)]);
            row.push(difference.unwrap_or_else(|| "-".to_owned()));
        }
        row
    };
    table(&columns, gains.iter().map(row).collect::<Vec<_>>())
}

fn facts(measured: &Measured) -> String {
    let mut facts = Vec::new();
    if let Some(recall) = measured.oracle_recall {
        facts.push(format!(
            "oracle bound: {recall:.3} is the recall of the best threshold on minilm's full ranking that keeps 25 %"
        ));
    }
    if let Some(rate) = measured.report.encoder_messages_per_second {
        facts.push(format!("encoder: {rate:.0} messages/s, none seen before"));
    }
    if let Some(bytes) = measured.memory_peak_bytes {
        facts.push(format!("memory: at most {} MiB in this process", bytes >> 20));
    }
    facts.into_iter().map(|fact| fact + "\n").collect()
}
