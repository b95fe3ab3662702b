//! Servers that are child processes of the gateway, one JSON-RPC message per line (2026-07-28 basic/transports/stdio).
//!
//! A child is started by the first call and kept; when it dies, the calls in flight learn its last words and a later call
//! starts it again, with back-off. Its command comes from the configuration alone: nothing of a request gets there.

mod actor;
mod child;
mod command;
mod lines;
mod link;
mod restarts;
mod session;
mod stderr;
#[cfg(test)]
mod tests;

use super::{
    Caller, Endpoint, Health, Reply, Upstream, UpstreamError,
    era::{self, Verdict},
    legacy::{self, Declared, Rim, Welcome},
    modern,
    pool::{Kept, Key, Place, Pool},
    pulse::Pulse,
    redactor::Redactor,
    slot::{self, Opener, Slot},
};
use actor::{Actor, Ears};
use async_trait::async_trait;
use child::Child;
use control_plane_api::server::Era;
use futures::future::BoxFuture;
use link::Link;
use protocol::{Id, Notification, Request, Response, Revision};
use restarts::Restarts;
use session::LegacySession;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, watch},
    time::timeout,
};
use tokio_util::task::TaskTracker;

/// Notices kept for listeners that are slow.
const NOTICES_MAX: usize = 256;

/// The upstream for `endpoint`, whose transport is a command.
#[must_use]
pub fn open(endpoint: Endpoint) -> Arc<dyn Upstream> {
    let (rim, private) = (Rim::new(endpoint.name.clone(), &endpoint.limits), Pool::new(&endpoint.limits));
    let shared = Shared {
        restarts: Restarts::new(&endpoint.limits),
        redactor: Redactor::new(&endpoint),
        pulse: Pulse::new(),
        probe_kills: AtomicBool::new(false),
        started_before: AtomicBool::new(false),
        tasks: TaskTracker::new(),
        endpoint,
    };
    Arc::new(Stdio { common: Arc::new(Common(Arc::new(shared))), slot: Slot::new(), private, rim })
}

struct Stdio {
    common: Arc<Common>,
    /// The process of everybody.
    slot: Slot<Session>,
    /// Processes of a legacy server that can ask somebody something.
    private: Arc<Pool>,
    rim: Arc<Rim>,
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
    legacy: Option<Arc<LegacySession>>,
}

impl slot::Session for Session {
    fn is_open(&self) -> bool {
        self.link.is_open()
    }
}

/// Opens the process of everybody.
struct Common(Arc<Shared>);

/// Opens a process for one caller, whose client can be asked what is declared. Its server is known to be a legacy one.
struct Private {
    shared: Arc<Shared>,
    declared: Declared,
}

#[async_trait]
impl Upstream for Stdio {
    async fn call(&self, request: Request, caller: &Caller) -> Result<Reply, UpstreamError> {
        if let Some(resumed) = self.rim.resume(&request, caller).await {
            return resumed;
        }
        let shared = &self.common.0;
        let session = self.slot.get(&self.common).await?;
        let Some(legacy) = session.legacy else {
            let limit = Duration::from_millis(shared.endpoint.limits.upstream_call_timeout_ms);
            let late = UpstreamError::TimedOut { server: shared.endpoint.name.clone(), after: limit };
            let deadline = tokio::time::Instant::now() + limit;
            return match timeout(limit, session.link.send(request, true)).await {
                Ok(pending) => Ok(modern::reply(pending?.into_hearing(), deadline, late)),
                Err(_) => Err(late),
            };
        };
        let key = Key::shared(&request, caller);
        if key.declared.is_empty() {
            return self.rim.call(legacy, request, caller).await;
        }
        let door = Private { shared: Arc::clone(shared), declared: key.declared };
        let place = self.private.get(&key, &Arc::new(door)).await?;
        self.rim.call(place.0, request, caller).await
    }

    fn health(&self) -> Health {
        self.common.0.pulse.health()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.common.0.pulse.changes()
    }

    async fn close(&self) {
        self.rim.close();
        self.private.close();
        if let Some(session) = self.slot.close() {
            session.link.stop().await;
        }
        self.common.0.tasks.close();
        self.common.0.tasks.wait().await;
    }
}

impl Opener for Common {
    type Session = Session;

    fn admit(&self) -> Result<(), UpstreamError> {
        self.0.admit()
    }

    fn open(self: Arc<Self>) -> BoxFuture<'static, Result<Session, UpstreamError>> {
        let (shared, tasks) = (Arc::clone(&self.0), self.0.tasks.clone());
        Box::pin(tasks.track_future(async move {
            if shared.started_before.swap(true, Ordering::Relaxed) {
                shared.pulse.restarted();
            }
            let session = shared.open_session().await;
            match &session {
                Ok(session) => shared.pulse.ready(if session.legacy.is_some() { Era::Legacy } else { Era::Modern }),
                Err(error) => {
                    shared.failed(error);
                    shared.pulse.failed(&error.reason());
                }
            }
            session
        }))
    }

    fn closed(&self) -> UpstreamError {
        self.0.closed()
    }
}

impl Opener for Private {
    type Session = Place;

    fn admit(&self) -> Result<(), UpstreamError> {
        self.shared.admit()
    }

    fn open(self: Arc<Self>) -> BoxFuture<'static, Result<Place, UpstreamError>> {
        let tasks = self.shared.tasks.clone();
        Box::pin(tasks.track_future(async move {
            let opened = async {
                let (link, notices) = self.shared.start(false)?;
                self.shared.initialize(link, notices, self.declared).await
            };
            match opened.await {
                Ok(session) => Ok(Place(session as Arc<dyn Kept>)),
                Err(error) => {
                    self.shared.failed(&error);
                    Err(error)
                }
            }
        }))
    }

    fn closed(&self) -> UpstreamError {
        self.shared.closed()
    }
}

impl Shared {
    fn admit(&self) -> Result<(), UpstreamError> {
        match self.restarts.wait(Instant::now()) {
            None => Ok(()),
            Some(reason) => Err(self.unreachable(&reason)),
        }
    }

    fn closed(&self) -> UpstreamError {
        self.unreachable("the gateway has let go of it")
    }

    /// An opening failed.
    fn failed(&self, error: &UpstreamError) {
        if let UpstreamError::TimedOut { .. } | UpstreamError::Unusable { .. } = error {
            // Alive and of no use: starting it again and again would not help either.
            let now = Instant::now();
            self.restarts.died(now, now, &error.reason());
        }
    }
}

impl Shared {
    async fn open_session(self: &Arc<Self>) -> Result<Session, UpstreamError> {
        let era = match self.endpoint.spec.era {
            Era::Auto if self.probe_kills.load(Ordering::Relaxed) => Era::Legacy,
            era => era,
        };
        let (link, notices) = self.start(true)?;
        let mut session = self.greet(link, notices, era).await;
        if let Err(UpstreamError::Lost { .. }) = &session
            && era == Era::Auto
        {
            // It may have died of the question: it gets a second life, without it.
            self.pulse.restarted();
            let (link, notices) = self.start(true)?;
            session = self.greet(link, notices, Era::Legacy).await;
            self.probe_kills.store(session.is_ok(), Ordering::Relaxed);
        }
        match session {
            // Nothing of a client's was sent yet.
            Err(UpstreamError::Lost { reason, .. }) => Err(self.unreachable(&reason)),
            other => other,
        }
    }

    /// Starts a child and its actor; `common` is the one for everybody.
    fn start(self: &Arc<Self>, common: bool) -> Result<(Link, broadcast::Sender<Notification>), UpstreamError> {
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
        if common {
            self.pulse.starting(child.id());
        }
        tracing::debug!(server = %self.endpoint.name, pid = child.id(), "server `{}` starts", self.endpoint.name);
        let (link, orders) = Link::new(self.endpoint.name.clone());
        let notices = broadcast::channel(NOTICES_MAX).0;
        let ears = Ears { notices: notices.clone(), common };
        self.tasks.spawn(Actor::new(Arc::clone(self), orders, (child, pipes), ears).run());
        Ok((link, notices))
    }

    /// Finds out how the child wants to be spoken to. A child that cannot be used is ended by dropping its link.
    async fn greet(
        &self,
        link: Link,
        notices: broadcast::Sender<Notification>,
        era: Era,
    ) -> Result<Session, UpstreamError> {
        if era != Era::Legacy {
            match self.ask(&link, era::probe(Id::Number(0))).await {
                Ok(response) => match era::judge(&response) {
                    Verdict::Modern => {
                        self.listen(&link, &response).await;
                        return Ok(Session { link, legacy: None });
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
        let legacy = self.initialize(link.clone(), notices, Declared::default()).await?;
        Ok(Session { link, legacy: Some(legacy) })
    }

    /// Opens a legacy session with a child.
    async fn initialize(
        &self,
        link: Link,
        notices: broadcast::Sender<Notification>,
        declared: Declared,
    ) -> Result<Arc<LegacySession>, UpstreamError> {
        let response = self.ask(&link, legacy::initialize(Id::Number(0), &declared)).await?;
        let welcome = Welcome::read(&response).map_err(|reason| self.unusable(&reason))?;
        link.declared(declared).await;
        link.tell(legacy::initialized()).await;
        tracing::debug!(server = %self.endpoint.name, revision = %welcome.revision, "legacy server opened");
        Ok(Arc::new(LegacySession::new(link, welcome, notices)))
    }

    /// Has a modern server tell of changed lists for as long as it lives. Legacy ones do so unasked.
    async fn listen(&self, link: &Link, discovery: &Response) {
        if let Some(request) = era::listen(Id::Number(0), discovery)
            && let Ok(pending) = link.send(request, false).await
        {
            self.tasks.spawn(pending.response());
        }
    }

    async fn ask(&self, link: &Link, request: Request) -> Result<Response, UpstreamError> {
        let limit = Duration::from_millis(self.endpoint.limits.upstream_open_timeout_ms);
        let answer = async { link.send(request, false).await?.response().await };
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
