//! Reading a request: everything that can be wrong with its head or its body is found here, before anything looks into it.
//!
//! pingora parses HTTP; what it lets through and we do not: a Host or Origin that is not ours (DNS rebinding), a path that
//! is not exactly one of ours, `Transfer-Encoding` other than `chunked`, both ways of giving a length, a body without
//! bound in size or time.

use crate::settings::Settings;
use bytes::{Bytes, BytesMut};
use control_plane_api::limits::Limits;
use filters::{Exchange, LocalReply};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use pingora_core::protocols::http::ServerSession;
use protocol::{Request, RpcError, code, json};
use std::{net::SocketAddr, time::Duration};

/// A request, whole and bounded, not yet understood.
#[derive(Debug)]
pub(super) struct Inbound {
    /// `POST`, `GET`, `DELETE`, ….
    pub(super) http_method: Method,
    /// The headers as they came.
    pub(super) headers: HeaderMap,
    /// The client's address.
    pub(super) peer: Option<SocketAddr>,
    /// The path of the endpoint.
    pub(super) endpoint: String,
    /// The project in the path; none on `/mcp`.
    pub(super) project: Option<String>,
    /// The body; strictly valid JSON for `POST`, empty otherwise.
    pub(super) body: Bytes,
}

impl Inbound {
    /// The exchange about `request`.
    #[must_use]
    pub(super) fn exchange(&self, request: Request) -> Exchange {
        let mut exchange = Exchange::new(request, self.headers.clone());
        exchange.peer = self.peer;
        exchange.endpoint.clone_from(&self.endpoint);
        exchange.project.clone_from(&self.project);
        exchange
    }
}

/// Reads and checks head and body.
pub(super) async fn read(
    session: &mut ServerSession,
    settings: &Settings,
    limits: &Limits,
) -> Result<Inbound, LocalReply> {
    let head = session.req_header();
    let (http_method, headers, uri) = (head.method.clone(), head.headers.clone(), head.uri.clone());
    addressed(settings, &headers, &uri)?;
    let project = route(&uri)
        .ok_or_else(|| refuse(StatusCode::NOT_FOUND, "no such endpoint: use /mcp or /projects/<name>/mcp"))?;
    framing(&headers, limits)?;
    let peer = session.client_addr().and_then(|addr| addr.as_inet().copied());
    let mut body = Bytes::new();
    if http_method == Method::POST {
        media_types(&headers)?;
        let deadline = Duration::from_millis(limits.body_read_timeout_ms);
        body = tokio::time::timeout(deadline, read_body(session, limits.body_bytes_max))
            .await
            .map_err(|_| refuse(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))??;
        json::check(&body, limits.json_depth_max).map_err(|error| {
            let mut reply = refuse(StatusCode::BAD_REQUEST, &format!("not acceptable JSON: {error}"));
            reply.error.code = code::PARSE_ERROR;
            reply
        })?;
    }
    Ok(Inbound { http_method, headers, peer, endpoint: uri.path().to_owned(), project, body })
}

async fn read_body(session: &mut ServerSession, body_bytes_max: u64) -> Result<Bytes, LocalReply> {
    let max = usize::try_from(body_bytes_max).unwrap_or(usize::MAX);
    let mut body = BytesMut::new();
    loop {
        match session.read_request_body().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > max => return Err(too_large(body_bytes_max)),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(_) => return Err(refuse(StatusCode::BAD_REQUEST, "the body ended early or is badly framed")),
        }
    }
}

/// The project in the path: `Some(None)` for `/mcp`, none for any other path. Compared as it was sent, so that no two
/// readers can normalise it differently.
#[expect(clippy::option_option, reason = "outer: is it a path of ours; inner: does it name a project")]
fn route(uri: &Uri) -> Option<Option<String>> {
    let path = uri.path();
    if path == "/mcp" {
        return Some(None);
    }
    let name = path.strip_prefix("/projects/")?.strip_suffix("/mcp")?;
    let plain = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    plain.then(|| Some(name.to_owned()))
}

/// One way of giving the length, and a length within bounds.
fn framing(headers: &HeaderMap, limits: &Limits) -> Result<(), LocalReply> {
    let encodings: Vec<_> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    let lengths: Vec<_> = headers.get_all(header::CONTENT_LENGTH).iter().collect();
    if lengths.len() > 1 || (!lengths.is_empty() && !encodings.is_empty()) {
        return Err(refuse(StatusCode::BAD_REQUEST, "the length of the body is given twice"));
    }
    if encodings.len() > 1 || encodings.iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(refuse(StatusCode::BAD_REQUEST, "no transfer encoding but `chunked` is accepted"));
    }
    let length = lengths.first().and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    match (lengths.is_empty(), length) {
        (false, None) => Err(refuse(StatusCode::BAD_REQUEST, "the length of the body is not a number")),
        (_, Some(length)) if length > limits.body_bytes_max => Err(too_large(limits.body_bytes_max)),
        _ => Ok(()),
    }
}

/// The body is JSON, and the client takes JSON or an event stream.
fn media_types(headers: &HeaderMap) -> Result<(), LocalReply> {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body as `Content-Type: application/json`"));
    }
    let takes = |kinds: &[&str]| {
        let accepted: Vec<String> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .map(str::to_ascii_lowercase)
            .collect();
        accepted.is_empty() || accepted.iter().any(|value| kinds.iter().any(|kind| value.contains(kind)))
    };
    if takes(&["application/json", "application/*", "*/*"]) {
        Ok(())
    } else {
        Err(refuse(StatusCode::NOT_ACCEPTABLE, "accept `application/json, text/event-stream`"))
    }
}

/// Exactly one Host, and it is ours; an Origin, if there is one, is ours too (2025-11-25 transports: invalid → 403).
pub(super) fn addressed(settings: &Settings, headers: &HeaderMap, uri: &Uri) -> Result<(), LocalReply> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next(), uri.authority()) {
        (Some(host), None, None) => host.to_str().ok(),
        (None, None, Some(authority)) => Some(authority.as_str()),
        _ => None,
    };
    let host = host.ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "exactly one Host is required"))?;
    if !settings.allows_host(host) {
        return Err(refuse(StatusCode::FORBIDDEN, "this Host is not served here (MCP_GATEWAY_ALLOWED_HOSTS)"));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if origins.any(|origin| !origin.to_str().is_ok_and(|origin| settings.allows_origin(origin))) {
        return Err(refuse(StatusCode::FORBIDDEN, "this Origin is not admitted (MCP_GATEWAY_ALLOWED_ORIGINS)"));
    }
    Ok(())
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

    #[test]
    fn a_path_is_ours_only_to_the_letter() {
        let project = |path: &str| route(&path.parse().unwrap());
        assert_eq!(project("/mcp"), Some(None));
        assert_eq!(project("/projects/weekly_reports/mcp"), Some(Some("weekly_reports".to_owned())));
        for other in
            ["/", "//mcp", "/mcp/", "/x/../mcp", "/%6dcp", "/projects//mcp", "/projects/a/b/mcp", "/projects/A/mcp"]
        {
            assert_eq!(project(other), None, "{other}");
        }
    }

    #[test]
    fn the_length_is_given_once_and_within_bounds() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_static(value));
            }
            framing(&headers, &Limits::default()).map_err(|reply| reply.status.as_u16())
        };
        assert_eq!(check(&[("content-length", "5")]), Ok(()));
        assert_eq!(check(&[("transfer-encoding", "Chunked")]), Ok(()));
        assert_eq!(check(&[("content-length", "5"), ("content-length", "5")]), Err(400));
        assert_eq!(check(&[("content-length", "5"), ("transfer-encoding", "chunked")]), Err(400));
        assert_eq!(check(&[("transfer-encoding", "gzip, chunked")]), Err(400));
        assert_eq!(check(&[("content-length", "3, 3")]), Err(400));
        assert_eq!(check(&[("content-length", "99999999999")]), Err(413));
    }
}
