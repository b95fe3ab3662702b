//! The encoder over 1,000 messages it has never seen, in messages per second. Skipped where the model is not installed.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]
#![expect(clippy::print_stderr, reason = "says why nothing was measured")]

use std::path::{Path, PathBuf};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use filters_relevance::encoder::{Encoder, missing_file};

const MODEL: &str = "all-MiniLM-L6-v2";
const MESSAGES: usize = 1_000;
/// Tokens of a message, the two that every text gets included.
const TOKENS: std::ops::RangeInclusive<usize> = 10..=60;
/// Ordinary words, each of them one token of the model.
const WORDS: [&str; 40] = [
    "the", "server", "was", "late", "again", "and", "nobody", "knows", "why", "build", "of", "this", "service",
    "failed", "after", "a", "change", "to", "network", "rules", "please", "look", "into", "it", "before", "lunch",
    "today", "we", "found", "an", "open", "port", "on", "machine", "that", "should", "be", "closed", "since", "monday",
];

/// Random numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }

    fn message(&mut self, tokens: usize) -> String {
        let words = (2..tokens).map(|_| WORDS.get(self.below(WORDS.len())).copied().unwrap_or_default());
        words.collect::<Vec<_>>().join(" ")
    }
}

/// How long messages are.
#[derive(Clone, Copy)]
enum Lengths {
    /// Short ones are the most frequent: 22 tokens in the mean, as in chats.
    Chat,
    /// Every length as frequent as any other: 35 tokens in the mean.
    Uniform,
}

fn messages(random: &mut Random, lengths: Lengths) -> Vec<String> {
    let longest = TOKENS.end() - TOKENS.start() + 1;
    let draw = |random: &mut Random| match lengths {
        Lengths::Uniform => random.below(longest),
        Lengths::Chat => longest * random.below(100).pow(3) / 1_000_000,
    };
    let message = |_| {
        let tokens = TOKENS.start() + draw(random);
        random.message(tokens)
    };
    (0..MESSAGES).map(message).collect()
}

/// The model's folder: the one the environment names, the one the demo and the tests use, the one of `mcpctl`.
fn model() -> Option<PathBuf> {
    let named = std::env::var_os("MCPCTL_MODEL_DIR").map(PathBuf::from);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/models").join(MODEL);
    let pulled = std::env::home_dir().map(|home| home.join(".mcpctl/models").join(MODEL));
    let found = [named, Some(tools), pulled].into_iter().flatten().find(|folder| missing_file(folder).is_none());
    if found.is_none() {
        eprintln!("encoder: not measured, {MODEL} is not installed; get it with `mcpctl model pull`");
    }
    found
}

fn encoder(criterion: &mut Criterion) {
    let Some(folder) = model() else { return };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut group = criterion.benchmark_group("encoder");
    group.sample_size(10).throughput(Throughput::Elements(u64::try_from(MESSAGES).unwrap_or_default()));
    for (name, lengths) in [("chat", Lengths::Chat), ("uniform", Lengths::Uniform)] {
        let encoder = Encoder::load(&folder, cores).expect("the model loads");
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        group.bench_function(BenchmarkId::new(name, MESSAGES), |b| {
            // New messages for every round: the embeddings of the last one are remembered.
            b.iter_batched(
                || messages(&mut random, lengths),
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
