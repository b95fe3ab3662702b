//! The legacy rim: sessions and `initialize` outside, the modern dialect inside (2024-11-05 … 2025-11-25).
//!
//! A legacy request becomes a modern one that carries what its session told; its answer loses what only modern clients
//! read; what a server asks becomes requests to the client. Nothing behind the edge knows of sessions. What runs for a
//! session is not tied to a connection: it writes into a stream of the session, which whatever connection is there follows.

mod ask;
mod call;
mod envelope;
mod follow;
mod http_sse;
mod initialize;
mod levels;
mod questions;
mod session;
mod sessions;
mod shape;
mod shim;
mod streams;
mod subscriptions;
mod work;

pub(super) use sessions::Sessions;

use super::{
    Edge, Hangup,
    classify::Body,
    places::Place,
    reply,
    request::{Inbound, accept},
};
use crate::pipeline::Pipeline;
use control_plane_api::name::Name;
use filters::{Cause, LocalReply};
use http::{HeaderValue, StatusCode};
use pingora_core::protocols::http::ServerSession;
use protocol::{Id, Members, Message, Request, Response, Revision, RpcError, code, headers::SESSION_ID, method};
use session::Session;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use work::Work;

/// How a request was answered.
pub(super) enum Answer {
    /// As a message.
    Message(Response),
    /// By a refusal with a status of its own.
    Refused(Id, Box<LocalReply>),
}

impl Answer {
    /// The answer as JSON, and its status while it can still have one.
    fn parts(self) -> (String, Option<Arc<LocalReply>>) {
        match self {
            Self::Message(response) => (Message::Response(response).to_json(), None),
            Self::Refused(id, reply) => {
                let message = Message::Response(Response::error(Some(id), reply.error.clone()));
                (message.to_json(), Some(Arc::from(reply)))
            }
        }
    }
}

impl Edge {
    /// A legacy POST.
    pub(super) async fn legacy(
        self: &Arc<Self>,
        http: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        (inbound, body): (Inbound, Body),
        place: Place,
    ) -> Result<(), Hangup> {
        let caller = pipeline.authenticate(&inbound.headers, &inbound.endpoint);
        let inbound = Arc::new(inbound);
        match (body, caller) {
            (Body::One(Message::Request(request)), caller) if request.method == method::INITIALIZE => {
                let user = caller.ok().and_then(|principal| principal.name().cloned());
                self.initialize(http, &pipeline, &inbound, (request, user)).await
            }
            // The chain refuses, and it is written down.
            (Body::One(Message::Request(request)), Err(_)) => {
                let id = request.id.clone();
                let answer = initialize::unrecognised(&pipeline, &inbound, request);
                match reply::while_there(http, answer).await? {
                    Answer::Message(response) => reply::json(http, Message::Response(response).to_json(), &[]).await,
                    Answer::Refused(_, refusal) => reply::refuse(http, Some(id), &refusal).await,
                }
            }
            (_, Err(refusal)) => reply::refuse(http, None, &refusal).await,
            (body, Ok(principal)) => {
                let id = body.id();
                match self.session_of(&inbound, principal.name(), &pipeline) {
                    Ok(session) => self.of_session(http, session, (inbound, body), place).await,
                    Err(refusal) => reply::refuse(http, id, &refusal).await,
                }
            }
        }
    }

    /// What a session's client posts: work is started and followed, the rest is taken.
    async fn of_session(
        self: &Arc<Self>,
        http: &mut ServerSession,
        session: Arc<Session>,
        (inbound, body): (Arc<Inbound>, Body),
        place: Place,
    ) -> Result<(), Hangup> {
        let id = body.id();
        let requests = match requests_in(&session, body) {
            Ok(requests) => requests,
            Err(refusal) => return reply::refuse(http, id, &refusal).await,
        };
        let streams = accept::event_stream(&inbound.headers);
        let work = match Work::of(requests) {
            None => return reply::accepted(http).await,
            // Nothing to wait for.
            Some(Work::One(request)) if request.method == method::PING => {
                let pong = Message::Response(Response::ok(request.id, Members::new().to_raw()));
                return reply::json(http, pong.to_json(), &[]).await;
            }
            Some(work) => work,
        };
        match work.start(self, &session, &inbound, (streams, place)) {
            Err(refusal) => reply::refuse(http, id, &refusal).await,
            Ok(started) => {
                let followed = follow::reply(http, started.follower, &session, streams).await;
                if followed.is_err() && !streams {
                    // A client that takes no stream cannot come back for the answer.
                    started.ids.iter().for_each(|id| session.cancel(id));
                }
                followed
            }
        }
    }

    async fn initialize(
        self: &Arc<Self>,
        http: &mut ServerSession,
        pipeline: &Arc<Pipeline>,
        inbound: &Inbound,
        (request, user): (Request, Option<Name>),
    ) -> Result<(), Hangup> {
        let session = user.map(|user| {
            let session = Session::new(user, inbound.project.clone(), false, &pipeline.limits);
            session.told(initialize::told(&request));
            Arc::new(session)
        });
        let answer = initialize::answer(pipeline, inbound, &request, session.as_deref());
        match (reply::while_there(http, answer).await?, session) {
            (Answer::Refused(id, refusal), _) => reply::refuse(http, Some(id), &refusal).await,
            (Answer::Message(response), Some(session)) if response.payload.is_ok() => {
                if !self.sessions.insert(&session, &pipeline.limits) {
                    return reply::refuse(http, Some(request.id), &too_many_sessions()).await;
                }
                let id = HeaderValue::from_str(&session.id).map_err(|_| Hangup)?;
                reply::json(http, Message::Response(response).to_json(), &[(SESSION_ID, id)]).await
            }
            (Answer::Message(response), _) => reply::json(http, Message::Response(response).to_json(), &[]).await,
        }
    }

    /// A legacy GET: the stream for what belongs to no request, or the rest of one that broke off.
    pub(super) async fn event_stream(
        self: &Arc<Self>,
        http: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        inbound: Inbound,
    ) -> Result<(), Hangup> {
        if !inbound.headers.contains_key(SESSION_ID) {
            return reply::refuse(http, None, &reply::method_not_allowed("POST")).await;
        }
        let caller = pipeline.authenticate(&inbound.headers, &inbound.endpoint);
        let session = match caller.and_then(|caller| self.session_of(&inbound, caller.name(), &pipeline)) {
            Ok(session) => session,
            Err(refusal) => return reply::refuse(http, None, &refusal).await,
        };
        if !accept::event_stream(&inbound.headers) {
            let told = "accept `text/event-stream`";
            return reply::refuse(http, None, &refuse(StatusCode::NOT_ACCEPTABLE, code::LEGACY_SERVER, told)).await;
        }
        let follower = match follow::wanted(&session, &inbound.headers) {
            Ok(follower) => follower,
            Err(refusal) => return reply::refuse(http, None, &refusal).await,
        };
        let _counted = pipeline.metrics.stream();
        let inbound = Arc::new(inbound);
        if follower.number() == streams::STANDALONE {
            subscriptions::ensure(self, &session, &inbound).await;
        }
        tokio::select! {
            biased;
            () = self.shut_out(pipeline, &inbound, &session.user) => Err(Hangup),
            followed = follow::stream(http, follower, &session) => followed,
        }
    }

    /// Ends when `user`, who sent `inbound`, would not be let in with it any more, or the gateway is drained.
    async fn shut_out(&self, mut pipeline: Arc<Pipeline>, inbound: &Inbound, user: &Name) {
        loop {
            tokio::select! {
                biased;
                () = pipeline.superseded.cancelled() => {}
                () = pipeline.drained() => return,
            }
            let Some(newest) = self.live.pipeline() else {
                // The gateway is stopping, which ends every stream in its own way.
                return std::future::pending().await;
            };
            let ping = Request { id: Id::Number(0), method: method::PING.to_owned(), params: Members::new() };
            if !newest.admits(&inbound.exchange(ping), user).await {
                return;
            }
            pipeline = newest;
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
            return reply::refuse(http, None, &reply::method_not_allowed("POST")).await;
        }
        let caller = pipeline.authenticate(&inbound.headers, &inbound.endpoint);
        match caller.and_then(|caller| self.session_of(inbound, caller.name(), pipeline)) {
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
        user: Option<&Name>,
        pipeline: &Pipeline,
    ) -> Result<Arc<Session>, LocalReply> {
        let mut ids = inbound.headers.get_all(SESSION_ID).iter();
        let id = match (ids.next(), ids.next()) {
            (Some(id), None) => id.to_str().unwrap_or_default(),
            (Some(_), Some(_)) => return Err(bad("more than one session is named")),
            (None, _) => return Err(bad("a session is required: send `initialize` first")),
        };
        self.find_session(id, (inbound, user), pipeline).filter(|session| !session.http_sse).ok_or_else(no_session)
    }

    fn find_session(
        &self,
        id: &str,
        (inbound, user): (&Inbound, Option<&Name>),
        pipeline: &Pipeline,
    ) -> Option<Arc<Session>> {
        self.sessions.get(id, user?, inbound.project.as_deref(), &pipeline.limits)
    }
}

/// The requests in `body`; notifications and answers among it are dealt with.
fn requests_in(session: &Session, body: Body) -> Result<Body, LocalReply> {
    let messages = match body {
        Body::One(message) => vec![message],
        Body::Batch(messages) if session.revision() == Revision::V2025_03_26 => {
            let mut requests = Vec::new();
            for message in messages {
                match message {
                    Message::Request(_) => requests.push(message),
                    other => noted(session, other),
                }
            }
            return Ok(Body::Batch(requests));
        }
        Body::Batch(_) => {
            let told = "batches exist in revision 2025-03-26 only";
            return Err(refuse(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, told));
        }
    };
    let mut requests = messages.into_iter().filter_map(|message| match message {
        Message::Request(_) => Some(message),
        other => {
            noted(session, other);
            None
        }
    });
    Ok(requests.next().map_or(Body::Batch(Vec::new()), Body::One))
}

/// A cancellation reaches what runs, an answer who asked; the rest needs nothing done.
fn noted(session: &Session, message: Message) {
    match message {
        Message::Notification(note) if note.method == method::CANCELLED => {
            if let Some(id) = note.params.read::<Id>("requestId") {
                session.cancel(&id);
            }
        }
        Message::Response(response) => session.questions.answer(response),
        Message::Notification(_) | Message::Request(_) => {}
    }
}

fn no_session() -> LocalReply {
    refuse(StatusCode::NOT_FOUND, code::LEGACY_SESSION, "session not found")
}

fn too_many_sessions() -> LocalReply {
    refuse(StatusCode::SERVICE_UNAVAILABLE, code::INTERNAL_ERROR, "too many sessions are open; try again later")
}

fn bad(told: &str) -> LocalReply {
    refuse(StatusCode::BAD_REQUEST, code::LEGACY_SERVER, told)
}

fn refuse(status: StatusCode, code: i64, told: &str) -> LocalReply {
    let (headers, error, cause) = (Vec::new(), RpcError::new(code, told), Cause::Malformed);
    LocalReply { status, headers, error, reason: told.to_owned(), cause }
}

/// A panic while holding the lock leaves nothing half-done here: what it guards is changed in single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
