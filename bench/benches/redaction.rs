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

/// A result of about `bytes` bytes that is `text` again and again.
fn result(text: &str, bytes: usize) -> Bytes {
    let text: String = text.chars().cycle().take(bytes).collect();
    json!({"content": [{"type": "text", "text": text}], "isError": false}).to_string().into()
}

/// What texts are like, by how much there is between two escapes of theirs in JSON: nothing but text, lines, JSON.
const KINDS: [(&str, &str); 3] = [
    ("plain", "the deploy of the billing service is done, watching the error rate for an hour "),
    ("lines", "the deploy of the billing service is done, watching the error rate for an hour\n"),
    (
        "json",
        r#"{"user":"U02A7","ts":"1753700000.000100","text":"the deploy is done","reactions":[{"name":"eyes","count":2}]},"#,
    ),
];

/// Reads `text` as it comes from a server.
fn read(scrubber: &Scrubber, text: &Bytes) -> Vec<u8> {
    let mut scan = scrubber.scan(Dialect::Json);
    for piece in text.chunks(16 << 10) {
        black_box(scan.push(text.slice_ref(piece)).expect("nothing is found"));
    }
    scan.finish().expect("nothing is found").0
}

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redaction");
    for credentials in [0_usize, 10, 100, 1_000] {
        let scrubber = scrubber(credentials);
        for ((kind, text), bytes) in KINDS.iter().flat_map(|kind| [(kind, 1_usize << 10), (kind, 1 << 20)]) {
            let text = result(text, bytes);
            group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap_or_default()));
            let id = BenchmarkId::new(format!("{kind}/{credentials}_credentials"), bytes);
            group.bench_function(id, |b| b.iter(|| read(&scrubber, &text)));
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
