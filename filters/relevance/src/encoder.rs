//! Tier 2: all-MiniLM-L6-v2 on the CPU through candle, texts in, unit vectors out.
//!
//! It encodes in the order of promise it is given and stops at the deadline, so what has been encoded so far is
//! always usable. Embeddings are cached by content. It does not fetch weights or check their digest (that is
//! `mcpctl model pull`) and knows nothing of records or intents.

mod batch;
mod bert;
mod cache;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use sha2::{Digest, Sha256};
use tokenizers::{Tokenizer, TruncationParams};

use batch::Encodable;
use bert::{Bert, Config};
use cache::{Cache, Key};

/// The files a model directory must hold.
pub const MODEL_FILES: [&str; 3] = ["model.safetensors", "tokenizer.json", "config.json"];
/// Tokens of a text that are looked at, special tokens included.
const TOKENS_MAX: usize = 64;
/// Bytes of a text that reach the tokenizer: 64 tokens are never found beyond them in ordinary text.
const TEXT_BYTES_MAX: usize = 1024;
/// Embeddings remembered: 384 floats each, about 32 MiB when full.
const CACHE_ENTRIES_MAX: usize = 20_000;

/// A text's embedding: L2-normalised, so that the dot product is the cosine.
pub type Embedding = Arc<[f32]>;

/// Why there is no encoder, or no embedding.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// A model file is not there.
    #[error("model file `{}` is missing; get it with `mcpctl model pull`", .0.display())]
    Missing(PathBuf),
    /// A model file is there and cannot be used.
    #[error("model in `{}` cannot be used: {reason}; get it again with `mcpctl model pull`", .directory.display())]
    Unusable {
        /// The model directory.
        directory: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The forward pass failed.
    #[error("the model failed to encode: {0}")]
    Compute(String),
}

/// The loaded model.
pub struct Encoder {
    model: Bert,
    tokenizer: Tokenizer,
    /// Names the weights in cache keys.
    id: String,
    /// Floats of an embedding.
    size: usize,
    threads: usize,
    cache: Mutex<Cache>,
}

impl Encoder {
    /// Loads the model from a directory with [`MODEL_FILES`]; `threads` encode side by side.
    ///
    /// # Errors
    /// [`EncoderError::Missing`] names the first absent file, [`EncoderError::Unusable`] the directory whose
    /// files do not form a model.
    pub fn load(directory: &Path, threads: usize) -> Result<Self, EncoderError> {
        if let Some(missing) = missing_file(directory) {
            return Err(EncoderError::Missing(missing));
        }
        let unusable = |reason: String| EncoderError::Unusable { directory: directory.to_owned(), reason };
        let config = std::fs::read(directory.join("config.json")).map_err(|e| unusable(e.to_string()))?;
        let config: Config = serde_json::from_slice(&config).map_err(|e| unusable(format!("`config.json`: {e}")))?;
        let tokenizer = tokenizer(directory).map_err(|e| unusable(format!("`tokenizer.json`: {e}")))?;
        let weights = std::fs::read(directory.join("model.safetensors")).map_err(|e| unusable(e.to_string()))?;
        let id = format!("{}:{}", config.hidden_size, weights.len());
        let model = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)
            .and_then(|weights| Bert::load(&weights, &config))
            .map_err(|e| unusable(format!("`model.safetensors`: {e}")))?;
        let cache = Mutex::new(Cache::new(CACHE_ENTRIES_MAX));
        Ok(Self { model, tokenizer, id, size: config.hidden_size, threads: threads.max(1), cache })
    }

    /// Encodes `texts`, which are given most promising first, until `go_on` says no (asked between batches).
    /// The result is parallel to `texts`; `None` is a text that was not reached.
    ///
    /// # Errors
    /// [`EncoderError::Compute`] when the forward pass fails.
    pub fn encode(
        &self,
        texts: &[&str],
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Option<Embedding>>, EncoderError> {
        let keys: Vec<Key> = texts.iter().map(|text| self.key(text)).collect();
        let mut found = self.cached(&keys);
        let wanted: Vec<usize> =
            found.iter().enumerate().filter(|(_, known)| known.is_none()).map(|(i, _)| i).collect();
        let encodables = self.tokenize(texts, &wanted)?;
        let batches = batch::plan(encodables);
        let fresh = self.run(&batches, go_on)?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, embedding) in fresh {
            if let (Some(slot), Some(key)) = (found.get_mut(index), keys.get(index)) {
                cache.insert(*key, Arc::clone(&embedding));
                *slot = Some(embedding);
            }
        }
        Ok(found)
    }

    /// Encodes one text, whatever the time.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn encode_one(&self, text: &str) -> Result<Embedding, EncoderError> {
        self.encode(&[text], &|| true)?
            .pop()
            .flatten()
            .ok_or_else(|| EncoderError::Compute("no embedding came back".to_owned()))
    }

    fn key(&self, text: &str) -> Key {
        Sha256::new().chain_update(&self.id).chain_update([0]).chain_update(text).finalize().into()
    }

    fn cached(&self, keys: &[Key]) -> Vec<Option<Embedding>> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|key| cache.get(key)).collect()
    }

    fn tokenize(&self, texts: &[&str], wanted: &[usize]) -> Result<Vec<Encodable>, EncoderError> {
        wanted
            .iter()
            .filter_map(|&index| texts.get(index).map(|text| (index, *text)))
            .map(|(index, text)| {
                let text = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or(text);
                let encoding =
                    self.tokenizer.encode_fast(text, true).map_err(|e| EncoderError::Compute(e.to_string()))?;
                Ok(Encodable { index, tokens: encoding.get_ids().to_vec() })
            })
            .collect()
    }

    /// Runs the batches on scoped threads that take the next one until none is left or time is up.
    fn run(
        &self,
        batches: &[Vec<Encodable>],
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<(usize, Embedding)>, EncoderError> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<(usize, Embedding)>, EncoderError> {
            let mut done = Vec::new();
            while go_on() {
                let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let rows = self.forward(batch).map_err(|e| EncoderError::Compute(e.to_string()))?;
                done.extend(batch.iter().map(|text| text.index).zip(rows));
            }
            Ok(done)
        };
        let threads = self.threads.min(batches.len());
        if threads <= 1 {
            return work();
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let mut all = Vec::new();
            for worker in workers {
                all.extend(worker.join().map_err(|_| EncoderError::Compute("a thread died".to_owned()))??);
            }
            Ok(all)
        })
    }

    /// One forward pass, and the mean of each text's token vectors, normalised.
    fn forward(&self, batch: &[Encodable]) -> candle_core::Result<Vec<Embedding>> {
        let texts: Vec<&[u32]> = batch.iter().map(|text| text.tokens.as_slice()).collect();
        let hidden = self.model.forward(&texts)?;
        Ok(hidden.iter().map(|tokens| unit_mean(tokens, self.size)).collect())
    }
}

/// The mean of rows of `size`, as a unit vector.
fn unit_mean(rows: &[f32], size: usize) -> Embedding {
    let mut sum = vec![0.0; size];
    for row in rows.chunks_exact(size.max(1)) {
        sum.iter_mut().zip(row).for_each(|(total, x)| *total += x);
    }
    let norm = cosine(&sum, &sum).sqrt().max(f32::MIN_POSITIVE);
    sum.iter().map(|x| x / norm).collect()
}

/// The first of [`MODEL_FILES`] that `directory` lacks.
#[must_use]
pub fn missing_file(directory: &Path) -> Option<PathBuf> {
    MODEL_FILES.iter().map(|name| directory.join(name)).find(|path| !path.is_file())
}

/// The cosine of two embeddings.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn tokenizer(directory: &Path) -> Result<Tokenizer, tokenizers::Error> {
    let mut tokenizer = Tokenizer::from_file(directory.join("tokenizer.json"))?;
    tokenizer
        .with_truncation(Some(TruncationParams { max_length: TOKENS_MAX, ..Default::default() }))?
        .with_padding(None);
    Ok(tokenizer)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
