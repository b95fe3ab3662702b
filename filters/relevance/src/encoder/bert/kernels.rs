//! What BERT does between its matrix products, as loops over slices.

/// Adds `addend` to every row of `rows`, which is as long as `addend` or a multiple of it.
pub(super) fn add_rows(rows: &mut [f32], addend: &[f32]) {
    for row in rows.chunks_exact_mut(addend.len().max(1)) {
        row.iter_mut().zip(addend).for_each(|(x, a)| *x += a);
    }
}

/// Layer normalisation.
pub(super) struct Norm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) epsilon: f32,
}

impl Norm {
    pub(super) fn apply(&self, rows: &mut [f32]) {
        let size = self.scale.len().max(1);
        for row in rows.chunks_exact_mut(size) {
            let mean = row.iter().sum::<f32>() / size as f32;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / size as f32;
            let inverse = (variance + self.epsilon).sqrt().recip();
            for ((x, scale), shift) in row.iter_mut().zip(&self.scale).zip(&self.shift) {
                *x = (*x - mean) * inverse * scale + shift;
            }
        }
    }
}

/// Multi-head self-attention inside each text.
pub(super) struct Attention {
    pub(super) hidden_size: usize,
    pub(super) heads: usize,
}

impl Attention {
    /// `parts` holds query, key and value of a token side by side, token after token; texts have these lengths.
    pub(super) fn apply(&self, parts: &[f32], lengths: &[usize]) -> Vec<f32> {
        let size = self.hidden_size;
        let mut result = vec![0.0; parts.len() / 3];
        let mut tokens = parts.chunks_exact(3 * size);
        let mut rows = result.chunks_exact_mut(size);
        for &length in lengths {
            let tokens: Vec<&[f32]> = tokens.by_ref().take(length).collect();
            let mut rows: Vec<&mut [f32]> = rows.by_ref().take(length).collect();
            for head in 0..self.heads {
                self.one_head(head, &tokens, &mut rows);
            }
        }
        result
    }

    fn one_head(&self, head: usize, tokens: &[&[f32]], rows: &mut [&mut [f32]]) {
        let (size, width) = (self.hidden_size, self.hidden_size / self.heads.max(1));
        let part = |token: &'_ [f32], which: usize| -> Vec<f32> {
            let start = which * size + head * width;
            token.get(start..start + width).unwrap_or_default().to_vec()
        };
        let queries: Vec<Vec<f32>> = tokens.iter().map(|token| part(token, 0)).collect();
        let keys: Vec<Vec<f32>> = tokens.iter().map(|token| part(token, 1)).collect();
        let values: Vec<Vec<f32>> = tokens.iter().map(|token| part(token, 2)).collect();
        // One row per dimension: then the loop over the tokens is the inner one, and vectorises.
        let by_dimension: Vec<Vec<f32>> =
            (0..width).map(|d| keys.iter().filter_map(|key| key.get(d).copied()).collect()).collect();
        let scale = (width as f32).sqrt().recip();
        for (query, row) in queries.iter().zip(rows) {
            let mut weights = vec![0.0; tokens.len()];
            for (q, keys) in query.iter().zip(&by_dimension) {
                add_scaled(&mut weights, q * scale, keys);
            }
            softmax(&mut weights);
            let Some(out) = row.get_mut(head * width..(head + 1) * width) else { continue };
            for (weight, value) in weights.iter().zip(&values) {
                add_scaled(out, *weight, value);
            }
        }
    }
}

fn add_scaled(sum: &mut [f32], factor: f32, addend: &[f32]) {
    sum.iter_mut().zip(addend).for_each(|(x, a)| *x += factor * a);
}

fn softmax(weights: &mut [f32]) {
    let largest = weights.iter().copied().fold(f32::MIN, f32::max);
    weights.iter_mut().for_each(|x| *x = (*x - largest).exp());
    let total: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|x| *x /= total);
}

/// GELU by the error function: x · Φ(x).
pub(super) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function as a quotient of polynomials, exact to 1e-6 and free of branches (the coefficients of Eigen's
/// `erf` for floats): the exact one takes a third of the time of the whole forward pass.
fn erf(x: f32) -> f32 {
    const P: [f32; 6] = [2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906_3e-4, -2.954_6e-3, -1.609_603_3e-2];
    const Q: [f32; 4] = [-2.133_740_5e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2];
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let p = P.iter().fold(-2.726_142_3e-10, |p, c| p * s + c);
    let q = Q.iter().fold(-1.456_607_2e-5, |q, c| q * s + c);
    x * p / q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_exact_to_a_millionth() {
        // By its Maclaurin series, which converges everywhere.
        let exact = |x: f64| {
            let mut term = x;
            let mut sum = x;
            for n in 1..120 {
                term *= -x * x / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            sum * std::f64::consts::FRAC_2_SQRT_PI
        };
        for step in -390_i16..=390 {
            let x = f32::from(step) / 100.0;
            let difference = f64::from(erf(x)) - exact(f64::from(x));
            assert!(difference.abs() < 1e-6, "{x}: {difference}");
        }
        assert!((erf(9.0) - 1.0).abs() < 1e-6 && (erf(-9.0) + 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_normalised_row_has_mean_zero_and_variance_one() {
        let norm = Norm { scale: vec![1.0; 4], shift: vec![0.0; 4], epsilon: 0.0 };
        let mut rows = [1.0, 2.0, 3.0, 6.0, 5.0, 5.0, 7.0, 7.0];
        norm.apply(&mut rows);
        for row in rows.chunks(4) {
            let square: f32 = row.iter().map(|x| x * x).sum();
            assert!(row.iter().sum::<f32>().abs() < 1e-5 && (square - 4.0).abs() < 1e-4);
        }
    }

    #[test]
    fn attention_stays_inside_a_text() {
        let attention = Attention { hidden_size: 2, heads: 1 };
        // (query, key, value) per token: equal keys give each token of a text the mean of its values.
        let token = |value: f32| [0.0, 0.0, 1.0, 1.0, value, -value];
        let parts = [token(1.0), token(3.0), token(9.0)].concat();
        assert_eq!(attention.apply(&parts, &[2, 1]), [2.0, -2.0, 2.0, -2.0, 9.0, -9.0]);
    }
}
