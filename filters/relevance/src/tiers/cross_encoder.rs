//! A tier that reads intent and record together: BERT with a classification head, such as
//! `cross-encoder/ms-marco-MiniLM-L6-v2`.
//!
//! The forward pass is the encoder's ([`crate::encoder`]), with a second token type and the [`head`] on the first token.
//! Pairs go through it most doubtful first, on scoped threads, until the deadline; what has been judged by then counts.
//! It fetches nothing, and is loaded once, when the gateway starts.

mod head;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use tokenizers::{Tokenizer, TruncationParams};

use super::prompt::{INTENT_BYTES_MAX, TEXT_BYTES_MAX, cut};
use super::{Reranker, Scale, TierError};
use crate::encoder::bert::{Bert, Config, Tokens, Workspace};
use crate::encoder::{MODEL_FILES, missing_file};
use head::Head;

/// Tokens of intent and record together that are looked at; the longer of the two is cut first.
const TOKENS_MAX: usize = 128;
/// Pairs that go through the model together, between two looks at the clock.
const BATCH_PAIRS: usize = 4;

/// The loaded model.
pub struct CrossEncoder {
    model: Bert,
    head: Head,
    tokenizer: Tokenizer,
    size: usize,
    threads: usize,
    /// Working memory of the threads that do not compute at the moment.
    workspaces: Mutex<Vec<Workspace>>,
}

/// Intent and record as the model takes them.
struct Pair {
    ids: Vec<u32>,
    second: usize,
}

impl CrossEncoder {
    /// Loads the model from a directory with [`MODEL_FILES`]; `threads` judge side by side.
    ///
    /// # Errors
    /// [`TierError::Unusable`] names the file that is missing or of no use.
    pub fn load(directory: &Path, threads: usize) -> Result<Self, TierError> {
        if let Some(missing) = missing_file(directory) {
            return Err(unusable(&missing, "it is missing"));
        }
        let [weights_file, tokenizer_file, config_file] = MODEL_FILES.map(|name| directory.join(name));
        let read = |file: &PathBuf| std::fs::read(file).map_err(|e| unusable(file, e));
        let config: Config = serde_json::from_slice(&read(&config_file)?).map_err(|e| unusable(&config_file, e))?;
        let tokenizer = read_tokenizer(&read(&tokenizer_file)?, TOKENS_MAX.min(config.max_position_embeddings))
            .map_err(|e| unusable(&tokenizer_file, e))?;
        let weights = VarBuilder::from_buffered_safetensors(read(&weights_file)?, DType::F32, &Device::Cpu)
            .map_err(|e| unusable(&weights_file, e))?;
        let model = Bert::load(&weights.pp("bert"), &config).map_err(|e| unusable(&weights_file, e))?;
        let head = Head::load(&weights, config.hidden_size).map_err(|e| unusable(&weights_file, e))?;
        let (size, threads) = (config.hidden_size, threads.max(1));
        Ok(Self { model, head, tokenizer, size, threads, workspaces: Mutex::default() })
    }

    fn pair(&self, intent: &str, text: &str) -> Result<Pair, TierError> {
        let both = (cut(intent, INTENT_BYTES_MAX), cut(text, TEXT_BYTES_MAX));
        let encoding = self.tokenizer.encode_fast(both, true);
        let encoding = encoding.map_err(|e| TierError::Failed(format!("a text cannot be tokenized: {e}")))?;
        let second = encoding.get_type_ids().iter().position(|kind| *kind > 0).unwrap_or(encoding.len());
        Ok(Pair { ids: encoding.get_ids().to_vec(), second })
    }

    /// One forward pass: the probability of each pair.
    fn forward(&self, pairs: &[Pair], workspace: &mut Workspace) -> Vec<f64> {
        let tokens = pairs.iter().map(|pair| Tokens { ids: &pair.ids, second: pair.second });
        let mut rows = self.model.forward_pairs(tokens, workspace).chunks_exact(self.size);
        let first = |pair: &Pair| {
            let first = rows.next().unwrap_or_default();
            rows.by_ref().take(pair.ids.len().saturating_sub(1)).for_each(drop);
            self.head.probability(first)
        };
        pairs.iter().map(first).collect()
    }

    /// Takes batches until none is left or time is up.
    fn work(&self, pairs: &[Pair], next: &AtomicUsize, deadline: Instant) -> Vec<(usize, f64)> {
        let mut workspace = self.workspaces().pop().unwrap_or_default();
        let mut done = Vec::new();
        while Instant::now() < deadline {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = pairs.chunks(BATCH_PAIRS).nth(at) else { break };
            done.extend((at * BATCH_PAIRS..).zip(self.forward(batch, &mut workspace)));
        }
        self.workspaces().push(workspace);
        done
    }

    fn workspaces(&self) -> std::sync::MutexGuard<'_, Vec<Workspace>> {
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reranker for CrossEncoder {
    fn name(&self) -> &'static str {
        "cross-encoder"
    }

    /// Its logits order records of one intent well; where they are zero depends on what it was trained on.
    fn scale(&self) -> Scale {
        Scale::Relative
    }

    fn judge(&self, intent: &str, texts: &[&str], deadline: Instant) -> Result<Vec<Option<f64>>, TierError> {
        let pairs = texts.iter().map(|text| self.pair(intent, text)).collect::<Result<Vec<_>, _>>()?;
        let next = AtomicUsize::new(0);
        let threads = self.threads.min(pairs.len().div_ceil(BATCH_PAIRS));
        let done = std::thread::scope(|scope| {
            let work = || self.work(&pairs, &next, deadline);
            let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for worker in workers {
                done.extend(worker.join().map_err(|_| TierError::Failed("a thread died".to_owned()))?);
            }
            Ok(done)
        })?;
        if done.is_empty() && !texts.is_empty() {
            return Err(TierError::Late);
        }
        let mut answers = vec![None; texts.len()];
        for (index, probability) in done {
            if let Some(slot) = answers.get_mut(index) {
                *slot = Some(probability);
            }
        }
        Ok(answers)
    }
}

fn unusable(file: &Path, reason: impl std::fmt::Display) -> TierError {
    TierError::Unusable(format!("the cross-encoder's file `{}` cannot be used: {reason}", file.display()))
}

fn read_tokenizer(file: &[u8], tokens_max: usize) -> Result<Tokenizer, tokenizers::Error> {
    let mut tokenizer = Tokenizer::from_bytes(file)?;
    tokenizer
        .with_truncation(Some(TruncationParams { max_length: tokens_max, ..Default::default() }))?
        .with_padding(None);
    Ok(tokenizer)
}

#[cfg(test)]
mod tests;
