//! Tests of the arithmetic; what it is worth is measured on labelled collections.

use super::*;
use std::sync::Arc;

fn unit(x: f32, y: f32) -> Option<Embedding> {
    let norm = (x * x + y * y).sqrt();
    Some(Embedding::from([x / norm, y / norm]))
}

fn queries() -> Queries {
    let query = Embedding::from([1.0, 0.0]);
    Queries { raw: Arc::clone(&query), cleaned: query, facets: Vec::new(), is_topic: false }
}

#[test]
fn nearer_is_better() {
    let embeddings: Vec<Option<Embedding>> = vec![unit(0.0, 1.0), unit(1.0, 0.1), unit(0.5, 1.0), unit(-1.0, 1.0)];
    let scores = by_meaning(&queries(), &embeddings, &[0.0; 4]);
    assert!(scores[1] > scores[2] && scores[2] > scores[0] && scores[0] > scores[3], "{scores:?}");
}

#[test]
fn a_record_that_was_not_read_stands_in_the_middle() {
    let embeddings = vec![unit(1.0, 0.0), None, unit(-1.0, 0.0)];
    let scores = by_meaning(&queries(), &embeddings, &[0.0; 3]);
    assert!(scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
}

#[test]
fn a_thread_shares_its_evidence_and_a_stranger_does_not() {
    let threads = [Some("t"), None, None, None, None, Some("t"), Some("alone")];
    let scores = with_surroundings(&[4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], &threads);
    assert!(scores[5] > 1.0, "{scores:?}");
    assert!(scores[3].abs() < 1e-9 && scores[6].abs() < 1e-9, "{scores:?}");
}

#[test]
fn neighbours_help_a_little() {
    let scores = with_surroundings(&[0.0, 0.0, 5.0, 0.0, 0.0, 0.0], &[None; 6]);
    assert!(scores[1] > scores[0] && scores[0] > 0.0 && scores[5].abs() < 1e-9, "{scores:?}");
    assert!(scores[1] < 1.0);
}

#[test]
fn equal_scores_stay_finite() {
    let scores = by_meaning(&queries(), &[unit(1.0, 0.0), unit(1.0, 0.0)], &[0.0, 0.0]);
    assert!(scores.iter().all(|score| score.is_finite()));
}

#[test]
fn feedback_finds_what_is_near_the_best_in_meaning_and_words() {
    let texts = ["phishing mail", "phishing", "suspicious mail", "lunch", "lunch", "lunch", "lunch", "lunch", "lunch"];
    let lexical = Lexical::new(texts.into_iter());
    let embeddings: Vec<Option<Embedding>> =
        (0..texts.len()).map(|i| if i < 3 { unit(1.0, 0.2) } else { unit(-0.2, 1.0) }).collect();
    let learned = with_feedback(&[3.0, 0.2, 0.0, 0.1, 0.1, 0.1, 0.0, 0.0, 0.0], &embeddings, &lexical, &[None; 9]);
    assert!(learned[2] > learned[3], "{learned:?}");
    assert!(learned.iter().all(|score| score.is_finite()));
}
