//! A small set through every scorer that this machine can run.

use super::*;
use crate::encoder::testing::model;
use std::collections::BTreeSet;

/// Of the two relevant records one says nothing by itself, and they do not stand beside each other.
const CASES: &str = r#"{"intent":"lost parcels","relevant":[2,7],"core":[2],"threads":["a","b","c","d","d","e","f","c"],"texts":["lunch at noon?","the build is green","a parcel was lost in the post","who has the keys","I have them","see you on monday","the printer is out of paper","same here"]}
{"intent":"quantum lattice simulations","texts_of":0,"relevant":[]}"#;

fn sets() -> Vec<Set> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.jsonl");
    std::fs::write(&path, CASES).unwrap();
    dataset::read(&path).unwrap()
}

fn check(scorers: &[Scorer], judges: &Judges<'_>) -> Report {
    let told = std::cell::RefCell::new(Vec::new());
    let report = evaluate(&sets(), scorers, judges, &|text| told.borrow_mut().push(text.to_owned())).unwrap();
    assert_eq!(told.into_inner(), ["set 1 of 1: chat, 2 cases"]);
    assert_eq!((report.sets[0].cases, report.sets[0].records), (2, 8));
    let names: BTreeSet<&str> = report.mean.iter().map(|line| line.scorer.as_str()).collect();
    assert_eq!(names.len(), scorers.len());
    report
}

fn judges(encoder: Option<&crate::encoder::Encoder>) -> Judges<'_> {
    let settings = control_plane_api::relevance::Relevance { min_records: 1, ..Default::default() };
    Judges { encoder, settings }
}

#[test]
fn words_alone_rank_and_judge_without_a_model() {
    let report = check(&[Scorer::StaticBm25, Scorer::Bm25], &judges(None));
    let [bm25, judged] = report.mean.as_slice() else { panic!("{report:?}") };
    assert_eq!((bm25.scorer.as_str(), judged.scorer.as_str()), ("bm25", "static+bm25"));
    assert!(bm25.value("average_precision").unwrap() > 0.5 && bm25.value("recall").is_none(), "{bm25:?}");
    assert!(judged.value("recall").unwrap() > 0.0 && judged.value("core_recall") == Some(1.0), "{judged:?}");
    assert_eq!((report.encoder_messages_per_second, report.oracle_recall()), (None, None));
}

#[test]
fn threads_are_shown_to_bring_what_they_bring() {
    let report = check(&[Scorer::StaticBm25], &judges(None));
    let gain = report.sets[0].threads.clone().unwrap();
    let precision = |line: &Line| line.value("average_precision").unwrap();
    assert!(precision(&gain.with) > precision(&gain.without), "{gain:?}");
}

#[test]
fn a_scorer_that_needs_a_model_fails_without_one() {
    let error = evaluate(&sets(), &[Scorer::MiniLm], &judges(None), &|_| ()).unwrap_err();
    assert!(error.to_string().contains("there is no model"), "{error}");
}

#[test]
fn the_model_ranks_the_cascade_selects_and_time_is_kept() {
    let Some(encoder) = model() else { return };
    let report = check(&Scorer::all(), &judges(Some(&encoder)));
    assert!(report.oracle_recall().is_some() && report.encoder_messages_per_second.unwrap() > 1.0);
    for line in report.mean.iter().filter(|line| line.scorer.starts_with("cascade")) {
        assert!(line.value("recall").unwrap() > 0.0, "{line:?}");
        assert!(line.value("p95_ms_per_1000_records").unwrap() > 0.0);
    }
    assert_eq!(report.sets[0].threads.as_ref().unwrap().scorer, "cascade");
}
