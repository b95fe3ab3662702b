//! Servers reached over HTTP: modern ones request by request, legacy ones in sessions, one per caller, over Streamable HTTP or
//! HTTP+SSE (2026-07-28, 2025-11-25 and 2024-11-05 basic/transports).
//!
//! Credentials are the configured ones; nothing of a client's request but its message gets there.

mod agreement;
mod answer;
mod bearing;
mod connection;
mod dialer;
mod heed;
mod kept;
mod listener;
mod mirrored;
mod passing;
mod refusal;
mod remote;
mod repeat;
mod running;
mod sse;
mod streamable;
mod target;
#[cfg(test)]
mod tests;

use super::{
    Caller, Endpoint, Health, Reply, Upstream, UpstreamError,
    legacy::{self, Rim, session::Hearing},
    modern,
    pool::{Key, Place, Pool},
    remap::Remap,
    slot::{Opener, Slot},
};
use agreement::Agreement;
use async_trait::async_trait;
use control_plane_api::server::Era;
use futures::future::BoxFuture;
use heed::Call;
use http::HeaderMap;
use protocol::{Request, Response, code, headers, method};
use remote::{Fault, Remote};
use serde_json::value::RawValue;
use sse::SseSession;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use streamable::StreamableSession;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// Times one call is begun: the server may have forgotten its session, or become another server.
const BEGINNINGS_MAX: u32 = 2;

/// The upstream for `endpoint`, whose transport is a URL.
#[must_use]
pub fn open(endpoint: Endpoint) -> Arc<dyn Upstream> {
    let (rim, sessions) = (Rim::new(endpoint.name.clone(), &endpoint.limits), Pool::new(&endpoint.limits));
    Arc::new(Http { remote: Arc::new(Remote::new(endpoint)), slot: Slot::new(), sessions, rim })
}

struct Http {
    remote: Arc<Remote>,
    slot: Slot<Agreement>,
    sessions: Arc<Pool>,
    rim: Arc<Rim>,
}

/// Why a call has not begun. After all but the last it is begun once more.
enum Setback {
    /// The server did not know what was agreed with it.
    Forgotten,
    /// It found fault with the gateway's part of the request; its own words.
    AtOdds(Response),
    /// Trying again would not help, or would be once too often.
    Failed(UpstreamError),
}

impl From<UpstreamError> for Setback {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Forgotten { .. } => Self::Forgotten,
            other => Self::Failed(other),
        }
    }
}

/// Opens a legacy session.
struct Door {
    remote: Arc<Remote>,
    key: Key,
}

#[async_trait]
impl Upstream for Http {
    async fn call(&self, request: Request, caller: &Caller) -> Result<Reply, UpstreamError> {
        if let Some(resumed) = self.rim.resume(&request, caller).await {
            return resumed;
        }
        let mut told = None;
        for _ in 0..BEGINNINGS_MAX {
            let agreement = self.slot.get(&self.remote).await?;
            let begun = if agreement.is_modern() {
                self.modern(&agreement, &request, caller).await
            } else {
                if self.remote.endpoint.spec.era == Era::Auto && !self.remote.is_sse() && agreement.is_due() {
                    self.remote.judge_again(&agreement);
                }
                Box::pin(self.legacy(request.clone(), caller)).await
            };
            match begun {
                Err(Setback::Forgotten) => {}
                Err(Setback::AtOdds(response)) => told = Some(response),
                Err(Setback::Failed(error)) => {
                    if let UpstreamError::Unreachable { .. } | UpstreamError::Lost { .. } = error {
                        self.remote.pulse.failed(&error.reason());
                    }
                    return Err(error);
                }
                Ok(reply) => {
                    self.remote.pulse.ready(if agreement.is_modern() { Era::Modern } else { Era::Legacy });
                    return Ok(reply);
                }
            }
        }
        told.map(legacy::only).ok_or_else(|| self.remote.unusable("it forgets its sessions as soon as they are opened"))
    }

    fn learn(&self, tools: &[Box<RawValue>]) {
        self.remote.mirrored.learn(tools);
    }

    fn health(&self) -> Health {
        self.remote.pulse.health()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.remote.pulse.changes()
    }

    async fn close(&self) {
        self.let_go();
        self.remote.tasks.close();
        self.remote.tasks.wait().await;
    }
}

impl Http {
    async fn modern(&self, agreement: &Agreement, request: &Request, caller: &Caller) -> Result<Reply, Setback> {
        let limit = self.remote.call_timeout();
        let patience = modern::patience(&request.method, limit);
        let deadline = Instant::now() + patience;
        match timeout(limit, self.remote.modern(request.clone(), caller)).await {
            Err(_) => Err(Setback::Failed(self.remote.late(limit))),
            Ok(Ok(hearing)) => Ok(modern::reply(hearing, deadline, self.remote.late(patience))),
            Ok(Err(Fault::SessionGone)) => {
                // No modern server says so: what this one is, is found out anew.
                agreement.give_up();
                Err(Setback::Forgotten)
            }
            Ok(Err(Fault::AtOdds(response))) => Box::pin(self.at_odds(agreement, request, response, caller)).await,
            Ok(Err(Fault::Foreign(error) | Fault::Failed(error))) => {
                if let UpstreamError::Unreachable { .. } | UpstreamError::Lost { .. } = error {
                    // Whatever comes back may be another server.
                    agreement.give_up();
                }
                Err(Setback::Failed(error))
            }
        }
    }

    /// The server found fault with what the gateway made of `request` and said so with `response`: what is known of the
    /// server is asked for anew. `response` is the answer if that changes nothing (2026-07-28 transports, status table).
    async fn at_odds(
        &self,
        agreement: &Agreement,
        request: &Request,
        response: Response,
        caller: &Caller,
    ) -> Result<Reply, Setback> {
        let of_headers = matches!(&response.payload, Err(error) if error.code == code::HEADER_MISMATCH);
        if !of_headers {
            agreement.give_up();
            return Err(Setback::AtOdds(response));
        }
        let limit = Duration::from_millis(self.remote.endpoint.limits.upstream_list_timeout_ms);
        let calls = request.method == method::TOOLS_CALL;
        let changed = calls && timeout(limit, self.remote.relearn(request, caller)).await.unwrap_or(false);
        if changed { Err(Setback::AtOdds(response)) } else { Ok(legacy::only(response)) }
    }

    async fn legacy(&self, request: Request, caller: &Caller) -> Result<Reply, Setback> {
        let key = Key::of(&request, caller);
        let door = Door { remote: Arc::clone(&self.remote), key: key.clone() };
        let place = self.sessions.get(&key, &Arc::new(door)).await?;
        Ok(self.rim.call(place.0, request, caller).await?)
    }

    fn let_go(&self) {
        self.rim.close();
        self.remote.stop.cancel();
        self.sessions.close();
        if let Some(agreement) = self.slot.close() {
            agreement.give_up();
        }
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Opener for Door {
    type Session = Place;

    fn admit(&self) -> Result<(), UpstreamError> {
        Ok(())
    }

    fn open(self: Arc<Self>) -> BoxFuture<'static, Result<Place, UpstreamError>> {
        Box::pin(async move {
            let (remote, key) = (&self.remote, &self.key);
            let sse_only = remote.is_sse() || remote.speaks_sse.load(Ordering::Relaxed);
            let refused = match sse_only {
                true => None,
                false => match StreamableSession::open(remote, key).await {
                    Ok(session) => return Ok(Place(Arc::new(session))),
                    // It takes no `initialize` there: servers of 2024-11-05 answer a GET (2025-03-26 transports, backwards
                    // compatibility).
                    Err(Fault::Foreign(error)) => Some(error),
                    Err(fault) => return Err(fault.into_error(remote)),
                },
            };
            match (SseSession::open(remote, key).await, refused) {
                (Ok(session), _) => {
                    remote.speaks_sse.store(true, Ordering::Relaxed);
                    Ok(Place(Arc::new(session)))
                }
                // It is there, and does not let anybody in, or not now.
                (Err(error @ (UpstreamError::NeedsConsent { .. } | UpstreamError::Unreachable { .. })), Some(_)) => {
                    Err(error)
                }
                (Err(_), Some(refused)) => Err(refused),
                (Err(error), None) => {
                    remote.speaks_sse.store(false, Ordering::Relaxed);
                    Err(error)
                }
            }
        })
    }

    fn closed(&self) -> UpstreamError {
        self.remote.closed()
    }
}

impl Remote {
    /// Posts a modern `request`.
    async fn modern(self: &Arc<Self>, mut request: Request, caller: &Caller) -> Result<Hearing, Fault> {
        let mut map: HeaderMap = headers::of(&request).into_iter().collect();
        map.extend(self.mirrored.headers(&request));
        let own = self.next_id();
        let remap = Remap::outgoing(&mut request, own);
        let call = Call { remote: Arc::clone(self), session: None, own, remap, withdrawal: None, probes: false };
        Ok(self.post_request(call, map, request, caller).await?.hearing)
    }
}
