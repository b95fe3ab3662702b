//! How a request is framed: bounds of its head, one way of giving the length of its body, no other protocol to switch to.

use super::{refuse, too_large};
use control_plane_api::limits::Limits;
use filters::LocalReply;
use http::{HeaderMap, StatusCode, Uri, Version, header};

/// The head keeps to its bounds.
pub(super) fn bounded(uri: &Uri, headers: &HeaderMap, limits: &Limits) -> Result<(), LocalReply> {
    let within = |size: usize, max: u32| u32::try_from(size).is_ok_and(|size| size <= max);
    let parts = [uri.authority().map_or(0, |a| a.as_str().len()), uri.path().len(), uri.query().map_or(0, str::len)];
    if !within(parts.iter().sum(), limits.uri_bytes_max) {
        return Err(refuse(StatusCode::URI_TOO_LONG, "the URI is too long"));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if !within(headers.len(), limits.headers_max) || !within(bytes, limits.header_bytes_max) {
        let told = "the headers are too many or too large";
        return Err(refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, told));
    }
    Ok(())
}

/// One way of giving the length, and a length within bounds.
pub(super) fn check(version: Version, headers: &HeaderMap, limits: &Limits) -> Result<(), LocalReply> {
    let encodings: Vec<_> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    let lengths: Vec<_> = headers.get_all(header::CONTENT_LENGTH).iter().collect();
    if lengths.len() > 1 || (!lengths.is_empty() && !encodings.is_empty()) {
        return Err(bad("the length of the body is given twice"));
    }
    if encodings.len() > 1 || encodings.iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(bad("no transfer encoding but `chunked` is accepted"));
    }
    if !encodings.is_empty() && version < Version::HTTP_11 {
        return Err(bad("HTTP/1.0 has no transfer encodings"));
    }
    let Some(length) = lengths.first() else {
        return Ok(());
    };
    let text = length.to_str().unwrap_or_default();
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    match text.parse::<u64>() {
        Ok(length) if plain && length <= limits.body_bytes_max => Ok(()),
        Ok(_) if plain => Err(too_large(limits.body_bytes_max)),
        _ => Err(bad("the length of the body is not a number")),
    }
}

/// Whether a body is announced.
pub(super) fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    length || headers.contains_key(header::TRANSFER_ENCODING)
}

/// Whether the client offers to speak HTTP/2 on a clear connection, as some do with every request; any other protocol is
/// refused.
pub(super) fn asks_h2c(headers: &HeaderMap) -> Result<bool, LocalReply> {
    let mut offered = headers.get_all(header::UPGRADE).iter().peekable();
    if offered.peek().is_none() {
        return Ok(false);
    }
    if offered.all(|value| value.as_bytes().eq_ignore_ascii_case(b"h2c")) {
        return Ok(true);
    }
    Err(bad("no other protocol is spoken here"))
}

/// Whether the client waits for a word before it sends the body.
pub(super) fn expects_continue(headers: &HeaderMap) -> Result<bool, LocalReply> {
    let mut expected = headers.get_all(header::EXPECT).iter();
    match (expected.next(), expected.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(refuse(StatusCode::EXPECTATION_FAILED, "nothing but `100-continue` can be expected")),
    }
}

fn bad(told: &str) -> LocalReply {
    refuse(StatusCode::BAD_REQUEST, told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_length_is_given_once_and_within_bounds() {
        let of = |version, pairs: &[_]| {
            super::check(version, &headers(pairs), &Limits::default()).map_err(|reply| reply.status.as_u16())
        };
        let check = |pairs: &[_]| of(Version::HTTP_11, pairs);
        assert_eq!(check(&[("content-length", "5")]), Ok(()));
        assert_eq!(check(&[("content-length", "0")]), Ok(()));
        assert_eq!(check(&[("transfer-encoding", "Chunked")]), Ok(()));
        assert_eq!(of(Version::HTTP_10, &[("transfer-encoding", "chunked")]), Err(400));
        assert_eq!(check(&[("content-length", "5"), ("content-length", "5")]), Err(400));
        assert_eq!(check(&[("content-length", "5"), ("transfer-encoding", "chunked")]), Err(400));
        assert_eq!(check(&[("transfer-encoding", "gzip, chunked")]), Err(400));
        assert_eq!(check(&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]), Err(400));
        for length in ["3, 3", "003", "+3", "", "-1", "0x3", "18446744073709551619"] {
            let mut map = HeaderMap::new();
            map.append(header::CONTENT_LENGTH, HeaderValue::from_str(length).unwrap());
            let refused = super::check(Version::HTTP_11, &map, &Limits::default());
            assert_eq!(refused.map_err(|reply| reply.status.as_u16()), Err(400), "{length}");
        }
        assert_eq!(check(&[("content-length", "99999999999")]), Err(413));
    }

    #[test]
    fn the_head_is_bounded() {
        let check = |uri: &str, count: usize, value: usize| {
            let mut headers = HeaderMap::new();
            for _ in 0..count {
                headers.append("x", HeaderValue::from_str(&"v".repeat(value)).unwrap());
            }
            bounded(&uri.parse().unwrap(), &headers, &Limits::default()).map_err(|reply| reply.status.as_u16())
        };
        assert_eq!(check("/mcp", 100, 100), Ok(()));
        assert_eq!(check("/mcp", 101, 1), Err(431));
        assert_eq!(check("/mcp", 1, 16 << 10), Err(431));
        assert_eq!(check(&format!("/mcp?{}", "x".repeat(8 << 10)), 1, 1), Err(414));
    }

    #[test]
    fn no_other_protocol_and_no_other_expectation() {
        assert!(matches!(asks_h2c(&headers(&[])), Ok(false)));
        assert!(matches!(asks_h2c(&headers(&[("upgrade", "h2c")])), Ok(true)));
        assert!(asks_h2c(&headers(&[("upgrade", "websocket")])).is_err());
        assert!(asks_h2c(&headers(&[("upgrade", "h2c"), ("upgrade", "websocket")])).is_err());
        assert!(matches!(expects_continue(&headers(&[("expect", "100-Continue")])), Ok(true)));
        assert!(expects_continue(&headers(&[("expect", "100-continue"), ("expect", "x")])).is_err());
        assert!(has_body(&headers(&[("content-length", "1")])) && !has_body(&headers(&[("content-length", "0")])));
    }
}
