//! BERT's forward pass (Devlin et al. 2018), arranged for many short texts on a CPU.
//!
//! Texts lie one behind the other without padding, so that no work is wasted on differences in length; query, key and
//! value are one product; everything between the matrix products is a loop over plain slices that the compiler can
//! vectorise. candle holds the weights and multiplies. Tensor names are those of Hugging Face's `BertModel`. Nothing
//! here tokenizes, batches or pools.

mod kernels;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use serde::Deserialize;

use kernels::{Attention, Norm, add_rows, gelu};

/// What is read of `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    vocab_size: usize,
    pub(super) hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Activation,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f32,
}

/// The one activation this forward pass has.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Activation {
    Gelu,
}

/// The loaded weights.
pub(super) struct Bert {
    hidden_size: usize,
    words: Vec<f32>,
    /// Position embeddings, with the embedding of the first token type added: single texts have no other.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

impl Bert {
    pub(super) fn load(weights: &VarBuilder<'_>, config: &Config) -> Result<Self> {
        let Activation::Gelu = config.hidden_act;
        let size = config.hidden_size;
        let embeddings = weights.pp("embeddings");
        let table = |name: &str, rows: usize| embeddings.get((rows, size), &format!("{name}_embeddings.weight"));
        let first_type = table("token_type", config.type_vocab_size)?.narrow(0, 0, 1)?;
        let positions = table("position", config.max_position_embeddings)?.broadcast_add(&first_type)?;
        let layer = |index: usize| Layer::load(&weights.pp(format!("encoder.layer.{index}")), config);
        Ok(Self {
            hidden_size: size,
            words: table("word", config.vocab_size)?.flatten_all()?.to_vec1()?,
            positions: positions.flatten_all()?.to_vec1()?,
            norm: norm(&embeddings.pp("LayerNorm"), config)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// The token vectors of each text, row after row. A token the model does not know counts as nothing.
    pub(super) fn forward(&self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let size = self.hidden_size;
        let row = |table: &'_ [f32], index: usize| table.get(index * size..(index + 1) * size).map(<[f32]>::to_vec);
        let mut hidden = Vec::with_capacity(texts.iter().map(|text| text.len() * size).sum());
        for (position, token) in texts.iter().flat_map(|text| text.iter().enumerate()) {
            let word = usize::try_from(*token).ok().and_then(|token| row(&self.words, token));
            let mut embedded = word.unwrap_or_else(|| vec![0.0; size]);
            add_rows(&mut embedded, &row(&self.positions, position).unwrap_or_default());
            hidden.extend(embedded);
        }
        self.norm.apply(&mut hidden);
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        for layer in &self.layers {
            hidden = layer.forward(hidden, &lengths)?;
        }
        let mut rest = hidden.as_slice();
        let split = |length: &usize| {
            let (text, behind) = rest.split_at_checked(length * size).unwrap_or((rest, &[]));
            rest = behind;
            text.to_vec()
        };
        Ok(lengths.iter().map(split).collect())
    }
}

/// A linear map: `x · weight + bias`.
struct Dense {
    /// (inputs × outputs), a view of how it is stored.
    weight: Tensor,
    bias: Vec<f32>,
}

impl Dense {
    /// The maps of these names side by side, as one.
    fn load(weights: &VarBuilder<'_>, names: &[&str], inputs: usize, outputs: usize) -> Result<Self> {
        let part = |name: &str| weights.pp(name).get((outputs, inputs), "weight");
        let bias = |name: &str| weights.pp(name).get(outputs, "bias");
        let parts: Vec<Tensor> = names.iter().map(|name| part(name)).collect::<Result<_>>()?;
        let biases: Vec<Tensor> = names.iter().map(|name| bias(name)).collect::<Result<_>>()?;
        Ok(Self { weight: Tensor::cat(&parts, 0)?.t()?, bias: Tensor::cat(&biases, 0)?.to_vec1()? })
    }

    fn apply(&self, rows: Vec<f32>) -> Result<Vec<f32>> {
        let (inputs, _) = self.weight.dims2()?;
        let count = rows.len() / inputs.max(1);
        let product = Tensor::from_vec(rows, (count, inputs), &Device::Cpu)?.matmul(&self.weight)?;
        let mut result = product.flatten_all()?.to_vec1()?;
        add_rows(&mut result, &self.bias);
        Ok(result)
    }
}

fn norm(weights: &VarBuilder<'_>, config: &Config) -> Result<Norm> {
    let values = |name: &str| weights.get(config.hidden_size, name)?.to_vec1();
    Ok(Norm { scale: values("weight")?, shift: values("bias")?, epsilon: config.layer_norm_eps })
}

struct Layer {
    query_key_value: Dense,
    attention: Attention,
    attended: Dense,
    attended_norm: Norm,
    wide: Dense,
    narrow: Dense,
    norm: Norm,
}

impl Layer {
    fn load(weights: &VarBuilder<'_>, config: &Config) -> Result<Self> {
        let (size, wide) = (config.hidden_size, config.intermediate_size);
        let parts = ["query", "key", "value"];
        Ok(Self {
            query_key_value: Dense::load(&weights.pp("attention.self"), &parts, size, size)?,
            attention: Attention { hidden_size: size, heads: config.num_attention_heads },
            attended: Dense::load(weights, &["attention.output.dense"], size, size)?,
            attended_norm: norm(&weights.pp("attention.output.LayerNorm"), config)?,
            wide: Dense::load(weights, &["intermediate.dense"], size, wide)?,
            narrow: Dense::load(weights, &["output.dense"], wide, size)?,
            norm: norm(&weights.pp("output.LayerNorm"), config)?,
        })
    }

    fn forward(&self, hidden: Vec<f32>, lengths: &[usize]) -> Result<Vec<f32>> {
        let parts = self.query_key_value.apply(hidden.clone())?;
        let mut attended = self.attended.apply(self.attention.apply(&parts, lengths))?;
        add_rows(&mut attended, &hidden);
        self.attended_norm.apply(&mut attended);
        let mut wide = self.wide.apply(attended.clone())?;
        wide.iter_mut().for_each(|x| *x = gelu(*x));
        let mut result = self.narrow.apply(wide)?;
        add_rows(&mut result, &attended);
        self.norm.apply(&mut result);
        Ok(result)
    }
}
