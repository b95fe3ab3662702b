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
    keys::{Secret, tests::signing_key},
};
use control_plane_api::{
    audit::{
        AuditBatch, Outcome, Phase,
        chain::{Entry, Hash, Head},
        receipt::{Receipt, SignedText},
    },
    timestamp::Timestamp,
};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

fn heads(seen: &Seen) -> Vec<Head> {
    let texts = serde_json::from_slice::<AuditBatch>(&seen.body).unwrap().records;
    texts.iter().map(|text| serde_json::from_str::<Entry>(text).unwrap().head(text)).collect()
}

/// The position of every record in it.
fn seqs(seen: &Seen) -> Vec<u64> {
    heads(seen).iter().map(|head| head.seq).collect()
}

fn receipt(head: Head) -> Answer {
    let receipt = Receipt { gateway: "local".parse().unwrap(), head, time: Timestamp::now() };
    let signed = SignedText::new(&receipt, &signing_key()).unwrap();
    Answer::json(200, &serde_json::to_value(signed).unwrap())
}

/// For everything in it.
fn whole(seen: &Seen) -> Answer {
    receipt(*heads(seen).last().unwrap())
}

struct Running(tokio::task::JoinHandle<()>);

impl Running {
    fn start(auditor: &Auditor, fake: &FakeControlPlane) -> Self {
        let name = "local".parse().unwrap();
        let control_plane = ControlPlane::new(&[fake.url()], &name, Secret::new("t".to_owned())).unwrap();
        Self(tokio::spawn(ship(auditor.clone(), control_plane, signing_key().verifying_key())))
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
    let fake = FakeControlPlane::start(whole).await;
    let auditor = open(dir.path());
    let running = Running::start(&auditor, &fake);
    for number in 0..12 {
        exchange(&auditor, &number.to_string()).await.unwrap();
    }
    until(|| auditor.backlog() == 0 && segment::list(dir.path()).unwrap().len() == 1).await;
    running.stop().await;
    let seen = fake.seen();
    assert!(seen.iter().all(|one| one.path == "/api/v1/gateways/local/audit" && one.method == "POST"));
    let shipped: Vec<u64> = seen.iter().flat_map(seqs).collect();
    assert_eq!(shipped, (1..=24).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_not_acknowledged_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let attempts = AtomicUsize::new(0);
    let fake = FakeControlPlane::start(move |seen| match attempts.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::HangUp,
        1 => Answer::json(500, &json!({})),
        2 => receipt(Head::NONE),
        3 => receipt(heads(seen)[0]),
        4 => receipt(Head { seq: 9_999, ..heads(seen)[0] }),
        _ => whole(seen),
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
    let batches: Vec<Vec<u64>> = fake.seen().iter().map(seqs).collect();
    let (all, rest) = (vec![1, 2, 3, 4], vec![2, 3, 4]);
    assert_eq!(batches[..6], [all.clone(), all.clone(), all.clone(), all, rest.clone(), rest]);
    assert_eq!(batches[6..].concat(), [5, 6]);
}

/// What a control plane can answer without having stored anything.
#[tokio::test]
async fn a_05_a_receipt_frees_nothing_unless_it_is_signed_and_for_these_very_records() {
    let dir = tempfile::tempdir().unwrap();
    let attempts = AtomicUsize::new(0);
    let fake = FakeControlPlane::start(move |seen| {
        let good = *heads(seen).last().unwrap();
        let receipt_of = |head| Receipt { gateway: "local".parse().unwrap(), head, time: Timestamp::now() };
        let stranger = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        match attempts.fetch_add(1, Ordering::SeqCst) {
            0 => Answer::json(200, &json!({})),
            1 => Answer::json(200, &json!({"seq": good.seq})),
            2 => {
                let forged = SignedText::new(&receipt_of(good), &stranger).unwrap();
                Answer::json(200, &serde_json::to_value(forged).unwrap())
            }
            3 => {
                let mut signed = SignedText::new(&receipt_of(heads(seen)[0]), &signing_key()).unwrap();
                signed.payload = serde_json::to_string(&receipt_of(good)).unwrap();
                Answer::json(200, &serde_json::to_value(signed).unwrap())
            }
            4 => receipt(Head { hash: Hash::NONE, ..good }),
            // Stored, and the answer lost: sent again, and taken for what it is.
            5 => Answer::json(500, &json!({})),
            _ => whole(seen),
        }
    })
    .await;
    let auditor = open(dir.path());
    exchange(&auditor, "a").await.unwrap();
    let running = Running::start(&auditor, &fake);
    fake.until(|seen| seen.len() == 6).await;
    assert_eq!(auditor.backlog(), 2);
    until(|| auditor.backlog() == 0).await;
    running.stop().await;
    assert!(fake.seen().iter().all(|one| seqs(one) == [1, 2]));
}

#[tokio::test]
async fn a_restart_goes_on_behind_the_last_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeControlPlane::start(whole).await;
    let auditor = open(dir.path());
    let running = Running::start(&auditor, &fake);
    exchange(&auditor, "a").await.unwrap();
    until(|| auditor.backlog() == 0).await;
    running.stop().await;
    exchange(&auditor, "b").await.unwrap();
    auditor.close().await;
    let auditor = open(dir.path());
    // The two records, and the checkpoint that closed the log.
    assert_eq!(auditor.backlog(), 3);
    let before = fake.seen().len();
    let running = Running::start(&auditor, &fake);
    until(|| auditor.backlog() == 0).await;
    running.stop().await;
    let shipped: Vec<u64> = fake.seen()[before..].iter().flat_map(seqs).collect();
    assert_eq!(shipped, [3, 4, 5]);
}

#[tokio::test]
async fn an_exchange_open_while_its_segment_is_freed_still_gets_its_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeControlPlane::start(whole).await;
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
