//! Servers that are child processes of the gateway, one JSON-RPC message per line (2026-07-28 basic/transports/stdio).
//!
//! A child is started by the first call and kept; when it dies, the calls in flight learn its last words and a later call
//! starts it again, with back-off. Its command comes from the configuration alone: nothing of a request gets there.

mod actor;
mod calls;
mod child;
mod command;
mod lines;
mod link;
mod restarts;
mod stderr;
#[cfg(test)]
mod tests;

use super::{
    Caller, Endpoint, Health, Reply, Upstream, UpstreamError,
    era::{self, Verdict},
    legacy::{self, Declared, Welcome},
    pulse::Pulse,
    redactor::Redactor,
    slot::{Opener, Slot},
};
use actor::Actor;
use async_trait::async_trait;
use child::Child;
use control_plane_api::server::Era;
use futures::{future::BoxFuture, stream};
use link::{Link, Manner};
use protocol::{Id, Message, Request, Response, Revision, meta, method};
use restarts::Restarts;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::timeout};
use tokio_util::task::TaskTracker;

/// The upstream for `endpoint`, whose transport is a command.
#[must_use]
pub fn open(endpoint: Endpoint) -> Arc<dyn Upstream> {
    let shared = Shared {
        restarts: Restarts::new(&endpoint.limits),
        redactor: Redactor::new(&endpoint),
        pulse: Pulse::new(),
        probe_kills: AtomicBool::new(false),
        started_before: AtomicBool::new(false),
        tasks: TaskTracker::new(),
        endpoint,
    };
    Arc::new(Stdio { shared: Arc::new(shared), slot: Slot::new() })
}

struct Stdio {
    shared: Arc<Shared>,
    slot: Slot<Session>,
}

/// What outlives a child, and what its tasks need.
struct Shared {
    endpoint: Endpoint,
    redactor: Redactor,
    pulse: Pulse,
    restarts: Restarts,
    /// The server was seen to die of a request before `initialize` (rmcp before 3.0).
    probe_kills: AtomicBool,
    started_before: AtomicBool,
    tasks: TaskTracker,
}

/// A running child, and how to talk to it.
#[derive(Clone)]
struct Session {
    link: Link,
    /// Set when the server is a legacy one.
    welcome: Option<Arc<Welcome>>,
}

impl super::slot::Session for Session {
    fn is_open(&self) -> bool {
        self.link.is_open()
    }
}

#[async_trait]
impl Upstream for Stdio {
    async fn call(&self, mut request: Request, _caller: &Caller) -> Result<Reply, UpstreamError> {
        let session = self.slot.get(&self.shared).await?;
        let limit = Duration::from_millis(self.shared.endpoint.limits.upstream_call_timeout_ms);
        let wants_logs = meta::of(&request.params).get(meta::LOG_LEVEL).is_some();
        let legacy = match &session.welcome {
            Some(welcome) if request.method == method::DISCOVER => {
                let response = Message::Response(Response::ok(request.id, welcome.discovery()));
                return Ok(Box::pin(stream::iter([Ok(response)])));
            }
            Some(welcome) => Some(legacy::Call::outgoing(&mut request, welcome.revision)),
            None => None,
        };
        let manner = Manner { cancellable: true, wants_logs };
        match timeout(limit, session.link.send(request, manner)).await {
            Ok(pending) => Ok(pending?.into_reply(limit, legacy)),
            Err(_) => Err(UpstreamError::TimedOut { server: self.shared.endpoint.name.clone(), after: limit }),
        }
    }

    fn health(&self) -> Health {
        self.shared.pulse.health()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.pulse.changes()
    }

    async fn close(&self) {
        if let Some(session) = self.slot.close() {
            session.link.stop().await;
        }
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Opener for Shared {
    type Session = Session;

    fn admit(&self) -> Result<(), UpstreamError> {
        match self.restarts.wait(Instant::now()) {
            None => Ok(()),
            Some(reason) => Err(self.unreachable(&reason)),
        }
    }

    fn open(self: Arc<Self>) -> BoxFuture<'static, Result<Session, UpstreamError>> {
        let tasks = self.tasks.clone();
        Box::pin(tasks.track_future(async move {
            if self.started_before.swap(true, Ordering::Relaxed) {
                self.pulse.restarted();
            }
            let session = self.open_session().await;
            match &session {
                Ok(session) => self.pulse.ready(if session.welcome.is_some() { Era::Legacy } else { Era::Modern }),
                Err(error) => {
                    if let UpstreamError::TimedOut { .. } | UpstreamError::Unusable { .. } = error {
                        // Alive and of no use: starting it again and again would not help either.
                        let now = Instant::now();
                        self.restarts.died(now, now, &error.reason());
                    }
                    self.pulse.failed(&error.reason());
                }
            }
            session
        }))
    }

    fn closed(&self) -> UpstreamError {
        self.unreachable("the gateway has let go of it")
    }
}

impl Shared {
    async fn open_session(self: &Arc<Self>) -> Result<Session, UpstreamError> {
        let era = match self.endpoint.spec.era {
            Era::Auto if self.probe_kills.load(Ordering::Relaxed) => Era::Legacy,
            era => era,
        };
        let link = self.start()?;
        let mut session = self.greet(link, era).await;
        if let Err(UpstreamError::Lost { .. }) = &session
            && era == Era::Auto
        {
            // It may have died of the question: it gets a second life, without it.
            self.pulse.restarted();
            let link = self.start()?;
            session = self.greet(link, Era::Legacy).await;
            self.probe_kills.store(session.is_ok(), Ordering::Relaxed);
        }
        match session {
            // Nothing of a client's was sent yet.
            Err(UpstreamError::Lost { reason, .. }) => Err(self.unreachable(&reason)),
            other => other,
        }
    }

    /// Starts the child and its actor.
    fn start(self: &Arc<Self>) -> Result<Link, UpstreamError> {
        let now = Instant::now();
        let refuse = |reason: String| {
            self.restarts.died(now, now, &reason);
            self.unreachable(&reason)
        };
        let mut command = command::of(&self.endpoint).map_err(|error| refuse(error.to_string()))?;
        let (child, pipes) = Child::spawn(&mut command).map_err(|error| {
            let program = command.as_std().get_program().to_string_lossy().into_owned();
            refuse(format!("command `{program}` cannot be started: {error}"))
        })?;
        self.pulse.starting(child.id());
        tracing::debug!(server = %self.endpoint.name, pid = child.id(), "server `{}` starts", self.endpoint.name);
        let (link, orders) = Link::new(self.endpoint.name.clone());
        self.tasks.spawn(Actor::new(Arc::clone(self), orders, child, pipes).run());
        Ok(link)
    }

    /// Finds out how the child wants to be spoken to. A child that cannot be used is ended by dropping its link.
    async fn greet(&self, link: Link, era: Era) -> Result<Session, UpstreamError> {
        if era != Era::Legacy {
            match self.ask(&link, era::probe(Id::Number(0))).await {
                Ok(response) => match era::judge(&response) {
                    Verdict::Modern => {
                        self.listen(&link, &response).await;
                        return Ok(Session { link, welcome: None });
                    }
                    Verdict::Stranger(versions) => {
                        let versions = legacy::excerpt(&versions.join(", "));
                        return Err(
                            self.unusable(&format!("it speaks only {versions}, the gateway {}", Revision::MODERN))
                        );
                    }
                    Verdict::Legacy => {}
                },
                // Silence means legacy, too.
                Err(UpstreamError::TimedOut { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if era == Era::Modern {
            return Err(self.unusable("it is configured as `era: modern` and does not speak that; use `auto`"));
        }
        let response = self.ask(&link, legacy::initialize(Id::Number(0), &Declared::default())).await?;
        let welcome = Welcome::read(&response).map_err(|reason| self.unusable(&reason))?;
        link.tell(legacy::initialized()).await;
        tracing::debug!(server = %self.endpoint.name, revision = %welcome.revision, "legacy server opened");
        Ok(Session { link, welcome: Some(Arc::new(welcome)) })
    }

    /// Has a modern server tell of changed lists for as long as it lives. Legacy ones do so unasked.
    async fn listen(&self, link: &Link, discovery: &Response) {
        if let Some(request) = era::listen(Id::Number(0), discovery)
            && let Ok(pending) = link.send(request, Manner::default()).await
        {
            self.tasks.spawn(pending.response());
        }
    }

    async fn ask(&self, link: &Link, request: Request) -> Result<Response, UpstreamError> {
        let limit = Duration::from_millis(self.endpoint.limits.upstream_open_timeout_ms);
        let answer = async { link.send(request, Manner::default()).await?.response().await };
        let late = UpstreamError::TimedOut { server: self.endpoint.name.clone(), after: limit };
        timeout(limit, answer).await.unwrap_or(Err(late))
    }

    fn unreachable(&self, reason: &str) -> UpstreamError {
        UpstreamError::Unreachable { server: self.endpoint.name.clone(), reason: self.redactor.redact(reason) }
    }

    fn unusable(&self, reason: &str) -> UpstreamError {
        UpstreamError::Unusable { server: self.endpoint.name.clone(), reason: self.redactor.redact(reason) }
    }
}
