//! A snapshot on its way into force, at 10, 1,000 and 10,000 objects: read from JSON, and then validated, compiled and swapped in
//! where the one before had the same servers, as it is with nearly every change.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use bench::in_memory::{InMemory, company, snapshot};
use control_plane_api::snapshot::Snapshot;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway::audit::Mode;
use std::{hint::black_box, sync::Arc};

/// Servers, projects and users; with two profiles for each server that makes 10, 1,000 and 10,000 objects.
const SIZES: [(usize, usize, usize); 3] = [(1, 1, 6), (100, 100, 600), (1_000, 1_000, 6_000)];

fn configuration(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("snapshot");
    group.sample_size(10);
    for (servers, projects, users) in SIZES {
        let snapshot = Arc::new(snapshot(&company(servers, projects, users)));
        let count = snapshot.objects.len();
        assert_eq!(count, servers * 3 + projects + users, "every object is one");
        let text = serde_json::to_string(&*snapshot).expect("a snapshot is JSON");
        group.throughput(Throughput::Elements(u64::try_from(count).unwrap_or_default()));
        group.bench_function(BenchmarkId::new("read", count), |b| {
            b.iter(|| serde_json::from_str::<Snapshot>(black_box(&text)).expect("a snapshot"));
        });
        let gateway = runtime.block_on(InMemory::open(Mode::Relaxed)).expect("a place for its files");
        runtime.block_on(gateway.apply(snapshot.clone())).expect("a valid snapshot");
        group.bench_function(BenchmarkId::new("apply", count), |b| {
            b.to_async(&runtime).iter(|| async { gateway.apply(snapshot.clone()).await.expect("a valid snapshot") });
        });
        runtime.block_on(gateway.close());
    }
    group.finish();
}

criterion_group!(benches, configuration);
criterion_main!(benches);
