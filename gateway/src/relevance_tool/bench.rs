//! `relevance bench`: what the encoder and the filter do on this machine, in one run and a minute.

use super::{
    Printing, model,
    output::{Output, grouped, numbers, table, words},
    trouble::Trouble,
};
use crate::settings::Settings;
use control_plane_api::relevance::Relevance as Knobs;
use filters_relevance::{
    encoder::Encoder,
    eval::{
        messages::{INTENT, Lengths, Messages},
        metrics::quantile,
    },
    intent::Intent,
    trial::Trial,
};
use serde::Serialize;
use std::time::Instant;

/// `mcp-gateway relevance bench`.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// Messages of the result that is filtered.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    messages: u32,
    /// Times that each thing is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Time for judging, in milliseconds.
    #[arg(long, value_name = "N")]
    deadline_ms: Option<u32>,
    #[command(flatten)]
    pub(super) printing: Printing,
}

/// What was measured.
#[derive(Serialize)]
struct Measured {
    messages: u32,
    rounds: u32,
    deadline_ms: u32,
    threads: usize,
    /// Messages per second of the best round, none seen before.
    encoder_messages_per_second: Option<f64>,
    /// One result filtered: found, judged and cut.
    filter: Vec<Latency>,
    memory_peak_bytes: Option<u64>,
}

/// How long one way of filtering takes, in milliseconds.
#[derive(Serialize)]
struct Latency {
    way: &'static str,
    tier: &'static str,
    p50_ms: f64,
    p95_ms: f64,
    /// Records that did not get to the model in time, in the last round.
    unread: usize,
}

pub(super) fn run(bench: &Bench, settings: &Settings, output: Output) -> Result<(), Trouble> {
    let encoder = match model::load(settings)? {
        Ok(encoder) => Some(encoder),
        Err(error) => {
            output.note(&format!("measured without the model: {error}"));
            None
        }
    };
    let default = Knobs::default();
    let knobs = Knobs { deadline_ms: bench.deadline_ms.unwrap_or(default.deadline_ms), ..default };
    let mut messages = Messages::default();
    let encoder_messages_per_second =
        encoder.as_ref().map(|encoder| rate(encoder, &mut messages, bench)).transpose()?;
    let source = messages.result(bench.messages as usize);
    let mut filter = vec![latency("without the model", &source, &knobs, None, bench.rounds)?];
    if let Some(encoder) = &encoder {
        let forgetting = Model { encoder, forgets: true };
        filter.push(latency("cold", &source, &knobs, Some(forgetting), bench.rounds)?);
        read_all(encoder, &source)?;
        filter.push(latency("warm", &source, &knobs, Some(Model { encoder, forgets: false }), bench.rounds)?);
    }
    let measured = Measured {
        messages: bench.messages,
        rounds: bench.rounds,
        deadline_ms: knobs.deadline_ms,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        encoder_messages_per_second,
        filter,
        memory_peak_bytes: model::memory_peak_bytes(),
    };
    if output.is_json() { output.json(&measured) } else { output.raw(&measured.text()) }
}

/// Has all records read, as the background does between two questions about them.
fn read_all(encoder: &Encoder, source: &str) -> Result<(), Trouble> {
    let trial = Trial::open(source, None).map_err(|error| Trouble::Failed(error.to_string()))?;
    let texts: Vec<&str> = trial.records().iter().map(|record| record.spoken.text.as_str()).collect();
    encoder.encode_all(&texts).map(drop).map_err(Trouble::from)
}

/// The model of a round.
#[derive(Clone, Copy)]
struct Model<'a> {
    encoder: &'a Encoder,
    /// Whether nothing of the records is remembered.
    forgets: bool,
}

fn rate(encoder: &Encoder, messages: &mut Messages, bench: &Bench) -> Result<f64, Trouble> {
    let mut best = 0.0_f64;
    for _ in 0..bench.rounds {
        let texts = messages.draw(bench.messages as usize, Lengths::Chat);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let started = Instant::now();
        encoder.encode_all(&texts)?;
        best = best.max(texts.len() as f64 / started.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn latency(
    way: &'static str,
    source: &str,
    knobs: &Knobs,
    model: Option<Model<'_>>,
    rounds: u32,
) -> Result<Latency, Trouble> {
    let nothing = || Trouble::Failed("the measured result was not filtered".to_owned());
    let intent = Intent::read(INTENT).ok_or_else(nothing)?;
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..rounds {
        if let Some(model) = model.filter(|model| model.forgets) {
            model.encoder.forget();
        }
        let started = Instant::now();
        let trial = Trial::open(source, None).map_err(|error| Trouble::Failed(error.to_string()))?;
        let tried = trial.judge(&intent, knobs, model.map(|model| model.encoder), None).ok_or_else(nothing)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        last = Some(tried.judgement);
    }
    let last = last.ok_or_else(nothing)?;
    let at = |share: f64| quantile(times.iter().copied(), share).unwrap_or_default();
    Ok(Latency { way, tier: last.tier.name(), p50_ms: at(0.5), p95_ms: at(0.95), unread: last.unread })
}

impl Measured {
    fn text(&self) -> String {
        let columns = [words("FILTER"), words("TIER"), numbers("P50-MS"), numbers("P95-MS"), numbers("UNREAD")];
        let row = |latency: &Latency| {
            vec![
                latency.way.to_owned(),
                latency.tier.to_owned(),
                format!("{:.1}", latency.p50_ms),
                format!("{:.1}", latency.p95_ms),
                latency.unread.to_string(),
            ]
        };
        let mut text = format!(
            "one result of {} messages, {} rounds, {} threads, deadline {} ms\n",
            grouped(self.messages as usize),
            self.rounds,
            self.threads,
            grouped(self.deadline_ms as usize),
        );
        text += &table(&columns, self.filter.iter().map(row).collect::<Vec<_>>());
        if let Some(rate) = self.encoder_messages_per_second {
            text += &format!("\nencoder: {rate:.0} messages/s, none seen before\n");
        }
        if let Some(bytes) = self.memory_peak_bytes {
            text += &format!("memory: at most {} MiB in this process\n", bytes >> 20);
        }
        text
    }
}
