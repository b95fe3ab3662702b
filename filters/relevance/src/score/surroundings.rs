//! What a record's thread and its neighbours say about it.

use std::collections::HashMap;

/// Evidence from the same thread: a reply is as much about what its thread is about as about what it says. A mixture, not
/// a bonus: a thread that is about something else takes as much as one that is about it gives.
const THREAD_SHARE: f64 = 0.5;
/// Evidence from the records just before and after.
const WEIGHT_NEIGHBOURS: f64 = 0.15;
const NEIGHBOURS: usize = 2;

/// Scores mixed with the best of their thread and the mean of their neighbours.
#[must_use]
pub fn with_surroundings(scores: &[f64], threads: &[Option<&str>]) -> Vec<f64> {
    let mut best_of: HashMap<&str, f64> = HashMap::new();
    for (score, thread) in scores.iter().zip(threads) {
        if let Some(thread) = thread {
            let best = best_of.entry(thread).or_insert(*score);
            *best = best.max(*score);
        }
    }
    let mixed = |(index, score): (usize, &f64)| {
        let best = threads.get(index).copied().flatten().and_then(|thread| best_of.get(thread)).unwrap_or(score);
        score + THREAD_SHARE * (best - score) + WEIGHT_NEIGHBOURS * around(scores, index)
    };
    scores.iter().enumerate().map(mixed).collect()
}

/// The mean of the neighbours, nearer ones counting more.
fn around(scores: &[f64], index: usize) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for distance in 1..=NEIGHBOURS {
        let sides = [index.checked_sub(distance), index.checked_add(distance)];
        for score in sides.into_iter().flatten().filter_map(|side| scores.get(side)) {
            sum += score / distance as f64;
            weights += 1.0 / distance as f64;
        }
    }
    if weights > 0.0 { sum / weights } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
