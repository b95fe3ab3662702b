//! What a new process makes of the files an old one left.

use super::{
    super::{Auditor, SpoolError, segment},
    check_sequence, event, exchange, log, open, small,
};
use crate::metrics::Metrics;
use control_plane_api::audit::{Outcome, Phase};
use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

/// A closed log with `exchanges` exchanges.
async fn closed(exchanges: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    for number in 0..exchanges {
        exchange(&auditor, &number.to_string()).await.unwrap();
    }
    auditor.close().await;
    dir
}

fn last_segment(dir: &Path) -> PathBuf {
    let full = |path: &PathBuf| path.metadata().unwrap().len() > 0;
    segment::list(dir).unwrap().into_iter().map(|segment| segment.path).rfind(full).unwrap()
}

fn refusal(dir: &Path) -> String {
    match Auditor::open(dir, small(), Metrics::new().unwrap()) {
        Err(error @ SpoolError::Damaged { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("a damaged log was opened"),
    }
}

#[tokio::test]
async fn positions_grow_over_restarts() {
    let dir = closed(9).await;
    assert!(segment::list(dir.path()).unwrap().len() > 2);
    for _ in 0..3 {
        let auditor = open(dir.path());
        exchange(&auditor, "again").await.unwrap();
        auditor.close().await;
    }
    let events = log(dir.path());
    assert_eq!((events.len(), events[0].seq), (24, 1));
    check_sequence(&events);
}

#[tokio::test]
async fn a_half_written_tail_is_cut_and_never_read_again() {
    let whole = serde_json::to_string(&event("never acknowledged", Phase::Intent)).unwrap();
    let tails = [
        whole[..40].to_owned(),
        whole.clone(),
        format!("{}\0\0\0\n{whole}\n", &whole[..40]),
        format!("\0\0\0\0{whole}\n"),
        "\0".repeat(1_000),
    ];
    for tail in tails {
        let dir = closed(2).await;
        let mut file = OpenOptions::new().append(true).open(last_segment(dir.path())).unwrap();
        file.write_all(tail.as_bytes()).unwrap();
        let auditor = open(dir.path());
        exchange(&auditor, "after").await.unwrap();
        auditor.close().await;
        let events = log(dir.path());
        assert_eq!(events.len(), 6, "{tail:?}");
        check_sequence(&events);
    }
}

#[tokio::test]
async fn an_exchange_without_outcome_is_closed_as_unknown_once() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = open(dir.path());
    exchange(&auditor, "whole").await.unwrap();
    auditor.append(event("orphan", Phase::Intent)).await.unwrap();
    auditor.close().await;
    for _ in 0..2 {
        open(dir.path()).close().await;
        let events = log(dir.path());
        assert_eq!(events.len(), 4);
        let last = events.last().unwrap();
        assert_eq!((last.id.as_str(), last.phase, last.outcome), ("orphan", Phase::Outcome, Outcome::Unknown));
        check_sequence(&events);
    }
}

#[tokio::test]
async fn a_changed_record_is_refused() {
    let dir = closed(2).await;
    let path = last_segment(dir.path());
    let text = std::fs::read_to_string(&path).unwrap();
    for bad in [text.replacen("\"seq\":1", "\"seq\":7", 1), text.replacen('{', "(", 1), format!("\n{text}")] {
        std::fs::write(&path, bad).unwrap();
        let refused = refusal(dir.path());
        assert!(refused.contains("at byte 0") && refused.contains("move it away"), "{refused}");
    }
}

#[tokio::test]
async fn a_missing_segment_is_refused() {
    let dir = closed(9).await;
    let segments = segment::list(dir.path()).unwrap();
    std::fs::remove_file(&segments[1].path).unwrap();
    let missing = format!("records {} to {} are missing", segments[1].first, segments[2].first - 1);
    assert!(refusal(dir.path()).contains(&missing));
}
