//! Judging 1,000 messages, part by part and as a whole. What needs the model is skipped where it is not installed.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use bench::model;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use filters_relevance::{
    encoder::Encoder,
    eval::messages::{INTENT, Messages},
    intent::Intent,
    trial::{Settings, Trial},
};
use std::hint::black_box;

const MESSAGES: usize = 1_000;
/// Time for judging, in milliseconds: what the cascade gets in an exchange that somebody waits for.
const DEADLINE_MS: u32 = 300;

/// A result found, judged within `deadline_ms` and cut.
fn filter_within(deadline_ms: u32, source: &str, encoder: Option<&Encoder>) -> usize {
    let settings = Settings { deadline_ms, ..Settings::default() };
    let intent = Intent::read(INTENT).expect("the intent asks for something");
    let trial = Trial::open(source, None).expect("a result is a result");
    let tried = trial.judge(&intent, &settings, encoder, None).expect("messages are records");
    tried.left.len()
}

fn filter(source: &str, encoder: Option<&Encoder>) -> usize {
    filter_within(DEADLINE_MS, source, encoder)
}

fn relevance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judging");
    group.sample_size(10).throughput(Throughput::Elements(u64::try_from(MESSAGES).unwrap_or_default()));
    let source = Messages::default().result(MESSAGES);
    group
        .bench_function(BenchmarkId::new("find_and_static", MESSAGES), |b| b.iter(|| filter(black_box(&source), None)));
    let Some(folder) = model() else { return };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let encoder = Encoder::load(&folder, cores).expect("the model loads");
    group.bench_function(BenchmarkId::new("cascade_cold", MESSAGES), |b| {
        b.iter_batched(|| encoder.forget(), |()| filter(black_box(&source), Some(&encoder)), BatchSize::PerIteration);
    });
    // Everything doubtful is known: what the deadline left unread would be read by the next calls.
    filter_within(u32::MAX, &source, Some(&encoder));
    let trial = Trial::open(&source, None).expect("a result is a result");
    let texts: Vec<&str> = trial.records().iter().map(|record| record.spoken.text.as_str()).collect();
    encoder.encode_all(&texts).expect("the model encodes");
    group.bench_function(BenchmarkId::new("cascade_warm", MESSAGES), |b| {
        b.iter(|| filter(black_box(&source), Some(&encoder)));
    });
    group.finish();
}

criterion_group!(benches, relevance);
criterion_main!(benches);
