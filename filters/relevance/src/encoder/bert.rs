//! BERT's forward pass (Devlin et al. 2018), arranged for many short texts on a CPU.
//!
//! Texts lie one behind the other without padding, so that no work is wasted on differences in length and none is saved
//! by sorting them; query, key and value are one product; bias, activation and residuals are added while sums are in
//! registers. One pass runs on one thread and allocates nothing: callers run several side by side, each with a
//! [`Workspace`]. candle reads the weights; the products are ours because those of candle take their operands apart
//! and put them together anew in every call. Tensor names are those of Hugging Face's `BertModel`. Nothing here
//! tokenizes, batches or pools: the encoder takes means, the cross-encoder has a head.

mod attention;
mod linear;
mod norm;
mod simd;

use candle_core::{Error, Result, Tensor};
use candle_nn::VarBuilder;
use half::f16;
use half::slice::HalfFloatSliceExt as _;
use pulp::Arch;
use serde::Deserialize;

use attention::{Attention, Scratch};
use linear::{Finish, Linear, ROWS_STEP};
use norm::Norm;

/// What is read of `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Config {
    vocab_size: usize,
    pub(crate) hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Activation,
    pub(crate) max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f32,
}

/// The one activation this forward pass has.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Activation {
    Gelu,
}

/// The tokens of one text or of two, one behind the other.
#[derive(Clone, Copy)]
pub(crate) struct Tokens<'a> {
    pub(crate) ids: &'a [u32],
    /// Where the second text begins; the length where there is none.
    pub(crate) second: usize,
}

/// The loaded weights.
pub(crate) struct Bert {
    size: usize,
    wide_size: usize,
    /// Half the precision: more than half of all weights are here, and each is read once per token.
    words: Vec<f16>,
    /// Position embeddings, with the embedding of the first token type added.
    positions: Vec<f32>,
    /// What tokens of a second text have added besides: the second token type less the first. Empty where the model
    /// knows one type.
    second_type: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

/// What one thread needs for a pass; it grows to the largest batch and is used again.
#[derive(Default)]
pub(crate) struct Workspace {
    hidden: Vec<f32>,
    /// Query, key and value side by side.
    parts: Vec<f32>,
    attended: Vec<f32>,
    /// The sum of the attention's output and its input, then of the layer's output and that.
    sums: Vec<f32>,
    wide: Vec<f32>,
    lengths: Vec<usize>,
    scratch: Scratch,
}

impl Bert {
    pub(crate) fn load(weights: &VarBuilder<'_>, config: &Config) -> Result<Self> {
        let Activation::Gelu = config.hidden_act;
        let (arch, size) = (Arch::new(), config.hidden_size);
        let embeddings = weights.pp("embeddings");
        let table = |name: &str, rows: usize| embeddings.get((rows, size), &format!("{name}_embeddings.weight"));
        let types = table("token_type", config.type_vocab_size)?;
        let first_type = types.narrow(0, 0, 1)?;
        let second_type = match config.type_vocab_size {
            0 | 1 => Vec::new(),
            _ => (types.narrow(0, 1, 1)? - &first_type)?.flatten_all()?.to_vec1()?,
        };
        let positions = table("position", config.max_position_embeddings)?.broadcast_add(&first_type)?;
        let words = table("word", config.vocab_size)?.to_dtype(candle_core::DType::F16)?;
        let layer = |index: usize| Layer::load(arch, &weights.pp(format!("encoder.layer.{index}")), config);
        Ok(Self {
            size,
            wide_size: config.intermediate_size,
            words: words.flatten_all()?.to_vec1()?,
            positions: positions.flatten_all()?.to_vec1()?,
            second_type,
            norm: norm(arch, &embeddings.pp("LayerNorm"), config)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// The token vectors of single texts, one behind the other. A token the model does not know counts as nothing.
    pub(crate) fn forward<'a>(&self, texts: &[&[u32]], workspace: &'a mut Workspace) -> &'a [f32] {
        self.forward_pairs(texts.iter().map(|ids| Tokens { ids, second: ids.len() }), workspace)
    }

    /// As [`Bert::forward`], for texts that may be two.
    pub(crate) fn forward_pairs<'a, 't>(
        &self,
        texts: impl Iterator<Item = Tokens<'t>> + Clone,
        workspace: &'a mut Workspace,
    ) -> &'a [f32] {
        let Workspace { hidden, parts, attended, sums, wide, lengths, scratch } = workspace;
        lengths.clear();
        lengths.extend(texts.clone().map(|text| text.ids.len()));
        let tokens = lengths.iter().sum::<usize>();
        let rows = tokens.next_multiple_of(ROWS_STEP);
        for (buffer, width) in [(&mut *hidden, 1), (parts, 3), (attended, 1), (sums, 1)] {
            buffer.resize(rows * width * self.size, 0.0);
        }
        wide.resize(rows * self.wide_size, 0.0);
        self.embed(texts, hidden);
        for layer in &self.layers {
            layer.query_key_value.apply(hidden, parts, Finish::Bias);
            layer.attention.apply(parts, lengths, attended, scratch);
            layer.attended.apply(attended, sums, Finish::Add(hidden));
            layer.attended_norm.apply(sums);
            layer.wide.apply(sums, wide, Finish::Gelu);
            layer.narrow.apply(wide, hidden, Finish::Add(sums));
            layer.norm.apply(hidden);
        }
        hidden.get(..tokens * self.size).unwrap_or_default()
    }

    /// The embeddings of the texts' tokens, normalised.
    fn embed<'t>(&self, texts: impl Iterator<Item = Tokens<'t>>, hidden: &mut [f32]) {
        let size = self.size;
        let of_token = |token: u32| self.words.get(usize::try_from(token).ok()? * size..)?.get(..size);
        let places = texts.flat_map(|text| {
            let place = move |(position, token): (usize, &u32)| (position, *token, position >= text.second);
            text.ids.iter().enumerate().map(place)
        });
        for ((position, token, is_second), row) in places.zip(hidden.chunks_exact_mut(size)) {
            match of_token(token) {
                Some(word) => word.convert_to_f32_slice(row),
                None => row.fill(0.0),
            }
            let position = self.positions.chunks_exact(size).nth(position).unwrap_or_default();
            row.iter_mut().zip(position).for_each(|(x, p)| *x += p);
            if is_second {
                row.iter_mut().zip(&self.second_type).for_each(|(x, t)| *x += t);
            }
        }
        self.norm.apply(hidden);
    }
}

/// The linear maps of these names side by side, as one.
fn linear(arch: Arch, weights: &VarBuilder<'_>, names: &[&str], inputs: usize, outputs: usize) -> Result<Linear> {
    let part = |name: &str| weights.pp(name).get((outputs, inputs), "weight");
    let bias = |name: &str| weights.pp(name).get(outputs, "bias");
    let parts: Vec<Tensor> = names.iter().map(|name| part(name)).collect::<Result<_>>()?;
    let biases: Vec<Tensor> = names.iter().map(|name| bias(name)).collect::<Result<_>>()?;
    let weight: Vec<f32> = Tensor::cat(&parts, 0)?.flatten_all()?.to_vec1()?;
    Linear::new(arch, &weight, Tensor::cat(&biases, 0)?.to_vec1()?, inputs).ok_or_else(unfit)
}

fn unfit() -> Error {
    Error::Msg("its layers do not fill whole vectors".to_owned())
}

fn norm(arch: Arch, weights: &VarBuilder<'_>, config: &Config) -> Result<Norm> {
    let values = |name: &str| weights.get(config.hidden_size, name)?.to_vec1();
    Ok(Norm::new(arch, values("weight")?, values("bias")?, config.layer_norm_eps))
}

struct Layer {
    query_key_value: Linear,
    attention: Attention,
    attended: Linear,
    attended_norm: Norm,
    wide: Linear,
    narrow: Linear,
    norm: Norm,
}

impl Layer {
    fn load(arch: Arch, weights: &VarBuilder<'_>, config: &Config) -> Result<Self> {
        let (size, wide) = (config.hidden_size, config.intermediate_size);
        let parts = ["query", "key", "value"];
        Ok(Self {
            query_key_value: linear(arch, &weights.pp("attention.self"), &parts, size, size)?,
            attention: Attention::new(arch, size, config.num_attention_heads).ok_or_else(unfit)?,
            attended: linear(arch, weights, &["attention.output.dense"], size, size)?,
            attended_norm: norm(arch, &weights.pp("attention.output.LayerNorm"), config)?,
            wide: linear(arch, weights, &["intermediate.dense"], size, wide)?,
            narrow: linear(arch, weights, &["output.dense"], wide, size)?,
            norm: norm(arch, &weights.pp("output.LayerNorm"), config)?,
        })
    }
}
