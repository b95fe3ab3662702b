//! Writing replies: a JSON object, or an event stream; and errors as HTTP.

use super::Hangup;
use bytes::Bytes;
use filters::{Cause, LocalReply};
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use pingora_core::protocols::http::ServerSession;
use pingora_http::ResponseHeader;
use protocol::{Id, Message, Response, RpcError, code};

/// Waits for `answer` as long as the client is there.
pub(super) async fn while_there<T>(http: &mut ServerSession, answer: impl Future<Output = T>) -> Result<T, Hangup> {
    http.set_abort_on_close(true);
    tokio::select! {
        biased;
        answer = answer => Ok(answer),
        _ = http.read_body_or_idle(true) => Err(Hangup),
    }
}

/// Answers `refusal` as a JSON-RPC error.
pub(super) async fn refuse(http: &mut ServerSession, id: Option<Id>, refusal: &LocalReply) -> Result<(), Hangup> {
    let message = Message::Response(Response::error(id, refusal.error.clone()));
    respond(http, refusal.status, &refusal.headers, message.to_json()).await
}

/// Answers `text`, which is JSON, with 200.
pub(super) async fn json(
    http: &mut ServerSession,
    text: String,
    headers: &[(HeaderName, HeaderValue)],
) -> Result<(), Hangup> {
    respond(http, StatusCode::OK, headers, text).await
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

/// 405, naming what is `allowed`.
#[must_use]
pub(super) fn method_not_allowed(allowed: &'static str) -> LocalReply {
    let told = format!("this method is not allowed here; allowed: {allowed}. GET and DELETE belong to a session");
    LocalReply {
        status: StatusCode::METHOD_NOT_ALLOWED,
        headers: vec![(header::ALLOW, HeaderValue::from_static(allowed))],
        error: RpcError::new(code::INVALID_REQUEST, told),
        reason: String::new(),
        cause: Cause::Malformed,
    }
}

/// Opens an event stream that nothing in between holds back.
pub(super) async fn open_stream(http: &mut ServerSession) -> Result<(), Hangup> {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    open(http, &headers).await
}

/// Opens a JSON object that is written piece by piece.
pub(super) async fn open_json(http: &mut ServerSession) -> Result<(), Hangup> {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    open(http, &headers).await
}

/// Opens a body of a length nobody knows yet, so that it can be told whether all of it came (RFC 9112 §7.1, §8).
async fn open(http: &mut ServerSession, headers: &[(HeaderName, HeaderValue)]) -> Result<(), Hangup> {
    let mut all = headers.to_vec();
    if http.req_header().version == Version::HTTP_11 {
        all.push((header::TRANSFER_ENCODING, HeaderValue::from_static("chunked")));
    }
    head(http, StatusCode::OK, &all, None).await
}

/// Answers `text`, which is JSON.
pub(super) async fn respond(
    http: &mut ServerSession,
    status: StatusCode,
    headers: &[(HeaderName, HeaderValue)],
    text: String,
) -> Result<(), Hangup> {
    let mut all = vec![
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    all.extend_from_slice(headers);
    head(http, status, &all, Some(text.len())).await?;
    body(http, Bytes::from(text), true).await
}

async fn head(
    http: &mut ServerSession,
    status: StatusCode,
    headers: &[(HeaderName, HeaderValue)],
    length: Option<usize>,
) -> Result<(), Hangup> {
    let mut response = ResponseHeader::build_no_case(status, Some(headers.len() + 1)).map_err(|_| Hangup)?;
    for (name, value) in headers {
        response.append_header(name.clone(), value.clone()).map_err(|_| Hangup)?;
    }
    if let Some(length) = length {
        response.set_content_length(length).map_err(|_| Hangup)?;
    }
    http.write_response_header(Box::new(response)).await.map_err(|_| Hangup)
}

/// Writes a piece of the body, and with `end` the end of it.
pub(super) async fn body(http: &mut ServerSession, bytes: Bytes, end: bool) -> Result<(), Hangup> {
    http.write_response_body(bytes, end).await.map_err(|_| Hangup)
}
