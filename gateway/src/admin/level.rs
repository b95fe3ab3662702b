//! `/log`: how much is logged, told to whoever may ask, changed from this machine only.
//!
//! The only thing that can be changed here, and it lasts until the process ends. Whoever reaches the listener from
//! elsewhere, a scraper or a web page, cannot fill a disk with it.

use super::{Answer, HEADER_READ_TIMEOUT, TEXT, refusal};
use crate::log::{BadDirective, DIRECTIVE_BYTES_MAX, Level};
use http::{Method, StatusCode, header::ORIGIN};
use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;
use std::net::IpAddr;
use tokio::time::timeout;

/// Its path.
pub(super) const PATH: &str = "/log";

/// Whether a request with this head is to change it.
pub(super) fn is_change(head: &RequestHeader) -> bool {
    head.method == Method::PUT && head.uri.path() == PATH
}

/// How much is logged.
pub(super) fn told() -> Answer {
    answer(Level::of_process().and_then(Level::current))
}

/// Changes it to what the body of the request says.
pub(super) async fn change(http: &mut ServerSession) -> Answer {
    let peer = http.client_addr().and_then(|address| address.as_inet()).map(std::net::SocketAddr::ip);
    if let Err(refusal) = admit(http.req_header(), peer) {
        return refusal;
    }
    match timeout(HEADER_READ_TIMEOUT, body(http)).await {
        Ok(Ok(directive)) => answer(Level::of_process().and_then(|level| level.change(&directive))),
        Ok(Err(refusal)) => refusal,
        Err(_) => refusal(StatusCode::REQUEST_TIMEOUT, "the directive did not arrive"),
    }
}

fn admit(head: &RequestHeader, peer: Option<IpAddr>) -> Result<(), Answer> {
    if !peer.is_some_and(|peer| peer.to_canonical().is_loopback()) {
        return Err(refusal(StatusCode::FORBIDDEN, "what is logged is changed from the gateway's own machine"));
    }
    if head.headers.contains_key(ORIGIN) {
        return Err(refusal(StatusCode::FORBIDDEN, "what is logged is not changed by web pages"));
    }
    Ok(())
}

async fn body(http: &mut ServerSession) -> Result<String, Answer> {
    let mut text = Vec::new();
    loop {
        match http.read_request_body().await {
            Ok(Some(piece)) if text.len() + piece.len() > DIRECTIVE_BYTES_MAX => {
                return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, &BadDirective::TooLong.to_string()));
            }
            Ok(Some(piece)) => text.extend_from_slice(&piece),
            Ok(None) => break,
            Err(_) => return Err(refusal(StatusCode::BAD_REQUEST, "the directive did not arrive whole")),
        }
    }
    String::from_utf8(text).map_err(|_| refusal(StatusCode::BAD_REQUEST, "the directive is no text"))
}

fn answer(done: Result<String, BadDirective>) -> Answer {
    match done {
        Ok(directive) => (StatusCode::OK, TEXT, format!("{directive}\n")),
        Err(error @ BadDirective::NoLog) => refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        Err(error) => refusal(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_changes_what_is_logged() {
        let head = |headers: &[(&'static str, &str)]| {
            let mut head = RequestHeader::build(Method::PUT, PATH.as_bytes(), None).unwrap();
            for (name, value) in headers {
                head.append_header(*name, *value).unwrap();
            }
            head
        };
        let check = |peer: Option<&str>, headers: &[(&'static str, &str)]| {
            admit(&head(headers), peer.map(|peer| peer.parse().unwrap())).is_ok()
        };
        assert!(is_change(&head(&[])));
        for local in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(check(Some(local), &[]), "{local}");
            assert!(!check(Some(local), &[("origin", "http://localhost")]), "{local}");
        }
        for other in [None, Some("10.0.0.7"), Some("fd00::7"), Some("::ffff:10.0.0.7")] {
            assert!(!check(other, &[]), "{other:?}");
        }
    }
}
