//! Records reach the control plane in order, at least once, and are freed by its receipt only.

use super::{
    super::{Auditor, segment, ship},
    event, exchange, log, open,
};
use crate::{
    control_plane::{
        ControlPlane,
        fake::{Answer, FakeControlPlane, Seen},
    },
    keys::Secret,
};
use control_plane_api::audit::{AuditBatch, AuditEvent, Outcome, Phase};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

fn events(seen: &Seen) -> Vec<AuditEvent> {
    serde_json::from_slice::<AuditBatch>(&seen.body).unwrap().events
}

fn last(seen: &Seen) -> u64 {
    events(seen).last().unwrap().seq
}

fn receipt(seq: u64) -> Answer {
    Answer::json(200, &json!({"seq": seq}))
}

struct Running(tokio::task::JoinHandle<()>);

impl Running {
    fn start(auditor: &Auditor, fake: &FakeControlPlane) -> Self {
        let name = "local".parse().unwrap();
        let control_plane = ControlPlane::new(&[fake.url()], &name, Secret::new("t".to_owned())).unwrap();
        Self(tokio::spawn(ship(auditor.clone(), control_plane)))
    }

    async fn stop(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}

async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn records_arrive_in_order_and_shipped_segments_go() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeControlPlane::start(|seen| receipt(last(seen))).await;
    let auditor = open(dir.path());
    let running = Running::start(&auditor, &fake);
    for number in 0..12 {
        exchange(&auditor, &number.to_string()).await.unwrap();
    }
    until(|| auditor.backlog() == 0 && segment::list(dir.path()).unwrap().len() == 1).await;
    running.stop().await;
    let seen = fake.seen();
    assert!(seen.iter().all(|one| one.path == "/api/v1/gateways/local/audit" && one.method == "POST"));
    let shipped: Vec<u64> = seen.iter().flat_map(events).map(|event| event.seq).collect();
    assert_eq!(shipped, (1..=24).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_not_acknowledged_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let attempts = AtomicUsize::new(0);
    let fake = FakeControlPlane::start(move |seen| match attempts.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::HangUp,
        1 => Answer::json(500, &json!({})),
        2 => receipt(0),
        3 => receipt(1),
        4 => receipt(9_999),
        _ => receipt(last(seen)),
    })
    .await;
    let auditor = open(dir.path());
    for id in ["a", "b"] {
        exchange(&auditor, id).await.unwrap();
    }
    let running = Running::start(&auditor, &fake);
    until(|| auditor.backlog() == 0).await;
    exchange(&auditor, "c").await.unwrap();
    until(|| auditor.backlog() == 0).await;
    running.stop().await;
    let batches: Vec<Vec<u64>> =
        fake.seen().iter().map(|one| events(one).iter().map(|event| event.seq).collect()).collect();
    assert_eq!(batches[..5], [vec![1, 2, 3, 4], vec![1, 2, 3, 4], vec![1, 2, 3, 4], vec![1, 2, 3, 4], vec![2, 3, 4]]);
    assert_eq!(batches[5..].concat(), [5, 6]);
}

#[tokio::test]
async fn a_restart_goes_on_behind_the_last_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeControlPlane::start(|seen| receipt(last(seen))).await;
    let auditor = open(dir.path());
    let running = Running::start(&auditor, &fake);
    exchange(&auditor, "a").await.unwrap();
    until(|| auditor.backlog() == 0).await;
    running.stop().await;
    exchange(&auditor, "b").await.unwrap();
    auditor.close().await;
    let auditor = open(dir.path());
    assert_eq!(auditor.backlog(), 2);
    let before = fake.seen().len();
    let running = Running::start(&auditor, &fake);
    until(|| auditor.backlog() == 0).await;
    running.stop().await;
    let shipped: Vec<u64> = fake.seen()[before..].iter().flat_map(events).map(|event| event.seq).collect();
    assert_eq!(shipped, [3, 4]);
}

#[tokio::test]
async fn an_exchange_open_while_its_segment_is_freed_still_gets_its_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeControlPlane::start(|seen| receipt(last(seen))).await;
    let auditor = open(dir.path());
    let running = Running::start(&auditor, &fake);
    for id in ["long", "longer"] {
        auditor.append(event(id, Phase::Intent)).await.unwrap();
    }
    for number in 0..12 {
        exchange(&auditor, &number.to_string()).await.unwrap();
    }
    auditor.append(event("long", Phase::Outcome)).await.unwrap();
    until(|| auditor.backlog() == 0 && segment::list(dir.path()).unwrap().len() == 1).await;
    running.stop().await;
    auditor.close().await;
    assert!(log(dir.path()).iter().all(|event| event.id != "longer"));
    open(dir.path()).close().await;
    let unknown: Vec<_> = log(dir.path()).into_iter().filter(|event| event.outcome == Outcome::Unknown).collect();
    assert_eq!(unknown.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["longer"]);
}
