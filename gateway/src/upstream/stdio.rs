//! Servers that are child processes of the gateway, one JSON-RPC message per line (2026-07-28 basic/transports/stdio).
//!
//! A child is started by the first call and kept; when it dies, the calls in flight learn its last words and a later call
//! starts it again, with back-off. Its command comes from the configuration alone: nothing of a request gets there.

mod actor;
mod child;
mod command;
mod lines;
mod link;
mod opening;
mod restarts;
mod session;
mod stderr;
#[cfg(test)]
mod tests;

use super::{
    Caller, Endpoint, Health, Life, Reply, Upstream, UpstreamError,
    legacy::{Declared, Rim},
    modern,
    pool::{Kept, Key, Place, Pool},
    pulse::Pulse,
    slot::{self, Opener, Slot},
    strays::Strays,
};
pub(crate) use child::{Child, Pipes};
pub(crate) use command::{passed_on, resolve};

use async_trait::async_trait;
use control_plane_api::server::Era;
use futures::future::BoxFuture;
use link::Link;
use opening::Unaskable;
use protocol::Request;
use restarts::Restarts;
use session::LegacySession;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use stderr::Log;
use tokio::{sync::watch, time::timeout};
use tokio_util::task::TaskTracker;

/// Notices kept for listeners that are slow.
const NOTICES_MAX: usize = 256;

/// The upstream for `endpoint`, whose transport is a command.
#[must_use]
pub fn open(endpoint: Endpoint) -> Arc<dyn Upstream> {
    let (rim, private) = (Rim::new(endpoint.name.clone(), &endpoint.limits), Pool::new(&endpoint.limits));
    let shared = Shared {
        restarts: Restarts::new(&endpoint.limits),
        strays: Strays::new(&endpoint),
        pulse: Pulse::new(command::shortfall(&endpoint)),
        log: Log::default(),
        unaskable: Unaskable::default(),
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
    strays: Strays,
    pulse: Pulse,
    /// What its children wrote to stderr.
    log: Log,
    restarts: Restarts,
    /// The server does not live through the question which era it speaks.
    unaskable: Unaskable,
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
            let late = |after| UpstreamError::TimedOut { server: shared.endpoint.name.clone(), after };
            let patience = modern::patience(&request.method, limit);
            let deadline = tokio::time::Instant::now() + patience;
            return match timeout(limit, session.link.send(request, true)).await {
                Ok(pending) => Ok(modern::reply(pending?.into_hearing(), deadline, late(patience))),
                Err(_) => Err(late(limit)),
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

    fn life(&self) -> Life {
        let shared = &self.common.0;
        Life { since: Some(shared.pulse.since()), stderr: shared.log.lines() }
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
            match self.shared.open_private(self.declared).await {
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
    fn unreachable(&self, reason: &str) -> UpstreamError {
        UpstreamError::Unreachable {
            server: self.endpoint.name.clone(),
            reason: self.endpoint.scrubber.text(reason).into_owned(),
        }
    }

    fn unusable(&self, reason: &str) -> UpstreamError {
        UpstreamError::Unusable {
            server: self.endpoint.name.clone(),
            reason: self.endpoint.scrubber.text(reason).into_owned(),
        }
    }
}
