//! Keeping credentials out of what leaves: what it costs for a text without any, by size and by the number of credentials.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scrubber::{Credential, Dialect, Scrubber, Secret};
use serde_json::json;
use std::hint::black_box;

fn scrubber(credentials: usize) -> Scrubber {
    let credential = |n: usize| Credential {
        name: format!("secret-{n}").into(),
        value: Secret::new(format!("xoxb-{:016x}-{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15), !n)),
    };
    let scrubber = Scrubber::default();
    scrubber.replace((0..credentials).map(credential).collect()).expect("so many can be looked for");
    scrubber
}

/// A result of about `bytes` bytes: text with line ends, which are escapes in JSON.
fn result(bytes: usize) -> Bytes {
    let line = "the deploy of the billing service is done, watching the error rate for an hour\n";
    let text: String = line.chars().cycle().take(bytes).collect();
    json!({"content": [{"type": "text", "text": text}], "isError": false}).to_string().into()
}

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redaction");
    for credentials in [0_usize, 10, 100, 1_000] {
        let scrubber = scrubber(credentials);
        for bytes in [1_usize << 10, 1 << 20] {
            let text = result(bytes);
            group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap_or_default()));
            group.bench_function(BenchmarkId::new(format!("{credentials}_credentials"), bytes), |b| {
                b.iter(|| {
                    let mut scan = scrubber.scan(Dialect::Json);
                    for piece in text.chunks(16 << 10) {
                        black_box(scan.push(text.slice_ref(piece)).expect("nothing is found"));
                    }
                    scan.finish().expect("nothing is found")
                });
            });
        }
    }
    group.finish();
}

/// Making the automaton, which happens when a credential changes.
fn compile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redaction_compile");
    group.sample_size(10);
    for credentials in [10_usize, 100, 1_000] {
        group.bench_function(BenchmarkId::new("credentials", credentials), |b| b.iter(|| scrubber(credentials)));
    }
    group.finish();
}

criterion_group!(benches, scan, compile);
criterion_main!(benches);
