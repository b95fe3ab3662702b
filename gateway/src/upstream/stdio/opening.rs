//! How a child becomes a server: started, asked which era it speaks, greeted accordingly (2026-07-28 basic/transports/stdio,
//! backward compatibility).
//!
//! Some servers do not live through the question (rmcp before 3.0 exits, others fall silent for good). So it is put to a
//! child on trial, which serves nobody yet and of whose end nothing is told. It is taken into service once it answers;
//! otherwise it is thrown away, and another one is greeted the old way.

use super::{
    NOTICES_MAX, Session, Shared,
    actor::{Actor, Ears, Role},
    child::Child,
    command,
    link::Link,
    session::LegacySession,
};
use crate::upstream::{
    UpstreamError,
    era::{self, Verdict},
    legacy::{self, Declared, Welcome},
};
use control_plane_api::server::Era;
use parking_lot::Mutex;
use protocol::{Id, Notification, Request, Response, Revision};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::broadcast, task::JoinHandle, time::timeout};

/// A server that did not live through the question is asked it again after this, in milliseconds, when it is started anyway:
/// it may have been upgraded.
const UNASKABLE_TTL_MS: u64 = 600_000;

/// Whether the question is known to be one the server does not live through.
#[derive(Default)]
pub(super) struct Unaskable(Mutex<Option<Instant>>);

impl Unaskable {
    fn found(&self, now: Instant) {
        *self.0.lock() = Some(now);
    }

    fn holds(&self, now: Instant) -> bool {
        let ttl = Duration::from_millis(UNASKABLE_TTL_MS);
        self.0.lock().is_some_and(|found| now.saturating_duration_since(found) < ttl)
    }
}

/// A child that was just started.
pub(super) struct Started {
    link: Link,
    notices: broadcast::Sender<Notification>,
    pid: Option<u32>,
    actor: JoinHandle<()>,
}

impl Shared {
    /// The process of everybody.
    pub(super) async fn open_session(self: &Arc<Self>) -> Result<Session, UpstreamError> {
        let session = match self.endpoint.spec.era {
            Era::Legacy => self.serve(Era::Legacy).await,
            Era::Modern => self.serve(Era::Modern).await,
            Era::Auto if self.unaskable.holds(Instant::now()) => self.serve(Era::Legacy).await,
            Era::Auto => match self.try_out().await {
                Ok(Some(session)) => Ok(session),
                Ok(None) => {
                    let session = self.serve(Era::Legacy).await;
                    if session.is_ok() {
                        // Without the question it lives: that was what it died of.
                        self.unaskable.found(Instant::now());
                    }
                    session
                }
                Err(error) => Err(error),
            },
        };
        match session {
            // Nothing of a client's was sent yet.
            Err(UpstreamError::Lost { reason, .. }) => Err(self.unreachable(&reason)),
            other => other,
        }
    }

    /// A process for one caller, whose client can be asked what is declared.
    pub(super) async fn open_private(
        self: &Arc<Self>,
        declared: Declared,
    ) -> Result<Arc<LegacySession>, UpstreamError> {
        let started = self.start(Role::Private)?;
        self.initialize(started, declared).await
    }

    /// Puts the question to a child on trial; none if it did not answer.
    async fn try_out(self: &Arc<Self>) -> Result<Option<Session>, UpstreamError> {
        let started = self.start(Role::Trial)?;
        if let Ok(response) = self.ask(&started.link, era::probe(Id::Number(0))).await
            && started.link.employ().await
        {
            self.pulse.starting(started.pid);
            return self.agree(started, &response).await.map(Some);
        }
        // It went away, or is of no use. It is waited for: two at once may be one too many for what they work on.
        started.link.stop().await;
        let _ = started.actor.await;
        Ok(None)
    }

    /// Starts the child that serves, and greets it as one of `era`.
    async fn serve(self: &Arc<Self>, era: Era) -> Result<Session, UpstreamError> {
        let started = self.start(Role::Common)?;
        if era == Era::Legacy {
            return self.legacy(started).await;
        }
        match self.ask(&started.link, era::probe(Id::Number(0))).await {
            Ok(response) => self.agree(started, &response).await,
            Err(UpstreamError::TimedOut { .. }) => Err(self.not_modern()),
            Err(error) => Err(error),
        }
    }

    /// Speaks to a child as it wants to be spoken to, going by its answer to the question. One that cannot be used is ended
    /// by dropping its link.
    async fn agree(&self, started: Started, answer: &Response) -> Result<Session, UpstreamError> {
        match era::judge(answer) {
            Verdict::Modern => {
                self.listen(&started.link, answer).await;
                Ok(Session { link: started.link, legacy: None })
            }
            Verdict::Stranger(versions) => {
                let versions = legacy::excerpt(&versions.join(", "));
                Err(self.unusable(&format!("it speaks only {versions}, the gateway {}", Revision::MODERN)))
            }
            Verdict::Legacy if self.endpoint.spec.era == Era::Modern => Err(self.not_modern()),
            Verdict::Legacy => self.legacy(started).await,
        }
    }

    async fn legacy(&self, started: Started) -> Result<Session, UpstreamError> {
        let link = started.link.clone();
        let legacy = self.initialize(started, Declared::default()).await?;
        Ok(Session { link, legacy: Some(legacy) })
    }

    /// Starts a child and its actor.
    fn start(self: &Arc<Self>, role: Role) -> Result<Started, UpstreamError> {
        let now = Instant::now();
        let refuse = |reason: String| {
            self.restarts.died(now, now, &reason);
            self.unreachable(&reason)
        };
        let command = command::of(&self.endpoint).map_err(|error| refuse(error.to_string()))?;
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let started = Child::spawn(command);
        let (child, pipes) =
            started.map_err(|error| refuse(format!("command `{program}` cannot be started: {error}")))?;
        let pid = child.id();
        match role {
            Role::Common => self.pulse.starting(pid),
            Role::Trial => self.pulse.starting(None),
            Role::Private => {}
        }
        tracing::debug!(server = %self.endpoint.name, pid, "server `{}` starts", self.endpoint.name);
        let (link, orders) = Link::new(self.endpoint.name.clone());
        let notices = broadcast::channel(NOTICES_MAX).0;
        let ears = Ears { notices: notices.clone(), role };
        let actor = self.tasks.spawn(Actor::new(Arc::clone(self), orders, (child, pipes), ears).run());
        Ok(Started { link, notices, pid, actor })
    }

    /// Opens a legacy session with a child.
    async fn initialize(&self, started: Started, declared: Declared) -> Result<Arc<LegacySession>, UpstreamError> {
        let Started { link, notices, .. } = started;
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

    fn not_modern(&self) -> UpstreamError {
        self.unusable("it is configured as `era: modern` and does not speak that; use `auto`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_died_of_is_tried_again_some_day() {
        let (unaskable, now) = (Unaskable::default(), Instant::now());
        assert!(!unaskable.holds(now));
        unaskable.found(now);
        let after = |ms: u64| unaskable.holds(now + Duration::from_millis(ms));
        assert!(after(0) && after(UNASKABLE_TTL_MS - 1) && !after(UNASKABLE_TTL_MS));
    }
}
