//! The whole path of a call in memory: strict JSON, authentication, limits, routing, permissions, pinning, redaction, both
//! audit records, the answer as text. Without HTTP, sockets and a server, which the rounds add (`make bench`).
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use bench::in_memory::{InMemory, answer, call};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;
use gateway::audit::Mode;
use std::time::Duration;

/// Calls at once: strict records share their syncs among those that wait.
const AT_ONCE: [usize; 3] = [1, 32, 64];

fn pipeline(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    for (mode, name) in [(Mode::Relaxed, "relaxed"), (Mode::Strict, "strict")] {
        for (bytes, at_once) in AT_ONCE.map(|at_once| (1_usize << 10, at_once)).into_iter().chain([(100 << 10, 1)]) {
            let gateway = runtime.block_on(InMemory::open(mode)).expect("a place for its files");
            let pipeline = runtime.block_on(gateway.ready()).expect("a tool to call");
            let body = call(bytes);
            group.throughput(Throughput::Elements(u64::try_from(at_once).unwrap_or_default()));
            let id = BenchmarkId::new(format!("{name}_{bytes}_bytes"), at_once);
            group.bench_function(id, |b| {
                b.to_async(&runtime).iter(|| async {
                    let answers = (0..at_once).map(|_| {
                        let (pipeline, body) = (pipeline.clone(), body.clone());
                        tokio::spawn(async move { answer(&pipeline, &body).await.expect("a result").len() })
                    });
                    join_all(answers).await.len()
                });
            });
            runtime.block_on(gateway.close());
        }
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
