//! Linear maps over many rows: `rows · weight + bias`, and what follows it while the sums are still in registers.
//!
//! The weights are laid out once, as the processor will read them: panels of two vectors of outputs, input after input.
//! A tile of rows by one panel is summed in registers. This reaches the processor's peak without threads of its own,
//! so that batches can run side by side; a general product packs its operands anew in every call, and hands the result
//! over for bias and activation to pass through memory once more. Vector width is chosen at run time (`pulp`).

use pulp::{Arch, Simd, WithSimd};

use super::simd::{Lanes, gelu};

/// Vectors of outputs in a panel: with 6 rows (12 on processors with 32 registers) their sums fill the registers.
pub(super) const VECTORS: usize = 2;
/// Callers give a multiple of this many rows.
pub(super) const ROWS_STEP: usize = 12;
/// Rows that go through all panels together; what they need stays in the second-level cache.
const BLOCK_ROWS: usize = 8 * ROWS_STEP;

/// What becomes of a sum.
#[derive(Clone, Copy)]
pub(super) enum Finish<'a> {
    /// The bias is added.
    Bias,
    /// The bias is added, then GELU applied.
    Gelu,
    /// Bias and the row of the same number are added.
    Add(&'a [f32]),
}

/// The map.
pub(super) struct Linear {
    arch: Arch,
    inputs: usize,
    outputs: usize,
    panels: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// A map of `weight`, which holds one row of inputs per output. `None` where `arch` cannot lay it out.
    pub(super) fn new(arch: Arch, weight: &[f32], bias: Vec<f32>, inputs: usize) -> Option<Self> {
        let width = VECTORS * arch.dispatch(Lanes);
        let outputs = bias.len();
        if inputs == 0 || !outputs.is_multiple_of(width) || weight.len() != inputs * outputs {
            return None;
        }
        let mut panels = Vec::with_capacity(weight.len());
        for group in weight.chunks_exact(inputs * width) {
            for input in 0..inputs {
                panels.extend(group.iter().skip(input).step_by(inputs));
            }
        }
        Some(Self { arch, inputs, outputs, panels, bias })
    }

    /// Maps `rows`, a multiple of [`ROWS_STEP`], into `result`.
    pub(super) fn apply(&self, rows: &[f32], result: &mut [f32], finish: Finish<'_>) {
        debug_assert!((rows.len() / self.inputs).is_multiple_of(ROWS_STEP));
        self.arch.dispatch(Product { linear: self, rows, result, finish });
    }
}

struct Product<'a> {
    linear: &'a Linear,
    rows: &'a [f32],
    result: &'a mut [f32],
    finish: Finish<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Sums of a tile, two vectors of weights and a broadcast input have to fit.
        if S::REGISTER_COUNT >= 32 { self.run::<S, 12>(simd) } else { self.run::<S, 6>(simd) }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize>(self, simd: S) {
        let Linear { inputs, outputs, panels, bias, .. } = self.linear;
        let width = VECTORS * S::F32_LANES;
        let blocks = self.rows.chunks(BLOCK_ROWS * inputs).zip(self.result.chunks_mut(BLOCK_ROWS * outputs));
        for (block, (rows, result)) in blocks.enumerate() {
            for (number, (panel, bias)) in panels.chunks_exact(inputs * width).zip(bias.chunks_exact(width)).enumerate()
            {
                let panel = Panel { columns: number * width, weights: pairs::<S>(panel), bias: pair::<S>(bias) };
                let tiles = rows.chunks_exact(R * inputs).zip(result.chunks_exact_mut(R * outputs));
                for (tile, (rows, result)) in tiles.enumerate() {
                    let sums = tile_sums::<S, R>(simd, split(rows, *inputs), panel.weights);
                    for (row, (sums, result)) in sums.into_iter().zip(result.chunks_exact_mut(*outputs)).enumerate() {
                        let at = (block * BLOCK_ROWS + tile * R + row) * outputs;
                        store(simd, self.finish, &panel, (sums, at), result);
                    }
                }
            }
        }
    }
}

/// One panel at work.
struct Panel<'a, S: Simd> {
    /// Its first column in the result.
    columns: usize,
    weights: &'a [[S::f32s; VECTORS]],
    bias: [S::f32s; VECTORS],
}

/// Finishes the sums of one row, which starts `at` in the whole result, and puts them there.
#[inline(always)]
fn store<S: Simd>(
    simd: S,
    finish: Finish<'_>,
    panel: &Panel<'_, S>,
    (sums, at): ([S::f32s; VECTORS], usize),
    row: &mut [f32],
) {
    let width = VECTORS * S::F32_LANES;
    let [low, high] = sums;
    let [bias_low, bias_high] = panel.bias;
    let (low, high) = (simd.add_f32s(low, bias_low), simd.add_f32s(high, bias_high));
    let finished = match finish {
        Finish::Bias => [low, high],
        Finish::Gelu => [gelu(simd, low), gelu(simd, high)],
        Finish::Add(rows) => {
            let [more_low, more_high] = pair::<S>(part(rows, at + panel.columns, width));
            [simd.add_f32s(low, more_low), simd.add_f32s(high, more_high)]
        }
    };
    let place = row.get_mut(panel.columns..panel.columns + width).unwrap_or_default();
    if let [place, ..] = S::as_mut_simd_f32s(place).0.as_chunks_mut().0 {
        *place = finished;
    }
}

/// For each of `R` rows the sum over all inputs of an input times its pair of weight vectors.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "one check per row before the loop; in it, none is left to do")]
pub(super) fn tile_sums<S: Simd, const R: usize>(
    simd: S,
    rows: [&[f32]; R],
    weights: &[[S::f32s; VECTORS]],
) -> [[S::f32s; VECTORS]; R] {
    let inputs = weights.len();
    let rows = rows.map(|row| &row[..inputs]);
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; R];
    for (input, [low, high]) in weights.iter().enumerate() {
        for ([sum_low, sum_high], row) in sums.iter_mut().zip(rows) {
            let x = simd.splat_f32s(row[input]);
            *sum_low = simd.mul_add_e_f32s(x, *low, *sum_low);
            *sum_high = simd.mul_add_e_f32s(x, *high, *sum_high);
        }
    }
    sums
}

/// The first `R` rows of `size`.
#[inline(always)]
fn split<const R: usize>(rows: &[f32], size: usize) -> [&[f32]; R] {
    std::array::from_fn(|row| part(rows, row * size, size))
}

/// `size` values from `start`.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "shapes are checked where maps are built; a wrong one must not compute")]
pub(super) fn part(values: &[f32], start: usize, size: usize) -> &[f32] {
    &values[start..start + size]
}

/// Values as pairs of vectors.
#[inline(always)]
pub(super) fn pairs<S: Simd>(values: &[f32]) -> &[[S::f32s; VECTORS]] {
    S::as_simd_f32s(values).0.as_chunks().0
}

/// The first pair of vectors of `values`.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "callers hand over a whole pair")]
fn pair<S: Simd>(values: &[f32]) -> [S::f32s; VECTORS] {
    pairs::<S>(values)[0]
}

#[cfg(test)]
mod tests {
    use super::super::simd::testing::{everywhere, exact_gelu, noise};
    use super::*;

    #[test]
    fn products_are_those_of_the_definition_on_every_processor() {
        let (count, inputs, outputs) = (2 * BLOCK_ROWS + ROWS_STEP, 40, 64);
        let (rows, weight) = (noise(count * inputs, 1), noise(inputs * outputs, 2));
        let (bias, more) = (noise(outputs, 3), noise(count * outputs, 4));
        for arch in everywhere() {
            let linear = Linear::new(arch, &weight, bias.clone(), inputs).unwrap();
            for finish in [Finish::Bias, Finish::Gelu, Finish::Add(&more)] {
                let mut result = vec![f32::NAN; count * outputs];
                linear.apply(&rows, &mut result, finish);
                for (at, found) in result.iter().enumerate() {
                    let (row, output) = (at / outputs, at % outputs);
                    let products = (0..inputs).map(|i| rows[row * inputs + i] * weight[output * inputs + i]);
                    let sum = f64::from(products.sum::<f32>() + bias[output]);
                    let expected = match finish {
                        Finish::Bias => sum,
                        Finish::Gelu => exact_gelu(sum),
                        Finish::Add(more) => sum + f64::from(more[at]),
                    };
                    assert!((f64::from(*found) - expected).abs() < 1e-4, "{arch:?} {at}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_map_that_does_not_fill_panels_is_refused() {
        let arch = Arch::new();
        assert!(Linear::new(arch, &noise(3 * 4, 1), noise(3, 2), 4).is_none());
        assert!(Linear::new(arch, &noise(3, 1), noise(64, 2), 4).is_none());
    }
}
