//! Quantized models of candle-transformers behind one call: tokens in, logits of the next token out.
//!
//! Questions of one result begin alike. A model that can be copied with what it has read reads that beginning once; a copy
//! shares the weights. One that cannot, or whose copy would cost more than reading, reads every question whole.

use std::io::{Read, Seek};

use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Result, Tensor, bail};
use candle_transformers::models::{quantized_gemma3, quantized_llama, quantized_qwen2, quantized_qwen3};

/// A model of one of the supported architectures.
pub(super) enum Model {
    Llama(quantized_llama::ModelWeights),
    Qwen2(quantized_qwen2::ModelWeights),
    Qwen3(quantized_qwen3::ModelWeights),
    Gemma3(quantized_gemma3::ModelWeights),
}

/// What several questions begin with: read already, or to be read with each.
pub(super) enum Beginning {
    Read(Box<Model>, usize),
    Unread(Vec<u32>),
}

impl Model {
    pub(super) fn load(content: Content, reader: &mut (impl Read + Seek), device: &Device) -> Result<Self> {
        let architecture = match content.metadata.get("general.architecture") {
            Some(value) => value.to_string()?.clone(),
            None => bail!("it does not say which architecture it has"),
        };
        Ok(match architecture.as_str() {
            "llama" => Self::Llama(quantized_llama::ModelWeights::from_gguf(content, reader, device)?),
            "qwen2" => Self::Qwen2(quantized_qwen2::ModelWeights::from_gguf(content, reader, device)?),
            "qwen3" => Self::Qwen3(quantized_qwen3::ModelWeights::from_gguf(content, reader, device)?),
            "gemma3" => Self::Gemma3(quantized_gemma3::ModelWeights::from_gguf(content, reader, device)?),
            other => bail!("its architecture is `{other}`; use one of llama, qwen2, qwen3 and gemma3"),
        })
    }

    /// Reads what several questions begin with.
    pub(super) fn begin(&mut self, tokens: &[u32], device: &Device) -> Result<Beginning> {
        let Some(mut copy) = self.copy() else { return Ok(Beginning::Unread(tokens.to_vec())) };
        copy.logits(tokens, 0, device)?;
        Ok(Beginning::Read(Box::new(copy), tokens.len()))
    }

    /// The logits of the token after `beginning` and `tokens`.
    pub(super) fn next(&mut self, beginning: &Beginning, tokens: &[u32], device: &Device) -> Result<Vec<f32>> {
        match beginning {
            Beginning::Read(model, length) => match model.copy() {
                Some(mut copy) => copy.logits(tokens, *length, device),
                None => bail!("the model cannot be copied"),
            },
            Beginning::Unread(first) => self.logits(&[first, tokens].concat(), 0, device),
        }
    }

    /// The same model, having read the same.
    fn copy(&self) -> Option<Self> {
        match self {
            Self::Llama(model) => Some(Self::Llama(model.clone())),
            // candle's Qwen 2 cannot be copied; its Qwen 3 would copy room for thousands of tokens.
            Self::Qwen2(_) | Self::Qwen3(_) => None,
            Self::Gemma3(model) => Some(Self::Gemma3(model.clone())),
        }
    }

    /// Reads `tokens` from position `at` on; position 0 forgets what was read before.
    fn logits(&mut self, tokens: &[u32], at: usize, device: &Device) -> Result<Vec<f32>> {
        let input = Tensor::new(tokens, device)?.unsqueeze(0)?;
        let logits = match self {
            Self::Llama(model) => model.forward(&input, at),
            Self::Qwen2(model) => model.forward(&input, at),
            Self::Qwen3(model) => {
                if at == 0 {
                    model.clear_kv_cache();
                }
                model.forward(&input, at)
            }
            Self::Gemma3(model) => model.forward(&input, at),
        }?;
        logits.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1()
    }
}
