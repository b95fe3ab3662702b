//! The edge: reads a request, admits it, hands it to the pipeline, writes the reply.
//!
//! pingora's [`HttpServerApp`] on one side, `Pipeline::serve` on the other. One endpoint for all revisions: `classify` tells
//! the eras apart, `modern` and `legacy` serve them.

mod classify;
mod draining;
mod legacy;
mod modern;
mod places;
mod reply;
mod request;
mod well_known;
mod wrapped;

use crate::{
    live::Live,
    load::{Load, Room},
    pipeline::Pipeline,
    settings::Settings,
};
use async_trait::async_trait;
use classify::Classified;
use control_plane_api::limits::Limits;
use filters::{Cause, LocalReply};
use http::{Method, StatusCode, header};
use legacy::Sessions;
use pingora_core::{
    apps::{HttpPersistentSettings, HttpServerApp, ReusedHttpStream},
    protocols::http::ServerSession,
    server::ShutdownWatch,
};
use pingora_http::RequestHeader;
use places::{Place, Places};
use protocol::{Id, RpcError, code, method};
use request::{Endpoint, Inbound};
use std::{sync::Arc, time::Duration};
pub use wrapped::Wrapped;

/// Silence after which an event stream gets a comment line, so that nothing in between closes it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Messages on their way from the pipeline to the connection; the pipeline waits when the client reads slowly.
const OUTGOING_MAX: usize = 8;

/// The listener's application.
pub struct Edge {
    live: Arc<Live>,
    settings: Arc<Settings>,
    sessions: Arc<Sessions>,
    places: Places,
    load: Arc<Load>,
}

/// The connection cannot be used any further.
struct Hangup;

/// Goes with a connection that has had a request.
struct Reused;

impl Edge {
    /// Serves whatever pipeline is in force in `live`, as far as `load` has room.
    #[must_use]
    pub fn new(live: Arc<Live>, settings: Arc<Settings>, load: Arc<Load>) -> Self {
        let sessions = Arc::new(Sessions::new(live.metrics().clone()));
        let limits = live.clone();
        tokio::spawn(Sessions::keep_swept(Arc::downgrade(&sessions), move || limits.limits()));
        Self { live, settings, sessions, places: Places::default(), load }
    }

    async fn serve(self: &Arc<Self>, http: &mut ServerSession) -> Result<(), Hangup> {
        let Some(pipeline) = self.live.pipeline() else {
            http.set_keepalive(None);
            return reply::refuse(http, None, &not_ready()).await;
        };
        let place = match self.admit(http.req_header(), &pipeline).await {
            Ok(place) => place,
            Err(refusal) => {
                http.set_keepalive(None);
                return reply::refuse(http, None, &refusal).await;
            }
        };
        if let Some(endpoint) = well_known::asked(http) {
            return well_known::answer(http, &self.settings, &pipeline, endpoint).await;
        }
        http.set_write_timeout(Some(Duration::from_millis(pipeline.limits.write_timeout_ms)));
        let inbound = match request::read(http, &self.settings, &pipeline.limits).await {
            Ok(inbound) => inbound,
            Err(refusal) => {
                // What is left of the body is not worth reading.
                http.set_keepalive(None);
                return reply::refuse(http, None, &refusal).await;
            }
        };
        if inbound.http_method != Method::POST
            && let Err(refusal) = classify::check_revision(&inbound.headers)
        {
            return reply::refuse(http, None, &refusal).await;
        }
        let allowed = match (&inbound.route, inbound.http_method.clone()) {
            (Endpoint::Mcp, Method::POST) | (Endpoint::Messages, Method::POST) => {
                return self.post(http, pipeline, inbound, place).await;
            }
            (Endpoint::Mcp, Method::DELETE) => return Box::pin(self.end_session(http, &pipeline, &inbound)).await,
            (Endpoint::Mcp | Endpoint::Sse, Method::GET)
                if pipeline.is_draining() && !draining::comes_back(&inbound.headers) =>
            {
                return elsewhere(http, None, &pipeline).await;
            }
            (Endpoint::Mcp | Endpoint::Sse, Method::GET) if !self.has_room_for_more() => {
                return reply::refuse(http, None, &self.shed("memory", &pipeline)).await;
            }
            // Streams are bounded by the sessions they belong to, one each.
            (Endpoint::Mcp, Method::GET) => {
                drop(place);
                return Box::pin(self.event_stream(http, pipeline, inbound)).await;
            }
            (Endpoint::Sse, Method::GET) => {
                drop(place);
                return Box::pin(self.open_http_sse(http, pipeline, inbound)).await;
            }
            (Endpoint::Mcp | Endpoint::Messages, _) => "POST",
            (Endpoint::Sse, _) => "GET",
        };
        reply::refuse(http, None, &reply::method_not_allowed(allowed)).await
    }

    /// A place for the request with this head: at once where one is free, else in its user's turn.
    async fn admit(&self, head: &RequestHeader, pipeline: &Pipeline) -> Result<Place, LocalReply> {
        if let Room::None(what) = self.load.room() {
            return Err(self.shed(what, pipeline));
        }
        if let Some(place) = self.places.take(&pipeline.limits) {
            return Ok(place);
        }
        // Whoever is not known has no turn.
        let user = request::caller(head, pipeline).ok_or_else(|| self.shed("exchanges", pipeline))?;
        let wait = self.places.wait(&user, &pipeline.limits);
        pipeline.metrics.waiting(self.places.waiting());
        let place = wait.await;
        pipeline.metrics.waiting(self.places.waiting());
        place.ok_or_else(|| self.shed("exchanges", pipeline))
    }

    /// Whether there is room for what lasts.
    fn has_room_for_more(&self) -> bool {
        self.load.room() == Room::Any
    }

    /// The refusal of a request for which there is no room, for that `reason`.
    fn shed(&self, reason: &'static str, pipeline: &Pipeline) -> LocalReply {
        pipeline.metrics.shed(reason);
        self.live.refusals().shed();
        overloaded()
    }

    async fn post(
        self: &Arc<Self>,
        http: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        mut inbound: Inbound,
        place: Place,
    ) -> Result<(), Hangup> {
        let classified = classify::classify(&inbound, &pipeline.limits);
        // It is read; what waits for an answer need not hold it.
        inbound.body.clear();
        if let Ok(posted) = &classified
            && pipeline.is_draining()
            && !draining::belongs(posted)
        {
            return elsewhere(http, posted.id(), &pipeline).await;
        }
        match (classified, inbound.route) {
            (Err((id, refusal)), _) => reply::refuse(http, id, &refusal).await,
            (Ok(Classified::Legacy(body)), Endpoint::Mcp) => {
                Box::pin(self.legacy(http, pipeline, (inbound, body), place)).await
            }
            (Ok(Classified::Legacy(body)), _) => {
                Box::pin(self.http_sse_message(http, pipeline, (inbound, body), place)).await
            }
            (Ok(Classified::Modern(request)), Endpoint::Mcp) if request.method == method::LISTEN => {
                // Lasts: it is counted among its user's streams, and leaves its place to others.
                drop(place);
                if self.has_room_for_more() {
                    return self.modern(http, pipeline, inbound, request).await;
                }
                reply::refuse(http, Some(request.id), &self.shed("memory", &pipeline)).await
            }
            (Ok(Classified::Modern(request)), Endpoint::Mcp) => {
                let _place = place;
                self.modern(http, pipeline, inbound, request).await
            }
            (Ok(Classified::ModernNotification), Endpoint::Mcp) => {
                match pipeline.authenticate(&inbound.headers, &inbound.endpoint) {
                    Ok(_) => reply::accepted(http).await,
                    Err(refusal) => reply::refuse(http, None, &refusal).await,
                }
            }
            (Ok(_), _) => reply::refuse(http, None, &malformed("this endpoint is for HTTP+SSE only; use /mcp")).await,
        }
    }
}

#[async_trait]
impl HttpServerApp for Edge {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        opened(&mut session, shutdown, &self.live.limits()).await?;
        self.serve(&mut session).await.ok()?;
        reused(session).await
    }
}

/// Sends a client away for as long as the gateway is drained, and its connection with it.
async fn elsewhere(http: &mut ServerSession, id: Option<Id>, pipeline: &Pipeline) -> Result<(), Hangup> {
    pipeline.metrics.shed("draining");
    http.set_keepalive(None);
    reply::refuse(http, id, &draining::elsewhere()).await
}

/// Reads the head of the next request; none if there is none.
async fn opened(session: &mut ServerSession, shutdown: &ShutdownWatch, limits: &Limits) -> Option<()> {
    let deadline = match session.take_connection_user_context() {
        Some(_) => limits.connection_idle_timeout_ms,
        None => limits.header_read_timeout_ms,
    };
    match tokio::time::timeout(Duration::from_millis(deadline), session.read_request()).await {
        Ok(Ok(true)) => {}
        Ok(Err(_)) => {
            let _ = reply::refuse(session, None, &malformed("not a readable HTTP request")).await;
            return None;
        }
        Ok(Ok(false)) | Err(_) => return None,
    }
    if *shutdown.borrow() {
        session.set_keepalive(None);
    }
    Some(())
}

/// The connection for the next request, if it can take one.
async fn reused(session: ServerSession) -> Option<ReusedHttpStream> {
    let mut settings = HttpPersistentSettings::for_session(&session);
    settings.set_user_context(Box::new(Reused));
    let reusable = session.finish().await.ok()??;
    Some(ReusedHttpStream::from_reusable_stream(reusable, settings))
}

fn malformed(told: &str) -> LocalReply {
    LocalReply {
        status: StatusCode::BAD_REQUEST,
        headers: Vec::new(),
        error: RpcError::new(code::INVALID_REQUEST, told),
        reason: String::new(),
        cause: Cause::Malformed,
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
        cause: Cause::Unavailable,
    }
}
