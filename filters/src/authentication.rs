//! Authentication: who asks. First in the chain; attached to the listener, so no route is without it.
//!
//! Takes the bearer token out of the headers (it is never forwarded), refuses what does not even have the form of a
//! token before any look-up, and looks the digest up in the table compiled with the snapshot. Fail-closed.

use crate::{Exchange, Filter, LocalReply, Principal};
use async_trait::async_trait;
use control_plane_api::{
    access::Role,
    name::Name,
    snapshot::Snapshot,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use protocol::{RpcError, code};
use std::{collections::HashMap, fmt, ops::ControlFlow};

/// The clock expiry is judged by; tests bring their own.
pub type Clock = fn() -> Timestamp;

/// The filter, compiled from one snapshot.
pub struct Authentication {
    grants: HashMap<String, Grant>,
    clock: Clock,
}

struct Grant {
    user: Name,
    roles: Vec<Role>,
    token_id: String,
    expires_at: Option<Timestamp>,
}

/// Why nobody could be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Missing,
    Malformed,
    Unknown,
    Expired,
}

impl Authentication {
    /// Compiles the users and token digests of `snapshot`.
    #[must_use]
    pub fn compile(snapshot: &Snapshot, clock: Clock) -> Self {
        let mut grants = HashMap::new();
        for (user, spec) in snapshot.users() {
            for grant in &spec.tokens {
                grants.insert(
                    grant.digest.clone(),
                    Grant {
                        user: user.clone(),
                        roles: spec.roles.clone(),
                        token_id: grant.id.clone(),
                        expires_at: grant.expires_at,
                    },
                );
            }
        }
        Self { grants, clock }
    }

    /// Who sent `headers`.
    ///
    /// # Errors
    /// The 401 of RFC 6750 §3 for who presents no token, or one that is not valid.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, LocalReply> {
        self.recognise(headers).map_err(Refusal::reply)
    }

    fn recognise(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(Refusal::Missing)?;
        let bearer = value.to_str().ok().and_then(bearer_token).filter(|_| values.next().is_none());
        let presented = bearer.filter(|t| token::is_well_formed(TokenKind::Personal, t)).ok_or(Refusal::Malformed)?;
        let grant = self.grants.get(&token::digest(presented)).ok_or(Refusal::Unknown)?;
        if grant.expires_at.is_some_and(|end| end <= (self.clock)()) {
            return Err(Refusal::Expired);
        }
        Ok(Principal::User { name: grant.user.clone(), roles: grant.roles.clone(), token_id: grant.token_id.clone() })
    }
}

#[async_trait]
impl Filter for Authentication {
    fn name(&self) -> &'static str {
        "authentication"
    }

    async fn on_request(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let recognised = self.authenticate(&exchange.headers);
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

impl Refusal {
    /// RFC 6750 §3: no error code when nothing was presented, `invalid_token` otherwise. Unknown and malformed are told
    /// apart only in the audit log.
    fn reply(self) -> LocalReply {
        let (challenge, told) = match self {
            Self::Missing => ("Bearer", "authentication required: send a token as `Authorization: Bearer …`"),
            Self::Malformed | Self::Unknown => ("Bearer error=\"invalid_token\"", "the token is not valid"),
            Self::Expired => ("Bearer error=\"invalid_token\", error_description=\"expired\"", "the token has expired"),
        };
        LocalReply {
            status: StatusCode::UNAUTHORIZED,
            headers: vec![(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))],
            error: RpcError::new(code::INVALID_REQUEST, told),
            reason: self.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "no token",
            Self::Malformed => "malformed token",
            Self::Unknown => "unknown token",
            Self::Expired => "expired token",
        })
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
        let filter = Authentication::compile(&testing::snapshot(objects), now);
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
            (Some("Bearer xoxb-1".to_owned()), None, "malformed token"),
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
