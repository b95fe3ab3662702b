//! Modern exchanges: one POST, one answer, tied to the connection: a client that closes it cancels what it asked for.

use super::{
    Edge, Hangup, KEEP_ALIVE, OUTGOING_MAX, reply,
    request::{Inbound, accept},
};
use crate::pipeline::{Outgoing, Pipeline};
use bytes::Bytes;
use filters::{Cause, LocalReply};
use http::StatusCode;
use pingora_core::protocols::http::ServerSession;
use protocol::{Id, Message, Request, Response, RpcError, code, method, sse};
use std::sync::Arc;
use tokio::{sync::mpsc, time::Instant};

/// Methods of older revisions that this one has no more (2026-07-28 changelog).
const REMOVED: [&str; 5] =
    [method::INITIALIZE, method::PING, method::SET_LEVEL, "resources/subscribe", "resources/unsubscribe"];

impl Edge {
    /// A modern request.
    pub(super) async fn modern(
        &self,
        http: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        inbound: Inbound,
        request: Request,
    ) -> Result<(), Hangup> {
        if REMOVED.contains(&request.method.as_str()) {
            let id = request.id.clone();
            let refusal = Box::pin(removed(&pipeline, &inbound, request)).await;
            return reply::refuse(http, Some(id), &refusal).await;
        }
        let streams = accept::event_stream(&inbound.headers);
        let _counted = (request.method == method::LISTEN).then(|| pipeline.metrics.stream());
        if request.method == method::LISTEN && !streams {
            let told = "accept `text/event-stream` to listen";
            let refusal = local(StatusCode::NOT_ACCEPTABLE, code::INVALID_REQUEST, told);
            return reply::refuse(http, Some(request.id), &refusal).await;
        }
        self.exchange(http, pipeline, inbound, (request, streams)).await
    }

    /// Runs one exchange to its end, or until the client closes the connection.
    async fn exchange(
        &self,
        http: &mut ServerSession,
        pipeline: Arc<Pipeline>,
        inbound: Inbound,
        (request, streams): (Request, bool),
    ) -> Result<(), Hangup> {
        let mut writer = Writer::new(request.id.clone(), streams);
        let method = request.method.clone();
        let bytes = inbound.bytes;
        let record = pipeline.record(inbound.into_exchange(request), &method, bytes);
        let (client, mut outgoing) = mpsc::channel::<Outgoing>(OUTGOING_MAX);
        let mut serve = Box::pin(pipeline.serve(record, client));
        let mut served = false;
        http.set_abort_on_close(true);
        let mut silence = tokio::time::interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        loop {
            tokio::select! {
                biased;
                told = outgoing.recv() => match told {
                    Some(told) => writer.write(http, told).await?,
                    None => return writer.finish(http).await,
                },
                () = &mut serve, if !served => served = true,
                _ = http.read_body_or_idle(true) => return Err(Hangup),
                _ = silence.tick() => writer.keep_alive(http).await?,
            }
        }
    }
}

/// Refuses a method of older revisions, and writes it down.
async fn removed(pipeline: &Pipeline, inbound: &Inbound, request: Request) -> LocalReply {
    let told = format!("method `{}` does not belong to this revision", request.method);
    let method = request.method.clone();
    let mut exchange = inbound.exchange(request);
    let (refusal, reason) = match pipeline.authenticate(&inbound.headers, &inbound.endpoint) {
        Ok(principal) => {
            exchange.principal = principal;
            (local(StatusCode::NOT_FOUND, code::METHOD_NOT_FOUND, &told), told)
        }
        Err(refusal) => {
            let reason = refusal.reason.clone();
            (refusal, reason)
        }
    };
    let mut record = pipeline.record(exchange, &method, inbound.bytes);
    record.observed_by(&pipeline.metrics);
    pipeline.metrics.denied(refusal.cause, None);
    match record.deny(reason, refusal.error.message.len()).await {
        Ok(()) => refusal,
        Err(_) => local(StatusCode::SERVICE_UNAVAILABLE, code::INTERNAL_ERROR, "the audit log cannot be written"),
    }
}

fn local(status: StatusCode, code: i64, told: &str) -> LocalReply {
    let (headers, error, cause) = (Vec::new(), RpcError::new(code, told), Cause::Method);
    LocalReply { status, headers, error, reason: told.to_owned(), cause }
}

/// Writes the reply of one exchange: an object, or an event stream once there is more than one message.
pub(super) struct Writer {
    id: Id,
    streams: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Nothing is written yet.
    Waiting,
    /// The head of an event stream is written.
    Streaming,
    /// Pieces of the response are written, as an object or as an event of the stream; nothing may come between them.
    Midway { event: bool },
    /// Everything is written.
    Done,
}

impl Writer {
    /// For the answer to the request with this id; `streams`: whether the client takes an event stream.
    pub(super) fn new(id: Id, streams: bool) -> Self {
        Self { id, streams, state: State::Waiting }
    }

    pub(super) async fn write(&mut self, http: &mut ServerSession, outgoing: Outgoing) -> Result<(), Hangup> {
        match outgoing {
            Outgoing::Local(reply) if self.state == State::Streaming => {
                self.event(http, &Message::Response(Response::error(Some(self.id.clone()), reply.error))).await
            }
            Outgoing::Local(reply) => {
                self.state = State::Done;
                reply::refuse(http, Some(self.id.clone()), &reply).await
            }
            Outgoing::Message(message @ Message::Response(_)) if self.state == State::Waiting => {
                self.state = State::Done;
                reply::respond(http, status(&message), &[], message.to_json()).await
            }
            Outgoing::Message(message) => self.event(http, &message).await,
            Outgoing::Piece { bytes, last } => self.piece(http, bytes, last).await,
        }
    }

    /// A piece of the response: of an object, or of an event where there is a stream already.
    async fn piece(&mut self, http: &mut ServerSession, bytes: Bytes, last: bool) -> Result<(), Hangup> {
        let [before, behind] = sse::PIECEWISE;
        match self.state {
            State::Waiting => {
                reply::open_json(http).await?;
                self.state = State::Midway { event: false };
            }
            State::Streaming => {
                reply::body(http, before, false).await?;
                self.state = State::Midway { event: true };
            }
            State::Midway { .. } | State::Done => {}
        }
        let event = self.state == State::Midway { event: true };
        reply::body(http, bytes, last && !event).await?;
        if !last {
            return Ok(());
        }
        self.state = if event { State::Streaming } else { State::Done };
        if event { reply::body(http, behind, false).await } else { Ok(()) }
    }

    /// Nothing has been written for a while: keeps the connection alive where the client takes a stream.
    pub(super) async fn keep_alive(&mut self, http: &mut ServerSession) -> Result<(), Hangup> {
        if self.state == State::Waiting && self.streams {
            self.open(http).await?;
        }
        if self.state == State::Streaming {
            reply::body(http, sse::KEEP_ALIVE, false).await?;
        }
        Ok(())
    }

    /// The exchange is over; whatever is still open is closed.
    pub(super) async fn finish(&mut self, http: &mut ServerSession) -> Result<(), Hangup> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Done => Ok(()),
            // The response was broken off. An ending would make it look complete.
            State::Midway { .. } => Err(Hangup),
            State::Streaming => reply::body(http, Bytes::new(), true).await,
            State::Waiting => {
                let told = "the exchange ended without an answer";
                let refusal = local(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL_ERROR, told);
                reply::refuse(http, Some(self.id.clone()), &refusal).await
            }
        }
    }

    async fn event(&mut self, http: &mut ServerSession, message: &Message) -> Result<(), Hangup> {
        if self.state == State::Waiting {
            if !self.streams {
                // The client takes only a single object: what comes before it is lost to it.
                return Ok(());
            }
            self.open(http).await?;
        }
        reply::body(http, sse::encode(&message.to_json()), false).await
    }

    async fn open(&mut self, http: &mut ServerSession) -> Result<(), Hangup> {
        self.state = State::Streaming;
        reply::open_stream(http).await
    }
}

/// The HTTP status of an answer (2026-07-28 transports, status table).
fn status(message: &Message) -> StatusCode {
    match message {
        Message::Response(Response { payload: Err(error), .. }) if error.code == code::METHOD_NOT_FOUND => {
            StatusCode::NOT_FOUND
        }
        Message::Response(Response { payload: Err(error), .. }) if error.code == code::MISSING_CAPABILITY => {
            StatusCode::BAD_REQUEST
        }
        _ => StatusCode::OK,
    }
}
