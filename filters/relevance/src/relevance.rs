//! The service: results in, results with only the relevant records out, and none larger than its budget.
//!
//! Never on a network worker: callers wait for a job that a small pool takes from a bounded queue, or for a thread of the
//! runtime's where nothing is judged. Fail-open and visible: where judging is not possible (queue full, no time, a
//! defect) the result passes within its budget, with a note. What is left out is kept first.

mod keeper;
mod more;
mod pool;
mod task;
mod warm;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use control_plane_api::audit::{Fallback, RelevanceOutcome};
use control_plane_api::relevance::Relevance as Settings;
use serde_json::value::RawValue;

use crate::encoder::{self, Encoder, EncoderError};
use crate::intent::Intent;
use crate::judge;
use crate::rerank::{self, Cascade, Reranking};
use crate::result::fit::{budget_bytes, room};
use crate::result::note::{self, Shortfall};
use crate::result::{Found, ToolResult};
use crate::segment::Record;
use crate::select::BYTES_PER_TOKEN;
use crate::statics::Table;
pub use keeper::Keeper;
pub use more::{Kept, More, Served, Wanted};
use pool::Pool;
use task::{Judged, Task};

/// Results that wait to be read on in the background; of more the newest is not.
const BACKGROUND_MAX: usize = 4;

/// How the service runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the model's files are, or will be once pulled.
    pub model_directory: PathBuf,
    /// What judges the records that the encoder is least sure of, if anything does.
    pub reranking: Option<Reranking>,
    /// Where embeddings are remembered beyond the process, if they are.
    pub cache_directory: Option<PathBuf>,
    /// Threads that encode side by side for one result.
    pub encode_threads: usize,
    /// Results judged at the same time.
    pub jobs_max: usize,
    /// Results that wait; one more is not judged.
    pub queue_max: usize,
    /// Results with fewer records are not judged.
    pub result_records_min: usize,
    /// Smaller results are not judged.
    pub result_bytes_min: usize,
}

impl Options {
    /// The defaults for a model in `model_directory`.
    #[must_use]
    pub fn new(model_directory: PathBuf) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            model_directory,
            reranking: None,
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
    /// Nothing to do: forward the original.
    Untouched,
    /// Forward the original, although something was to be done.
    Whole(RelevanceOutcome),
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
    /// One thread for what nobody waits for.
    background: Pool,
    pub(crate) own_context: crate::filter::OwnContext,
}

/// What jobs share.
struct Shared {
    options: Options,
    model: Mutex<Option<Arc<Encoder>>>,
    is_reported: AtomicBool,
    /// Results that are being judged, or wait for it.
    judging: AtomicUsize,
}

/// What is asked for about one result.
pub struct Ask {
    /// What is looked for; none: anything.
    pub intent: Option<Intent>,
    /// How it is judged, and its budget.
    pub settings: Settings,
    /// Where the whole of it is kept.
    pub keeper: Keeper,
}

impl Relevance {
    /// Starts the pool and loads the model in the background. A model that is not there yet is looked for again with
    /// every result.
    #[must_use]
    pub fn start(options: Options) -> Self {
        let pool = Pool::start(options.jobs_max, options.queue_max);
        let shared = Arc::new(Shared {
            options,
            model: Mutex::new(None),
            is_reported: AtomicBool::new(false),
            judging: AtomicUsize::new(0),
        });
        let warm = Arc::clone(&shared);
        // A fresh queue has room, and without it the first result loads the model.
        let _ = pool.submit(Box::new(move || {
            let _ = Table::shipped();
            drop(warm.model());
        }));
        Self {
            shared,
            pool,
            background: Pool::start(1, BACKGROUND_MAX),
            own_context: crate::filter::OwnContext::default(),
        }
    }

    /// The model file that is missing, if the model is not there.
    #[must_use]
    pub fn model_missing(&self) -> Option<PathBuf> {
        encoder::missing_file(&self.shared.options.model_directory)
    }

    /// Whether `result` stays as it is, because it is small.
    #[must_use]
    pub fn leaves(&self, result: &RawValue, ask: &Ask) -> bool {
        let fits = budget_bytes(&ask.settings).is_none_or(|bytes| result.get().len() <= bytes);
        fits && !self.judges(result, ask)
    }

    /// Whether what is in `result` is compared with what is looked for.
    fn judges(&self, result: &RawValue, ask: &Ask) -> bool {
        ask.intent.is_some() && ask.settings.enabled && result.get().len() >= self.shared.options.result_bytes_min
    }

    /// Shortens `result`, the raw `result` of a `tools/call` response: to what is relevant, where that is asked for, and to
    /// its budget.
    pub async fn shorten(&self, result: &RawValue, ask: Ask) -> Filtered {
        if self.leaves(result, &ask) {
            return Filtered::Untouched;
        }
        let judges = self.judges(result, &ask);
        let Ask { intent, settings, keeper } = ask;
        let intent = intent.filter(|_| judges);
        let source = result.get().to_owned();
        let task = Arc::new(Task { source, intent, settings, keeper, started: Instant::now() });
        let shortfall = match self.judged(&task).await {
            Ok(Some(filtered)) => return filtered,
            Ok(None) => None,
            Err(shortfall) => Some(shortfall),
        };
        let in_order = move || task.in_order(shortfall.as_ref());
        tokio::task::spawn_blocking(in_order).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a result could not be cut; it is passed whole");
            Filtered::Whole(task::untouched(result.get().len(), Some(Fallback::Failed)))
        })
    }

    /// The result judged; none where there is nothing to judge it by or no records in it.
    async fn judged(&self, task: &Arc<Task>) -> Result<Option<Filtered>, Shortfall> {
        if task.intent.is_none() {
            return Ok(None);
        }
        let (shared, asked) = (Arc::clone(&self.shared), Arc::clone(task));
        let judged = self.in_pool(move |is_given_up| shared.judge_task(&asked, is_given_up)).await?;
        if matches!(judged, Ok(Some(_))) {
            let (shared, task) = (Arc::clone(&self.shared), Arc::clone(task));
            // Where many results were judged the next question about this one is as likely as about another.
            let _ = self.background.submit(Box::new(move || shared.warm(&task)));
        }
        judged
    }

    /// Does `job` on a thread of the pool; `is_given_up` is whether nobody waits for it any more.
    async fn in_pool<T: Send + 'static>(
        &self,
        job: impl FnOnce(&(dyn Fn() -> bool + Sync)) -> T + Send + 'static,
    ) -> Result<T, Shortfall> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let judging = Judging::start(&self.shared);
        let job = move || {
            // Once nobody waits any more, because the client went away, judging stops at the next batch.
            let _judging = judging;
            let done = job(&|| reply.is_closed());
            let _ = reply.send(done);
        };
        if self.pool.submit(Box::new(job)).is_err() {
            return Err(Shortfall::new(Fallback::QueueFull, "too many results are being judged at the moment"));
        }
        answer.await.map_err(|_| Shortfall::new(Fallback::Failed, "judging it failed"))
    }
}

/// One more result that is judged, for as long as this lives.
struct Judging(Arc<Shared>);

impl Judging {
    fn start(shared: &Arc<Shared>) -> Self {
        shared.judging.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        self.0.judging.fetch_sub(1, Ordering::Relaxed);
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
                    tracing::warn!(error = %error, "results are judged without the encoder");
                }
                Err(error)
            }
        }
    }

    fn judge_task(&self, task: &Task, is_given_up: &(dyn Fn() -> bool + Sync)) -> Result<Option<Filtered>, Shortfall> {
        let records = |result: &ToolResult<'_>| {
            result.find().filter(|found| found.records().len() >= self.options.result_records_min)
        };
        let Some((intent, result)) = task.intent.as_ref().zip(ToolResult::open(&task.source)) else {
            return Ok(None);
        };
        let Some(found) = records(&result) else { return Ok(None) };
        let settings = within_budget(&task.settings, &result, &found);
        let judged = self.judge(found.records(), intent, &settings, (task.started, is_given_up));
        Ok(Some(task.judged(&result, &found, &judged)))
    }

    /// Judges `records`, and says what could have been better.
    fn judge(
        &self,
        records: &[Record],
        intent: &Intent,
        settings: &Settings,
        (started, is_given_up): (Instant, &(dyn Fn() -> bool + Sync)),
    ) -> Judged {
        let deadline = started + Duration::from_millis(u64::from(settings.deadline_ms));
        let go_on = || started.elapsed() < judge::reading_time(settings) && !is_given_up();
        let model = self.model();
        let judgement = judge::judge(records, intent, settings, model.as_deref().ok(), &go_on);
        let no_model = model.as_ref().err().map(ToString::to_string);
        let shortfall = Shortfall::of_judgement(&judgement, no_model.as_deref());
        let judged = Judged { judgement, shortfall, last: None };
        match &self.options.reranking {
            Some(reranking) => reranked(judged, records, intent, settings, (reranking, deadline)),
            None => judged,
        }
    }
}

/// The same after the last tier was asked about the doubtful records; it gets time of its own after `deadline`.
fn reranked(
    judged: Judged,
    records: &[Record],
    intent: &Intent,
    settings: &Settings,
    (reranking, deadline): (&Reranking, Instant),
) -> Judged {
    let Judged { mut judgement, shortfall, .. } = judged;
    let texts: Vec<&str> = records.iter().map(|record| record.spoken.text.as_str()).collect();
    let bytes: Vec<usize> = records.iter().map(|record| record.span.len()).collect();
    let cascade = Cascade { texts: &texts, scores: &judgement.scores, bytes: &bytes, kept: &judgement.kept };
    let deadline = deadline + reranking.deadline;
    let reranked = rerank::rerank(&cascade, &intent.cleaned, settings, Some(reranking), deadline);
    let name = reranking.tier.name();
    let told = note::of_tier(name, &reranked);
    let shortfall = match (shortfall, told) {
        (Some(first), Some(told)) => Some(Shortfall::new(first.fallback, format!("{}. {told}", first.told))),
        (None, Some(told)) => Some(Shortfall::new(Fallback::RemoteDown, told)),
        (shortfall, None) => shortfall,
    };
    judgement.found |= reranked.found;
    judgement.kept = reranked.kept;
    Judged { judgement, shortfall, last: (reranked.judged > 0).then_some(name) }
}

/// The settings, with no more tokens for records than the budget leaves beside what stands around them in any case.
fn within_budget(settings: &Settings, result: &ToolResult<'_>, found: &Found) -> Settings {
    let around = result.weight_of(&result.weigh(), found, &BTreeSet::new());
    let room = room(settings).saturating_sub(around) / BYTES_PER_TOKEN;
    let max_tokens = settings.max_tokens.min(u32::try_from(room).unwrap_or(u32::MAX));
    Settings { max_tokens, ..*settings }
}

#[cfg(test)]
mod tests;
