//! Authentication: who asks. First in the chain; attached to the listener, so no route is without it.
//!
//! Takes the bearer token out of the headers (it is never forwarded). A token of ours is looked up by its digest in the
//! table compiled with the snapshot; what does not even have the form of one is judged as an access token of an issuer
//! that the snapshot trusts. Fail-closed: what neither recognises is refused, with the same answer whatever was wrong.

mod challenge;
mod jwt;
mod key;
mod personal;

pub use challenge::WELL_KNOWN;

use crate::{Exchange, Filter, LocalReply, Principal};
use async_trait::async_trait;
use challenge::{Challenges, Refusal};
use control_plane_api::{
    snapshot::Snapshot,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use http::{HeaderMap, header};
use jwt::Issuers;
use personal::Personal;
use std::ops::ControlFlow;

/// The clock expiry is judged by; tests bring their own.
pub type Clock = fn() -> Timestamp;

/// The filter, compiled from one snapshot.
pub struct Authentication {
    personal: Personal,
    issuers: Issuers,
    challenges: Challenges,
    clock: Clock,
}

impl Authentication {
    /// Compiles the users, token digests and issuers of `snapshot`, for a gateway that clients reach at `public_url`
    /// (scheme, host and port).
    #[must_use]
    pub fn compile(snapshot: &Snapshot, public_url: &str, clock: Clock) -> Self {
        Self {
            personal: Personal::compile(snapshot),
            issuers: Issuers::compile(snapshot),
            challenges: Challenges::compile(snapshot, public_url),
            clock,
        }
    }

    /// Who sent `headers` to `endpoint`, the path of an MCP endpoint as in the client's URL.
    ///
    /// # Errors
    /// The 401 of RFC 6750 §3 for who presents no token, or one that is not valid; the 403 for a token without a scope
    /// that is needed.
    pub fn authenticate(&self, headers: &HeaderMap, endpoint: &str) -> Result<Principal, LocalReply> {
        self.recognise(headers, endpoint).map_err(|refusal| self.challenges.reply(&refusal, endpoint))
    }

    /// The protected resource metadata of `endpoint` (RFC 9728 §2) as JSON; none where no issuer is configured.
    #[must_use]
    pub fn resource_metadata(&self, endpoint: &str) -> Option<String> {
        self.challenges.describe(endpoint)
    }

    fn recognise(&self, headers: &HeaderMap, endpoint: &str) -> Result<Principal, Refusal> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(Refusal::Missing)?;
        let bearer = value.to_str().ok().and_then(bearer_token).filter(|_| values.next().is_none());
        let presented = bearer.ok_or(Refusal::Malformed)?;
        let now = (self.clock)();
        if token::is_well_formed(TokenKind::Personal, presented) {
            return self.personal.recognise(presented, now);
        }
        self.issuers.recognise(presented, &self.challenges.resource(endpoint), now)
    }
}

#[async_trait]
impl Filter for Authentication {
    fn name(&self) -> &'static str {
        "authentication"
    }

    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let recognised = self.authenticate(&exchange.headers, &exchange.endpoint);
        exchange.headers.remove(header::AUTHORIZATION);
        match recognised {
            Ok(principal) => {
                exchange.principal = principal;
                ControlFlow::Continue(())
            }
            Err(reply) => ControlFlow::Break(reply),
        }
    }
}

/// The token of an `Authorization` value; the scheme's letter case does not matter (RFC 9110 §11.1).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use control_plane_api::access::Role;
    use http::{HeaderValue, StatusCode};

    fn now() -> Timestamp {
        Timestamp::from_millis(1_000)
    }

    fn valid() -> String {
        token::format(TokenKind::Personal, &[7; 32])
    }

    async fn check(authorization: Option<&str>, expires_at: Option<i64>) -> Result<Principal, (StatusCode, String)> {
        let grant = serde_json::json!({"id": "t1", "digest": token::digest(&valid()),
            "expires_at": expires_at.map(Timestamp::from_millis)});
        let objects =
            serde_json::json!([{"kind": "user", "name": "ada", "spec": {"roles": ["developer"], "tokens": [grant]}}]);
        let filter = Authentication::compile(&testing::snapshot(objects), "http://localhost", now);
        let mut exchange = testing::request("tools/list", "{}");
        if let Some(value) = authorization {
            exchange.headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let flow = filter.on_request(&mut exchange).await;
        assert!(!exchange.headers.contains_key(header::AUTHORIZATION), "the credential goes no further");
        match flow {
            ControlFlow::Continue(()) => Ok(exchange.principal),
            ControlFlow::Break(reply) => {
                assert_eq!(exchange.principal, Principal::Anonymous);
                assert!(reply.headers.iter().any(|(name, _)| name == header::WWW_AUTHENTICATE));
                Err((reply.status, reply.reason))
            }
        }
    }

    #[tokio::test]
    async fn a_valid_token_names_its_user() {
        let ada = testing::user("ada", &[Role::Developer]);
        assert_eq!(check(Some(&format!("Bearer {}", valid())), None).await, Ok(ada.clone()));
        assert_eq!(check(Some(&format!("bearer  {} ", valid())), Some(2_000)).await, Ok(ada));
    }

    #[tokio::test]
    async fn everything_else_is_401() {
        let other = token::format(TokenKind::Personal, &[8; 32]);
        let gateway = token::format(TokenKind::Gateway, &[7; 32]);
        let cases = [
            (None, None, "no token"),
            (Some("Bearer".to_owned()), None, "malformed token"),
            (Some(format!("Basic {}", valid())), None, "malformed token"),
            (Some(format!("Bearer\t{}", valid())), None, "malformed token"),
            (Some(format!("Bearer {0}, Bearer {0}", valid())), None, "malformed token"),
            (Some("Bearer ' OR 1=1--".to_owned()), None, "malformed token"),
            (Some("Bearer xoxb-1".to_owned()), None, "malformed token"),
            (Some("Bearer a.b.c".to_owned()), None, "malformed token"),
            (Some(format!("Bearer {gateway}")), None, "malformed token"),
            (Some(format!("Bearer {other}")), None, "unknown token"),
            (Some(format!("Bearer {}", valid())), Some(1_000), "expired token"),
        ];
        for (authorization, expires_at, reason) in cases {
            let refused = check(authorization.as_deref(), expires_at).await;
            assert_eq!(refused, Err((StatusCode::UNAUTHORIZED, reason.to_owned())));
        }
    }
}
