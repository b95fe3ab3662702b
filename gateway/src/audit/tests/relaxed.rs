//! What `relaxed` gives up, and what it does not.

use super::{
    super::{AuditError, AuditOptions, Auditor, Mode},
    check_chain, event, exchange, log, segment, signer, small,
};
use crate::metrics::Metrics;
use control_plane_api::audit::Phase;

fn relaxed(dir: &std::path::Path) -> Auditor {
    let options = AuditOptions { mode: Mode::Relaxed, ..small() };
    Auditor::open(dir, signer(), options, Metrics::new().unwrap()).unwrap()
}

#[tokio::test]
async fn what_was_not_waited_for_is_written_all_the_same_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = relaxed(dir.path());
    for number in 0..50 {
        exchange(&auditor, &number.to_string()).await.unwrap();
    }
    auditor.close().await;
    assert_eq!(log(dir.path()).len(), 100);
    check_chain(dir.path());
}

#[tokio::test]
async fn a_log_that_is_known_to_be_unwritable_refuses_calls_until_it_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = relaxed(dir.path());
    exchange(&auditor, "a").await.unwrap();
    while log(dir.path()).len() < 2 {
        tokio::task::yield_now().await;
    }
    let moved = dir.path().with_extension("moved");
    std::fs::rename(dir.path(), &moved).unwrap();
    std::fs::remove_file(&segment::list(&moved).unwrap()[0].path).unwrap();
    let refused = loop {
        match auditor.append(event("b", Phase::Intent)).await {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AuditError::Unwritable(_)), "{refused}");
    assert!(auditor.append(event("c", Phase::Intent)).await.is_err());
    std::fs::rename(&moved, dir.path()).unwrap();
    exchange(&auditor, "d").await.unwrap();
    auditor.close().await;
    assert_eq!(log(dir.path()).len(), 2);
}
