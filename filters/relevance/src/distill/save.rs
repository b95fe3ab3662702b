//! A table in four bits a value: each row has a scale of its own, chosen so that the row keeps its direction best.

use std::collections::HashMap;
use std::path::Path;

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError};

use super::fit::Matrix;
use crate::statics::{FILES, TENSORS, ZERO};

/// The largest value of four bits on either side of zero.
const MOST: f32 = 7.0;
/// Scales that are tried for a row, as shares of the one at which its largest value just fits.
const SHARES: [f32; 9] = [1.0, 0.92, 0.85, 0.78, 0.71, 0.65, 0.59, 0.53, 0.47];

pub(super) fn save(pieces: &[String], vectors: &Matrix, folder: &Path) -> std::io::Result<()> {
    let rows: Vec<(f16, Vec<u8>)> = vectors.rows().map(quantised).collect();
    let nibbles: Vec<u8> = rows.iter().flat_map(|(_, row)| pairs(row)).collect();
    let scales: Vec<u8> = rows.iter().flat_map(|(scale, _)| scale.to_le_bytes()).collect();
    let other = |error: SafeTensorError| std::io::Error::other(error.to_string());
    let tensors = HashMap::from([
        (TENSORS[0], TensorView::new(Dtype::U8, vec![rows.len(), vectors.size.div_ceil(2)], &nibbles).map_err(other)?),
        (TENSORS[1], TensorView::new(Dtype::F16, vec![rows.len()], &scales).map_err(other)?),
    ]);
    let table = safetensors::serialize(tensors, None).map_err(other)?;
    std::fs::create_dir_all(folder)?;
    let list: String = pieces.iter().flat_map(|piece| [piece.as_str(), "\n"]).collect();
    std::fs::write(folder.join(FILES[0]), list)?;
    std::fs::write(folder.join(FILES[1]), table)
}

/// The scale and the values with the least error.
fn quantised(row: &[f32]) -> (f16, Vec<u8>) {
    let largest = row.iter().map(|x| x.abs()).fold(0.0, f32::max);
    let tried = SHARES.map(|share| with_scale(row, f16::from_f32(largest / MOST * share)));
    let least = tried.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    least.map(|(_, scale, values)| (scale, values)).unwrap_or_default()
}

/// The squared error, the scale and the values as they are stored.
fn with_scale(row: &[f32], scale: f16) -> (f32, f16, Vec<u8>) {
    let step = scale.to_f32();
    let zero = f32::from(ZERO);
    let mut error = 0.0;
    let value = |x: &f32| {
        let steps = if step > 0.0 { (x / step).round().clamp(-MOST, MOST) } else { 0.0 };
        error += (steps * step - x).powi(2);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 15")]
        let stored = (steps + zero) as u8;
        stored
    };
    let values = row.iter().map(value).collect();
    (error, scale, values)
}

/// Two values a byte, the lower one first.
fn pairs(row: &[u8]) -> impl Iterator<Item = u8> + '_ {
    row.chunks(2).map(|pair| match pair {
        [low, high] => low | high << 4,
        [low] => low | ZERO << 4,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_near_what_they_were() {
        let row = [0.7, -0.35, 0.1, 0.0, -0.7];
        let (scale, values) = quantised(&row);
        let back: Vec<f32> = values.iter().map(|v| (f32::from(*v) - f32::from(ZERO)) * scale.to_f32()).collect();
        assert!(row.iter().zip(&back).all(|(x, y)| (x - y).abs() <= 0.051), "{back:?}");
        assert_eq!(pairs(&values).count(), 3);
        assert!(quantised(&[0.0, 0.0]).1.iter().all(|value| *value == ZERO));
    }
}
