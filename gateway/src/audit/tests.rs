//! The promises of the audit log, tried on real files.

use super::*;
use control_plane_api::{
    audit::{Action, Decision, Outcome, Phase},
    timestamp::Timestamp,
};
use proptest::prelude::{ProptestConfig, proptest};
use segment::{Line, Lines};
use std::collections::BTreeMap;

mod faults;
mod recovering;
mod shipping;

/// Small enough to see many segments.
pub(super) fn small() -> AuditOptions {
    AuditOptions { queue_max: 8, segment_bytes: 2_000, spool_bytes_max: 1 << 20, delivery: Delivery::ControlPlane }
}

pub(super) fn open(dir: &Path) -> Auditor {
    Auditor::open(dir, small(), Metrics::new().unwrap()).unwrap()
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
        duration_ms: 0,
        request_bytes: 0,
        reply_bytes: 0,
        relevance: None,
    }
}

/// One exchange, told twice.
pub(super) async fn exchange(auditor: &Auditor, id: &str) -> Result<(), AuditError> {
    auditor.append(event(id, Phase::Intent)).await?;
    auditor.append(event(id, Phase::Outcome)).await
}

/// Every record in `dir`, oldest first.
pub(super) fn log(dir: &Path) -> Vec<AuditEvent> {
    let mut events = Vec::new();
    for segment in segment::list(dir).unwrap() {
        let mut lines = Lines::open(&segment, 0).unwrap();
        while let Line::Record(event, _) = lines.next_line().unwrap() {
            events.push(*event);
        }
    }
    events
}

/// Asserts that positions grow one by one.
pub(super) fn check_sequence(events: &[AuditEvent]) {
    for pair in events.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq + 1);
    }
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
    check_sequence(&log(dir.path()));
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
    assert!(segment::bytes(dir.path()).unwrap() < 16_000);
}

#[tokio::test]
async fn a_closed_log_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new().unwrap();
    let auditor = Auditor::open(dir.path(), small(), metrics.clone()).unwrap();
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
        check_sequence(&events);
        let mut by_caller: BTreeMap<&str, Vec<(&str, bool)>> = BTreeMap::new();
        for event in &events {
            let (caller, number) = event.id.split_once('/').unwrap();
            by_caller.entry(caller).or_default().push((number, event.phase == Phase::Outcome));
        }
        assert!(by_caller.values().all(|records| records.is_sorted()));
    }
}
