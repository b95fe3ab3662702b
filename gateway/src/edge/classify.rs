//! Which era a body is written in: decided by the body, cross-checked by the headers (2026-07-28 versioning; the ladder of
//! the official SDKs).

use super::request::Inbound;
use filters::LocalReply;
use http::{HeaderMap, StatusCode};
use protocol::{
    Id, Members, Message, Request, Revision, RpcError, code,
    headers::{self, PROTOCOL_VERSION},
    meta, method,
};

/// A body, understood as far as its era.
#[derive(Debug)]
pub(super) enum Classified {
    /// Self-contained; its headers say what its body says.
    Modern(Request),
    /// A notification under a modern version header; the protocol defines none over HTTP.
    ModernNotification,
    /// Belongs to a session, or opens one.
    Legacy(Message),
}

/// Decides the era of `inbound`'s body.
///
/// # Errors
/// The refusal, with the id it answers if that could be read.
pub(super) fn classify(inbound: &Inbound) -> Result<Classified, (Option<Id>, Box<LocalReply>)> {
    let message = Message::parse(&inbound.body)
        .map_err(|error| (None, Box::new(bad_request(RpcError::new(error.code(), error.to_string())))))?;
    let header = version_header(&inbound.headers);
    match message {
        Message::Request(request) => {
            let id = request.id.clone();
            request_era(request, header.as_deref(), &inbound.headers).map_err(|reply| (Some(id), Box::new(reply)))
        }
        Message::Notification(_) if header.as_deref().and_then(Revision::parse).is_some_and(Revision::is_modern) => {
            Ok(Classified::ModernNotification)
        }
        other => legacy(other, header.as_deref()).map_err(|reply| (None, Box::new(reply))),
    }
}

fn request_era(request: Request, header: Option<&str>, headers: &HeaderMap) -> Result<Classified, LocalReply> {
    let meta = meta::of(&request.params);
    let header_is_modern = header.and_then(Revision::parse).is_some_and(Revision::is_modern);
    if meta.get(meta::PROTOCOL_VERSION).is_none() {
        return match (header_is_modern, request.method.as_str()) {
            (true, method::INITIALIZE) => {
                let told =
                    "`initialize` belongs to revisions before 2026-07-28, but the version header names a later one";
                Err(bad_request(RpcError::new(code::HEADER_MISMATCH, told)))
            }
            (true, _) => Err(missing(meta::PROTOCOL_VERSION)),
            (false, _) => legacy(Message::Request(request), header),
        };
    }
    modern(&request, &meta, headers)?;
    Ok(Classified::Modern(request))
}

/// Checks the envelope of a modern request.
fn modern(request: &Request, meta: &Members, headers: &HeaderMap) -> Result<(), LocalReply> {
    let version = meta.read::<String>(meta::PROTOCOL_VERSION).ok_or_else(|| missing(meta::PROTOCOL_VERSION))?;
    if meta.object(meta::CLIENT_CAPABILITIES).is_none() {
        return Err(missing(meta::CLIENT_CAPABILITIES));
    }
    headers::check(request, headers)
        .map_err(|error| bad_request(RpcError::new(code::HEADER_MISMATCH, error.to_string())))?;
    if Revision::parse(&version).is_some_and(Revision::is_modern) {
        return Ok(());
    }
    let error = RpcError::new(code::UNSUPPORTED_VERSION, format!("protocol version `{version}` is not supported"));
    let data = serde_json::json!({"supported": [Revision::MODERN.as_str()], "requested": version});
    Err(bad_request(error.with_data(&data)))
}

fn legacy(message: Message, header: Option<&str>) -> Result<Classified, LocalReply> {
    match header {
        Some(version) if Revision::parse(version).is_none() => {
            let told = format!("protocol version `{version}` is not supported");
            Err(bad_request(RpcError::new(code::LEGACY_SERVER, told)))
        }
        _ => Ok(Classified::Legacy(message)),
    }
}

fn version_header(headers: &HeaderMap) -> Option<String> {
    headers.get(PROTOCOL_VERSION).map(|value| value.to_str().unwrap_or_default().trim().to_owned())
}

fn missing(key: &str) -> LocalReply {
    bad_request(RpcError::new(code::INVALID_PARAMS, format!("`params._meta[\"{key}\"]` is required")))
}

fn bad_request(error: RpcError) -> LocalReply {
    let reason = error.message.clone();
    LocalReply { status: StatusCode::BAD_REQUEST, headers: Vec::new(), error, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue, Method};

    fn check(headers: &[(&'static str, &'static str)], body: &str) -> Result<&'static str, i64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let body = Bytes::copy_from_slice(body.as_bytes());
        let inbound = Inbound {
            http_method: Method::POST,
            headers: map,
            peer: None,
            endpoint: "/mcp".to_owned(),
            project: None,
            body,
        };
        match classify(&inbound) {
            Ok(Classified::Modern(_)) => Ok("modern"),
            Ok(Classified::ModernNotification) => Ok("modern notification"),
            Ok(Classified::Legacy(_)) => Ok("legacy"),
            Err((_, reply)) => {
                assert_eq!(reply.status, StatusCode::BAD_REQUEST);
                Err(reply.error.code)
            }
        }
    }

    const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
    const LIST: (&str, &str) = ("mcp-method", "tools/list");

    fn list(meta: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{{meta}}}}}}}"#)
    }

    const VERSION: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    const CAPABILITIES: &str = r#""io.modelcontextprotocol/clientCapabilities":{}"#;

    #[test]
    fn the_body_decides_and_the_headers_must_agree() {
        let whole = list(&format!("{VERSION},{CAPABILITIES}"));
        assert_eq!(check(&[MODERN, LIST], &whole), Ok("modern"));
        assert_eq!(check(&[LIST], &whole), Err(code::HEADER_MISMATCH));
        assert_eq!(check(&[MODERN], &whole), Err(code::HEADER_MISMATCH));
        assert_eq!(check(&[MODERN, LIST], &list(VERSION)), Err(code::INVALID_PARAMS));
        assert_eq!(check(&[MODERN, LIST], &list("")), Err(code::INVALID_PARAMS));
        let future = whole.replace("2026-07-28", "2099-01-01");
        assert_eq!(check(&[("mcp-protocol-version", "2099-01-01"), LIST], &future), Err(code::UNSUPPORTED_VERSION));
    }

    #[test]
    fn without_a_claim_it_is_legacy() {
        let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#;
        assert_eq!(check(&[], initialize), Ok("legacy"));
        assert_eq!(check(&[MODERN], initialize), Err(code::HEADER_MISMATCH));
        assert_eq!(check(&[("mcp-protocol-version", "2025-06-18")], &list("")), Ok("legacy"));
        assert_eq!(check(&[("mcp-protocol-version", "1999-01-01")], &list("")), Err(code::LEGACY_SERVER));
        let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(check(&[], note), Ok("legacy"));
        assert_eq!(check(&[MODERN], note), Ok("modern notification"));
        assert_eq!(check(&[], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok("legacy"));
        assert_eq!(check(&[], "[]"), Err(code::INVALID_REQUEST));
    }
}
