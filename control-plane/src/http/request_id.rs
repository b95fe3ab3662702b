//! A name for every request: the client's own, if it is harmless, or a new one. The answer repeats it and the log has it, so that
//! what a person was told can be found there.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use rand::RngCore as _;

/// The header that carries it.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest name taken from a client.
const LENGTH_MAX: usize = 64;

/// Gives the request its name, and the answer the same.
pub(super) async fn name(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(HEADER).filter(|value| is_harmless(value)).cloned();
    let Some(id) = given.or_else(new) else { return next.run(request).await };
    request.headers_mut().insert(HEADER, id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(HEADER, id);
    response
}

/// What could pretend to be something else in a log is no name.
fn is_harmless(value: &HeaderValue) -> bool {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LENGTH_MAX).contains(&value.len()) && value.as_bytes().iter().all(harmless)
}

fn new() -> Option<HeaderValue> {
    let mut bytes = [0_u8; 8];
    rand::rngs::OsRng.fill_bytes(&mut bytes);
    HeaderValue::from_str(&hex::encode(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware, routing::get};
    use tower_service::Service as _;

    async fn answered(given: Option<&str>) -> String {
        let mut app: Router = Router::new().route("/", get(async || "")).layer(middleware::from_fn(name));
        let mut request = axum::http::Request::get("/");
        if let Some(given) = given {
            request = request.header(HEADER, given);
        }
        let response = app.call(request.body(Body::empty()).unwrap()).await.unwrap();
        response.headers()[HEADER].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_harmless_name_is_kept_and_any_other_replaced() {
        assert_eq!(answered(Some("3f2a-b_1")).await, "3f2a-b_1");
        for bad in [None, Some(""), Some("a b"), Some("a=\"b\""), Some(&*"x".repeat(65))] {
            let id = answered(bad).await;
            assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{bad:?} {id}");
        }
        assert_ne!(answered(None).await, answered(None).await);
    }
}
