//! Tests of the selection.

use super::*;
use proptest::prelude::{prop_assert, proptest};

/// 300 around 0 and `few` around 5, deterministic.
fn scores(few: usize) -> Vec<f64> {
    let wave = |i: usize| ((i * 37 % 100) as f64 - 50.0) / 40.0;
    (0..300).map(wave).chain((0..few).map(|i| 5.0 + wave(i) / 3.0)).collect()
}

/// The selection of records of `bytes` each.
fn selected(scores: &[f64], bytes: usize, settings: &Settings) -> BTreeSet<usize> {
    select(scores, &probabilities(scores), &vec![bytes; scores.len()], settings)
}

fn check(few: usize, settings: &Settings) -> Vec<usize> {
    let scores = scores(few);
    selected(&scores, 100, settings).into_iter().collect()
}

#[test]
fn a_cluster_of_any_size_is_found() {
    for few in [8, 20, 60] {
        let kept = check(few, &Settings::default());
        assert!((300..300 + few).all(|index| kept.contains(&index)), "{few}: {kept:?}");
        assert!(kept.len() * 4 <= 300 + few + 3, "{few}: {kept:?}");
    }
}

#[test]
fn the_further_the_best_stand_out_the_fewer_are_kept() {
    let scores = |best: f64| (0..300).map(|i| f64::from(i % 10)).chain([best; 4]).collect::<Vec<f64>>();
    let kept = |best| selected(&scores(best), 10, &Settings::default()).len();
    assert!(kept(60.0) < kept(12.0), "{} {}", kept(60.0), kept(12.0));
}

#[test]
fn floors_and_ceilings_hold() {
    let floor = Settings { min_records: 12, ..Settings::default() };
    assert_eq!(check(2, &floor).len(), 12);
    let ceiling = Settings { max_records: 7, ..Settings::default() };
    assert_eq!(check(20, &ceiling).len(), 7);
    let tokens = Settings { max_tokens: 250, ..Settings::default() };
    assert_eq!(check(20, &tokens).len(), 10);
}

#[test]
fn no_more_than_a_share_is_kept() {
    let scores: Vec<f64> = (0..400).map(|i| f64::from(i) / 100.0).collect();
    for (recall, most) in [(Recall::High, 200), (Recall::Balanced, 100), (Recall::Tight, 60)] {
        let settings = Settings { recall, ..Settings::default() };
        assert!(selected(&scores, 10, &settings).len() <= most);
    }
}

#[test]
fn more_recall_never_keeps_less() {
    let kept = |recall| check(20, &Settings { recall, ..Settings::default() }).len();
    assert!(kept(Recall::High) >= kept(Recall::Balanced));
    assert!(kept(Recall::Balanced) >= kept(Recall::Tight));
}

#[test]
fn of_none_relevant_the_nearest_few_are_kept() {
    let kept = nearest(&scores(20), &[10; 320], &Settings::default());
    assert_eq!((kept.len(), kept.iter().all(|index| *index >= 300)), (5, true));
}

proptest! {
    #[test]
    fn no_scores_are_too_odd(scores in proptest::collection::vec(-1e6..1e6, 1..200)) {
        let kept = selected(&scores, 10, &Settings::default());
        prop_assert!(kept.len() >= scores.len().min(5));
        prop_assert!(kept.iter().all(|index| *index < scores.len()));
    }

    #[test]
    fn a_higher_score_is_never_less_probable(scores in proptest::collection::vec(-50.0..50.0, 2..200)) {
        let probabilities = probabilities(&scores);
        let by_score: Vec<f64> = ranked(&scores).into_iter().map(|index| probabilities[index]).collect();
        prop_assert!(by_score.windows(2).all(|pair| pair[0] >= pair[1]));
        prop_assert!(by_score.iter().all(|p| (0.0..=1.0).contains(p)));
    }
}
