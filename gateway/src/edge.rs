//! The edge: reads a request, admits it, hands it to the pipeline, writes the reply.
//!
//! pingora's [`HttpServerApp`] on one side, [`Pipeline::serve`] on the other. Here, and nowhere else, an exchange is tied
//! to a connection: a client that closes it cancels what it asked for.

mod classify;
mod legacy;
mod reply;
mod request;
mod sessions;
mod well_known;

use crate::{
    live::Live,
    pipeline::{Outgoing, Pipeline},
    settings::Settings,
};
use async_trait::async_trait;
use classify::Classified;
use control_plane_api::limits::Limits;
use filters::{Exchange, LocalReply};
use http::{Method, StatusCode, header};
use legacy::Spoken;
use pingora_core::{
    apps::{HttpPersistentSettings, HttpServerApp, ReusedHttpStream},
    protocols::http::ServerSession,
    server::ShutdownWatch,
};
use protocol::{RpcError, code};
use reply::Writer;
use request::Inbound;
use sessions::Sessions;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};

/// Silence after which an event stream gets a comment line, so that nothing in between closes it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Messages on their way from the pipeline to the connection; the pipeline waits when the client reads slowly.
const OUTGOING_MAX: usize = 8;

/// The listener's application.
pub struct Edge {
    live: Arc<Live>,
    settings: Arc<Settings>,
    sessions: Sessions,
    exchanges: Semaphore,
}

/// The connection cannot be used any further.
struct Hangup;

impl Edge {
    /// Serves whatever pipeline is in force in `live`.
    #[must_use]
    pub fn new(live: Arc<Live>, settings: Arc<Settings>) -> Self {
        let limits = Limits::default();
        let exchanges = Semaphore::new(usize::try_from(limits.exchanges_max).unwrap_or(usize::MAX));
        Self { live, settings, sessions: Sessions::new(&limits), exchanges }
    }

    async fn serve(&self, session: &mut ServerSession) -> Result<(), Hangup> {
        let Some(pipeline) = self.live.pipeline() else {
            return reply::refuse(session, None, &not_ready()).await;
        };
        let Ok(_place) = self.exchanges.try_acquire() else {
            return reply::refuse(session, None, &overloaded()).await;
        };
        if let Some(endpoint) = well_known::asked(session) {
            return well_known::answer(session, &self.settings, &pipeline, endpoint).await;
        }
        let inbound = match request::read(session, &self.settings, &pipeline.limits).await {
            Ok(inbound) => inbound,
            Err(refusal) => {
                // What is left of the body is not worth reading.
                session.set_keepalive(None);
                return reply::refuse(session, None, &refusal).await;
            }
        };
        match inbound.http_method {
            Method::POST => self.post(session, pipeline, inbound).await,
            Method::GET => self.event_stream(session, pipeline, inbound).await,
            Method::DELETE => self.end_session(session, &pipeline, &inbound).await,
            _ => reply::refuse(session, None, &reply::method_not_allowed()).await,
        }
    }

    async fn post(&self, session: &mut ServerSession, pipeline: Arc<Pipeline>, inbound: Inbound) -> Result<(), Hangup> {
        match classify::classify(&inbound) {
            Err((id, refusal)) => reply::refuse(session, id, &refusal).await,
            Ok(Classified::Modern(request)) => {
                let method = request.method.clone();
                let exchange = inbound.exchange(request);
                self.exchange(session, pipeline, Asked { exchange, method, bytes: inbound.body.len() }, Spoken::Modern)
                    .await
            }
            Ok(Classified::ModernNotification) => match pipeline.authenticate(&inbound.headers, &inbound.endpoint) {
                Ok(_) => reply::accepted(session).await,
                Err(refusal) => reply::refuse(session, None, &refusal).await,
            },
            Ok(Classified::Legacy(message)) => self.legacy(session, pipeline, inbound, message).await,
        }
    }

    /// Runs one exchange to its end, or until the client closes the connection.
    async fn exchange(
        &self,
        session: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        asked: Asked,
        spoken: Spoken,
    ) -> Result<(), Hangup> {
        let mut writer = Writer::new(&asked.exchange, spoken);
        let cancelled = writer.cancellation();
        let record = pipeline.record(asked.exchange, &asked.method, asked.bytes);
        let (client, mut outgoing) = mpsc::channel::<Outgoing>(OUTGOING_MAX);
        let mut serving = Some(Box::pin(pipeline.serve(record, client)));
        session.set_abort_on_close(true);
        let mut silence = tokio::time::interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        loop {
            let served = async {
                match &mut serving {
                    Some(serve) => serve.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                message = outgoing.recv() => match message {
                    Some(message) => writer.write(session, message, &self.sessions).await?,
                    None => return writer.finish(session).await,
                },
                () = served => serving = None,
                () = cancelled.cancelled() => return writer.finish(session).await,
                _ = session.read_body_or_idle(true) => return Err(Hangup),
                _ = silence.tick() => writer.keep_alive(session).await?,
            }
        }
    }
}

/// What a client asked for, ready to be recorded.
struct Asked {
    exchange: Exchange,
    /// The method by the client's name for it.
    method: String,
    /// Size of the request.
    bytes: usize,
}

#[async_trait]
impl HttpServerApp for Edge {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let deadline = Duration::from_millis(self.live.limits().header_read_timeout_ms);
        match tokio::time::timeout(deadline, session.read_request()).await {
            Ok(Ok(true)) => {}
            Ok(Err(_)) => {
                let _ = reply::refuse(&mut session, None, &malformed()).await;
                return None;
            }
            Ok(Ok(false)) | Err(_) => return None,
        }
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
        self.serve(&mut session).await.ok()?;
        let settings = HttpPersistentSettings::for_session(&session);
        let reusable = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(reusable, settings))
    }
}

fn malformed() -> LocalReply {
    LocalReply {
        status: StatusCode::BAD_REQUEST,
        headers: Vec::new(),
        error: RpcError::new(code::INVALID_REQUEST, "not a readable HTTP request"),
        reason: String::new(),
    }
}

fn not_ready() -> LocalReply {
    unavailable("the gateway has no configuration yet: is the control plane running? (`mcpctl status`)")
}

fn overloaded() -> LocalReply {
    unavailable("too many requests at once; try again in a moment")
}

fn unavailable(told: &str) -> LocalReply {
    LocalReply {
        status: StatusCode::SERVICE_UNAVAILABLE,
        headers: vec![(header::RETRY_AFTER, http::HeaderValue::from_static("1"))],
        error: RpcError::new(code::INTERNAL_ERROR, told),
        reason: told.to_owned(),
    }
}
