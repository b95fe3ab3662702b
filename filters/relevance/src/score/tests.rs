//! Tests of the arithmetic; what it is worth is measured on labelled collections.

use super::*;
use crate::statics::Table;
use crate::words::{WordId, Words};

fn unit(x: f32, y: f32) -> Option<Embedding> {
    let norm = (x * x + y * y).sqrt();
    Some(Embedding::from([x / norm, y / norm]))
}

fn view(records: Vec<Option<Embedding>>) -> View {
    let query = Embedding::from([1.0, 0.0]);
    View { queries: Queries { raw: query.clone(), cleaned: query, facets: Vec::new() }, records }
}

fn lexical(texts: &[&str]) -> Lexical {
    let mut words = Words::new(Table::shipped().pieces());
    let read: Vec<Vec<WordId>> = texts.iter().map(|text| words.read(text)).collect();
    Lexical::new(&words, &read)
}

/// Records without a shared word, a thread or words of their own.
fn intent_scores(records: Vec<Option<Embedding>>) -> Vec<f64> {
    let none = vec![0.0; records.len()];
    by_intent(&view(records), &none, &none)
}

#[test]
fn nearer_is_better() {
    let scores = intent_scores(vec![unit(0.0, 1.0), unit(1.0, 0.1), unit(0.5, 1.0), unit(-1.0, 1.0)]);
    assert!(scores[1] > scores[2] && scores[2] > scores[0] && scores[0] > scores[3], "{scores:?}");
}

#[test]
fn a_record_without_a_vector_stands_in_the_middle() {
    let scores = intent_scores(vec![unit(1.0, 0.0), None, unit(-1.0, 0.0)]);
    assert!(scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
}

#[test]
fn equal_scores_and_no_vectors_stay_finite() {
    assert!(intent_scores(vec![unit(1.0, 0.0), unit(1.0, 0.0)]).iter().all(|score| score.is_finite()));
    assert!(intent_scores(vec![None, None]).iter().all(|score| score.is_finite()));
    assert!(intent_scores(Vec::new()).is_empty());
}

#[test]
fn feedback_finds_what_is_near_the_best_in_meaning_and_words() {
    let texts = ["phishing mail", "phishing", "suspicious mail", "lunch", "lunch", "lunch", "lunch", "lunch", "lunch"];
    let lexical = lexical(&texts);
    let records = (0..texts.len()).map(|i| if i < 3 { unit(1.0, 0.2) } else { unit(-0.2, 1.0) }).collect();
    let view = view(records);
    let intent = [3.0, 0.2, 0.0, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0];
    let evidence = Evidence { words: &[0.0; 9], lexical: &lexical, threads: &[None; 9] };
    let learned = with_feedback(&intent, &evidence, |best| nearness(&view, best, &intent));
    assert!(learned[2] > learned[3], "{learned:?}");
    assert!(learned.iter().all(|score| score.is_finite()));
}

#[test]
fn the_second_tier_corrects_what_it_reads_and_keeps_the_order_of_the_rest() {
    let by_first: Vec<Option<Embedding>> = (0_u8..40).map(|i| unit(1.0, f32::from(i) / 4.0)).collect();
    // The encoder reads every other of the better half, and finds the fifth to be about something else.
    let is_read = |i: usize| i < 20 && i.is_multiple_of(2);
    let by_second =
        (0..40).map(|i| is_read(i).then(|| if i == 4 { unit(-1.0, 0.2) } else { by_first[i].clone() }).flatten());
    let texts = vec!["a"; 40];
    let lexical = lexical(&texts);
    let evidence = Evidence { words: &[0.0; 40], lexical: &lexical, threads: &[None; 40] };
    let first = view(by_first.clone());
    let scores = second(&view(by_second.collect()), &first, &evidence);
    assert!(scores[4] < scores[8], "{scores:?}");
    assert!(scores[1] > scores[15] && scores[21] > scores[39], "{scores:?}");
}
