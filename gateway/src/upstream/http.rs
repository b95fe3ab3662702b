//! Servers reached over Streamable HTTP: modern ones request by request, legacy ones in a session (2026-07-28 and
//! 2025-11-25 basic/transports).
//!
//! Credentials are the configured ones; nothing of a client's request but its message gets there. The older HTTP+SSE
//! transport is not spoken.

mod answer;
mod connection;
mod conversation;
mod listener;
mod remote;
mod session;
mod target;
#[cfg(test)]
mod tests;

use super::{
    Caller, Endpoint, Health, Reply, Upstream, UpstreamError,
    era::{self, Verdict},
    legacy::{self, Welcome},
    slot::{Opener, Slot},
};
use async_trait::async_trait;
use control_plane_api::server::Era;
use futures::{StreamExt as _, future::BoxFuture, stream};
use protocol::{Id, Message, Request, Response, Revision, method};
use remote::{Fault, Remote};
use session::Session;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// Sessions tried for one call: the server may have forgotten the first.
const SESSIONS_PER_CALL_MAX: u32 = 2;

/// The upstream for `endpoint`, whose transport is a URL.
#[must_use]
pub fn open(endpoint: Endpoint) -> Arc<dyn Upstream> {
    Arc::new(Http { remote: Arc::new(Remote::new(endpoint)), slot: Slot::new() })
}

struct Http {
    remote: Arc<Remote>,
    slot: Slot<Session>,
}

#[async_trait]
impl Upstream for Http {
    async fn call(&self, request: Request, caller: &Caller) -> Result<Reply, UpstreamError> {
        let limit = Duration::from_millis(self.remote.endpoint.limits.upstream_call_timeout_ms);
        for _ in 0..SESSIONS_PER_CALL_MAX {
            let session = self.slot.get(&self.remote).await?;
            if let Some(welcome) = session.welcome()
                && request.method == method::DISCOVER
            {
                let response = Message::Response(Response::ok(request.id, welcome.discovery()));
                return Ok(Box::pin(stream::iter([Ok(response)])));
            }
            if self.remote.endpoint.spec.era == Era::Auto && session.verdict_is_due() {
                self.remote.judge_again(&session);
            }
            match self.remote.request(&session, request.clone(), limit, caller).await {
                Ok(posted) => {
                    self.remote.pulse.ready(session.era());
                    return Ok(posted.reply);
                }
                Err(Fault::SessionGone) => session.give_up(),
                Err(Fault::Failed(error) | Fault::Foreign(error)) => {
                    if let UpstreamError::Unreachable { .. } | UpstreamError::Lost { .. } = error {
                        self.remote.pulse.failed(&error.reason());
                    }
                    return Err(error);
                }
            }
        }
        Err(self.remote.unusable("it forgets its sessions as soon as they are opened"))
    }

    fn health(&self) -> Health {
        self.remote.pulse.health()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.remote.pulse.changes()
    }

    async fn close(&self) {
        self.remote.stop.cancel();
        // Its last clone says good-bye to the server when it is dropped.
        drop(self.slot.close());
        self.remote.tasks.close();
        self.remote.tasks.wait().await;
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.remote.stop.cancel();
    }
}

impl Opener for Remote {
    type Session = Session;

    fn admit(&self) -> Result<(), UpstreamError> {
        Ok(())
    }

    fn open(self: Arc<Self>) -> BoxFuture<'static, Result<Session, UpstreamError>> {
        Box::pin(async move {
            self.pulse.starting(None);
            let session = self.agree().await;
            match &session {
                Ok(session) => self.pulse.ready(session.era()),
                Err(error) => self.pulse.failed(&error.reason()),
            }
            session
        })
    }

    fn closed(&self) -> UpstreamError {
        self.unreachable("the gateway has let go of it")
    }
}

impl Remote {
    /// Finds out how the server wants to be spoken to. A refused credential, a server error, silence and a broken
    /// connection say nothing about that: they are told as they are.
    async fn agree(self: &Arc<Self>) -> Result<Session, UpstreamError> {
        let era = self.endpoint.spec.era;
        if era != Era::Legacy
            && let Some(discovery) = self.discover().await?
        {
            let session = Session::modern(self);
            listener::start(self, &session, Some(discovery));
            return Ok(session);
        }
        if era == Era::Modern {
            return Err(self.unusable("it is configured as `era: modern` and does not speak that; use `auto`"));
        }
        let (response, id) =
            self.ask(legacy::initialize(Id::Number(0))).await.map_err(|fault| fault.into_error(self))?;
        let welcome = Welcome::read(&response).map_err(|reason| self.unusable(&reason))?;
        let id = match id {
            Some(id) => Some(session::id(&id).ok_or_else(|| self.unusable("its session id is no visible ASCII"))?),
            None => None,
        };
        let session = Session::legacy(self, welcome, id);
        self.tell(&session, legacy::initialized()).await;
        listener::start(self, &session, None);
        Ok(session)
    }

    /// What a modern server says to the probe; none if the server is a legacy one.
    async fn discover(self: &Arc<Self>) -> Result<Option<Response>, UpstreamError> {
        match self.ask(era::probe(Id::Number(0))).await {
            Ok((response, _)) => match era::judge(&response) {
                Verdict::Modern => Ok(Some(response)),
                Verdict::Legacy => Ok(None),
                Verdict::Stranger(versions) => {
                    let versions = legacy::excerpt(&versions.join(", "));
                    Err(self.unusable(&format!("it speaks only {versions}, the gateway {}", Revision::MODERN)))
                }
            },
            Err(Fault::SessionGone | Fault::Foreign(_)) => Ok(None),
            Err(Fault::Failed(error)) => Err(error),
        }
    }

    /// Asks outside of any session; the answer, and the session id that came with it.
    async fn ask(self: &Arc<Self>, request: Request) -> Result<(Response, Option<String>), Fault> {
        let limit = Duration::from_millis(self.endpoint.limits.upstream_open_timeout_ms);
        let mut posted = self.request(&Session::modern(self), request, limit, &Caller::GATEWAY).await?;
        while let Some(message) = posted.reply.next().await {
            if let Message::Response(response) = message? {
                return Ok((response, posted.session_id));
            }
        }
        Err(self.unusable("it ended its answer before the response").into())
    }

    /// Looks, beside the calls, whether a legacy server has become a modern one; the next call then speaks so.
    fn judge_again(self: &Arc<Self>, session: &Session) {
        let (remote, session) = (Arc::clone(self), session.clone());
        self.tasks.spawn(async move {
            if let Ok(Some(_)) = remote.discover().await {
                session.give_up();
            }
        });
    }
}
