//! The metrics against values worked out by hand.

use super::*;
use proptest::prelude::{prop_assert, proptest};

fn near(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-9, "{one} is not {other}");
}

/// Scores that put the records into this order.
fn order(records: usize) -> Vec<f64> {
    (0..records).map(|place| -(place as f64)).collect()
}

#[test]
fn a_ranking_worked_out_by_hand() {
    // Relevant at places 1 and 3 of four: DCG 1 + 1/2, ideal 1 + 1/log2(3).
    let ranking = ranking(&order(4), &[0, 2].into()).unwrap();
    near(ranking.ndcg, 1.5 / (1.0 + 1.0 / 3.0_f64.log2()));
    near(ranking.average_precision, f64::midpoint(1.0, 2.0 / 3.0));
    near(ranking.best_f1, 0.8);
    near(ranking.recall_at_25, 0.5);
}

#[test]
fn recall_counts_a_share_of_all_records() {
    let ranking = ranking(&order(100), &[0, 6, 20, 90].into()).unwrap();
    near(ranking.recall_at_5, 0.25);
    near(ranking.recall_at_10, 0.5);
    near(ranking.recall_at_25, 0.75);
}

#[test]
fn the_perfect_ranking_is_one_in_everything_and_without_labels_there_is_none() {
    let perfect = ranking(&order(100), &[0, 1, 2].into()).unwrap();
    for value in [perfect.ndcg, perfect.average_precision, perfect.recall_at_5, perfect.best_f1] {
        near(value, 1.0);
    }
    assert_eq!(ranking(&order(3), &BTreeSet::new()), None);
}

#[test]
fn a_selection_worked_out_by_hand() {
    let judged = selection(&[0, 1, 2].into(), 10, &[1, 2, 5, 6].into(), &[1, 5].into(), true);
    near(judged.recall.unwrap(), 0.5);
    near(judged.core_recall.unwrap(), 0.5);
    near(judged.precision.unwrap(), 2.0 / 3.0);
    near(judged.f1.unwrap(), 4.0 / 7.0);
    near(judged.kept_share, 0.3);
    assert!(judged.found_right);
}

#[test]
fn where_nothing_is_relevant_only_what_was_kept_and_said_counts() {
    let judged = selection(&[3, 4].into(), 10, &BTreeSet::new(), &BTreeSet::new(), false);
    assert_eq!((judged.recall, judged.precision, judged.f1, judged.kept), (None, None, None, 2));
    assert!(judged.found_right);
    assert!(!selection(&[3].into(), 10, &BTreeSet::new(), &BTreeSet::new(), true).found_right);
}

#[test]
fn quantiles_are_values_that_were_measured() {
    let values = [5.0, 1.0, 3.0, 2.0, 4.0];
    assert_eq!(quantile(values.into_iter(), 0.5), Some(3.0));
    assert_eq!(quantile(values.into_iter(), 0.95), Some(5.0));
    assert_eq!(quantile(std::iter::empty(), 0.5), None);
    assert_eq!(mean([1.0, 2.0].into_iter()), Some(1.5));
}

proptest! {
    #[test]
    fn every_share_is_between_nothing_and_all(
        scores in proptest::collection::vec(-9.0..9.0, 1..80), labels in proptest::collection::btree_set(0_usize..80, 1..20)
    ) {
        let labels: BTreeSet<usize> = labels.into_iter().filter(|index| *index < scores.len()).collect();
        if let Some(r) = ranking(&scores, &labels) {
            for value in [r.ndcg, r.average_precision, r.recall_at_5, r.recall_at_10, r.recall_at_25, r.best_f1] {
                prop_assert!((0.0..=1.0 + 1e-9).contains(&value), "{r:?}");
            }
            prop_assert!(r.recall_at_5 <= r.recall_at_10 && r.recall_at_10 <= r.recall_at_25);
        }
    }
}
