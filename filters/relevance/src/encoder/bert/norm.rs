//! Layer normalisation, in place.

use pulp::{Arch, Simd, WithSimd};

/// The normalisation of rows as long as `scale`, which is as long as `shift`.
pub(super) struct Norm {
    arch: Arch,
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    pub(super) fn new(arch: Arch, scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Self {
        Self { arch, scale, shift, epsilon }
    }

    pub(super) fn apply(&self, rows: &mut [f32]) {
        self.arch.dispatch(Rows { norm: self, rows });
    }
}

struct Rows<'a> {
    norm: &'a Norm,
    rows: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Norm { scale, shift, epsilon, .. } = self.norm;
        let (scales, shifts) = (S::as_simd_f32s(scale).0, S::as_simd_f32s(shift).0);
        let share = (scale.len().max(1) as f32).recip();
        for row in self.rows.chunks_exact_mut(scale.len().max(1)) {
            let row = S::as_mut_simd_f32s(row).0;
            let mean = simd.splat_f32s(share * sum(simd, row.iter().copied()));
            let squares = row.iter().map(|x| {
                let difference = simd.sub_f32s(*x, mean);
                simd.mul_f32s(difference, difference)
            });
            let inverse = simd.splat_f32s((share * sum(simd, squares) + epsilon).sqrt().recip());
            for ((x, scale), shift) in row.iter_mut().zip(scales).zip(shifts) {
                let normalised = simd.mul_f32s(simd.sub_f32s(*x, mean), inverse);
                *x = simd.mul_add_e_f32s(normalised, *scale, *shift);
            }
        }
    }
}

#[inline(always)]
fn sum<S: Simd>(simd: S, vectors: impl Iterator<Item = S::f32s>) -> f32 {
    simd.reduce_sum_f32s(vectors.fold(simd.splat_f32s(0.0), |sum, x| simd.add_f32s(sum, x)))
}

#[cfg(test)]
mod tests {
    use super::super::simd::testing::{everywhere, noise};
    use super::*;

    #[test]
    fn a_normalised_row_has_mean_zero_and_variance_one() {
        for arch in everywhere() {
            let mut rows = noise(3 * 64, 1);
            Norm::new(arch, vec![1.0; 64], vec![0.0; 64], 0.0).apply(&mut rows);
            for row in rows.chunks(64) {
                let square: f32 = row.iter().map(|x| x * x).sum();
                assert!(row.iter().sum::<f32>().abs() < 1e-4 && (square - 64.0).abs() < 1e-3, "{arch:?}");
            }
        }
    }
}
