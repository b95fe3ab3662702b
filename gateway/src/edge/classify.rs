//! Which era a body is written in: decided by the body, cross-checked by the headers (2026-07-28 versioning; the ladder of
//! the official SDKs).

use super::request::Inbound;
use control_plane_api::limits::Limits;
use filters::{Cause, LocalReply};
use http::{HeaderMap, StatusCode};
use protocol::{
    Id, Members, Message, Request, Revision, RpcError, View, code,
    headers::{self, PROTOCOL_VERSION},
    meta, method,
};
use serde_json::value::RawValue;

/// A body, understood as far as its era.
#[derive(Debug)]
pub(super) enum Classified {
    /// Self-contained; its headers say what its body says.
    Modern(Request),
    /// A modern notification; the protocol defines none over HTTP.
    ModernNotification,
    /// Belongs to a session, or opens one.
    Legacy(Body),
}

impl Classified {
    /// The id an error answer carries.
    pub(super) fn id(&self) -> Option<Id> {
        match self {
            Self::Modern(request) => Some(request.id.clone()),
            Self::Legacy(body) => body.id(),
            Self::ModernNotification => None,
        }
    }
}

/// What a legacy client posts.
#[derive(Debug)]
pub(super) enum Body {
    /// One message.
    One(Message),
    /// Several (2025-03-26 only); no `initialize` among them.
    Batch(Vec<Message>),
}

impl Body {
    /// The id an error answer carries.
    pub(super) fn id(&self) -> Option<Id> {
        match self {
            Self::One(Message::Request(request)) => Some(request.id.clone()),
            _ => None,
        }
    }
}

type Refusal = (Option<Id>, Box<LocalReply>);

/// Decides the era of `inbound`'s body.
///
/// # Errors
/// The refusal, with the id it answers if that could be read.
pub(super) fn classify(inbound: &Inbound, limits: &Limits) -> Result<Classified, Refusal> {
    let header = version_header(&inbound.headers).map_err(|reply| (None, Box::new(reply)))?;
    if inbound.body.trim_ascii_start().first() == Some(&b'[') {
        return batch(&inbound.body, header.as_deref(), limits).map_err(|reply| (None, Box::new(reply)));
    }
    let message = Message::parse(&inbound.body).map_err(|error| {
        let refusal = bad_request(RpcError::new(error.code(), error.to_string()));
        (salvaged_id(&inbound.body), Box::new(refusal))
    })?;
    let header_is_modern = header.as_deref().and_then(Revision::parse).is_some_and(Revision::is_modern);
    match message {
        Message::Request(request) => {
            let id = request.id.clone();
            request_era(request, header.as_deref(), &inbound.headers).map_err(|reply| (Some(id), Box::new(reply)))
        }
        Message::Notification(note) if !note.method.starts_with("notifications/") => {
            let told = format!("`{}` is a request and needs an id", note.method);
            Err((None, Box::new(invalid(&told))))
        }
        Message::Notification(note) if header_is_modern || claim(&note.params) => Ok(Classified::ModernNotification),
        Message::Response(_) if header_is_modern => {
            Err((None, Box::new(invalid("clients of this revision do not send responses"))))
        }
        other => legacy(Body::One(other), header.as_deref()).map_err(|reply| (None, Box::new(reply))),
    }
}

/// A batch: of legacy messages, none of which opens a session.
fn batch(body: &[u8], header: Option<&str>, limits: &Limits) -> Result<Classified, LocalReply> {
    let elements: Vec<&RawValue> = serde_json::from_slice(body)
        .map_err(|error| bad_request(RpcError::new(code::PARSE_ERROR, error.to_string())))?;
    if header.and_then(Revision::parse).is_some_and(|revision| revision > Revision::V2025_03_26) {
        return Err(invalid("batches exist in revision 2025-03-26 only"));
    }
    if elements.is_empty() {
        return Err(invalid("a batch holds at least one message"));
    }
    if elements.len() > usize::try_from(limits.batch_messages_max).unwrap_or(usize::MAX) {
        return Err(invalid(&format!("a batch holds at most {} messages", limits.batch_messages_max)));
    }
    let mut messages = Vec::new();
    for element in elements {
        let message = Message::parse(element.get().as_bytes())
            .map_err(|error| bad_request(RpcError::new(error.code(), error.to_string())))?;
        match &message {
            Message::Request(request) if claim(&request.params) => {
                return Err(invalid("requests of revision 2026-07-28 and later are sent alone"));
            }
            Message::Request(request) if request.method == method::INITIALIZE => {
                return Err(invalid("`initialize` is sent alone"));
            }
            Message::Notification(note) if claim(&note.params) => {
                return Err(invalid("messages of revision 2026-07-28 and later are sent alone"));
            }
            Message::Notification(note) if !note.method.starts_with("notifications/") => {
                return Err(invalid(&format!("`{}` is a request and needs an id", note.method)));
            }
            _ => messages.push(message),
        }
    }
    legacy(Body::Batch(messages), header)
}

/// Whether `params` claim to be of a revision that says so in every message.
fn claim(params: &Members) -> bool {
    meta::view(params).get(meta::PROTOCOL_VERSION).is_some()
}

/// Whether the claim of `initialize` is a whole modern one.
fn claims_wholly(meta: &View<'_>) -> bool {
    let version = meta.text(meta::PROTOCOL_VERSION);
    version.as_deref().and_then(Revision::parse).is_some_and(Revision::is_modern)
        && meta.object(meta::CLIENT_CAPABILITIES).is_some()
}

/// The id of something that is not a message otherwise.
fn salvaged_id(body: &[u8]) -> Option<Id> {
    serde_json::from_slice::<Members>(body).ok()?.read("id")
}

fn request_era(request: Request, header: Option<&str>, headers: &HeaderMap) -> Result<Classified, LocalReply> {
    let meta = meta::view(&request.params);
    let header_is_modern = header.and_then(Revision::parse).is_some_and(Revision::is_modern);
    let opens = request.method == method::INITIALIZE && !claims_wholly(&meta);
    if opens || meta.get(meta::PROTOCOL_VERSION).is_none() {
        return match (header_is_modern, request.method.as_str()) {
            (true, method::INITIALIZE) => {
                let told =
                    "`initialize` belongs to revisions before 2026-07-28, but the version header names a later one";
                Err(bad_request(RpcError::new(code::HEADER_MISMATCH, told)))
            }
            (true, _) => Err(missing(meta::PROTOCOL_VERSION)),
            (false, _) => legacy(Body::One(Message::Request(request)), header),
        };
    }
    modern(&request, &meta, headers)?;
    Ok(Classified::Modern(request))
}

/// Checks the envelope of a modern request.
fn modern(request: &Request, meta: &View<'_>, headers: &HeaderMap) -> Result<(), LocalReply> {
    let version = meta.text(meta::PROTOCOL_VERSION).ok_or_else(|| missing(meta::PROTOCOL_VERSION))?;
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

fn legacy(body: Body, header: Option<&str>) -> Result<Classified, LocalReply> {
    match header {
        Some(version) if Revision::parse(version).is_none() => Err(unknown_revision(version)),
        _ => Ok(Classified::Legacy(body)),
    }
}

/// Whether what has no body names a revision that exists.
///
/// # Errors
/// The refusal.
pub(super) fn check_revision(headers: &HeaderMap) -> Result<(), LocalReply> {
    match version_header(headers)? {
        Some(version) if Revision::parse(&version).is_none() => Err(unknown_revision(&version)),
        _ => Ok(()),
    }
}

fn unknown_revision(version: &str) -> LocalReply {
    bad_request(RpcError::new(code::LEGACY_SERVER, format!("protocol version `{version}` is not supported")))
}

/// The version header; more than one is none that two readers would read alike.
fn version_header(headers: &HeaderMap) -> Result<Option<String>, LocalReply> {
    let mut values = headers.get_all(PROTOCOL_VERSION).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first.map(|value| value.to_str().unwrap_or_default().trim().to_owned())),
        _ => {
            let told = format!("header `{PROTOCOL_VERSION}` is there more than once");
            Err(bad_request(RpcError::new(code::HEADER_MISMATCH, told)))
        }
    }
}

fn invalid(told: &str) -> LocalReply {
    bad_request(RpcError::new(code::INVALID_REQUEST, told))
}

fn missing(key: &str) -> LocalReply {
    bad_request(RpcError::new(code::INVALID_PARAMS, format!("`params._meta[\"{key}\"]` is required")))
}

fn bad_request(error: RpcError) -> LocalReply {
    let reason = error.message.clone();
    LocalReply { status: StatusCode::BAD_REQUEST, headers: Vec::new(), error, reason, cause: Cause::Malformed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::request::Endpoint;
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue, Method};
    use proptest::prelude::proptest;

    fn check(headers: &[(&'static str, &'static str)], body: &str) -> Result<&'static str, i64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let body = Bytes::copy_from_slice(body.as_bytes());
        let inbound = Inbound {
            http_method: Method::POST,
            route: Endpoint::Mcp,
            endpoint: "/mcp".to_owned(),
            headers: map,
            peer: None,
            project: None,
            session: None,
            bytes: body.len(),
            body,
        };
        match classify(&inbound, &Limits::default()) {
            Ok(Classified::Modern(_)) => Ok("modern"),
            Ok(Classified::ModernNotification) => Ok("modern notification"),
            Ok(Classified::Legacy(Body::One(_))) => Ok("legacy"),
            Ok(Classified::Legacy(Body::Batch(_))) => Ok("batch"),
            Err((_, reply)) => {
                assert_eq!(reply.status, StatusCode::BAD_REQUEST);
                Err(reply.error.code)
            }
        }
    }

    proptest! {
        #[test]
        fn every_body_is_classified_or_refused(body in "\\PC*|\\[?\\{\"(jsonrpc|id|method)\":(1|\"2.0\"|null|\\[\\])\\}\\]?") {
            assert!(matches!(check(&[], &body), Err(code::PARSE_ERROR | code::INVALID_REQUEST)), "{body}");
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
        let claiming = format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"_meta":{{{VERSION}}}}}}}"#);
        assert_eq!(check(&[], &claiming), Ok("modern notification"));
        assert_eq!(check(&[], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok("legacy"));
        assert_eq!(check(&[], "[]"), Err(code::INVALID_REQUEST));
    }

    #[test]
    fn only_a_whole_modern_claim_makes_initialize_modern() {
        let initialize = |meta: &str| list(meta).replace("tools/list", "initialize");
        let headers = [MODERN, ("mcp-method", "initialize")];
        assert_eq!(check(&headers, &initialize(&format!("{VERSION},{CAPABILITIES}"))), Ok("modern"));
        assert_eq!(check(&[], &initialize(VERSION)), Ok("legacy"));
        assert_eq!(check(&headers, &initialize(VERSION)), Err(code::HEADER_MISMATCH));
    }

    #[test]
    fn a_batch_is_of_one_revision_and_opens_nothing() {
        let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let one = list("");
        assert_eq!(check(&[], &format!(" [{one},{note}]")), Ok("batch"));
        assert_eq!(check(&[("mcp-protocol-version", "2025-03-26")], &format!("[{one}]")), Ok("batch"));
        let modern = list(&format!("{VERSION},{CAPABILITIES}"));
        let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#;
        for body in [
            format!("[{one},{modern}]"),
            format!("[{initialize}]"),
            format!("[[{one}]]"),
            "[1]".to_owned(),
            format!("[{}]", vec![note; 101].join(",")),
        ] {
            assert_eq!(check(&[], &body), Err(code::INVALID_REQUEST), "{body}");
        }
        for version in ["2025-06-18", "2025-11-25", "2026-07-28"] {
            assert_eq!(check(&[("mcp-protocol-version", version)], &format!("[{one}]")), Err(code::INVALID_REQUEST));
        }
    }

    #[test]
    fn what_is_neither_here_nor_there_is_refused() {
        let call = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}"#;
        assert_eq!(check(&[], call), Err(code::INVALID_REQUEST));
        assert_eq!(check(&[MODERN], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Err(code::INVALID_REQUEST));
        let both = [("mcp-protocol-version", "2025-06-18"), ("mcp-protocol-version", "2025-06-18")];
        assert_eq!(check(&both, &list("")), Err(code::HEADER_MISMATCH));
    }

    #[test]
    fn a_refusal_carries_the_id_where_one_can_be_read() {
        let id = |body: &str| salvaged_id(body.as_bytes());
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":7,"method":"x","params":[]}"#), Some(Id::Number(7)));
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#), None);
    }
}
