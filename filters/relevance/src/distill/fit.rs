//! The fit: ridge regression of sentences on bags of pieces, by conjugate gradients. Every sentence is weighted by the
//! length of its sum at the start, so that directions are fitted and not lengths.

/// Steps of conjugate gradients: half as many are measurably worse.
const STEPS: usize = 60;
/// How strongly a piece is held at its start: a piece that a sentence or two have mostly stays there.
const RIDGE: f32 = 1.0;
/// Sentences shorter than this share of all in length count no more than these.
const SHORT: f64 = 0.05;

/// Rows of floats.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    pub(super) size: usize,
    pub(super) values: Vec<f32>,
}

impl Matrix {
    pub(super) fn zero(rows: usize, size: usize) -> Self {
        Self { size, values: vec![0.0; rows * size] }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.size)
    }

    /// Multiplies each row by its factor.
    pub(super) fn scale_rows(&mut self, factors: &[f32]) {
        for (row, factor) in self.values.chunks_exact_mut(self.size).zip(factors) {
            row.iter_mut().for_each(|x| *x *= factor);
        }
    }

    fn row(&self, index: u32) -> &[f32] {
        let at = index as usize * self.size;
        self.values.get(at..at + self.size).unwrap_or_default()
    }

    fn row_mut(&mut self, index: u32) -> &mut [f32] {
        let at = index as usize * self.size;
        self.values.get_mut(at..at + self.size).unwrap_or_default()
    }

    /// `self = x + by column factor * self`.
    fn step_towards(&mut self, x: &Self, factors: &[f32]) {
        for (row, other) in self.values.chunks_exact_mut(self.size).zip(x.rows()) {
            row.iter_mut().zip(other).zip(factors).for_each(|((a, b), f)| *a = b + f * *a);
        }
    }

    /// `self += by column factor * x`.
    fn add_scaled(&mut self, x: &Self, factors: &[f32]) {
        for (row, other) in self.values.chunks_exact_mut(self.size).zip(x.rows()) {
            row.iter_mut().zip(other).zip(factors).for_each(|((a, b), f)| *a += f * b);
        }
    }

    /// The dot product of each column with the same of `other`.
    fn dots(&self, other: &Self) -> Vec<f64> {
        let mut sums = vec![0.0; self.size];
        for (a, b) in self.rows().zip(other.rows()) {
            sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += f64::from(a * b));
        }
        sums
    }
}

/// Sentences as bags of pieces.
pub(super) struct Bags {
    bags: Vec<Vec<u32>>,
    pieces: usize,
}

impl Bags {
    pub(super) fn new(bags: Vec<Vec<u32>>, pieces: usize) -> Self {
        Self { bags, pieces }
    }

    /// How much each piece says by how rare it is: 1 for what never comes, a half at the share `rare` of all.
    pub(super) fn rarity(&self, rare: f64) -> Vec<f32> {
        let mut counts = vec![0.0_f64; self.pieces];
        for piece in self.bags.iter().flatten() {
            if let Some(count) = counts.get_mut(*piece as usize) {
                *count += 1.0;
            }
        }
        let total: f64 = counts.iter().sum::<f64>().max(1.0);
        #[expect(clippy::cast_possible_truncation, reason = "a factor between 0 and 1")]
        counts.into_iter().map(|count| (rare / (rare + count / total)) as f32).collect()
    }

    /// The sum of each bag's rows, times its weight.
    fn sums(&self, vectors: &Matrix, weights: &[f32]) -> Matrix {
        let mut sums = Matrix::zero(self.bags.len(), vectors.size);
        for ((sum, bag), weight) in sums.values.chunks_exact_mut(vectors.size).zip(&self.bags).zip(weights) {
            for piece in bag {
                sum.iter_mut().zip(vectors.row(*piece)).for_each(|(total, x)| *total += x);
            }
            sum.iter_mut().for_each(|x| *x *= weight);
        }
        sums
    }

    /// The transpose of [`Bags::sums`]: every bag's row, times its weight, added to its pieces.
    fn spread(&self, rows: &Matrix, weights: &[f32]) -> Matrix {
        let mut spread = Matrix::zero(self.pieces, rows.size);
        for ((row, bag), weight) in rows.rows().zip(&self.bags).zip(weights) {
            for piece in bag {
                spread.row_mut(*piece).iter_mut().zip(row).for_each(|(total, x)| *total += weight * x);
            }
        }
        spread
    }

    /// One over the length of each bag's sum.
    fn weights(&self, vectors: &Matrix) -> Vec<f32> {
        let ones = vec![1.0; self.bags.len()];
        let lengths: Vec<f32> =
            self.sums(vectors, &ones).rows().map(|row| row.iter().map(|x| x * x).sum::<f32>().sqrt()).collect();
        let mut sorted = lengths.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
        let least = sorted.get((sorted.len() as f64 * SHORT) as usize).copied().unwrap_or_default().max(1e-6);
        lengths.into_iter().map(|length| if length > 0.0 { 1.0 / length.max(least) } else { 0.0 }).collect()
    }
}

/// Vectors whose sums over `bags` point where `wanted` does, near `start` for what is rare.
pub(super) fn fit(bags: &Bags, wanted: &Matrix, start: Matrix, done: &dyn Fn(usize, usize)) -> Matrix {
    let weights = bags.weights(&start);
    solved(bags, wanted, start, &weights, done)
}

/// Solves `(AᵀA + r) x = Aᵀ wanted + r start` column by column, all columns at once.
fn solved(bags: &Bags, wanted: &Matrix, start: Matrix, weights: &[f32], done: &dyn Fn(usize, usize)) -> Matrix {
    let mut x = start;
    let missing = {
        let mut missing = bags.sums(&x, weights);
        let minus = vec![-1.0; x.size];
        missing.step_towards(wanted, &minus);
        missing
    };
    let mut rest = bags.spread(&missing, weights);
    let mut direction = rest.clone();
    let mut rest_squared = rest.dots(&rest);
    for step in 1..=STEPS {
        let mut image = bags.spread(&bags.sums(&direction, weights), weights);
        image.add_scaled(&direction, &vec![RIDGE; x.size]);
        let along = direction.dots(&image);
        let factors = ratios(&rest_squared, &along);
        x.add_scaled(&direction, &factors);
        rest.add_scaled(&image, &factors.iter().map(|f| -f).collect::<Vec<_>>());
        let squared = rest.dots(&rest);
        direction.step_towards(&rest, &ratios(&squared, &rest_squared));
        rest_squared = squared;
        done(step, STEPS);
    }
    x
}

#[expect(clippy::cast_possible_truncation, reason = "factors of single precision columns")]
fn ratios(above: &[f64], below: &[f64]) -> Vec<f32> {
    above.iter().zip(below).map(|(a, b)| if *b > 1e-12 { (a / b) as f32 } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_spread_are_transposes() {
        let bags = Bags::new(vec![vec![0, 1, 1], vec![2], vec![]], 3);
        let vectors = Matrix { size: 2, values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        let weights = [0.5, 2.0, 1.0];
        assert_eq!(bags.sums(&vectors, &weights).values, [3.5, 5.0, 10.0, 12.0, 0.0, 0.0]);
        let rows = Matrix { size: 2, values: vec![1.0, 0.0, 0.0, 1.0, 9.0, 9.0] };
        assert_eq!(bags.spread(&rows, &weights).values, [0.5, 0.0, 1.0, 0.0, 0.0, 2.0]);
    }

    #[test]
    fn a_piece_learns_where_its_sentences_point() {
        // Piece 0 is in every sentence and says nothing; 1 points to x, 2 to y. All start pointing the same way.
        let bags: Vec<Vec<u32>> = (0..200).map(|i| vec![0, 1 + i % 2]).collect();
        let wanted = (0..200).flat_map(|i| if i % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
        let start = Matrix { size: 2, values: vec![0.5; 6] };
        let fitted = fit(&Bags::new(bags, 3), &Matrix { size: 2, values: wanted }, start, &|_, _| ());
        assert!(fitted.row(1)[0] > fitted.row(1)[1] + 0.3, "{fitted:?}");
        assert!(fitted.row(2)[1] > fitted.row(2)[0] + 0.3, "{fitted:?}");
    }

    #[test]
    fn rare_pieces_count_more() {
        let rarity = Bags::new(vec![vec![0, 0, 0, 1]], 3).rarity(0.25);
        assert_eq!(rarity, [0.25, 0.5, 1.0]);
    }
}
