//! Tier 2: all-MiniLM-L6-v2 on the CPU, texts in, unit vectors out.
//!
//! It encodes in the order of promise it is given and stops at the deadline, so what has been encoded so far is
//! always usable. Embeddings are cached by content, in memory and, where there is a folder for it, on disk. It does not
//! fetch weights or check their digest (that is `mcpctl model pull`) and knows nothing of records or intents.

mod batch;
pub(crate) mod bert;
mod cache;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use half::f16;
use sha2::{Digest, Sha256};
use tokenizers::{Tokenizer, TruncationParams};

use batch::Encodable;
use bert::{Bert, Config, Workspace};
use cache::{Cache, Key, Vector};

/// The files a model directory must hold.
pub const MODEL_FILES: [&str; 3] = ["model.safetensors", "tokenizer.json", "config.json"];
/// Tokens of a text that are looked at, special tokens included.
const TOKENS_MAX: usize = 64;
/// Bytes of a text that reach the tokenizer: 64 tokens are never found beyond them in ordinary text.
const TEXT_BYTES_MAX: usize = 1024;

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
    /// The digest of the model's files: embeddings of another model are not mistaken for its own.
    id: [u8; 32],
    /// Floats of an embedding.
    size: usize,
    threads: usize,
    cache: Cache,
    /// Working memory of the threads that do not encode at the moment.
    workspaces: Mutex<Vec<Workspace>>,
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
        let read = |name: &str| std::fs::read(directory.join(name)).map_err(|e| unusable(format!("`{name}`: {e}")));
        let [weights, tokenizer, config] = MODEL_FILES.map(read);
        let (weights, tokenizer, config) = (weights?, tokenizer?, config?);
        let parts = [&weights, &tokenizer, &config].map(Sha256::digest);
        let id = parts.iter().fold(Sha256::new(), Digest::chain_update).finalize().into();
        let config: Config = serde_json::from_slice(&config).map_err(|e| unusable(format!("`config.json`: {e}")))?;
        let tokenizer = read_tokenizer(&tokenizer).map_err(|e| unusable(format!("`tokenizer.json`: {e}")))?;
        let model = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)
            .and_then(|weights| Bert::load(&weights, &config))
            .map_err(|e| unusable(format!("`model.safetensors`: {e}")))?;
        Ok(Self {
            model,
            tokenizer,
            id,
            size: config.hidden_size,
            threads: threads.max(1),
            cache: Cache::new(),
            workspaces: Mutex::default(),
        })
    }

    /// Remembers embeddings in `folder` too: digests of texts and vectors, bounded in bytes, for this user's eyes only.
    #[must_use]
    pub fn remembering_in(mut self, folder: &Path) -> Self {
        self.cache.open_disk(folder, &self.id, self.size);
        self
    }

    /// Encodes `texts`, which are given most promising first, until `go_on` says no (asked between batches).
    /// The result is parallel to `texts`; `None` is a text that was not reached.
    ///
    /// # Errors
    /// [`EncoderError::Compute`] when a text cannot be tokenized or a thread dies.
    pub fn encode(
        &self,
        texts: &[&str],
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Option<Embedding>>, EncoderError> {
        let keys = keys(texts);
        let mut found = self.cache.get(&keys);
        let wanted: Vec<usize> =
            found.iter().enumerate().filter(|(_, known)| known.is_none()).map(|(i, _)| i).collect();
        let batches = batch::plan(self.tokenize(texts, &wanted)?, self.threads);
        let fresh = self.run(&batches, go_on)?;
        let key = |index: usize| keys.get(index).copied();
        self.cache.insert(fresh.iter().filter_map(|(index, vector)| Some((key(*index)?, Arc::clone(vector)))));
        for (index, vector) in fresh {
            if let Some(slot) = found.get_mut(index) {
                *slot = Some(vector);
            }
        }
        Ok(found.into_iter().map(|vector| vector.map(|vector| embedding(&vector))).collect())
    }

    /// Encodes all of `texts` together, whatever the time: for the queries, which everything else is compared with.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn encode_all(&self, texts: &[&str]) -> Result<Vec<Embedding>, EncoderError> {
        let all = self.encode(texts, &|| true)?.into_iter().collect::<Option<Vec<_>>>();
        all.ok_or_else(|| EncoderError::Compute("no embedding came back".to_owned()))
    }

    /// The embeddings of those of `texts` that are remembered; nothing is encoded.
    #[must_use]
    pub fn remembered(&self, texts: &[&str]) -> Vec<Option<Embedding>> {
        let known = self.cache.get(&keys(texts));
        known.into_iter().map(|vector| vector.map(|vector| embedding(&vector))).collect()
    }

    /// Forgets the embeddings in memory, so that a measurement starts cold.
    pub fn forget(&self) {
        self.cache.forget();
    }

    /// The pieces of its vocabulary in the order of their numbers.
    #[must_use]
    pub fn vocabulary(&self) -> Vec<String> {
        let mut pieces: Vec<(String, u32)> = self.tokenizer.get_vocab(false).into_iter().collect();
        pieces.sort_unstable_by_key(|(_, number)| *number);
        pieces.into_iter().map(|(piece, _)| piece).collect()
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
    ) -> Result<Vec<(usize, Vector)>, EncoderError> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut workspace = self.workspaces().pop().unwrap_or_default();
            let mut done = Vec::new();
            while go_on() {
                let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                self.forward(batch, &mut workspace, &mut done);
            }
            self.workspaces().push(workspace);
            done
        };
        let threads = self.threads.min(batches.len());
        if threads <= 1 {
            return Ok(work());
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let mut all = Vec::new();
            for worker in workers {
                all.extend(worker.join().map_err(|_| EncoderError::Compute("a thread died".to_owned()))?);
            }
            Ok(all)
        })
    }

    fn workspaces(&self) -> std::sync::MutexGuard<'_, Vec<Workspace>> {
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One forward pass, and the mean of each text's token vectors, normalised.
    fn forward(&self, batch: &[Encodable], workspace: &mut Workspace, done: &mut Vec<(usize, Vector)>) {
        let texts: Vec<&[u32]> = batch.iter().map(|text| text.tokens.as_slice()).collect();
        let mut rows = self.model.forward(&texts, workspace).chunks_exact(self.size);
        for text in batch {
            done.push((text.index, unit_mean(rows.by_ref().take(text.tokens.len()), self.size)));
        }
    }
}

fn keys(texts: &[&str]) -> Vec<Key> {
    texts.iter().map(|text| Sha256::digest(text).into()).collect()
}

/// The mean of rows of `size`, as a unit vector.
fn unit_mean<'a>(rows: impl Iterator<Item = &'a [f32]>, size: usize) -> Vector {
    let mut sum = vec![0.0; size];
    for row in rows {
        sum.iter_mut().zip(row).for_each(|(total, x)| *total += x);
    }
    let norm = cosine(&sum, &sum).sqrt().max(f32::MIN_POSITIVE);
    sum.iter().map(|x| f16::from_f32(x / norm)).collect()
}

/// What callers compute with. A fresh embedding is rounded as a remembered one is, so that the same call gives the same.
fn embedding(vector: &Vector) -> Embedding {
    vector.iter().map(|x| x.to_f32()).collect()
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

fn read_tokenizer(file: &[u8]) -> Result<Tokenizer, tokenizers::Error> {
    let mut tokenizer = Tokenizer::from_bytes(file)?;
    tokenizer
        .with_truncation(Some(TruncationParams { max_length: TOKENS_MAX, ..Default::default() }))?
        .with_padding(None);
    Ok(tokenizer)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
