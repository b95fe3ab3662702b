//! The legacy rim: sessions and `initialize` outside, the modern dialect inside (2025-03-26 … 2025-11-25).
//!
//! A legacy request becomes a modern one that carries what its session told; its answer loses what only modern clients
//! read. Nothing behind the edge knows of sessions.

use super::{Asked, Edge, Hangup, reply, request::Inbound, sessions::Session};
use crate::{pipeline::Pipeline, servers::lists::implementation};
use filters::LocalReply;
use http::{HeaderMap, StatusCode};
use pingora_core::protocols::http::ServerSession;
use protocol::{
    Id, Members, Message, Notification, Request, Response, Revision, RpcError, code, headers::SESSION_ID, meta, method,
};
use serde_json::value::RawValue;
use std::sync::Arc;

/// The dialect a reply is written in.
pub(super) enum Spoken {
    /// As it is inside.
    Modern,
    /// Legacy, within a session; none where the caller could not be recognised, who gets nothing but a refusal.
    Legacy(Option<Arc<Session>>),
    /// The answer to `initialize`: opens the session.
    Opening(Option<Arc<Session>>),
    /// The event stream a legacy client opened with GET: notifications only.
    EventStream(Arc<Session>),
}

impl Edge {
    /// A legacy POST.
    pub(super) async fn legacy(
        &self,
        http: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        inbound: Inbound,
        message: Message,
    ) -> Result<(), Hangup> {
        let caller = pipeline.authenticate(&inbound.headers, &inbound.endpoint);
        match message {
            Message::Request(request) if request.method == method::INITIALIZE => {
                let user = caller.ok().and_then(|principal| principal.name().cloned());
                let session = user.map(|user| Arc::new(opened(&request, user, inbound.project.clone())));
                let request = discover(&request, session.as_deref());
                let asked = asked(&inbound, request, method::INITIALIZE.to_owned());
                self.exchange(http, pipeline, asked, Spoken::Opening(session)).await
            }
            Message::Request(mut request) => {
                // Who is not recognised has no session either; the chain refuses and records it.
                let session = match caller {
                    Err(_) => None,
                    Ok(principal) => match self.session_of(&inbound, principal.name()) {
                        Ok(session) => Some(session),
                        Err(refusal) => return reply::refuse(http, Some(request.id), &refusal).await,
                    },
                };
                if session.is_some() && matches!(request.method.as_str(), method::PING | method::SET_LEVEL) {
                    // Both concern this leg only: the gateway is alive, and logs go to its own log.
                    let empty = Members::new().to_raw();
                    return reply::json(http, &Message::Response(Response::ok(request.id, empty))).await;
                }
                let method = request.method.clone();
                modernise(&mut request.params, session.as_deref());
                self.exchange(http, pipeline, asked(&inbound, request, method), Spoken::Legacy(session)).await
            }
            other => {
                let session = caller.and_then(|principal| self.session_of(&inbound, principal.name()));
                match session {
                    Err(refusal) => reply::refuse(http, None, &refusal).await,
                    Ok(session) => {
                        noted(&session, &other);
                        reply::accepted(http).await
                    }
                }
            }
        }
    }

    /// A legacy GET: the stream for what is not tied to a request.
    pub(super) async fn event_stream(
        &self,
        http: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        inbound: Inbound,
    ) -> Result<(), Hangup> {
        if !inbound.headers.contains_key(SESSION_ID) {
            return reply::refuse(http, None, &reply::method_not_allowed()).await;
        }
        let session = pipeline
            .authenticate(&inbound.headers, &inbound.endpoint)
            .and_then(|p| self.session_of(&inbound, p.name()));
        match session {
            Err(refusal) => reply::refuse(http, None, &refusal).await,
            Ok(session) => {
                let request = listen(&session);
                let asked = asked(&inbound, request, method::LISTEN.to_owned());
                self.exchange(http, pipeline, asked, Spoken::EventStream(session)).await
            }
        }
    }

    /// A legacy DELETE: ends the session.
    pub(super) async fn end_session(
        &self,
        http: &mut ServerSession,
        pipeline: &Pipeline,
        inbound: &Inbound,
    ) -> Result<(), Hangup> {
        if !inbound.headers.contains_key(SESSION_ID) {
            return reply::refuse(http, None, &reply::method_not_allowed()).await;
        }
        let session =
            pipeline.authenticate(&inbound.headers, &inbound.endpoint).and_then(|p| self.session_of(inbound, p.name()));
        match session {
            Err(refusal) => reply::refuse(http, None, &refusal).await,
            Ok(session) => {
                self.sessions.remove(&session);
                reply::no_content(http).await
            }
        }
    }

    /// The session the headers name, if it is the caller's. Statuses and codes are those legacy clients act on: 400
    /// without a session, 404 for one that is gone, upon which they initialize again (2025-11-25 transports).
    fn session_of(
        &self,
        inbound: &Inbound,
        user: Option<&control_plane_api::name::Name>,
    ) -> Result<Arc<Session>, LocalReply> {
        let id = session_id(&inbound.headers).ok_or_else(|| {
            refuse(StatusCode::BAD_REQUEST, code::LEGACY_SERVER, "a session is required: send `initialize` first")
        })?;
        let found = user.and_then(|user| self.sessions.get(id, user, inbound.project.as_deref()));
        found.ok_or_else(|| refuse(StatusCode::NOT_FOUND, code::LEGACY_SESSION, "session not found"))
    }
}

/// What a legacy client may be sent in place of `message`; none for what it has no use for.
#[must_use]
pub(super) fn shape(message: Message, spoken: &Spoken) -> Option<Message> {
    match (message, spoken) {
        (message, Spoken::Modern) => Some(message),
        (Message::Response(response), Spoken::EventStream(_)) if response.payload.is_ok() => None,
        (Message::Notification(note), _) if note.method == method::ACKNOWLEDGED => None,
        (Message::Notification(note), Spoken::EventStream(_)) => {
            Some(Message::Notification(Notification { method: note.method, params: Members::new() }))
        }
        (Message::Response(mut response), Spoken::Opening(session)) => {
            response.payload = response.payload.map(|result| initialized(&result, session.as_deref()));
            Some(Message::Response(response))
        }
        (Message::Response(mut response), _) => {
            response.payload = response.payload.map(|result| without_envelope(&result));
            Some(Message::Response(response))
        }
        (other, _) => Some(other),
    }
}

fn asked(inbound: &Inbound, request: Request, method: String) -> Asked {
    Asked { exchange: inbound.exchange(request), method, bytes: inbound.body.len() }
}

/// The session that `initialize` asks for. The client's revision where it is a legacy one, else the newest legacy one.
fn opened(initialize: &Request, user: control_plane_api::name::Name, project: Option<String>) -> Session {
    let offered = initialize.params.read::<String>("protocolVersion").unwrap_or_default();
    let revision = Revision::parse(&offered).filter(|r| !r.is_modern()).unwrap_or(Revision::LEGACY);
    let mut session = Session::new(user, project, revision);
    session.client = initialize.params.get("clientInfo").map(ToOwned::to_owned);
    session.capabilities = initialize.params.get("capabilities").map(ToOwned::to_owned);
    session
}

/// `initialize` as the modern question behind it.
fn discover(initialize: &Request, session: Option<&Session>) -> Request {
    let mut params = Members::new();
    modernise(&mut params, session);
    Request { id: initialize.id.clone(), method: method::DISCOVER.to_owned(), params }
}

fn listen(session: &Session) -> Request {
    let mut params = Members::new();
    modernise(&mut params, Some(session));
    let all = serde_json::json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true});
    params.set("notifications", &all);
    Request { id: Id::Text(format!("listen-{}", session.id)), method: method::LISTEN.to_owned(), params }
}

/// Adds what every modern request carries, from what the session told; keys of the client's own stay.
fn modernise(params: &mut Members, session: Option<&Session>) {
    let told = meta::modern(
        session.and_then(|session| session.client.as_deref()),
        session.and_then(|session| session.capabilities.as_deref()),
    );
    let mut meta = meta::of(params);
    for (key, value) in told.iter() {
        meta.set_raw(key, value.to_owned());
    }
    params.set("_meta", &meta);
}

/// A notification or response of the client: a cancellation reaches what runs; the rest needs nothing done.
fn noted(session: &Session, message: &Message) {
    if let Message::Notification(note) = message
        && note.method == method::CANCELLED
        && let Some(id) = note.params.read::<Id>("requestId")
    {
        session.cancel(&id);
    }
}

/// A `DiscoverResult` as the `InitializeResult` it stands for.
fn initialized(discovered: &RawValue, session: Option<&Session>) -> Box<RawValue> {
    let discovered = Members::open(discovered).unwrap_or_default();
    let mut result = Members::new();
    result.set("protocolVersion", session.map_or(Revision::LEGACY, |session| session.revision).as_str());
    if let Some(capabilities) = discovered.get("capabilities") {
        result.set("capabilities", capabilities);
    }
    result.set_raw("serverInfo", implementation());
    if let Some(instructions) = discovered.get("instructions") {
        result.set("instructions", instructions);
    }
    result.to_raw()
}

/// A result without what was added to it in 2026-07-28.
fn without_envelope(result: &RawValue) -> Box<RawValue> {
    let Ok(mut members) = Members::open(result) else {
        return result.to_owned();
    };
    for modern in ["resultType", "ttlMs", "cacheScope"] {
        members.remove(modern);
    }
    let mut meta = meta::of(&members);
    if meta.remove(meta::SERVER_INFO).is_some() {
        if meta.is_empty() {
            members.remove("_meta");
        } else {
            members.set("_meta", &meta);
        }
    }
    members.to_raw()
}

fn session_id(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION_ID).and_then(|value| value.to_str().ok())
}

fn refuse(status: StatusCode, code: i64, told: &str) -> LocalReply {
    LocalReply { status, headers: Vec::new(), error: RpcError::new(code, told), reason: told.to_owned() }
}
