//! How many audit records a gateway makes durable in a second, and how long one waits for the disk:
//! `cargo run --release -p bench --example audit_appends -- [folder]`. The folder decides which disk is measured.

use control_plane_api::audit::AuditEvent;
use gateway::{
    audit::{AuditOptions, Auditor, Delivery, Signer},
    keys::AuditKey,
    metrics::Metrics,
    settings::StateDir,
};
use serde_json::json;
use std::{
    env,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

/// Time measured for each number of callers.
const TIME: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    for callers in [1, 16, 64, 256] {
        let dir = tempfile::tempdir_in(&folder)?;
        let (waits, elapsed) = measure(dir.path(), callers).await?;
        let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
        let rate = waits.len() as f64 / elapsed.as_secs_f64();
        writeln!(
            std::io::stdout(),
            "{callers:3} in flight: {rate:7.0} durable records/s, p50 {:.2} ms, p99 {:.2} ms",
            at(50),
            at(99)
        )?;
    }
    Ok(())
}

/// How long each append took, sorted, and all of them together.
async fn measure(dir: &Path, callers: usize) -> Result<(Vec<Duration>, Duration), Box<dyn std::error::Error>> {
    let signer = Signer { gateway: "bench".parse()?, key: AuditKey::load(&StateDir::open(&dir.join("state"))?)? };
    let options = AuditOptions { delivery: Delivery::FilesOnly, spool_bytes_max: 16 << 30, ..AuditOptions::default() };
    let auditor = Auditor::open(&dir.join("audit"), signer, options, Metrics::new()?)?;
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let auditor = auditor.clone();
        tasks.push(tokio::spawn(async move {
            let mut waits = Vec::new();
            while begin.elapsed() < TIME {
                let event: AuditEvent =
                    serde_json::from_value(event(caller, waits.len())).map_err(|error| error.to_string())?;
                let asked = Instant::now();
                auditor.append(event).await.map_err(|error| error.to_string())?;
                waits.push(asked.elapsed());
            }
            Ok::<_, String>(waits)
        }));
    }
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    let elapsed = begin.elapsed();
    auditor.close().await;
    waits.sort();
    Ok((waits, elapsed))
}

/// As large as one of an ordinary call.
fn event(caller: usize, number: usize) -> serde_json::Value {
    json!({
        "id": format!("{caller:016x}{number:016x}"), "gateway": "bench", "seq": 0, "time": "2026-07-28T09:00:00.000Z",
        "phase": "outcome", "action": "mcp_call", "method": "tools/call", "user": "ann", "token_id": "t-0123456789",
        "project": "weekly_reports", "server": "slack", "target": "slack_get_messages", "decision": "allow",
        "reason": "allowed by profile `slack-read-only`", "outcome": "ok", "arguments_digest": "0".repeat(64),
        "client": "claude-code 2.1", "peer": "127.0.0.1:40000", "request_id": "17", "revision": 12, "duration_ms": 7,
        "request_bytes": 400, "reply_bytes": 9_000,
    })
}
