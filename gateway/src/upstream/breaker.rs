//! A circuit breaker around an upstream: one that keeps failing is left alone for a while, then tried again once. Who asks
//! meanwhile is told at once, instead of waiting for what will not come and keeping others waiting.
//!
//! It also bounds the requests at one upstream, so that one that answers nobody does not take the places of all others.
//! What counts as a failure is that the server was not there or did not answer; an answer that is an error is none. Nothing
//! is ever sent a second time here.

mod circuit;

use super::{Caller, Endpoint, Health, LOST, Life, Reply, Said, Upstream, UpstreamError, modern};
use crate::metrics::{Asked, Metrics};
use async_trait::async_trait;
use circuit::{Circuit, Refusal, Ticket};
use control_plane_api::{gateway::ServerState, name::Name, server::Transport};
use futures::{StreamExt as _, stream};
use protocol::{Message, Request};
use serde_json::value::RawValue;
use std::{sync::Arc, time::Instant};
use tokio::sync::watch;

/// `upstream`, which reaches `endpoint`, with a breaker around it.
pub(super) fn around(upstream: Arc<dyn Upstream>, endpoint: &Endpoint) -> Arc<dyn Upstream> {
    Arc::new(Guarded {
        server: endpoint.name.clone(),
        circuit: Circuit::new(&endpoint.limits),
        // A process that does not live is not started again at once anyway (`restarts`).
        counts_unreachable: matches!(endpoint.spec.transport, Transport::Http { .. }),
        metrics: endpoint.metrics.clone(),
        upstream,
    })
}

struct Guarded {
    server: Name,
    circuit: Arc<Circuit>,
    counts_unreachable: bool,
    metrics: Metrics,
    upstream: Arc<dyn Upstream>,
}

#[async_trait]
impl Upstream for Guarded {
    async fn call(&self, request: Request, caller: &Caller) -> Result<Reply, UpstreamError> {
        if modern::lasts(&request.method) {
            // Nobody waits for its end, and its silence says nothing.
            return self.upstream.call(request, caller).await;
        }
        let ticket = self.circuit.admit(Instant::now()).map_err(|refusal| self.refused(refusal))?;
        let mut asked = self.metrics.asked(&self.server, &request.method);
        match self.upstream.call(request, caller).await {
            Ok(reply) => Ok(self.heard((ticket, asked), reply)),
            Err(error) => {
                asked.end(error.word());
                note(&ticket, &error, self.counts_unreachable);
                self.told();
                Err(error)
            }
        }
    }

    fn learn(&self, tools: &[Box<RawValue>]) {
        self.upstream.learn(tools);
    }

    fn health(&self) -> Health {
        let health = self.upstream.health();
        self.told();
        match self.circuit.refusal(Instant::now()) {
            Some(refusal) => Health { state: ServerState::Failed, error: Some(refusal.to_string()), ..health },
            None => health,
        }
    }

    fn life(&self) -> Life {
        self.upstream.life()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.upstream.changes()
    }

    async fn close(&self) {
        self.upstream.close().await;
    }
}

impl Guarded {
    /// `reply`, of whose end the breaker and metrics learn.
    fn heard(&self, (ticket, asked): (Ticket, Asked), reply: Reply) -> Reply {
        let counts_unreachable = self.counts_unreachable;
        Box::pin(stream::unfold(Some((reply, ticket, asked)), move |state| async move {
            let (mut reply, ticket, mut asked) = state?;
            let Some(said) = reply.next().await else {
                asked.end(LOST);
                return None;
            };
            match said {
                Ok(said) => {
                    // It is there, whatever it says. A ticket that says nothing before it goes was given back by its client.
                    ticket.answered(Instant::now());
                    let end = end_of(&said);
                    if let Some(error_type) = end {
                        asked.end(error_type);
                    }
                    Some((Ok(said), end.is_none().then_some((reply, ticket, asked))))
                }
                Err(error) => {
                    note(&ticket, &error, counts_unreachable);
                    asked.end(error.word());
                    Some((Err(error), None))
                }
            }
        }))
    }

    fn refused(&self, refusal: Refusal) -> UpstreamError {
        self.told();
        UpstreamError::Unreachable { server: self.server.clone(), reason: refusal.to_string() }
    }

    fn told(&self) {
        self.metrics.breaker(&self.server, Some(self.circuit.refusal(Instant::now()).is_some()));
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.metrics.breaker(&self.server, None);
    }
}

/// How what was asked ended with `said`, in the words of metrics; none: it goes on.
fn end_of(said: &Said) -> Option<&'static str> {
    match said {
        Said::Message(Message::Response(response)) => Some(if response.payload.is_ok() { "" } else { "error" }),
        Said::Long(_) => Some(""),
        Said::Message(_) => None,
    }
}

/// What an error says about the server.
fn note(ticket: &Ticket, error: &UpstreamError, counts_unreachable: bool) {
    let now = Instant::now();
    match error {
        UpstreamError::Unreachable { .. } if !counts_unreachable => {}
        UpstreamError::Unreachable { .. } | UpstreamError::Lost { .. } | UpstreamError::TimedOut { .. } => {
            ticket.failed(&error.reason(), now);
        }
        // It answered, if not as it should have.
        UpstreamError::Unusable { .. }
        | UpstreamError::NeedsConsent { .. }
        | UpstreamError::TokenRefused { .. }
        | UpstreamError::Forgotten { .. } => ticket.answered(now),
    }
}

#[cfg(test)]
mod tests;
