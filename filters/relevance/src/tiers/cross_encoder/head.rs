//! The classification head of `BertForSequenceClassification`: a pooler over the first token, and one linear map.
//!
//! One product of a few hundred thousand terms per pair: next to the forward pass it costs nothing, so it is plain.

use candle_core::{Error, Result};
use candle_nn::VarBuilder;

/// The loaded weights.
pub(super) struct Head {
    pooler: Map,
    classifier: Map,
}

/// A linear map: one row of inputs per output, and what is added.
struct Map {
    rows: Vec<Vec<f32>>,
    bias: Vec<f32>,
}

impl Map {
    fn load(weights: &VarBuilder<'_>) -> Result<Self> {
        let rows: Vec<Vec<f32>> = weights.get_unchecked("weight")?.to_vec2()?;
        let bias: Vec<f32> = weights.get_unchecked("bias")?.to_vec1()?;
        if rows.len() == bias.len() { Ok(Self { rows, bias }) } else { Err(unfit()) }
    }

    fn apply(&self, input: &[f32]) -> impl Iterator<Item = f32> {
        let row = move |row: &Vec<f32>| row.iter().zip(input).map(|(w, x)| w * x).sum::<f32>();
        self.rows.iter().map(row).zip(&self.bias).map(|(sum, bias)| sum + bias)
    }

    /// The inputs and outputs.
    fn shape(&self) -> (usize, usize) {
        (self.rows.first().map_or(0, Vec::len), self.rows.len())
    }
}

impl Head {
    /// The head of a model whose token vectors have `size` floats.
    pub(super) fn load(weights: &VarBuilder<'_>, size: usize) -> Result<Self> {
        let head = Self {
            pooler: Map::load(&weights.pp("bert.pooler.dense"))?,
            classifier: Map::load(&weights.pp("classifier"))?,
        };
        let fits = head.pooler.shape() == (size, size) && matches!(head.classifier.shape(), (s, 1 | 2) if s == size);
        if fits { Ok(head) } else { Err(unfit()) }
    }

    /// The probability that the pair belongs together, from the vector of its first token. One label is a logit; of two
    /// the second means yes.
    pub(super) fn probability(&self, first: &[f32]) -> f64 {
        let pooled: Vec<f32> = self.pooler.apply(first).map(f32::tanh).collect();
        let mut labels = self.classifier.apply(&pooled).map(f64::from);
        let logit = match (labels.next(), labels.next()) {
            (Some(no), Some(yes)) => yes - no,
            (Some(logit), None) => logit,
            _ => 0.0,
        };
        1.0 / (1.0 + (-logit).exp())
    }
}

fn unfit() -> Error {
    Error::Msg("its classifier does not have one or two labels over the model's vectors".to_owned())
}
