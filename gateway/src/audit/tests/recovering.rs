//! What a new process makes of the files an old one left.

use super::{
    super::{Auditor, SpoolError, segment},
    check_chain, event, exchange, log, open, records, signer, small,
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
    match Auditor::open(dir, signer(), small(), Metrics::new().unwrap()) {
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
    let epochs: std::collections::BTreeSet<u64> = records(dir.path()).iter().map(|(entry, _)| entry.epoch).collect();
    assert_eq!(epochs.len(), 4);
    check_chain(dir.path());
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
        check_chain(dir.path());
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
        check_chain(dir.path());
    }
}

#[tokio::test]
async fn a_changed_record_is_refused() {
    let dir = closed(2).await;
    let path = last_segment(dir.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let first = segment::list(dir.path()).unwrap().last().unwrap().first;
    let position = format!("\"seq\":{first}");
    for bad in [text.replacen(&position, "\"seq\":77", 1), text.replacen('{', "(", 1), format!("\n{text}")] {
        std::fs::write(&path, bad).unwrap();
        let refused = refusal(dir.path());
        assert!(refused.contains("at byte 0") && refused.contains("move it away"), "{refused}");
    }
}

#[tokio::test]
async fn a_record_whose_words_were_changed_is_refused_by_its_position() {
    let dir = closed(9).await;
    let path = segment::list(dir.path()).unwrap()[1].path.clone();
    let (entry, text) = (records(dir.path()), std::fs::read_to_string(&path).unwrap());
    let first = segment::list(dir.path()).unwrap()[1].first;
    assert!(entry.len() as u64 > first);
    std::fs::write(&path, text.replacen("slack_get", "slack_set", 1)).unwrap();
    let refused = refusal(dir.path());
    assert!(refused.contains(&format!("record {first} ")) && refused.contains("it was changed"), "{refused}");
}

#[tokio::test]
async fn a_missing_segment_is_refused() {
    let dir = closed(9).await;
    let segments = segment::list(dir.path()).unwrap();
    std::fs::remove_file(&segments[1].path).unwrap();
    let refused = refusal(dir.path());
    let (from, to) = (segments[1].first, segments[2].first - 1);
    assert!(refused.contains(&format!("record {from} ")), "{refused}");
    assert!(refused.contains(&format!("it is missing (as is every one up to {to})")), "{refused}");
    // Nor may the end be gone of which there is a receipt, or the whole of it.
    for segment in &segments[1..] {
        let _ = std::fs::remove_file(&segment.path);
    }
    let cursor = records(dir.path()).last().map(|(entry, text)| entry.head(text)).unwrap();
    let beyond = serde_json::json!({"head": {"epoch": cursor.epoch, "seq": cursor.seq + 1, "hash": cursor.hash},
        "checkpoint": cursor.hash});
    std::fs::write(dir.path().join("cursor.json"), beyond.to_string()).unwrap();
    assert!(refusal(dir.path()).contains(&format!("record {} ", cursor.seq + 1)));
}
