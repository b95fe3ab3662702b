//! The encoder over 1,000 messages it has never seen, in messages per second. Skipped where the model is not installed.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use bench::model;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use filters_relevance::{
    encoder::Encoder,
    eval::messages::{Lengths, Messages},
};

const MESSAGES: usize = 1_000;

fn encoder(criterion: &mut Criterion) {
    let Some(folder) = model() else { return };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut group = criterion.benchmark_group("encoder");
    group.sample_size(10).throughput(Throughput::Elements(u64::try_from(MESSAGES).unwrap_or_default()));
    for (name, lengths) in [("chat", Lengths::Chat), ("uniform", Lengths::Uniform)] {
        let encoder = Encoder::load(&folder, cores).expect("the model loads");
        let mut messages = Messages::default();
        group.bench_function(BenchmarkId::new(name, MESSAGES), |b| {
            // New messages for every round: the embeddings of the last one are remembered.
            b.iter_batched(
                || messages.draw(MESSAGES, lengths),
                |texts| {
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    encoder.encode(&texts, &|| true).expect("the model encodes")
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, encoder);
criterion_main!(benches);
