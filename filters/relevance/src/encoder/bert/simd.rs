//! Functions of vectors that the standard library has only for single numbers, and their exactness.

use pulp::{Simd, WithSimd};

/// Asks how many floats a vector holds.
pub(super) struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// GELU by the error function: x · Φ(x). The error function is a quotient of polynomials, exact to a millionth and free
/// of branches (the coefficients of Eigen's `erf` for floats): the exact one takes a third of the time of everything.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const P: [f32; 7] = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const Q: [f32; 5] = [-1.456_607_2e-5, -2.133_740_5e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2];
    let constant = |value: f32| simd.splat_f32s(value);
    let z = simd.mul_f32s(x, constant(std::f32::consts::FRAC_1_SQRT_2));
    let z = simd.max_f32s(simd.min_f32s(z, constant(4.0)), constant(-4.0));
    let square = simd.mul_f32s(z, z);
    let numerator = simd.mul_f32s(z, polynomial(simd, square, &P));
    let erf = simd.div_f32s(numerator, polynomial(simd, square, &Q));
    let half = simd.mul_f32s(x, constant(0.5));
    simd.mul_add_e_f32s(half, erf, half)
}

/// The exponential of numbers that are not positive, by a power of two and a polynomial for the rest.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// Its last bits hold a small number that was added to it, rounded.
    const SHIFT: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const P: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let constant = |value: f32| simd.splat_f32s(value);
    let x = simd.max_f32s(x, constant(-87.0));
    let shifted = simd.mul_add_e_f32s(x, constant(std::f32::consts::LOG2_E), constant(SHIFT));
    let power = simd.sub_f32s(shifted, constant(SHIFT));
    let rest = simd.mul_add_e_f32s(power, constant(-LN_2_HIGH), x);
    let rest = simd.mul_add_e_f32s(power, constant(-LN_2_LOW), rest);
    let tail = simd.mul_f32s(simd.mul_f32s(rest, rest), polynomial(simd, rest, &P));
    let fraction = simd.add_f32s(simd.add_f32s(tail, rest), constant(1.0));
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(fraction), exponent))
}

/// The polynomial with these coefficients, that of the highest power first.
#[inline(always)]
fn polynomial<S: Simd>(simd: S, x: S::f32s, coefficients: &[f32]) -> S::f32s {
    coefficients.iter().fold(simd.splat_f32s(0.0), |sum, c| simd.mul_add_e_f32s(sum, x, simd.splat_f32s(*c)))
}

#[cfg(test)]
pub(super) mod testing {
    use pulp::Arch;

    /// Every kind of processor that this one can stand for.
    pub(in super::super) fn everywhere() -> Vec<Arch> {
        let mut all = vec![Arch::new(), Arch::Scalar];
        #[cfg(target_arch = "x86_64")]
        all.extend(pulp::x86::V3::try_new().map(Arch::V3));
        all
    }

    /// Numbers between -1 and 1 that look random.
    pub(in super::super) fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// By the Maclaurin series of the error function, as far as double precision carries it.
    pub(in super::super) fn exact_gelu(x: f64) -> f64 {
        if x.abs() > 5.5 {
            return x.max(0.0);
        }
        let z = x * std::f64::consts::FRAC_1_SQRT_2;
        let (mut term, mut sum) = (z, z);
        for n in 1..160 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        0.5 * x * (1.0 + sum * std::f64::consts::FRAC_2_SQRT_PI)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{everywhere, exact_gelu};
    use super::*;

    /// Applies a function of vectors to a grid.
    struct Over<'a>(&'a mut [f32], Function);

    #[derive(Clone, Copy)]
    enum Function {
        Gelu,
        Exp,
    }

    impl WithSimd for Over<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for x in S::as_mut_simd_f32s(self.0).0 {
                *x = match self.1 {
                    Function::Gelu => gelu(simd, *x),
                    Function::Exp => exp(simd, *x),
                };
            }
        }
    }

    #[test]
    fn gelu_is_exact_to_a_millionth() {
        let grid: Vec<f32> = (-8_192_i16..8_192).map(|step| f32::from(step) / 1024.0).collect();
        for arch in everywhere() {
            let mut found = grid.clone();
            arch.dispatch(Over(&mut found, Function::Gelu));
            for (x, y) in grid.iter().zip(found) {
                let difference = f64::from(y) - exact_gelu(f64::from(*x));
                assert!(difference.abs() < 1e-6 * f64::from(x.abs()).max(1.0), "{arch:?} {x}: {difference}");
            }
            let mut far = [-30.0, 30.0].repeat(16);
            arch.dispatch(Over(&mut far, Function::Gelu));
            assert!(far.chunks(2).all(|pair| pair[0].abs() < 1e-4 && (pair[1] - 30.0).abs() < 1e-4), "{far:?}");
        }
    }

    #[test]
    fn exp_is_exact_to_a_millionth() {
        let grid: Vec<f32> = (-22_000_i16..=0).map(|step| f32::from(step) / 256.0).rev().take(21_984).collect();
        for arch in everywhere() {
            let mut found = grid.clone();
            arch.dispatch(Over(&mut found, Function::Exp));
            for (x, y) in grid.iter().zip(found) {
                let exact = f64::from(*x).exp();
                assert!((f64::from(y) - exact).abs() < 1e-6 * exact, "{arch:?} {x}: {y}");
            }
            let mut far = [f32::MIN; 32];
            arch.dispatch(Over(&mut far, Function::Exp));
            assert!(far.iter().all(|y| *y < 1e-37), "{far:?}");
        }
    }
}
