//! Appending to the audit log, in batches of 1 to 256 records that wait together; the folder for temporary files decides which
//! disk is measured (`TMPDIR`). Latencies under load: `examples/audit_appends.rs`.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use bench::in_memory::auditor;
use control_plane_api::audit::AuditEvent;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;
use gateway::audit::Mode;
use serde_json::json;
use std::time::Duration;

/// As large as one of an ordinary call.
fn event() -> AuditEvent {
    let event = json!({
        "id": "0".repeat(32), "gateway": "bench", "seq": 0, "time": "2026-07-28T09:00:00.000Z", "phase": "outcome",
        "action": "mcp_call", "method": "tools/call", "user": "ann", "token_id": "t-0123456789", "project": "weekly_reports",
        "server": "slack", "target": "slack_get_messages", "decision": "allow",
        "reason": "allowed by profile `slack-read-only`", "outcome": "ok", "arguments_digest": "0".repeat(64),
        "client": "claude-code 2.1", "peer": "127.0.0.1:40000", "request_id": "17", "revision": 12, "duration_ms": 7,
        "request_bytes": 400, "reply_bytes": 9_000,
    });
    serde_json::from_value(event).expect("an event")
}

fn append(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("audit_append");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    for (mode, name) in [(Mode::Relaxed, "relaxed"), (Mode::Strict, "strict")] {
        for batch in [1_usize, 16, 64, 256] {
            let place = tempfile::tempdir().expect("a folder");
            let log = auditor(place.path(), mode).expect("an audit log");
            let event = event();
            group.throughput(Throughput::Elements(u64::try_from(batch).unwrap_or_default()));
            group.bench_function(BenchmarkId::new(name, batch), |b| {
                b.to_async(&runtime).iter(|| async {
                    let appended = join_all((0..batch).map(|_| log.append(event.clone()))).await;
                    assert!(appended.iter().all(Result::is_ok), "every record is written");
                });
            });
            runtime.block_on(log.close());
        }
    }
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);
