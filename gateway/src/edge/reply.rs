//! Writing replies: a JSON object, or an event stream once there is more than one message; and the one table that turns
//! errors into HTTP.

use super::{
    Hangup,
    legacy::{self, Spoken},
    sessions::Sessions,
};
use crate::pipeline::Outgoing;
use bytes::Bytes;
use filters::{Exchange, LocalReply};
use http::{HeaderName, HeaderValue, StatusCode, header};
use pingora_core::protocols::http::ServerSession;
use pingora_http::ResponseHeader;
use protocol::{Id, Message, Response, RpcError, code, headers::SESSION_ID, sse};
use tokio_util::sync::CancellationToken;

/// Writes the reply of one exchange.
pub(super) struct Writer {
    id: Id,
    spoken: Spoken,
    streams: bool,
    state: State,
    cancelled: CancellationToken,
}

#[derive(PartialEq)]
enum State {
    /// Nothing is written yet.
    Waiting,
    /// The head of an event stream is written.
    Streaming,
    /// Everything is written.
    Done,
}

impl Writer {
    /// For `exchange`, in the dialect `spoken`.
    #[must_use]
    pub(super) fn new(exchange: &Exchange, spoken: Spoken) -> Self {
        let id = exchange.request.id.clone();
        let cancelled = match &spoken {
            Spoken::Legacy(Some(session)) | Spoken::EventStream(session) => session.started(&id),
            _ => CancellationToken::new(),
        };
        let accepts = |value: &HeaderValue| {
            value.to_str().is_ok_and(|text| text.contains("text/event-stream") || text.contains("*/*"))
        };
        let streams = exchange.headers.get_all(header::ACCEPT).iter().any(accepts);
        Self { id, spoken, streams, state: State::Waiting, cancelled }
    }

    /// Cancelled when the legacy client cancels this request or ends its session.
    #[must_use]
    pub(super) fn cancellation(&self) -> CancellationToken {
        self.cancelled.clone()
    }

    /// Writes one thing that left the pipeline.
    pub(super) async fn write(
        &mut self,
        http: &mut ServerSession,
        outgoing: Outgoing,
        sessions: &Sessions,
    ) -> Result<(), Hangup> {
        if matches!(self.spoken, Spoken::EventStream(_))
            && self.state == State::Waiting
            && matches!(outgoing, Outgoing::Message(_))
        {
            self.open_stream(http).await?;
        }
        match outgoing {
            Outgoing::Local(reply) => self.local(http, reply).await,
            Outgoing::Message(message) => {
                let opens = matches!(&message, Message::Response(response) if response.payload.is_ok());
                match legacy::shape(message, &self.spoken) {
                    Some(shaped @ Message::Response(_)) => self.last(http, &shaped, opens, sessions).await,
                    Some(other) => self.event(http, &other).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// Nothing has been written for a while: keeps the connection alive where the client takes a stream.
    pub(super) async fn keep_alive(&mut self, http: &mut ServerSession) -> Result<(), Hangup> {
        if self.state == State::Waiting && self.streams && !matches!(self.spoken, Spoken::Opening(_)) {
            self.open_stream(http).await?;
        }
        if self.state == State::Streaming {
            body(http, sse::KEEP_ALIVE, false).await?;
        }
        Ok(())
    }

    /// The exchange is over; whatever is still open is closed.
    pub(super) async fn finish(&mut self, http: &mut ServerSession) -> Result<(), Hangup> {
        match self.state {
            State::Done => Ok(()),
            State::Streaming => {
                self.state = State::Done;
                body(http, Bytes::new(), true).await
            }
            State::Waiting => {
                // Cancelled by the client before there was anything to say.
                self.state = State::Done;
                no_content(http).await
            }
        }
    }

    async fn local(&mut self, http: &mut ServerSession, reply: LocalReply) -> Result<(), Hangup> {
        if self.state == State::Streaming {
            let message = Message::Response(Response::error(Some(self.id.clone()), reply.error));
            return self.event(http, &message).await;
        }
        self.state = State::Done;
        refuse(http, Some(self.id.clone()), &reply).await
    }

    /// The response, which ends the exchange.
    async fn last(
        &mut self,
        http: &mut ServerSession,
        message: &Message,
        opens: bool,
        sessions: &Sessions,
    ) -> Result<(), Hangup> {
        if self.state == State::Streaming {
            return self.event(http, message).await;
        }
        self.state = State::Done;
        let mut headers = Vec::new();
        if let (Spoken::Opening(Some(session)), true) = (&self.spoken, opens) {
            if !sessions.insert(session.clone()) {
                let full = RpcError::new(code::INTERNAL_ERROR, "too many sessions are open; try again later");
                return write(http, StatusCode::SERVICE_UNAVAILABLE, &[], &error_body(Some(self.id.clone()), full))
                    .await;
            }
            headers.extend(HeaderValue::from_str(&session.id).ok().map(|id| (SESSION_ID, id)));
        }
        let status = match (message, &self.spoken) {
            (Message::Response(Response { payload: Err(error), .. }), Spoken::Modern) => modern_status(error.code),
            _ => StatusCode::OK,
        };
        write(http, status, &headers, &message.to_json()).await
    }

    async fn event(&mut self, http: &mut ServerSession, message: &Message) -> Result<(), Hangup> {
        if self.state == State::Waiting {
            if !self.streams {
                // The client takes only a single object: what comes before it is lost to it.
                return Ok(());
            }
            self.open_stream(http).await?;
        }
        body(http, sse::encode(&message.to_json()), false).await
    }

    async fn open_stream(&mut self, http: &mut ServerSession) -> Result<(), Hangup> {
        self.state = State::Streaming;
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        ];
        head(http, StatusCode::OK, &headers, None).await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Spoken::Legacy(Some(session)) | Spoken::EventStream(session) = &self.spoken {
            session.ended(&self.id);
        }
    }
}

/// The HTTP status of a JSON-RPC error answered to a modern client (2026-07-28 transports, status table).
fn modern_status(code: i64) -> StatusCode {
    match code {
        code::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
        code::MISSING_CAPABILITY => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// Answers `refusal` as a JSON-RPC error.
pub(super) async fn refuse(http: &mut ServerSession, id: Option<Id>, refusal: &LocalReply) -> Result<(), Hangup> {
    write(http, refusal.status, &refusal.headers, &error_body(id, refusal.error.clone())).await
}

/// Answers `message` as a JSON object.
pub(super) async fn json(http: &mut ServerSession, message: &Message) -> Result<(), Hangup> {
    write(http, StatusCode::OK, &[], &message.to_json()).await
}

/// 202: a notification or response was taken.
pub(super) async fn accepted(http: &mut ServerSession) -> Result<(), Hangup> {
    head(http, StatusCode::ACCEPTED, &[], Some(0)).await?;
    body(http, Bytes::new(), true).await
}

/// 204.
pub(super) async fn no_content(http: &mut ServerSession) -> Result<(), Hangup> {
    head(http, StatusCode::NO_CONTENT, &[], None).await?;
    body(http, Bytes::new(), true).await
}

/// 405: GET and DELETE belong to legacy sessions.
#[must_use]
pub(super) fn method_not_allowed() -> LocalReply {
    LocalReply {
        status: StatusCode::METHOD_NOT_ALLOWED,
        headers: vec![(header::ALLOW, HeaderValue::from_static("POST"))],
        error: RpcError::new(code::INVALID_REQUEST, "use POST; GET and DELETE belong to a session"),
        reason: String::new(),
    }
}

fn error_body(id: Option<Id>, error: RpcError) -> String {
    Message::Response(Response::error(id, error)).to_json()
}

async fn write(
    http: &mut ServerSession,
    status: StatusCode,
    headers: &[(HeaderName, HeaderValue)],
    text: &str,
) -> Result<(), Hangup> {
    let mut all = vec![
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    all.extend_from_slice(headers);
    head(http, status, &all, Some(text.len())).await?;
    body(http, Bytes::copy_from_slice(text.as_bytes()), true).await
}

async fn head(
    http: &mut ServerSession,
    status: StatusCode,
    headers: &[(HeaderName, HeaderValue)],
    length: Option<usize>,
) -> Result<(), Hangup> {
    let mut response = ResponseHeader::build(status, Some(headers.len() + 1)).map_err(|_| Hangup)?;
    for (name, value) in headers {
        response.append_header(name.clone(), value.clone()).map_err(|_| Hangup)?;
    }
    if let Some(length) = length {
        response.set_content_length(length).map_err(|_| Hangup)?;
    }
    http.write_response_header(Box::new(response)).await.map_err(|_| Hangup)
}

async fn body(http: &mut ServerSession, bytes: Bytes, end: bool) -> Result<(), Hangup> {
    http.write_response_body(bytes, end).await.map_err(|_| Hangup)
}
