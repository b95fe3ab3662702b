//! The mirrored headers of modern Streamable HTTP: made from the body, and checked against it
//! (2026-07-28 transports/streamable-http, required headers and value encoding).

use crate::{Request, meta, method};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

/// `MCP-Protocol-Version`.
pub const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Mcp-Method`.
pub const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// `Mcp-Name`.
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// `Mcp-Session-Id` (legacy).
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// A header that is missing or does not say what the body says; `Display` is fit for the client.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeaderMismatch {
    /// Required and not there.
    #[error("header `{0}` is required for this request")]
    Missing(HeaderName),
    /// There more than once, or not readable.
    #[error("header `{0}` is malformed")]
    Malformed(HeaderName),
    /// Says something else than the body.
    #[error("header `{0}` differs from the body")]
    Different(HeaderName),
}

/// Checks the headers of a modern request against its body.
///
/// # Errors
/// [`HeaderMismatch`] for the first header that is missing, malformed or different.
pub fn check(request: &Request, headers: &HeaderMap) -> Result<(), HeaderMismatch> {
    said(request).into_iter().flatten().try_for_each(|(name, value)| expect(headers, &name, &value))
}

/// The headers a modern `request` is sent with.
#[must_use]
pub fn of(request: &Request) -> Vec<(HeaderName, HeaderValue)> {
    said(request).into_iter().flatten().map(|(name, value)| (name, encode(&value))).collect()
}

/// What the body of `request` says that its headers say too.
fn said(request: &Request) -> [Option<(HeaderName, Cow<'_, str>)>; 3] {
    let version = meta::view(&request.params).text(meta::PROTOCOL_VERSION).unwrap_or_default();
    let named = |member| (NAME, request.params.text(member).unwrap_or_default());
    [
        Some((PROTOCOL_VERSION, version)),
        Some((METHOD, Cow::Borrowed(request.method.as_str()))),
        method::named_by(&request.method).map(named),
    ]
}

/// `value` as a header value: raw where that is safe, else as a base64 sentinel.
#[must_use]
pub fn encode(value: &str) -> HeaderValue {
    let plain = value.bytes().all(|b| (0x20..0x7f).contains(&b))
        && !value.starts_with(' ')
        && !value.ends_with(' ')
        && (!value.starts_with(PREFIX) || !value.ends_with(SUFFIX));
    let text =
        if plain { Cow::Borrowed(value) } else { Cow::Owned(format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(value))) };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// What a header value stands for; none when it is a sentinel that does not decode.
#[must_use]
pub fn decode(value: &HeaderValue) -> Option<Cow<'_, str>> {
    let text = value.to_str().ok()?.trim_matches([' ', '\t']);
    match text.strip_prefix(PREFIX).and_then(|t| t.strip_suffix(SUFFIX)) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok().map(Cow::Owned),
        None => Some(Cow::Borrowed(text)),
    }
}

fn expect(headers: &HeaderMap, name: &HeaderName, body: &str) -> Result<(), HeaderMismatch> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Err(HeaderMismatch::Missing(name.clone()));
    };
    let decoded = decode(value).filter(|_| values.next().is_none());
    match decoded {
        None => Err(HeaderMismatch::Malformed(name.clone())),
        Some(text) if text == body => Ok(()),
        Some(_) => Err(HeaderMismatch::Different(name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::proptest;

    proptest! {
        #[test]
        fn every_value_survives_a_header(value in "\\PC*|[ -~\t\r\n]*") {
            assert_eq!(decode(&encode(&value)).as_deref(), Some(&*value));
        }
    }

    fn check_headers(pairs: &[(&'static str, &'static str)]) -> Result<(), HeaderMismatch> {
        let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a b",
            "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        let crate::Message::Request(request) = crate::Message::parse(body).unwrap() else { panic!("a request") };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        check(&request, &headers)
    }

    #[test]
    fn headers_say_what_the_body_says() {
        let version = ("mcp-protocol-version", "2026-07-28");
        let method = ("mcp-method", "tools/call");
        assert_eq!(check_headers(&[version, method, ("mcp-name", "  a b ")]), Ok(()));
        assert_eq!(check_headers(&[version, method, ("mcp-name", "=?base64?YSBi?=")]), Ok(()));
        assert_eq!(check_headers(&[version, method]), Err(HeaderMismatch::Missing(NAME)));
        assert_eq!(check_headers(&[version, method, ("mcp-name", "x")]), Err(HeaderMismatch::Different(NAME)));
        assert_eq!(
            check_headers(&[version, method, ("mcp-name", "=?base64?!?=")]),
            Err(HeaderMismatch::Malformed(NAME))
        );
        let twice = [version, method, ("mcp-name", "a b"), ("mcp-name", "a b")];
        assert_eq!(check_headers(&twice), Err(HeaderMismatch::Malformed(NAME)));
        assert_eq!(check_headers(&[method, ("mcp-name", "a b")]), Err(HeaderMismatch::Missing(PROTOCOL_VERSION)));
    }
}
