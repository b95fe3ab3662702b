//! How long an exchange may go on: as long as the configuration in force would let it begin.
//!
//! An exchange keeps the pipeline it began with. When a newer one comes into force, a token may have been revoked, a user
//! shut out, a profile taken away: then it is judged again by the newest, and broken off if that refuses it. Where the
//! gateway is drained it is broken off when its time is over.

use super::Pipeline;
use control_plane_api::name::Name;
use filters::{Cause, Exchange, Filter as _, LocalReply};
use http::{HeaderMap, StatusCode};
use protocol::{RpcError, code};
use std::{future, ops::ControlFlow, sync::Arc};
use tokio_util::sync::CancellationToken;

/// See the module.
pub(super) struct Term {
    /// Cancelled once there is a newer pipeline than the one that last judged the exchange.
    superseded: CancellationToken,
    /// Of that one: cancelled when the time of what runs is over.
    drain: Option<CancellationToken>,
    /// Revision of the pipeline that last judged it.
    revision: u64,
}

impl Term {
    /// Of an exchange that `pipeline` let pass.
    pub(super) fn begin(pipeline: &Pipeline) -> Self {
        let (superseded, drain) = (pipeline.superseded.clone(), pipeline.drain.clone());
        Self { superseded, drain, revision: pipeline.ledger.revision }
    }

    /// The revision that let it go on last, or that ended it.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Ends when `exchange`, which is served by `pipeline`, may not go on; what its client is told. May be dropped and
    /// asked again.
    pub(super) async fn over(&mut self, pipeline: &Pipeline, exchange: &Exchange) -> LocalReply {
        loop {
            tokio::select! {
                biased;
                () = self.superseded.cancelled() => {}
                () = ended(self.drain.as_ref()) => return drained(),
            }
            let Some(newest) = pipeline.newest() else {
                // The gateway is stopping, which has its own way of ending exchanges.
                return future::pending().await;
            };
            self.revision = newest.ledger.revision;
            if let Err(refusal) = newest.judge_again(exchange).await {
                return refusal;
            }
            self.superseded = newest.superseded.clone();
            self.drain.clone_from(&newest.drain);
        }
    }
}

impl Pipeline {
    /// The pipeline in force; none when the gateway is stopping.
    pub(crate) fn newest(&self) -> Option<Arc<Self>> {
        self.newest.upgrade()?.load_full()
    }

    /// Whether `user` is recognised by what `exchange` presents, and may use its project.
    pub(crate) async fn admits(&self, exchange: &Exchange, user: &Name) -> bool {
        let Ok(principal) = self.authenticate(&exchange.headers, &exchange.endpoint) else { return false };
        let same = principal.name() == Some(user);
        let mut opening = Exchange {
            principal,
            project: exchange.project.clone(),
            ..Exchange::new(exchange.request.clone(), HeaderMap::new())
        };
        same && self.rests.permissions.on_request(&mut opening).await.is_continue()
    }

    /// Whether `exchange`, which an earlier pipeline let pass, may go on under this one: who asks is still recognised, and
    /// may still do what is asked. Where it goes was decided when it began.
    ///
    /// # Errors
    /// What the client is told.
    async fn judge_again(&self, exchange: &Exchange) -> Result<(), LocalReply> {
        let mut again = Exchange {
            principal: self.authentication.again(exchange).map_err(broken_off)?,
            credential: exchange.credential.clone(),
            endpoint: exchange.endpoint.clone(),
            project: exchange.project.clone(),
            affinity: exchange.affinity.clone(),
            target: exchange.target.clone(),
            sealed: exchange.sealed.clone(),
            primitive: exchange.primitive.clone(),
            ..Exchange::new(exchange.request.clone(), HeaderMap::new())
        };
        match self.rests.permissions.on_request(&mut again).await {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(refusal) => Err(broken_off(refusal)),
        }
    }
}

/// Waits until `drain` is over; without an end where there is none.
pub(super) async fn ended(drain: Option<&CancellationToken>) {
    match drain {
        Some(over) => over.cancelled().await,
        None => future::pending().await,
    }
}

/// What the client of an exchange is told that took longer than the gateway could wait.
fn drained() -> LocalReply {
    let told = "this gateway is being drained, and the time of what ran is over: try again, by another one";
    LocalReply {
        status: StatusCode::SERVICE_UNAVAILABLE,
        headers: Vec::new(),
        error: RpcError::new(code::INTERNAL_ERROR, told),
        reason: "broken off: the gateway was drained".to_owned(),
        cause: Cause::Draining,
    }
}

/// The audit log is told that it was allowed when it began.
fn broken_off(refusal: LocalReply) -> LocalReply {
    LocalReply { reason: format!("revoked while it ran: {}", refusal.reason), cause: Cause::Revoked, ..refusal }
}
