//! The promises of the audit log, tried on real files.

use super::*;
use control_plane_api::{
    audit::{
        Action, Decision, Outcome, Phase,
        chain::Entry,
        verify::{Start, Trust, Verifier},
    },
    timestamp::Timestamp,
};
use proptest::prelude::{ProptestConfig, proptest};
use segment::{Line, Lines};
use std::collections::BTreeMap;

mod checkpoints;
mod faults;
mod recovering;
mod relaxed;
mod shipping;

/// Small enough to see many segments; checkpoints come at the end only.
pub(super) fn small() -> AuditOptions {
    let pace = Pace { records_max: 1_000, interval: Duration::from_secs(3_600), idle: Duration::from_secs(3_600) };
    let (segment_bytes, spool_bytes_max) = (2_000, 1 << 20);
    AuditOptions { segment_bytes, spool_bytes_max, queue_max: 8, pace, ..AuditOptions::default() }
}

pub(super) fn signer() -> Signer {
    Signer { gateway: "local".parse().unwrap(), key: AuditKey::of(1) }
}

pub(crate) fn open(dir: &Path) -> Auditor {
    Auditor::open(dir, signer(), small(), Metrics::new().unwrap()).unwrap()
}

pub(super) fn event(id: &str, phase: Phase) -> AuditEvent {
    AuditEvent {
        id: id.to_owned(),
        gateway: "local".parse().unwrap(),
        seq: 0,
        time: Timestamp::from_millis(0),
        phase,
        action: Action::McpCall,
        method: "tools/call".to_owned(),
        user: Some("anna".parse().unwrap()),
        token_id: None,
        project: Some("weekly_reports".to_owned()),
        server: Some("slack".parse().unwrap()),
        target: Some("slack_get_messages".to_owned()),
        decision: Decision::Allow,
        reason: String::new(),
        outcome: Outcome::Ok,
        arguments_digest: None,
        arguments: None,
        client: None,
        peer: None,
        request_id: None,
        trace_id: None,
        revision: 1,
        stale_s: None,
        duration_ms: 0,
        request_bytes: 0,
        reply_bytes: 0,
        reply_digest: None,
        relevance: None,
        redacted: Vec::new(),
    }
}

/// One exchange, told twice.
pub(super) async fn exchange(auditor: &Auditor, id: &str) -> Result<(), AuditError> {
    auditor.append(event(id, Phase::Intent)).await?;
    auditor.append(event(id, Phase::Outcome)).await
}

/// Every record in `dir` and its text, oldest first.
pub(super) fn records(dir: &Path) -> Vec<(Entry, String)> {
    let mut records = Vec::new();
    for segment in segment::list(dir).unwrap() {
        let mut lines = Lines::open(&segment, 0).unwrap();
        while let Line::Record(entry) = lines.next_line().unwrap() {
            records.push((*entry, lines.text().to_owned()));
        }
    }
    records
}

/// Every event in `dir`, oldest first.
pub(super) fn log(dir: &Path) -> Vec<AuditEvent> {
    records(dir).into_iter().filter_map(|(entry, _)| entry.event().cloned()).collect()
}

/// Asserts that the chain in `dir` holds and is signed for; gives what was read.
pub(super) fn check_chain(dir: &Path) -> Verifier {
    let keys = Trust::Keys(vec![signer().key.signing().verifying_key()]);
    let mut verifier = Verifier::new(signer().gateway, keys, Start::Anywhere);
    for (_, text) in records(dir) {
        verifier.take(&text).unwrap();
    }
    verifier.finish(None).unwrap();
    verifier
}

#[tokio::test]
async fn a_record_is_on_disk_when_append_returns() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    for id in ["a", "b"] {
        exchange(&auditor, id).await.unwrap();
        let last = log(dir.path()).pop().unwrap();
        assert_eq!((last.id.as_str(), last.phase), (id, Phase::Outcome));
    }
    check_chain(dir.path());
    assert_eq!(auditor.backlog(), 4);
}

#[tokio::test]
async fn what_a_client_sends_can_neither_break_out_of_its_line_nor_bloat_it() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    for target in ["\"}\n{\"id\":\"forged\"}\n", "\u{1b}[2J\0\u{202e}", &"\u{1}".repeat(1 << 20)] {
        let hostile = AuditEvent { target: Some(target.to_owned()), ..event("x", Phase::Intent) };
        auditor.append(hostile).await.unwrap();
    }
    auditor.close().await;
    let events = log(dir.path());
    assert_eq!(events.len(), 3);
    assert_eq!(events[0].target.as_deref(), Some("\"}\n{\"id\":\"forged\"}\n"));
    assert!(events[2].target.as_ref().unwrap().contains("1048576 bytes, sha256 "));
    assert!(segment::bytes(dir.path()).unwrap() < 18_000);
}

#[tokio::test]
async fn a_09_no_record_is_larger_than_64_kib_whatever_a_client_sends() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    let long = || "\u{1}".repeat(64 << 20);
    let mut hostile = event("x", Phase::Outcome);
    (hostile.target, hostile.client, hostile.request_id) = (Some(long()), Some(long()), Some(long()));
    (hostile.method, hostile.reason, hostile.trace_id) = (long(), long(), Some(long()));
    (hostile.arguments, hostile.project) = (Some(serde_json::json!("x".repeat(24 << 10))), Some(long()));
    auditor.append(hostile).await.unwrap();
    auditor.close().await;
    let largest = records(dir.path()).iter().map(|(_, text)| text.len()).max().unwrap();
    assert!(largest <= 64 << 10, "{largest}");
}

#[tokio::test]
async fn a_closed_log_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new().unwrap();
    let auditor = Auditor::open(dir.path(), signer(), small(), metrics.clone()).unwrap();
    exchange(&auditor, "a").await.unwrap();
    auditor.close().await;
    assert!(matches!(exchange(&auditor, "b").await, Err(AuditError::Closed)));
    assert!(metrics.render().unwrap().contains("mcpctl_audit_append_failures_total 1"));
    assert_eq!(log(dir.path()).len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn records_of_one_caller_keep_their_order_and_none_is_lost_or_doubled(callers in 1_usize..12, each in 1_usize..20) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let auditor = open(dir.path());
            let tasks: Vec<_> = (0..callers)
                .map(|caller| {
                    let auditor = auditor.clone();
                    tokio::spawn(async move {
                        for number in 0..each {
                            exchange(&auditor, &format!("{caller}/{number:03}")).await.unwrap();
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            auditor.close().await;
        });
        let events = log(dir.path());
        assert_eq!(events.len(), callers * each * 2);
        check_chain(dir.path());
        let mut by_caller: BTreeMap<&str, Vec<(&str, bool)>> = BTreeMap::new();
        for event in &events {
            let (caller, number) = event.id.split_once('/').unwrap();
            by_caller.entry(caller).or_default().push((number, event.phase == Phase::Outcome));
        }
        assert!(by_caller.values().all(|records| records.is_sorted()));
    }
}
