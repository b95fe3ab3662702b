//! Numbers over cases and over sets.

use super::*;
use crate::eval::metrics;

fn outcome(kept: usize, ms: f64) -> Outcome {
    let kept = (0..kept).collect();
    let relevant = [0, 1].into();
    Outcome {
        ranking: metrics::ranking(&[2.0, 1.0, 0.0, 0.0], &relevant),
        selection: Some(metrics::selection(&kept, 4, &relevant, &[].into(), true)),
        unread_share: Some(0.0),
        ms_per_thousand: ms,
    }
}

#[test]
fn a_set_of_many_cases_counts_as_one_of_few_but_every_case_has_its_time() {
    let few = [outcome(1, 1.0)];
    let many = [outcome(2, 2.0), outcome(2, 3.0), outcome(2, 9.0)];
    let lines = [Line::of(Scorer::StaticBm25, &few), Line::of(Scorer::StaticBm25, &many)];
    let all = [&few[..], &many[..]].concat();
    let line = Line::mean(Scorer::StaticBm25, &lines.iter().collect::<Vec<_>>(), &all);
    assert_eq!((line.cases, line.value("recall")), (4, Some(0.75)));
    assert_eq!((line.value("p50_ms_per_1000_records"), line.value("p95_ms_per_1000_records")), (Some(2.0), Some(9.0)));
    assert_eq!((line.value("core_recall"), line.value("kept_records")), (None, Some(1.5)));
}

#[test]
fn in_json_every_number_has_its_name() {
    let json = serde_json::to_value(Line::of(Scorer::Bm25, &[outcome(2, 1.0)])).unwrap();
    assert_eq!(
        (&json["scorer"], &json["recall"], &json["average_precision"]),
        (&"bm25".into(), &1.0.into(), &1.0.into())
    );
    assert!(json["core_recall"].is_null());
}
