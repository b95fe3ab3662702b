//! Where a client learns whom to ask for a token: protected resource metadata (RFC 9728), one document per endpoint.
//!
//! Answered without a token, and alike for projects that exist and that do not: what the documents say is in every
//! challenge too.

use super::{
    Hangup, reply,
    request::{self, refuse},
};
use crate::{pipeline::Pipeline, settings::Settings};
use bytes::Bytes;
use filters::authentication::WELL_KNOWN;
use http::{HeaderValue, Method, StatusCode, header};
use pingora_core::protocols::http::ServerSession;
use pingora_http::ResponseHeader;

/// How long a client may keep a document.
const CACHE: &str = "max-age=300";

/// The endpoint whose metadata is asked for: `Some(None)` for a path below the well-known one that is no endpoint's.
#[expect(clippy::option_option, reason = "outer: is it this kind of path; inner: is it an endpoint's")]
pub(super) fn asked(session: &ServerSession) -> Option<Option<String>> {
    endpoint_of(session.req_header().uri.path())
}

#[expect(clippy::option_option, reason = "outer: is it this kind of path; inner: is it an endpoint's")]
fn endpoint_of(path: &str) -> Option<Option<String>> {
    let endpoint = path.strip_prefix(WELL_KNOWN)?;
    match endpoint {
        "" => Some(Some("/mcp".to_owned())),
        "/mcp" | "/sse" => Some(Some(endpoint.to_owned())),
        other => {
            let name = other.strip_prefix("/projects/").and_then(|rest| {
                let rest = rest.strip_suffix("/mcp").or_else(|| rest.strip_suffix("/sse"))?;
                rest.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
                    .then_some(rest)
            });
            Some(name.filter(|name| !name.is_empty()).map(|_| other.to_owned()))
        }
    }
}

/// Answers a request for the metadata of `endpoint`.
pub(super) async fn answer(
    http: &mut ServerSession,
    settings: &Settings,
    pipeline: &Pipeline,
    endpoint: Option<String>,
) -> Result<(), Hangup> {
    let head = http.req_header();
    let (method, checked) = (head.method.clone(), request::addressed(settings, &head.headers, &head.uri));
    // A body, if there is one, is not worth reading.
    if method != Method::GET {
        http.set_keepalive(None);
    }
    if let Err(refusal) = checked {
        return reply::refuse(http, None, &refusal).await;
    }
    if method != Method::GET {
        let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, "use GET");
        refusal.headers.push((header::ALLOW, HeaderValue::from_static("GET")));
        return reply::refuse(http, None, &refusal).await;
    }
    match endpoint.and_then(|endpoint| pipeline.resource_metadata(&endpoint)) {
        Some(document) => write(http, document).await,
        None => reply::refuse(http, None, &refuse(StatusCode::NOT_FOUND, "there is no metadata at this path")).await,
    }
}

async fn write(http: &mut ServerSession, document: String) -> Result<(), Hangup> {
    let mut response = ResponseHeader::build(StatusCode::OK, Some(3)).map_err(|_| Hangup)?;
    response.append_header(header::CONTENT_TYPE, "application/json").map_err(|_| Hangup)?;
    response.append_header(header::CACHE_CONTROL, CACHE).map_err(|_| Hangup)?;
    response.set_content_length(document.len()).map_err(|_| Hangup)?;
    http.write_response_header(Box::new(response)).await.map_err(|_| Hangup)?;
    http.write_response_body(Bytes::from(document), true).await.map_err(|_| Hangup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_has_a_document_and_nothing_else_has() {
        let check = |path: &str, expected: Option<Option<&str>>| {
            let found = endpoint_of(&format!("/.well-known/oauth-protected-resource{path}"));
            assert_eq!(found.as_ref().map(Option::as_deref), expected, "{path}");
        };
        check("", Some(Some("/mcp")));
        for endpoint in ["/mcp", "/sse", "/projects/weekly_reports/mcp", "/projects/nobody-knows/sse"] {
            check(endpoint, Some(Some(endpoint)));
        }
        for other in
            ["/", "x", "/other", "/mcp/", "/projects//mcp", "/projects/A/mcp", "/projects/a/../b/mcp", "/projects/mcp"]
        {
            check(other, Some(None));
        }
        assert_eq!(endpoint_of("/mcp"), None);
        assert_eq!(endpoint_of("//.well-known/oauth-protected-resource/mcp"), None);
    }
}
