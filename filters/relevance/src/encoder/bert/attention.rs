//! Multi-head self-attention inside each text. Both of its products are tiles like those of the linear maps.

use pulp::{Arch, Simd, WithSimd};

use super::linear::{VECTORS, pairs, part, tile_sums};
use super::simd::{Lanes, exp};

/// Queries of one tile: with two vectors of sums for each they fit the registers of every processor.
const TILE: usize = 6;

/// The shape of it.
pub(super) struct Attention {
    arch: Arch,
    size: usize,
    heads: usize,
}

/// What one thread needs besides its operands.
#[derive(Default)]
pub(super) struct Scratch {
    /// Keys of a head in panels, one row of keys per dimension.
    keys: Vec<f32>,
    /// Values of a head in panels, one row of dimensions per token.
    values: Vec<f32>,
    /// The weights of all tokens for each query of a tile.
    weights: Vec<f32>,
}

impl Attention {
    /// `None` where a head does not fill whole panels.
    pub(super) fn new(arch: Arch, size: usize, heads: usize) -> Option<Self> {
        let panel = VECTORS * arch.dispatch(Lanes);
        let fits = heads > 0 && size.is_multiple_of(heads) && (size / heads).is_multiple_of(panel);
        fits.then_some(Self { arch, size, heads })
    }

    /// `parts` holds query, key and value of a token side by side, token after token; texts have these lengths.
    pub(super) fn apply(&self, parts: &[f32], lengths: &[usize], result: &mut [f32], scratch: &mut Scratch) {
        self.arch.dispatch(Texts { attention: self, parts, lengths, result, scratch });
    }
}

struct Texts<'a> {
    attention: &'a Attention,
    parts: &'a [f32],
    lengths: &'a [usize],
    result: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for Texts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Attention { size, heads, .. } = *self.attention;
        let mut start = 0;
        for &length in self.lengths {
            let parts = part(self.parts, start * 3 * size, length * 3 * size);
            let result = self.result.get_mut(start * size..(start + length) * size).unwrap_or_default();
            for number in 0..heads {
                let head = Head { parts, size, width: size / heads, start: number * (size / heads), length };
                head.apply(simd, result, self.scratch);
            }
            start += length;
        }
    }
}

/// One head over one text.
struct Head<'a> {
    parts: &'a [f32],
    size: usize,
    width: usize,
    /// Where it starts in a query, a key, a value and a row of the result.
    start: usize,
    /// Tokens of the text.
    length: usize,
}

impl Head<'_> {
    #[inline(always)]
    fn apply<S: Simd>(&self, simd: S, result: &mut [f32], scratch: &mut Scratch) {
        let panel = VECTORS * S::F32_LANES;
        let padded = self.length.next_multiple_of(panel);
        self.lay_out(panel, padded, scratch);
        scratch.weights.resize(TILE * padded, 0.0);
        for first in (0..self.length).step_by(TILE) {
            // The last tile repeats the last query.
            let queries = std::array::from_fn(|row| self.vector(0, (first + row).min(self.length - 1)));
            for (number, keys) in scratch.keys.chunks_exact(self.width * panel).enumerate() {
                let sums = tile_sums::<S, TILE>(simd, queries, pairs::<S>(keys));
                for (row, sums) in scratch.weights.chunks_exact_mut(padded).zip(sums) {
                    put::<S>(row, number * panel, sums);
                }
            }
            let scale = (self.width as f32).sqrt().recip();
            for row in scratch.weights.chunks_exact_mut(padded) {
                softmax(simd, row, self.length, scale);
            }
            let weights = std::array::from_fn(|row| part(&scratch.weights, row * padded, self.length));
            for (number, values) in scratch.values.chunks_exact(self.length * panel).enumerate() {
                let sums = tile_sums::<S, TILE>(simd, weights, pairs::<S>(values));
                for (row, sums) in result.chunks_exact_mut(self.size).skip(first).zip(sums) {
                    put::<S>(row, self.start + number * panel, sums);
                }
            }
        }
    }

    /// This head's part of a token's query (0), key (1) or value (2).
    #[inline(always)]
    fn vector(&self, which: usize, token: usize) -> &[f32] {
        part(self.parts, (token * 3 + which) * self.size + self.start, self.width)
    }

    /// Brings keys and values into panels.
    #[inline(always)]
    fn lay_out(&self, panel: usize, padded: usize, scratch: &mut Scratch) {
        scratch.keys.clear();
        scratch.keys.resize(padded * self.width, 0.0);
        for (number, keys) in scratch.keys.chunks_exact_mut(self.width * panel).enumerate() {
            for place in 0..panel.min(self.length - number * panel) {
                let key = self.vector(1, number * panel + place);
                let places = keys.iter_mut().skip(place).step_by(panel);
                places.zip(key).for_each(|(to, from)| *to = *from);
            }
        }
        scratch.values.clear();
        for column in (0..self.width).step_by(panel) {
            for token in 0..self.length {
                scratch.values.extend_from_slice(part(self.vector(2, token), column, panel));
            }
        }
    }
}

/// Puts sums into a row from `column` on.
#[inline(always)]
fn put<S: Simd>(row: &mut [f32], column: usize, sums: [S::f32s; VECTORS]) {
    let place = row.get_mut(column..column + VECTORS * S::F32_LANES).unwrap_or_default();
    if let [place, ..] = S::as_mut_simd_f32s(place).0.as_chunks_mut().0 {
        *place = sums;
    }
}

/// Softmax of the first `length` values times `scale`; the others are padding up to whole vectors.
#[inline(always)]
fn softmax<S: Simd>(simd: S, row: &mut [f32], length: usize, scale: f32) {
    if let Some(padding) = row.get_mut(length..) {
        padding.fill(f32::MIN);
    }
    let vectors = S::as_mut_simd_f32s(row).0;
    let largest = vectors.iter().fold(simd.splat_f32s(f32::MIN), |largest, x| simd.max_f32s(largest, *x));
    let scale = simd.splat_f32s(scale);
    let shift = simd.mul_f32s(simd.splat_f32s(-simd.reduce_max_f32s(largest)), scale);
    let mut total = simd.splat_f32s(0.0);
    for x in vectors.iter_mut() {
        *x = exp(simd, simd.mul_add_e_f32s(*x, scale, shift));
        total = simd.add_f32s(total, *x);
    }
    let share = simd.splat_f32s(simd.reduce_sum_f32s(total).recip());
    vectors.iter_mut().for_each(|x| *x = simd.mul_f32s(*x, share));
}

#[cfg(test)]
mod tests {
    use super::super::simd::testing::{everywhere, noise};
    use super::*;

    /// By the definition, for one head.
    fn attended(parts: &[f32], size: usize, columns: std::ops::Range<usize>, query: usize) -> Vec<f32> {
        let tokens: Vec<&[f32]> = parts.chunks_exact(3 * size).collect();
        let vector = |token: usize, which: usize| &tokens[token][which * size..][columns.clone()];
        let dot = |key: usize| vector(query, 0).iter().zip(vector(key, 1)).map(|(q, k)| q * k).sum::<f32>();
        let scale = (columns.len() as f32).sqrt();
        let weights: Vec<f32> = (0..tokens.len()).map(|key| (dot(key) / scale).exp()).collect();
        let total: f32 = weights.iter().sum();
        let column = |c: usize| weights.iter().enumerate().map(|(t, w)| w / total * vector(t, 2)[c]).sum();
        (0..columns.len()).map(column).collect()
    }

    #[test]
    fn it_is_that_of_the_definition_and_stays_inside_a_text() {
        let (size, heads, lengths) = (64, 2, [1, 9, 33, 64]);
        let total: usize = lengths.iter().sum();
        let parts: Vec<f32> = noise(total * 3 * size, 5).iter().map(|x| 3.0 * x).collect();
        for arch in everywhere() {
            let mut result = vec![f32::NAN; total * size];
            Attention::new(arch, size, heads).unwrap().apply(&parts, &lengths, &mut result, &mut Scratch::default());
            let mut start = 0;
            for length in lengths {
                let text = &parts[start * 3 * size..][..length * 3 * size];
                for (token, head) in (0..length).flat_map(|token| (0..heads).map(move |head| (token, head))) {
                    let columns = head * size / heads..(head + 1) * size / heads;
                    let expected = attended(text, size, columns.clone(), token);
                    for (found, expected) in result[(start + token) * size..][columns].iter().zip(expected) {
                        assert!((found - expected).abs() < 1e-5, "{arch:?} {length} {token}: {found} {expected}");
                    }
                }
                start += length;
            }
        }
    }

    #[test]
    fn a_head_that_does_not_fill_panels_is_refused() {
        assert!(Attention::new(Arch::Scalar, 66, 22).is_none());
        assert!(Attention::new(Arch::Scalar, 64, 0).is_none());
    }
}
