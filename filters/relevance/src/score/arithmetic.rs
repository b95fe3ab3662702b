//! Vectors of scores: means, scales, and what stands in for a score that is not known.

/// Pairs from which a line is drawn; fewer say nothing.
const PAIRS_MIN: usize = 8;

/// Adds `weight` times `more`.
pub(super) fn add(scores: &mut [f64], weight: f64, more: &[f64]) {
    scores.iter_mut().zip(more).for_each(|(score, x)| *score += weight * x);
}

/// The mean, 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Zero mean, unit variance; all zero where nothing varies.
pub(super) fn standardised(values: &[f64]) -> Vec<f64> {
    let centre = mean(values);
    let spread = (values.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / values.len().max(1) as f64).sqrt();
    let scaled = |x: &f64| if spread > 1e-9 { (x - centre) / spread } else { 0.0 };
    values.iter().map(scaled).collect()
}

/// The known values, and for the others what a line through the known ones over `guide` says: the mean, where there are
/// too few or where the guide points the wrong way.
pub(super) fn filled(known: &[Option<f64>], guide: &[f64]) -> Vec<f64> {
    let pairs: Vec<(f64, f64)> = known.iter().zip(guide).filter_map(|(value, x)| Some((*x, (*value)?))).collect();
    if pairs.len() == known.len() {
        return pairs.into_iter().map(|(_, value)| value).collect();
    }
    let (x_mean, y_mean) = (
        mean(&pairs.iter().map(|(x, _)| *x).collect::<Vec<_>>()),
        mean(&pairs.iter().map(|(_, y)| *y).collect::<Vec<_>>()),
    );
    let spread: f64 = pairs.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let shared: f64 = pairs.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let slope = if pairs.len() >= PAIRS_MIN && spread > 1e-9 { (shared / spread).max(0.0) } else { 0.0 };
    let value = |(value, x): (&Option<f64>, &f64)| value.unwrap_or(y_mean + slope * (x - x_mean));
    known.iter().zip(guide).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_follow_the_line_of_the_known() {
        let guide: Vec<f64> = (0..12).map(f64::from).collect();
        let known: Vec<Option<f64>> = guide.iter().map(|x| (*x < 10.0).then_some(2.0 * x + 1.0)).collect();
        assert!((filled(&known, &guide)[11] - 23.0).abs() < 1e-9);
    }

    #[test]
    fn few_pairs_and_a_wrong_guide_give_the_mean() {
        assert_eq!(filled(&[Some(1.0), Some(3.0), None], &[0.0, 1.0, 9.0]), [1.0, 3.0, 2.0]);
        let guide: Vec<f64> = (0..10).map(f64::from).collect();
        let against: Vec<Option<f64>> = guide.iter().map(|x| (*x > 0.0).then_some(10.0 - x)).collect();
        assert!((filled(&against, &guide)[0] - 5.0).abs() < 1e-9);
        assert_eq!(filled(&[None, None], &[1.0, 2.0]), [0.0, 0.0]);
    }

    #[test]
    fn what_does_not_vary_is_zero() {
        assert_eq!(standardised(&[4.0, 4.0]), [0.0, 0.0]);
        assert_eq!(standardised(&[1.0, 3.0]), [-1.0, 1.0]);
    }
}
