//! Tests of asking a tier: whom it is asked about, what its answers do, and that nothing it does loses the selection.

use super::*;
use crate::tiers::testing::Fake;
use proptest::prelude::*;

/// Ten records, scored from 9 down to 0, of which the cascade kept the first four.
struct World {
    texts: Vec<String>,
    scores: Vec<f64>,
    bytes: Vec<usize>,
    kept: BTreeSet<usize>,
}

impl World {
    fn new() -> Self {
        let texts = (0..10).map(|i| format!("record {i}")).collect();
        let scores = (0..10).map(|i| f64::from(9 - i)).collect();
        Self { texts, scores, bytes: vec![100; 10], kept: (0..4).collect() }
    }

    fn ask(&self, reranking: Option<&Reranking>, settings: &Settings) -> Reranked {
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let cascade = Cascade { texts: &texts, scores: &self.scores, bytes: &self.bytes, kept: &self.kept };
        rerank(&cascade, "x", settings, reranking, Instant::now() + Duration::from_secs(60))
    }
}

fn settings() -> Settings {
    Settings { min_records: 1, max_records: 100, max_tokens: 1_000_000, ..Settings::default() }
}

type Answer = Result<Option<f64>, TierError>;

/// A tier that is asked about four records.
fn tier(scale: Scale, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> (Reranking, Arc<Fake>) {
    let fake = Arc::new(Fake::new(scale, answer));
    (Reranking { records_max: 4, ..Reranking::new(fake.clone(), Duration::from_secs(60)) }, fake)
}

fn check(scale: Scale, answer: fn(&str) -> Answer, expected: &[usize]) -> Reranked {
    let (reranking, _) = tier(scale, answer);
    let reranked = World::new().ask(Some(&reranking), &settings());
    assert_eq!(reranked.kept, expected.iter().copied().collect());
    reranked
}

#[test]
fn the_records_nearest_to_the_line_are_asked_about() {
    let (reranking, fake) = tier(Scale::Absolute, |_| Ok(Some(0.5)));
    let reranked = World::new().ask(Some(&reranking), &settings());
    assert_eq!(*fake.asked.lock().unwrap(), [["record 3", "record 4", "record 2", "record 5"]]);
    assert_eq!((reranked.asked, reranked.judged, reranked.error), (4, 4, None));
}

#[test]
fn a_sure_answer_decides_and_an_unsure_one_does_not() {
    let swap = |text: &str| match text {
        "record 3" => Ok(Some(0.1)),
        "record 4" => Ok(Some(0.9)),
        "record 2" => Ok(Some(0.45)),
        _ => Ok(Some(0.55)),
    };
    check(Scale::Absolute, swap, &[0, 1, 2, 4]);
    assert!(check(Scale::Absolute, |_| Ok(Some(0.99)), &[0, 1, 2, 3, 4, 5]).found);
    assert!(!check(Scale::Absolute, |_| Ok(Some(0.01)), &[0, 1]).found);
}

#[test]
fn a_tier_that_leans_to_one_side_only_orders() {
    assert!(!check(Scale::Relative, |_| Ok(Some(0.99)), &[0, 1, 2, 3]).found, "it always says so");
    check(Scale::Relative, |_| Ok(Some(0.01)), &[0, 1, 2, 3]);
    let order = |text: &str| Ok(Some(if text == "record 5" { 0.02 } else { 0.01 }));
    check(Scale::Relative, order, &[0, 1, 2, 5]);
}

#[test]
fn a_failure_leaves_the_selection_as_it_is_and_is_told() {
    for error in [TierError::Late, TierError::Resting, TierError::Failed("the server answered 500".to_owned())] {
        let (reranking, _) = tier(Scale::Absolute, {
            let error = error.clone();
            move |_| Err(error.clone())
        });
        let reranked = World::new().ask(Some(&reranking), &settings());
        assert_eq!(
            reranked,
            Reranked { kept: (0..4).collect(), asked: 4, judged: 0, found: false, error: Some(error) }
        );
    }
}

#[test]
fn what_was_not_judged_stays_as_it_was() {
    let reranked = check(Scale::Absolute, |text| Ok((text == "record 4").then_some(1.0)), &[0, 1, 2, 3, 4]);
    assert_eq!((reranked.asked, reranked.judged, reranked.error), (4, 1, Some(TierError::Late)));
    check(Scale::Relative, |text| Ok((text == "record 4").then_some(1.0)), &[0, 1, 2, 3]);
    let nonsense = check(Scale::Absolute, |_| Ok(Some(f64::NAN)), &[0, 1, 2, 3]);
    assert_eq!(nonsense.judged, 0);
}

#[test]
fn without_a_tier_or_time_nothing_is_asked() {
    let world = World::new();
    assert_eq!(world.ask(None, &settings()).kept, world.kept);
    let (reranking, fake) = tier(Scale::Absolute, |_| Ok(Some(0.0)));
    let texts: Vec<&str> = world.texts.iter().map(String::as_str).collect();
    let cascade = Cascade { texts: &texts, scores: &world.scores, bytes: &world.bytes, kept: &world.kept };
    let late = rerank(&cascade, "x", &settings(), Some(&reranking), Instant::now());
    assert_eq!((late.kept, late.error), (world.kept.clone(), Some(TierError::Late)));
    assert!(fake.asked.lock().unwrap().is_empty());
}

#[test]
fn records_of_one_text_are_asked_about_once_and_judged_alike() {
    let mut world = World::new();
    for index in [3, 4, 7] {
        world.texts[index] = "the same".to_owned();
    }
    world.texts[5] = "  ".to_owned();
    let (reranking, fake) = tier(Scale::Absolute, |text| Ok(Some(if text == "the same" { 0.9 } else { 0.5 })));
    let reranked = world.ask(Some(&reranking), &settings());
    assert_eq!(*fake.asked.lock().unwrap(), [["the same", "record 2", "record 1", "record 6"]]);
    assert_eq!((reranked.kept, reranked.asked), ([0, 1, 2, 3, 4, 7].into(), 6));
}

#[test]
fn floors_and_ceilings_hold() {
    let keep_all = |_: &str| Ok(Some(0.9));
    let (reranking, _) = tier(Scale::Absolute, keep_all);
    let few = Settings { max_records: 5, ..settings() };
    assert_eq!(World::new().ask(Some(&reranking), &few).kept.len(), 5);
    let small = Settings { max_tokens: 100, ..settings() };
    assert_eq!(World::new().ask(Some(&reranking), &small).kept.len(), 4);
    let (reranking, _) = tier(Scale::Absolute, |text| Ok(Some(if text == "record 5" { 0.2 } else { 0.1 })));
    let many = Settings { min_records: 3, ..settings() };
    assert_eq!(World::new().ask(Some(&reranking), &many).kept, [0, 1, 5].into());
}

proptest! {
    #[test]
    fn whatever_a_tier_answers_the_bounds_hold_and_the_undoubted_stay(
        scores in prop::collection::vec(-5.0_f64..5.0, 1..60),
        answers in prop::collection::vec(prop::option::of(-0.5_f64..1.5), 60),
        (kept, min, max) in (0_usize..60, 1_u32..10, 10_u32..60),
        is_absolute in any::<bool>(),
    ) {
        let settings = Settings { min_records: min, max_records: max, ..settings() };
        let mut ranked: Vec<usize> = (0..scores.len()).collect();
        ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let count = kept.clamp(min as usize, max as usize).min(scores.len());
        let world = World {
            texts: (0..scores.len()).map(|i| i.to_string()).collect(),
            bytes: vec![10; scores.len()],
            kept: ranked.into_iter().take(count).collect(),
            scores,
        };
        let scale = if is_absolute { Scale::Absolute } else { Scale::Relative };
        let fake = Arc::new(Fake::new(scale, move |text| Ok(answers[text.parse::<usize>().unwrap()])));
        let reranking = Reranking { records_max: 7, ..Reranking::new(fake.clone(), Duration::from_secs(60)) };
        let reranked = world.ask(Some(&reranking), &settings);
        let asked: BTreeSet<usize> =
            fake.asked.lock().unwrap().iter().flatten().map(|text| text.parse().unwrap()).collect();
        prop_assert!(asked.len() <= 7 && reranked.judged <= reranked.asked);
        prop_assert!(reranked.kept.len() >= (min as usize).min(world.scores.len()));
        prop_assert!(reranked.kept.len() <= max as usize);
        let changed: BTreeSet<usize> = reranked.kept.symmetric_difference(&world.kept).copied().collect();
        prop_assert!(changed.is_subset(&asked));
        if !is_absolute {
            prop_assert_eq!(reranked.kept.len(), world.kept.len());
        }
    }
}
