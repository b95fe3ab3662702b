//! The service: results in, results with only the relevant records out, judged on threads of its own.
//!
//! Never on a network worker: callers wait for a job that a small pool takes from a bounded queue. Fail-open and
//! visible: where judging is not possible (queue full, no time, a defect) the result passes whole with a note.

mod pool;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use control_plane_api::audit::RelevanceOutcome;
use control_plane_api::relevance::Relevance as Settings;
use serde_json::value::RawValue;

use crate::encoder::{self, Encoder, EncoderError};
use crate::intent::Intent;
use crate::judge::{self, Judgement};
use crate::result::{Found, ToolResult, note};
use crate::statics::Table;
use pool::Pool;

/// The tier of a result that was passed whole.
const TIER_NONE: &str = "none";

/// How the service runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the model's files are, or will be once pulled.
    pub model_directory: PathBuf,
    /// Where embeddings are remembered beyond the process, if they are.
    pub cache_directory: Option<PathBuf>,
    /// Threads that encode side by side for one result.
    pub encode_threads: usize,
    /// Results judged at the same time.
    pub jobs_max: usize,
    /// Results that wait; one more is passed whole.
    pub queue_max: usize,
    /// Results with fewer records pass untouched.
    pub result_records_min: usize,
    /// Smaller results pass untouched.
    pub result_bytes_min: usize,
}

impl Options {
    /// The defaults for a model in `model_directory`.
    #[must_use]
    pub fn new(model_directory: PathBuf) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            model_directory,
            cache_directory: None,
            encode_threads: cores,
            jobs_max: 2,
            queue_max: 32,
            result_records_min: 30,
            result_bytes_min: 8 * 1024,
        }
    }
}

/// What became of a result.
#[derive(Debug)]
pub enum Filtered {
    /// Nothing to filter: forward the original.
    Untouched,
    /// Forward this instead.
    Rewritten {
        /// The result, with its note and its report in `_meta`.
        result: Box<RawValue>,
        /// What was done, for audit and metrics.
        outcome: RelevanceOutcome,
    },
}

/// The service. One per process; dropping it ends its threads once their work is done.
pub struct Relevance {
    shared: Arc<Shared>,
    pool: Pool,
    pub(crate) own_context: crate::filter::OwnContext,
}

/// What jobs share.
struct Shared {
    options: Options,
    model: Mutex<Option<Arc<Encoder>>>,
    is_reported: AtomicBool,
}

/// One result to judge.
struct Task {
    source: String,
    intent: Intent,
    settings: Settings,
    started: Instant,
}

impl Relevance {
    /// Starts the pool and loads the model in the background. A model that is not there yet is looked for again with
    /// every result.
    #[must_use]
    pub fn start(options: Options) -> Self {
        let pool = Pool::start(options.jobs_max, options.queue_max);
        let shared = Arc::new(Shared { options, model: Mutex::new(None), is_reported: AtomicBool::new(false) });
        let warm = Arc::clone(&shared);
        // A fresh queue has room, and without it the first result loads the model.
        let _ = pool.submit(Box::new(move || {
            let _ = Table::shipped();
            drop(warm.model());
        }));
        Self { shared, pool, own_context: crate::filter::OwnContext::default() }
    }

    /// The model file that is missing, if the model is not there.
    #[must_use]
    pub fn model_missing(&self) -> Option<PathBuf> {
        encoder::missing_file(&self.shared.options.model_directory)
    }

    /// Filters `result`, the raw `result` of a `tools/call` response, by `intent` as it came in `_context`.
    pub async fn filter_result(&self, result: &RawValue, intent: &str, settings: Settings) -> Filtered {
        let source = result.get();
        let Some(intent) = Intent::read(intent) else {
            return Filtered::Untouched;
        };
        if !settings.enabled || source.len() < self.shared.options.result_bytes_min {
            return Filtered::Untouched;
        }
        let (reply, answer) = tokio::sync::oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let task = Task { source: source.to_owned(), intent: intent.clone(), settings, started: Instant::now() };
        let job = move || {
            // Once nobody waits any more, because the client went away, judging stops at the next batch.
            let filtered = shared.judge(&task, &|| reply.is_closed());
            let _ = reply.send(filtered);
        };
        if self.pool.submit(Box::new(job)).is_err() {
            return passed_whole(source, &intent, "too many results are being judged at the moment");
        }
        match answer.await {
            Ok(filtered) => filtered,
            Err(_) => passed_whole(source, &intent, "judging it failed"),
        }
    }
}

impl Shared {
    /// The model, loaded when it is first there.
    fn model(&self) -> Result<Arc<Encoder>, EncoderError> {
        let mut slot = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = slot.as_ref() {
            return Ok(Arc::clone(encoder));
        }
        let loaded = Encoder::load(&self.options.model_directory, self.options.encode_threads);
        match loaded {
            Ok(mut encoder) => {
                if let Some(folder) = &self.options.cache_directory {
                    encoder = encoder.remembering_in(folder);
                }
                tracing::info!(model.directory = %self.options.model_directory.display(), "relevance model loaded");
                Ok(Arc::clone(slot.insert(Arc::new(encoder))))
            }
            Err(error) => {
                if !self.is_reported.swap(true, Ordering::Relaxed) {
                    tracing::warn!(error = %error, "results are judged by words alone");
                }
                Err(error)
            }
        }
    }

    fn judge(&self, task: &Task, is_given_up: &(dyn Fn() -> bool + Sync)) -> Filtered {
        let Some((result, found)) = ToolResult::open(&task.source).and_then(|result| {
            let found = result.find()?;
            (found.records().len() >= self.options.result_records_min).then_some((result, found))
        }) else {
            return Filtered::Untouched;
        };
        let deadline = task.started + Duration::from_millis(u64::from(task.settings.deadline_ms));
        let go_on = || Instant::now() < deadline && !is_given_up();
        let model = self.model();
        let no_model = model.as_ref().err().map(ToString::to_string);
        let encoder = model.ok();
        let judgement = judge::judge(found.records(), &task.intent, &task.settings, encoder.as_deref(), &go_on);
        rewritten(task, &result, &found, &judgement, no_model.as_deref())
    }
}

fn rewritten(
    task: &Task,
    result: &ToolResult<'_>,
    found: &Found,
    judgement: &Judgement,
    no_model: Option<&str>,
) -> Filtered {
    let total = found.records().len();
    let note = note::of_judgement(judgement, total, &task.intent.raw, no_model);
    let mut outcome = outcome(task.source.len(), task.started);
    outcome.kept = judgement.kept.len() as u64;
    outcome.total = total as u64;
    judgement.tier.name().clone_into(&mut outcome.tier);
    finish(result, Some((found, &judgement.kept)), &note, outcome)
}

/// The result as it is, with a note that says why.
fn passed_whole(source: &str, intent: &Intent, reason: &str) -> Filtered {
    let Some(result) = ToolResult::open(source) else {
        return Filtered::Untouched;
    };
    finish(&result, None, &note::of_whole(&intent.raw, reason), outcome(source.len(), Instant::now()))
}

fn outcome(bytes: usize, started: Instant) -> RelevanceOutcome {
    RelevanceOutcome {
        kept: 0,
        total: 0,
        bytes_before: bytes as u64,
        bytes_after: bytes as u64,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        tier: TIER_NONE.to_owned(),
    }
}

fn finish(
    result: &ToolResult<'_>,
    kept: Option<(&Found, &BTreeSet<usize>)>,
    note: &str,
    mut outcome: RelevanceOutcome,
) -> Filtered {
    let rewritten = result.rewrite(kept, note, |bytes| {
        outcome.bytes_after = bytes as u64;
        note::report(&outcome)
    });
    match rewritten {
        Some(result) => Filtered::Rewritten { result, outcome },
        None => Filtered::Untouched,
    }
}

#[cfg(test)]
mod tests;
