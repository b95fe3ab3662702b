//! One HTTP server as its calls see it: messages are posted here, and failures put into words.

use super::{
    answer::{self, Answer},
    connection::{Broken, Connection, Outgoing},
    dialer::Dialer,
    heed::Call,
    mirrored::Mirrored,
    repeat,
    target::Target,
};
use crate::upstream::{
    Caller, Endpoint, UpstreamError,
    legacy::session::{Heard, Hearing},
    pulse::Pulse,
    remap::Remap,
    strays::Strays,
};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use protocol::{Message, Request, Response, headers, sse::Event};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longest error body that is looked into, in bytes.
pub(super) const ERROR_BYTES_MAX: usize = 64 << 10;

/// See the module.
pub(super) struct Remote {
    pub(super) endpoint: Endpoint,
    pub(super) pulse: Pulse,
    /// Work nobody waits for: notifications, the ends of streams, farewells.
    pub(super) tasks: TaskTracker,
    /// Ends the tasks that would go on by themselves.
    pub(super) stop: CancellationToken,
    target: Result<Target, String>,
    strays: Strays,
    dialer: Dialer,
    next: AtomicI64,
    /// The headers that mirror arguments of its tools.
    pub(super) mirrored: Mirrored,
    /// It was found to speak HTTP+SSE (2024-11-05).
    pub(super) speaks_sse: AtomicBool,
}

/// The event to go on after (2025-11-25 transports, resumability).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Why a request got no reply.
pub(super) enum Fault {
    /// The server does not know the session; it did not look at the request.
    SessionGone,
    /// It answered, and not as an MCP server does.
    Foreign(UpstreamError),
    /// A modern server finds fault with what the gateway made of a request: its revision, or the headers that mirror it.
    /// It did not look at the request itself.
    AtOdds(Response),
    /// Everything else.
    Failed(UpstreamError),
}

impl From<UpstreamError> for Fault {
    fn from(error: UpstreamError) -> Self {
        Self::Failed(error)
    }
}

impl Fault {
    /// For callers to whom the difference is none.
    pub(super) fn into_error(self, remote: &Remote) -> UpstreamError {
        match self {
            Self::SessionGone => remote.unusable("it does not know its own session"),
            Self::AtOdds(_) => remote.unusable("it finds fault with the gateway's own headers"),
            Self::Foreign(error) | Self::Failed(error) => error,
        }
    }
}

/// What comes back for a request, and the session id that came with it.
pub(super) struct Posted {
    pub(super) hearing: Hearing,
    pub(super) session_id: Option<String>,
}

impl Remote {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            target: Target::new(&endpoint),
            strays: Strays::new(&endpoint),
            dialer: Dialer::new(Duration::from_millis(endpoint.limits.upstream_connect_timeout_ms)),
            pulse: Pulse::new(None),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            next: AtomicI64::new(1),
            mirrored: Mirrored::default(),
            speaks_sse: AtomicBool::new(false),
            endpoint,
        }
    }

    /// An id for a request of any caller.
    pub(super) fn next_id(&self) -> i64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Where it is.
    pub(super) fn target(&self) -> Result<&Target, Broken> {
        self.target.as_ref().map_err(|reason| Broken::Unsent(reason.clone()))
    }

    /// Posts `request`, which is `call`'s and renamed already.
    pub(super) async fn post_request(
        &self,
        mut call: Call,
        map: HeaderMap,
        request: Request,
        caller: &Caller,
    ) -> Result<Posted, Fault> {
        let repeatable = repeat::is_harmless(&request, &self.endpoint.spec);
        let long = self.long_from(&request.method);
        let posted = self.post_for(caller, self.target(), map, (&Message::Request(request), repeatable)).await;
        let connection = match posted {
            Ok(connection) => connection,
            Err(error) => {
                if let UpstreamError::TokenRefused { .. } = error {
                    call.disarm();
                }
                return Err(error.into());
            }
        };
        let session_id = connection.header(&headers::SESSION_ID).map(str::to_owned);
        let hearing = match answer::read(connection.status(), |name| connection.header(name)) {
            Answer::Events => call.events(connection, long),
            Answer::Json => call.single(connection, long),
            refused => {
                call.disarm();
                Box::pin(self.refused(call, connection, refused)).await?
            }
        };
        Ok(Posted { hearing, session_id })
    }

    /// Asks outside of any session, in the time an opening may take; the answer, and the session id that came with it.
    pub(super) async fn ask(
        self: &Arc<Self>,
        map: HeaderMap,
        mut request: Request,
        caller: &Caller,
    ) -> Result<(Response, Option<String>), Fault> {
        let own = self.next_id();
        let remap = Remap::outgoing(&mut request, own);
        let call = Call { remote: Arc::clone(self), session: None, own, remap, withdrawal: None, probes: true };
        let asked = async {
            let mut posted = self.post_request(call, map, request, caller).await?;
            while let Some(heard) = posted.hearing.next().await {
                if let Heard::Response(response) = heard? {
                    return Ok((response, posted.session_id));
                }
            }
            Err(self.unusable("it ended its answer before the response").into())
        };
        let limit = self.open_timeout();
        timeout(limit, asked).await.unwrap_or_else(|_| Err(self.late(limit).into()))
    }

    pub(super) async fn post(
        &self,
        target: Result<&Target, Broken>,
        mut map: HeaderMap,
        message: &Message,
        repeatable: bool,
    ) -> Result<Connection, Broken> {
        let target = target?;
        map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        map.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        map.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        map.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let body = Bytes::from(message.to_json());
        self.dialer.send(target, &Outgoing { method: Method::POST, headers: map, body, repeatable }).await
    }

    /// Asks a legacy server for the stream of what belongs to no request, or for the rest of one that broke after the
    /// event `last`; none where it offers none.
    pub(super) async fn stream(
        &self,
        map: HeaderMap,
        last: Option<&str>,
        caller: &Caller,
    ) -> Result<Option<Connection>, UpstreamError> {
        let connection = self.get(map, last, caller).await?;
        Ok(offers_events(&connection).then_some(connection))
    }

    /// Asks for the stream without which there is no session.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn needed_stream(&self, caller: &Caller) -> Result<Connection, UpstreamError> {
        let connection = self.get(HeaderMap::new(), None, caller).await?;
        if offers_events(&connection) {
            return Ok(connection);
        }
        let otherwise = || self.unusable(&format!("it offers no event stream (HTTP {})", connection.status()));
        Err(self.turned_away(&connection).unwrap_or_else(otherwise))
    }

    async fn get(&self, map: HeaderMap, last: Option<&str>, caller: &Caller) -> Result<Connection, UpstreamError> {
        let mut map = self.authorized(map, caller)?;
        map.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        map.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(last) = last.and_then(|last| HeaderValue::from_str(last).ok()) {
            map.insert(LAST_EVENT_ID, last);
        }
        let request = Outgoing::empty(Method::GET, map, true);
        let target = self.target().map_err(|broken| self.broken(broken))?;
        self.dialer.send(target, &request).await.map_err(|broken| self.broken(broken))
    }

    /// The message that `event` of a stream brings, if it brings one.
    pub(super) fn message(&self, event: &Event) -> Option<Message> {
        // Events without data open a stream or carry its reconnection time.
        if event.data.is_empty() || !matches!(event.event.as_str(), "" | "message") {
            return None;
        }
        let text = event.data.as_bytes();
        Message::parse(text).map_err(|error| self.strays.dropped(text, &error)).ok()
    }

    /// Posts a message that wants no answer, within the time an opening may take.
    pub(super) async fn tell(&self, map: HeaderMap, message: Message, caller: &Caller) {
        self.tell_at(self.target(), map, message, caller).await;
    }

    /// [`Self::tell`] at another place of the same server.
    pub(super) async fn tell_at(
        &self,
        target: Result<&Target, Broken>,
        map: HeaderMap,
        message: Message,
        caller: &Caller,
    ) {
        let Ok(headers) = self.authorized(map, caller) else {
            return tracing::debug!(server = %self.endpoint.name, "there is no token to deliver a message with");
        };
        let sent = timeout(self.open_timeout(), self.post(target, headers, &message, false)).await;
        match sent {
            Ok(Ok(connection)) if connection.status().is_success() => {
                let _ = connection.collect(ERROR_BYTES_MAX).await;
            }
            Ok(Ok(connection)) => {
                tracing::debug!(server = %self.endpoint.name, status = %connection.status(), "a message was refused")
            }
            Ok(Err(_)) | Err(_) => tracing::debug!(server = %self.endpoint.name, "a message could not be delivered"),
        }
    }

    /// [`Self::tell`] without waiting for it.
    pub(super) fn tell_later(self: &Arc<Self>, map: HeaderMap, message: Message, caller: Caller) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let remote = Arc::clone(self);
        self.tasks.spawn_on(async move { remote.tell(map, message, &caller).await }, &runtime);
    }

    /// Ends the legacy session of these headers (2025-11-25 transports, session management), in a task.
    pub(super) fn leave_later(self: &Arc<Self>, headers: HeaderMap, caller: Caller) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let remote = Arc::clone(self);
        let farewell = async move {
            let (Ok(target), Ok(headers)) = (&remote.target, remote.authorized(headers, &caller)) else {
                return;
            };
            let request = Outgoing::empty(Method::DELETE, headers, false);
            let limit = Duration::from_millis(remote.endpoint.limits.upstream_connect_timeout_ms);
            // A server may refuse it (405); it forgets the session some day by itself.
            if let Ok(Ok(connection)) = timeout(limit, remote.dialer.send(target, &request)).await {
                let _ = timeout(limit, connection.collect(ERROR_BYTES_MAX)).await;
            }
        };
        self.tasks.spawn_on(farewell, &runtime);
    }

    pub(super) fn open_timeout(&self) -> Duration {
        Duration::from_millis(self.endpoint.limits.upstream_open_timeout_ms)
    }

    pub(super) fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.endpoint.limits.upstream_call_timeout_ms)
    }

    pub(super) fn late(&self, after: Duration) -> UpstreamError {
        UpstreamError::TimedOut { server: self.endpoint.name.clone(), after }
    }

    pub(super) fn message_bytes_max(&self) -> usize {
        usize::try_from(self.endpoint.limits.upstream_message_bytes_max).unwrap_or(usize::MAX)
    }

    pub(super) fn broken(&self, broken: Broken) -> UpstreamError {
        match broken {
            Broken::Unsent(reason) => self.unreachable(&reason),
            Broken::Unanswered(reason) | Broken::Lost(reason) => {
                let reason = self.endpoint.scrubber.text(&reason).into_owned();
                UpstreamError::Lost { server: self.endpoint.name.clone(), reason }
            }
        }
    }

    pub(super) fn too_large(&self) -> UpstreamError {
        let max = self.endpoint.limits.upstream_message_bytes_max;
        self.unusable(&format!("a message is larger than {max} bytes (`upstream_message_bytes_max`)"))
    }

    pub(super) fn unreachable(&self, reason: &str) -> UpstreamError {
        UpstreamError::Unreachable {
            server: self.endpoint.name.clone(),
            reason: self.endpoint.scrubber.text(reason).into_owned(),
        }
    }

    pub(super) fn unusable(&self, reason: &str) -> UpstreamError {
        UpstreamError::Unusable {
            server: self.endpoint.name.clone(),
            reason: self.endpoint.scrubber.text(reason).into_owned(),
        }
    }
}

fn offers_events(connection: &Connection) -> bool {
    answer::read(connection.status(), |name| connection.header(name)) == Answer::Events
}

const USER_AGENT: &str = concat!("mcp-gateway/", env!("CARGO_PKG_VERSION"));
