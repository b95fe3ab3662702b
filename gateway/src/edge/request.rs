//! Reading a request: everything that can be wrong with its head or its body is found here, before anything looks into it.
//!
//! pingora parses HTTP; what it lets through and we do not: a Host or Origin that is not ours (DNS rebinding), a path that
//! is not exactly one of ours (`route`), two ways of giving a length, a head without bounds (`framing`), a body in another
//! coding, without bound in size or time.

pub(super) mod accept;
mod framing;
mod route;

pub(super) use route::Endpoint;

use crate::{pipeline::Pipeline, settings::Settings};
use bytes::{Bytes, BytesMut};
use control_plane_api::{limits::Limits, name::Name};
use filters::{Cause, Exchange, LocalReply};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;
use protocol::{Request, RpcError, code, json};
use std::{net::SocketAddr, time::Duration};

/// A request, whole and bounded, not yet understood.
#[derive(Debug, Clone)]
pub(super) struct Inbound {
    /// `POST`, `GET`, `DELETE`, ….
    pub(super) http_method: Method,
    /// Which of the endpoints.
    pub(super) route: Endpoint,
    /// The path of the endpoint, as tokens name it: HTTP+SSE has one name for both of its paths.
    pub(super) endpoint: String,
    /// The headers as they came.
    pub(super) headers: HeaderMap,
    /// The client's address.
    pub(super) peer: Option<SocketAddr>,
    /// The project in the path; none outside projects.
    pub(super) project: Option<String>,
    /// The session in the query, as HTTP+SSE has it.
    pub(super) session: Option<String>,
    /// The body; strictly valid JSON for `POST`, empty otherwise.
    pub(super) body: Bytes,
    /// Size of the body.
    pub(super) bytes: usize,
}

impl Inbound {
    /// One of several exchanges, about `request`.
    #[must_use]
    pub(super) fn exchange(&self, request: Request) -> Exchange {
        self.clone().into_exchange(request)
    }

    /// The exchange about `request`.
    #[must_use]
    pub(super) fn into_exchange(self, request: Request) -> Exchange {
        let mut exchange = Exchange::new(request, self.headers);
        exchange.peer = self.peer;
        exchange.endpoint = self.endpoint;
        exchange.project = self.project;
        exchange
    }
}

/// Who sent a request with this head; none for who is not known, or asks at no endpoint.
pub(super) fn caller(head: &RequestHeader, pipeline: &Pipeline) -> Option<Name> {
    let (route, _) = route::of(&head.uri)?;
    let principal = pipeline.authenticate(&head.headers, &route::endpoint(&head.uri, route)).ok()?;
    principal.name().cloned()
}

/// Reads and checks head and body.
pub(super) async fn read(
    http: &mut ServerSession,
    settings: &Settings,
    limits: &Limits,
) -> Result<Inbound, LocalReply> {
    read_admitted(http, limits, |headers, uri| addressed(settings, headers, uri)).await
}

/// The same, where `admit` decides for whom a request is.
pub(super) async fn read_admitted(
    http: &mut ServerSession,
    limits: &Limits,
    admit: impl FnOnce(&HeaderMap, &Uri) -> Result<(), LocalReply>,
) -> Result<Inbound, LocalReply> {
    let head = http.req_header();
    let (http_method, headers, uri) = (head.method.clone(), head.headers.clone(), head.uri.clone());
    let version = head.version;
    framing::bounded(&uri, &headers, limits)?;
    admit(&headers, &uri)?;
    let (route, project) = route::of(&uri).ok_or_else(|| {
        refuse(StatusCode::NOT_FOUND, "no such endpoint: use /mcp or /projects/<name>/mcp (HTTP+SSE: /sse)")
    })?;
    framing::check(version, &headers, limits)?;
    if framing::asks_h2c(&headers)? {
        // Answered as if it had not been asked for; nothing that follows on the connection is read.
        http.set_keepalive(None);
    }
    let peer = http.client_addr().and_then(|addr| addr.as_inet().copied());
    let mut body = Bytes::new();
    if http_method == Method::POST {
        body = read_post(http, &headers, limits).await?;
    } else if framing::has_body(&headers) {
        return Err(refuse(StatusCode::BAD_REQUEST, "this method has no body"));
    }
    let (session, bytes) = (route::session(&uri), body.len());
    let endpoint = route::endpoint(&uri, route);
    Ok(Inbound { http_method, route, endpoint, headers, peer, project, session, body, bytes })
}

async fn read_post(http: &mut ServerSession, headers: &HeaderMap, limits: &Limits) -> Result<Bytes, LocalReply> {
    if !accept::sends_json(headers) {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body as `Content-Type: application/json`"));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body without a `Content-Encoding`"));
    }
    if !accept::json(headers) {
        return Err(refuse(StatusCode::NOT_ACCEPTABLE, "accept `application/json, text/event-stream`"));
    }
    if framing::expects_continue(headers)? {
        http.write_continue_response().await.map_err(|_| refuse(StatusCode::BAD_REQUEST, "the client is gone"))?;
    }
    let deadline = Duration::from_millis(limits.body_read_timeout_ms);
    let body = tokio::time::timeout(deadline, read_body(http, limits.body_bytes_max))
        .await
        .map_err(|_| refuse(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))??;
    json::check(&body, limits.json_depth_max).map_err(|error| {
        let mut reply = refuse(StatusCode::BAD_REQUEST, &format!("not acceptable JSON: {error}"));
        reply.error.code = code::PARSE_ERROR;
        reply
    })?;
    Ok(body)
}

async fn read_body(http: &mut ServerSession, body_bytes_max: u64) -> Result<Bytes, LocalReply> {
    let max = usize::try_from(body_bytes_max).unwrap_or(usize::MAX);
    let mut body = BytesMut::new();
    loop {
        match http.read_request_body().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > max => return Err(too_large(body_bytes_max)),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(_) => return Err(refuse(StatusCode::BAD_REQUEST, "the body ended early or is badly framed")),
        }
    }
}

/// Exactly one Host, and it is ours; an Origin, if there is one, is ours too (2025-11-25 transports: invalid → 403).
pub(super) fn addressed(settings: &Settings, headers: &HeaderMap, uri: &Uri) -> Result<(), LocalReply> {
    let host = host(headers, uri)?;
    if !settings.allows_host(host) {
        return Err(refuse(StatusCode::FORBIDDEN, "this Host is not served here (MCP_GATEWAY_ALLOWED_HOSTS)"));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if origins.any(|origin| !origin.to_str().is_ok_and(|origin| settings.allows_origin(origin))) {
        return Err(refuse(StatusCode::FORBIDDEN, "this Origin is not admitted (MCP_GATEWAY_ALLOWED_ORIGINS)"));
    }
    Ok(())
}

/// The one host a request names.
pub(super) fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Result<&'a str, LocalReply> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next(), uri.authority()) {
        (Some(host), None, None) => host.to_str().ok(),
        (None, None, Some(authority)) => Some(authority.as_str()),
        _ => None,
    };
    host.ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "exactly one Host is required"))
}

fn too_large(body_bytes_max: u64) -> LocalReply {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body is larger than {body_bytes_max} bytes"))
}

/// A refusal whose text is for the client and for the log alike.
pub(super) fn refuse(status: StatusCode, told: &str) -> LocalReply {
    LocalReply {
        status,
        headers: Vec::new(),
        error: RpcError::new(code::INVALID_REQUEST, told),
        reason: told.to_owned(),
        cause: Cause::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use http::HeaderValue;

    fn admits(hosts: &[&str], origin: Option<&str>) -> Result<(), StatusCode> {
        let settings = Settings::try_parse_from(["mcp-gateway"]).unwrap();
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        if let Some(origin) = origin {
            headers.append(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        addressed(&settings, &headers, &Uri::from_static("/mcp")).map_err(|reply| reply.status)
    }

    #[test]
    fn a_page_of_another_host_cannot_reach_a_local_gateway() {
        assert_eq!(admits(&["127.0.0.1:9229"], None), Ok(()));
        assert_eq!(admits(&["localhost"], Some("http://localhost:5173")), Ok(()));
        assert_eq!(admits(&["evil.example"], None), Err(StatusCode::FORBIDDEN));
        assert_eq!(admits(&["a/?x#"], None), Err(StatusCode::FORBIDDEN));
        assert_eq!(admits(&["localhost"], Some("http://evil.example")), Err(StatusCode::FORBIDDEN));
        assert_eq!(admits(&["localhost"], Some("null")), Err(StatusCode::FORBIDDEN));
        assert_eq!(admits(&[], None), Err(StatusCode::BAD_REQUEST));
        assert_eq!(admits(&["localhost", "evil.example"], None), Err(StatusCode::BAD_REQUEST));
    }
}
