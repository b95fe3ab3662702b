//! When the chain is signed, and what that is worth.

use super::{
    super::{AuditOptions, Auditor, Pace, segment},
    check_chain, event, exchange, records, signer, small,
};
use crate::metrics::Metrics;
use control_plane_api::{
    audit::{
        Phase,
        chain::{Body, Chain, Hash, Head},
        verify::Remark,
    },
    timestamp::Timestamp,
};
use std::{path::Path, time::Duration};

const NEVER: Duration = Duration::from_secs(3_600);

fn open_at(dir: &Path, pace: Pace) -> Auditor {
    Auditor::open(dir, signer(), AuditOptions { pace, ..small() }, Metrics::new().unwrap()).unwrap()
}

fn checkpoints(dir: &Path) -> usize {
    records(dir).iter().filter(|(entry, _)| matches!(entry.body, Body::Checkpoint(_))).count()
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_checkpoint_follows_a_number_of_records_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open_at(dir.path(), Pace { records_max: 4, interval: NEVER, idle: NEVER });
    for number in 0..6 {
        exchange(&auditor, &number.to_string()).await.unwrap();
    }
    assert_eq!((records(dir.path()).len(), checkpoints(dir.path())), (15, 3));
    auditor.close().await;
    // Everything was signed for already.
    assert_eq!((records(dir.path()).len(), check_chain(dir.path()).count()), (15, (15, 3)));
}

#[tokio::test]
async fn a_record_that_nothing_follows_is_signed_for_soon() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open_at(dir.path(), Pace { records_max: 1_000, interval: Duration::from_millis(1), idle: NEVER });
    auditor.append(event("a", Phase::Intent)).await.unwrap();
    until(|| checkpoints(dir.path()) == 1).await;
    assert!(matches!(records(dir.path()).last().unwrap().0.body, Body::Checkpoint(_)));
    auditor.close().await;
    check_chain(dir.path());
}

#[tokio::test]
async fn a_log_in_which_nothing_happens_is_signed_too() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open_at(dir.path(), Pace { records_max: 1_000, interval: NEVER, idle: Duration::from_millis(1) });
    until(|| checkpoints(dir.path()) >= 3).await;
    auditor.close().await;
    let (all, signed) = check_chain(dir.path()).count();
    assert_eq!(all, signed);
}

/// The clock may have been years ahead when the process ran last, and may be years behind now.
#[tokio::test]
async fn a_10_positions_and_epochs_grow_whatever_the_clock_says() {
    let dir = tempfile::tempdir().unwrap();
    let ahead = 32_503_680_000_000;
    let mut chain = Chain::new(signer().gateway, ahead, Head::NONE, Hash::NONE);
    let mut records = vec![chain.event(&mut event("a", Phase::Outcome)).unwrap()];
    let time = Timestamp::from_millis(i64::try_from(ahead).unwrap());
    records.push(chain.checkpoint(signer().key.signing(), time).unwrap());
    let text: String = records.iter().map(|record| format!("{}\n", record.text)).collect();
    std::fs::write(segment::path(dir.path(), 1), text).unwrap();
    for id in ["b", "c"] {
        let auditor = open_at(dir.path(), Pace { records_max: 1_000, interval: NEVER, idle: NEVER });
        exchange(&auditor, id).await.unwrap();
        auditor.close().await;
    }
    let read = check_chain(dir.path());
    assert_eq!((read.head().epoch, read.head().seq), (ahead + 2, 8));
    assert!(matches!(read.remarks(), [Remark::ClockBack { seq: 5, .. }]), "{:?}", read.remarks());
}

#[tokio::test]
async fn checkpoints_follow_each_other_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    for id in ["a", "b", "c"] {
        let auditor = open_at(dir.path(), Pace { records_max: 1_000, interval: NEVER, idle: NEVER });
        exchange(&auditor, id).await.unwrap();
        auditor.close().await;
    }
    assert_eq!(check_chain(dir.path()).count(), (9, 3));
    assert_eq!(check_chain(dir.path()).remarks(), []);
}
