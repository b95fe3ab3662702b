//! The outermost check: meant for this control plane, not by a page of somebody else's, and done in time.
//!
//! A page in a browser can make its own name resolve to this machine (DNS rebinding), or send requests across origins.
//! The first shows in `Host`, the second in `Origin`; neither gets as far as a token.

use super::ApiError;
use crate::listener::Dialled;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::Response,
};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Names under which a machine reaches itself.
pub(crate) const LOOPBACK_HOSTS: &str = "localhost,127.0.0.1,[::1]";
/// Longest path and query, in bytes.
const URI_BYTES_MAX: usize = 8 << 10;
/// Time from the head of a request to the head of its answer; the body has to arrive within it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Under which names this control plane is addressed.
#[derive(Debug, Clone)]
pub(crate) struct Addressed {
    hosts: Arc<[String]>,
    /// Scheme, host and port in the address line of our users' browsers.
    public_origin: Option<Arc<str>>,
    answer_timeout: Duration,
}

impl Addressed {
    /// By one of `hosts`, names without ports, and that of `public_origin`; besides, by the address a connection came to.
    pub(crate) fn by(hosts: &[String], public_origin: Option<String>) -> Self {
        let public = public_origin.as_deref().and_then(origin).map(|authority| authority.host().to_owned());
        Self {
            hosts: hosts.iter().map(|host| host.trim().to_owned()).chain(public).collect(),
            public_origin: public_origin.map(Arc::from),
            answer_timeout: ANSWER_TIMEOUT,
        }
    }

    fn check(&self, headers: &HeaderMap, uri: &Uri, dialled: Option<IpAddr>) -> Result<(), ApiError> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next(), uri.authority()) {
            (Some(host), None, None) => host.to_str().ok(),
            (None, None, Some(authority)) => Some(authority.as_str()),
            _ => None,
        };
        let host = host.ok_or_else(|| ApiError::malformed("exactly one Host is required"))?;
        let addressed = authority(host).filter(|authority| self.admits(authority.host(), dialled));
        let addressed = addressed.ok_or_else(|| {
            ApiError::new(StatusCode::FORBIDDEN, "this Host is not served here")
                .hint("use a name listed in MCPD_ALLOWED_HOSTS, or list this one")
        })?;
        let ours = |origin: &HeaderValue| {
            let origin = origin.to_str().unwrap_or_default();
            Some(origin) == self.public_origin.as_deref() || is_same(origin, &addressed)
        };
        if headers.get_all(header::ORIGIN).iter().all(ours) {
            Ok(())
        } else {
            Err(ApiError::new(StatusCode::FORBIDDEN, "a page of another origin may not ask this")
                .hint("programs send no Origin; browsers do for pages that are not ours"))
        }
    }

    fn admits(&self, host: &str, dialled: Option<IpAddr>) -> bool {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok().filter(|address| !address.is_unspecified());
        // Probes know addresses, not names; and no page can rebind an address.
        self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) || (address.is_some() && address == dialled)
    }
}

/// Lets a request through, and its answer if it comes in time.
pub(crate) async fn check(
    State(addressed): State<Addressed>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if request.uri().to_string().len() > URI_BYTES_MAX {
        return Err(ApiError::new(StatusCode::URI_TOO_LONG, "the path and query are too long"));
    }
    let dialled = request.extensions().get::<Dialled>().map(|Dialled(address)| *address);
    addressed.check(request.headers(), request.uri(), dialled)?;
    tokio::time::timeout(addressed.answer_timeout, next.run(request)).await.map_err(|_| {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "the request did not arrive, or could not be answered, in time")
            .hint("try again; mcpd's log says why if it was its fault")
    })
}

/// A plain `name` or `name:port`.
fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    (!text.contains('@') && !authority.host().is_empty()).then_some(authority)
}

/// Whether `text` is a page of the very host that is addressed; behind a proxy that speaks TLS the scheme differs.
fn is_same(text: &str, addressed: &Authority) -> bool {
    origin(text).is_some_and(|authority| authority.as_str().eq_ignore_ascii_case(addressed.as_str()))
}

/// The host and port of an origin.
fn origin(text: &str) -> Option<Authority> {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).and_then(authority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware, response::IntoResponse as _, routing::post};
    use futures::stream;
    use tower_service::Service as _;

    fn check(headers: &[(header::HeaderName, &str)], dialled: Option<[u8; 4]>) -> u16 {
        let hosts = ["localhost".to_owned(), " mcpd.example".to_owned(), "[::1]".to_owned()];
        let addressed = Addressed::by(&hosts, Some("https://public.example".to_owned()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        match addressed.check(&map, &Uri::from_static("/api/v1/status"), dialled.map(IpAddr::from)) {
            Ok(()) => 200,
            Err(refusal) => refusal.into_response().status().as_u16(),
        }
    }

    #[test]
    fn only_names_of_ours_and_the_dialled_address_are_served() {
        for good in ["localhost", "LocalHost:3000", "mcpd.example", "[::1]:3000", "public.example"] {
            assert_eq!(check(&[(header::HOST, good)], None), 200, "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "a/?x#", "user@localhost", "0.0.0.0:3000", "10.0.0.7", ""]
        {
            assert!(matches!(check(&[(header::HOST, bad)], None), 400 | 403), "{bad}");
        }
        assert_eq!(check(&[(header::HOST, "10.0.0.7:3000")], Some([10, 0, 0, 7])), 200);
        assert_eq!(check(&[(header::HOST, "10.0.0.8:3000")], Some([10, 0, 0, 7])), 403);
        assert_eq!(check(&[(header::HOST, "0.0.0.0:3000")], Some([0, 0, 0, 0])), 403);
        assert_eq!(check(&[], None), 400);
        assert_eq!(check(&[(header::HOST, "localhost"), (header::HOST, "localhost")], None), 400);
    }

    #[test]
    fn only_pages_of_ours_may_ask() {
        let from = |origin: &str| check(&[(header::HOST, "localhost:3000"), (header::ORIGIN, origin)], None);
        assert_eq!(from("http://localhost:3000"), 200);
        assert_eq!(from("https://LOCALHOST:3000"), 200);
        assert_eq!(from("https://public.example"), 200);
        for bad in [
            "null",
            "http://localhost",
            "http://localhost:3001",
            "http://evil.example",
            "http://public.example",
            "ftp://localhost:3000",
            "",
        ] {
            assert_eq!(from(bad), 403, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let addressed =
            Addressed { answer_timeout: Duration::from_millis(50), ..Addressed::by(&["localhost".to_owned()], None) };
        let mut router = Router::new()
            .route("/", post(|body: axum::body::Bytes| async move { body }))
            .layer(middleware::from_fn_with_state(addressed, super::check));
        let endless = Body::from_stream(stream::pending::<Result<&str, std::io::Error>>());
        let request = Request::post("/").header(header::HOST, "localhost").body(endless).unwrap();
        assert_eq!(router.call(request).await.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
        let long = format!("/?{}", "x".repeat(URI_BYTES_MAX));
        let request = Request::post(long).header(header::HOST, "localhost").body(Body::empty()).unwrap();
        assert_eq!(router.call(request).await.unwrap().status(), StatusCode::URI_TOO_LONG);
    }
}
