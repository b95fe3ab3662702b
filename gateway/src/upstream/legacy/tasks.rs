//! Tools that run only as tasks of 2025-11-25, called by somebody who knows nothing of tasks: the call is made a task
//! here, waited for, and answered like any other (2025-11-25 basic/utilities/tasks).
//!
//! Who sends `task` by itself is not concerned: such calls pass as they are, and so do the methods about tasks.

use super::{
    Session,
    session::{Heard, Hearing},
};
use crate::upstream::UpstreamError;
use futures::{StreamExt as _, stream};
use protocol::{Id, Members, Request, Response, method};
use serde_json::value::RawValue;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::runtime::Handle;

/// `tasks/result`.
pub(super) const RESULT: &str = "tasks/result";
const GET: &str = "tasks/get";
const CANCEL: &str = "tasks/cancel";
/// Tools of one upstream that are remembered to run only as tasks.
const TOOLS_MAX: usize = 10_000;
/// Bounds of the time between two looks at a task, and what is assumed if the server does not say, in milliseconds.
const POLL_MIN_MS: u64 = 100;
const POLL_DEFAULT_MS: u64 = 1_000;
const POLL_MAX_MS: u64 = 10_000;

/// The tools of an upstream that run only as tasks.
#[derive(Debug, Default)]
pub(super) struct Tools(Mutex<HashSet<String>>);

impl Tools {
    /// Whether the call `request` may have to be made a task in `session`.
    pub(super) fn may_need_task(&self, session: &Arc<dyn Session>, request: &Request) -> bool {
        request.method == method::TOOLS_CALL && request.params.get("task").is_none() && session.welcome().runs_tasks()
    }

    /// Whether the tool that `request` calls is known to run only as a task.
    pub(super) fn needs_task(&self, request: &Request) -> bool {
        request.params.read::<String>("name").is_some_and(|name| self.lock().contains(&name))
    }

    /// The tool that `request` calls runs only as a task.
    pub(super) fn learn(&self, request: &Request) {
        if let Some(name) = request.params.read("name") {
            self.set(name, true);
        }
    }

    /// Learns from a list of tools that passes by.
    pub(super) fn listed(&self, session: &Arc<dyn Session>, method: &str, response: &Response) {
        if method != method::TOOLS_LIST || !session.welcome().runs_tasks() {
            return;
        }
        let tools: Vec<Box<RawValue>> = response.result().and_then(|result| result.read("tools")).unwrap_or_default();
        for tool in tools.iter().filter_map(|tool| Members::open(tool).ok()) {
            let support = tool.object("execution").and_then(|execution| execution.read::<String>("taskSupport"));
            if let Some(name) = tool.read("name") {
                self.set(name, support.as_deref() == Some("required"));
            }
        }
    }

    fn set(&self, name: String, required: bool) {
        let mut tools = self.lock();
        if !required {
            tools.remove(&name);
        } else if tools.len() < TOOLS_MAX {
            tools.insert(name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the tool call `request` as a task to be kept for `ttl`, and hears it like a plain call. Dropping the hearing
/// cancels the task.
pub(super) async fn begin(
    session: &Arc<dyn Session>,
    mut request: Request,
    ttl: Duration,
) -> Result<Hearing, UpstreamError> {
    let mut task = Members::new();
    task.set("ttl", &u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    request.params.set("task", &task);
    let id = request.id.clone();
    let hearing = session.send(request).await?;
    let running = Running { session: Arc::clone(session), id, phase: Phase::Making(hearing), task: None };
    Ok(Box::pin(stream::unfold(Some(Box::new(running)), |running| async {
        let mut running = running?;
        let heard = running.next().await?;
        let last = !matches!(heard, Ok(Heard::Note(_) | Heard::Question(_)));
        Some((heard, if last { None } else { Some(running) }))
    })))
}

struct Running {
    session: Arc<dyn Session>,
    /// Of the call.
    id: Id,
    phase: Phase,
    task: Option<Task>,
}

enum Phase {
    /// The call is on its way; the answer is the task.
    Making(Hearing),
    /// Until the next look at it.
    Pausing(Duration),
    /// A look at it is on its way.
    Looking(Hearing),
    /// It is over, or has a question: its result is on its way.
    Collecting(Hearing),
}

/// A task the server runs; dropping it cancels it.
struct Task {
    session: Arc<dyn Session>,
    id: String,
    over: bool,
}

impl Running {
    /// The next thing to be heard of the call; none if the server's answer ended early.
    async fn next(&mut self) -> Option<Result<Heard, UpstreamError>> {
        loop {
            let hearing = match &mut self.phase {
                Phase::Pausing(pause) => {
                    rest(*pause).await;
                    self.phase = match self.ask(GET).await {
                        Ok(hearing) => Phase::Looking(hearing),
                        Err(error) => return Some(Err(error)),
                    };
                    continue;
                }
                Phase::Making(hearing) | Phase::Looking(hearing) | Phase::Collecting(hearing) => hearing,
            };
            let response = match hearing.next().await? {
                Ok(Heard::Response(response)) => response,
                other => return Some(other),
            };
            match self.answered(response).await {
                Ok(None) => {}
                Ok(Some(mut response)) => {
                    response.id = Some(self.id.clone());
                    return Some(Ok(Heard::Response(response)));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Goes on after `response`; gives it back if it is the answer to the call.
    async fn answered(&mut self, response: Response) -> Result<Option<Response>, UpstreamError> {
        let state = match (&self.phase, response.result()) {
            (Phase::Making(_), Some(result)) => result.object("task"),
            (Phase::Looking(_), Some(result)) => Some(result),
            _ => None,
        };
        let Some(state) = state else {
            // The result, a refusal, or a server that did not care to make a task of it.
            if let Some(task) = &mut self.task {
                task.over = response.payload.is_ok() || matches!(self.phase, Phase::Collecting(_));
            }
            return Ok(Some(response));
        };
        if self.task.is_none()
            && let Some(id) = state.read("taskId")
        {
            self.task = Some(Task { session: Arc::clone(&self.session), id, over: false });
        }
        self.phase = match state.read::<String>("status").as_deref() {
            Some("completed" | "failed" | "cancelled" | "input_required") => Phase::Collecting(self.ask(RESULT).await?),
            _ => {
                let interval = state.read::<u64>("pollInterval").unwrap_or(POLL_DEFAULT_MS);
                Phase::Pausing(Duration::from_millis(interval.clamp(POLL_MIN_MS, POLL_MAX_MS)))
            }
        };
        Ok(None)
    }

    async fn ask(&mut self, method: &str) -> Result<Hearing, UpstreamError> {
        let id = self.task.as_ref().map(|task| task.id.as_str()).unwrap_or_default();
        self.session.send(Request { id: self.id.clone(), method: method.to_owned(), params: naming(id) }).await
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (session, params) = (Arc::clone(&self.session), naming(&self.id));
        // Without a runtime the whole process ends, and the session with it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { session.take_leave(CANCEL, params).await });
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server says after what time it wants to be asked again")]
async fn rest(pause: Duration) {
    tokio::time::sleep(pause).await;
}

fn naming(id: &str) -> Members {
    let mut params = Members::new();
    params.set("taskId", id);
    params
}
