//! Onto the directions in which sentences differ most: principal components, without taking the mean away, so that
//! cosines stay what they are.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::fit::Matrix;
use crate::encoder::Embedding;

/// Sentences that are looked at for the directions.
const SAMPLE_MAX: usize = 40_000;

/// The `size` first directions, one a row; fewer where the vectors have fewer.
pub(super) fn principal(vectors: &[Embedding], size: usize) -> Vec<Vec<f32>> {
    let width = vectors.first().map_or(0, |vector| vector.len());
    let mut moments = DMatrix::<f64>::zeros(width, width);
    for vector in vectors.iter().take(SAMPLE_MAX) {
        let vector = DVector::from_iterator(width, vector.iter().map(|x| f64::from(*x)));
        moments.ger(1.0, &vector, &vector, 1.0);
    }
    let eigen = SymmetricEigen::new(moments);
    let mut order: Vec<(f64, usize)> = eigen.eigenvalues.iter().copied().zip(0..).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    #[expect(clippy::cast_possible_truncation, reason = "back to the precision of the vectors")]
    let direction = |column: usize| eigen.eigenvectors.column(column).iter().map(|x| *x as f32).collect();
    order.into_iter().take(size).map(|(_, column)| direction(column)).collect()
}

/// The vectors as seen along the directions.
pub(super) fn onto(directions: &[Vec<f32>], vectors: &[Embedding]) -> Matrix {
    let along = |vector: &Embedding| {
        let vector = vector.clone();
        directions.iter().map(move |direction| direction.iter().zip(vector.iter()).map(|(a, b)| a * b).sum())
    };
    Matrix { size: directions.len(), values: vectors.iter().flat_map(along).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_direction_comes_first_and_lengths_survive() {
        let vectors: Vec<Embedding> =
            [[3.0, 0.1, 0.0], [-2.0, 0.2, 0.0], [4.0, -0.3, 0.0]].into_iter().map(Embedding::from).collect();
        let directions = principal(&vectors, 2);
        assert!(directions[0][0].abs() > 0.99, "{directions:?}");
        let seen = onto(&directions, &vectors);
        assert!((seen.values[0].hypot(seen.values[1]) - 3.0_f32.hypot(0.1)).abs() < 1e-4);
    }
}
