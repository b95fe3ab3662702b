//! Which era an HTTP server was found to speak: a property of the server, whoever calls. A verdict "legacy" is looked at
//! again after a while, a verdict "modern" when the server answers as no modern one does (2026-07-28 basic/versioning).

use super::{
    listener,
    remote::{Fault, Remote},
};
use crate::upstream::{
    Caller, UpstreamError,
    era::{self, Verdict},
    legacy, slot,
    slot::Opener,
};
use control_plane_api::server::{Era, Transport};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use protocol::{Id, Response, Revision, headers};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// A verdict "legacy" is looked at again after this, in milliseconds: a server that was upgraded goes on answering
/// `initialize`, so nothing else would tell.
const LEGACY_VERDICT_TTL_MS: u64 = 600_000;

/// A verdict in force; clones are the same one.
#[derive(Clone)]
pub(super) struct Agreement(Arc<Agreed>);

struct Agreed {
    modern: bool,
    over: CancellationToken,
    judged: Mutex<Instant>,
}

impl slot::Session for Agreement {
    fn is_open(&self) -> bool {
        !self.0.over.is_cancelled()
    }
}

impl Agreement {
    fn new(modern: bool) -> Self {
        Self(Arc::new(Agreed { modern, over: CancellationToken::new(), judged: Mutex::new(Instant::now()) }))
    }

    /// Whether the server is a modern one.
    pub(super) fn is_modern(&self) -> bool {
        self.0.modern
    }

    /// Not in force any more: the next call asks anew.
    pub(super) fn give_up(&self) {
        self.0.over.cancel();
    }

    /// Resolves when it is given up.
    pub(super) async fn over(&self) {
        self.0.over.cancelled().await;
    }

    /// Whether the verdict is due; says so once per period.
    pub(super) fn is_due(&self) -> bool {
        let mut judged = self.0.judged.lock();
        let due = !self.0.modern && judged.elapsed() >= Duration::from_millis(LEGACY_VERDICT_TTL_MS);
        if due {
            *judged = Instant::now();
        }
        due
    }
}

impl Opener for Remote {
    type Session = Agreement;

    fn admit(&self) -> Result<(), UpstreamError> {
        Ok(())
    }

    fn open(self: Arc<Self>) -> BoxFuture<'static, Result<Agreement, UpstreamError>> {
        Box::pin(async move {
            self.pulse.starting(None);
            let agreement = self.agree().await;
            if let Err(error) = &agreement {
                self.pulse.failed(&error.reason());
            }
            agreement
        })
    }

    fn closed(&self) -> UpstreamError {
        self.unreachable("the gateway has let go of it")
    }
}

impl Remote {
    /// Finds out how the server wants to be spoken to. A refused credential, a server error, silence and a broken
    /// connection say nothing about that: they are told as they are.
    async fn agree(self: &Arc<Self>) -> Result<Agreement, UpstreamError> {
        let era = self.endpoint.spec.era;
        if era == Era::Legacy || self.is_sse() {
            return Ok(Agreement::new(false));
        }
        if let Some(discovery) = self.discover().await? {
            let agreement = Agreement::new(true);
            listener::subscribe(self, &agreement, discovery);
            return Ok(agreement);
        }
        if era == Era::Modern {
            return Err(self.unusable("it is configured as `era: modern` and does not speak that; use `auto`"));
        }
        Ok(Agreement::new(false))
    }

    /// Whether it is configured as a server of HTTP+SSE.
    pub(super) fn is_sse(&self) -> bool {
        matches!(self.endpoint.spec.transport, Transport::Http { sse: true, .. })
    }

    /// What a modern server says to the probe; none if the server is a legacy one.
    async fn discover(self: &Arc<Self>) -> Result<Option<Response>, UpstreamError> {
        let probe = era::probe(Id::Number(0));
        let map = headers::of(&probe).into_iter().collect();
        match self.ask(map, probe, &Caller::GATEWAY).await {
            Ok((response, _)) => match era::judge(&response) {
                Verdict::Modern => Ok(Some(response)),
                Verdict::Legacy => Ok(None),
                Verdict::Stranger(versions) => {
                    let versions = legacy::excerpt(&versions.join(", "));
                    Err(self.unusable(&format!("it speaks only {versions}, the gateway {}", Revision::MODERN)))
                }
            },
            Err(Fault::SessionGone | Fault::Foreign(_) | Fault::AtOdds(_)) => Ok(None),
            Err(Fault::Failed(error)) => Err(error),
        }
    }

    /// Looks, beside the calls, whether a legacy server has become a modern one; the next call then speaks so.
    pub(super) fn judge_again(self: &Arc<Self>, agreement: &Agreement) {
        let (remote, agreement) = (Arc::clone(self), agreement.clone());
        self.tasks.spawn(async move {
            if let Ok(Some(_)) = remote.discover().await {
                agreement.give_up();
            }
        });
    }
}
