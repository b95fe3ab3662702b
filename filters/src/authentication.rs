//! Authentication: who asks. First in the chain; attached to the listener, so no route is without it.
//!
//! Takes the bearer token out of the headers (it is never forwarded). A token or session of ours is looked up by its keyed
//! digest in the table compiled with the snapshot; what does not even have the form of one is judged as an access token of an issuer
//! that the snapshot trusts. Fail-closed: what neither recognises is refused, with the same answer whatever was wrong.

mod challenge;
mod personal;

pub use challenge::WELL_KNOWN;

use crate::{Credential, Exchange, Filter, LocalReply, Principal};
use challenge::{Challenges, Refusal};
use control_plane_api::{
    pepper::Peppers,
    snapshot::Snapshot,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use http::{HeaderMap, header};
use issuers::{Issuers, Rejection, Resource, Speaker};
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
    /// (scheme, host and port). `peppers` are what the digests are keyed with.
    #[must_use]
    pub fn compile(snapshot: &Snapshot, peppers: Peppers, public_url: &str, clock: Clock) -> Self {
        Self {
            personal: Personal::compile(snapshot, peppers),
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
        self.recognise(headers, endpoint)
            .map(|(principal, _)| principal)
            .map_err(|refusal| self.challenges.reply(&refusal, endpoint))
    }

    /// The principal of an exchange that was recognised under an earlier snapshot, as it is now.
    ///
    /// # Errors
    /// The 401 for one whose credential counts no more: revoked, expired, the user gone or shut out.
    pub fn again(&self, exchange: &Exchange) -> Result<Principal, LocalReply> {
        let now = (self.clock)();
        let name = exchange.principal.name();
        let principal = match (&exchange.credential, name) {
            (Credential::Own(id), Some(name)) => self.personal.again(id, name, now),
            (Credential::Of(speaker), Some(_)) => {
                self.issuers.again(speaker).map(|speaker| principal_of(&speaker)).ok_or(Refusal::Unknown)
            }
            (Credential::None, _) | (_, None) => Err(Refusal::Unknown),
        };
        principal.map_err(|refusal| self.challenges.reply(&refusal, &exchange.endpoint))
    }

    /// The protected resource metadata of `endpoint` (RFC 9728 §2) as JSON; none where no issuer is configured.
    #[must_use]
    pub fn resource_metadata(&self, endpoint: &str) -> Option<String> {
        self.challenges.describe(endpoint)
    }

    fn recognise(&self, headers: &HeaderMap, endpoint: &str) -> Result<(Principal, Credential), Refusal> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(Refusal::Missing)?;
        let bearer = value.to_str().ok().and_then(bearer_token).filter(|_| values.next().is_none());
        let presented = bearer.ok_or(Refusal::Malformed)?;
        let now = (self.clock)();
        let is_own = |kind| token::is_well_formed(kind, presented);
        if [TokenKind::Personal, TokenKind::Session].into_iter().any(is_own) {
            return self.personal.recognise(presented, now);
        }
        let resource = self.challenges.resource(endpoint);
        let speaker = self.issuers.recognise(presented, Resource::Endpoint(&resource), now)?;
        Ok((principal_of(&speaker), Credential::Of(speaker)))
    }
}

impl Filter for Authentication {
    fn name(&self) -> &'static str {
        "authentication"
    }

    fn needs_whole(&self, _exchange: &Exchange) -> bool {
        false
    }

    fn admit(&self, exchange: &mut Exchange) -> ControlFlow<LocalReply> {
        let recognised = self.recognise(&exchange.headers, &exchange.endpoint);
        exchange.headers.remove(header::AUTHORIZATION);
        match recognised {
            Ok((principal, credential)) => {
                exchange.principal = principal;
                exchange.credential = credential;
                ControlFlow::Continue(())
            }
            Err(refusal) => ControlFlow::Break(self.challenges.reply(&refusal, &exchange.endpoint)),
        }
    }
}

fn principal_of(speaker: &Speaker) -> Principal {
    Principal::User { name: speaker.user.clone(), roles: speaker.roles.clone(), token_id: speaker.token_id.clone() }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Malformed => Self::Malformed,
            Rejection::Refused(why) => Self::Rejected(why),
            Rejection::Scope(needed) => Self::Scope(needed),
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
        let filter = Authentication::compile(&testing::snapshot(objects), Peppers::default(), "http://localhost", now);
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

    fn compiled(user: &serde_json::Value) -> Authentication {
        let objects = serde_json::json!([{"kind": "user", "name": "ada", "spec": user}]);
        Authentication::compile(&testing::snapshot(objects), peppers(), "http://localhost", now)
    }

    fn peppers() -> Peppers {
        Peppers::new(vec![(1, [1; 32]), (2, [2; 32])])
    }

    fn with_token(token: &str) -> Exchange {
        let mut exchange = testing::request("tools/list", "{}");
        exchange.headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        exchange
    }

    #[tokio::test]
    async fn a_digest_under_any_pepper_is_recognised_and_a_session_like_a_token() {
        let session = token::format(TokenKind::Session, &[7; 32]);
        for (presented, kept) in [
            (valid(), peppers().digest(&valid())),
            (valid(), peppers().digests(&valid())[1].clone()),
            (valid(), token::digest(&valid())),
            (session.clone(), peppers().digest(&session)),
        ] {
            let filter = compiled(&serde_json::json!({"tokens": [{"id": "t1", "digest": kept}]}));
            assert!(filter.on_request(&mut with_token(&presented)).await.is_continue(), "{kept}");
        }
        let stolen = Peppers::new(vec![(2, [3; 32])]).digest(&valid());
        let filter = compiled(&serde_json::json!({"tokens": [{"id": "t1", "digest": stolen}]}));
        assert!(filter.on_request(&mut with_token(&valid())).await.is_break());
    }

    #[tokio::test]
    async fn nobody_speaks_for_a_disabled_user() {
        let grant = serde_json::json!({"id": "t1", "digest": token::digest(&valid())});
        let filter = compiled(&serde_json::json!({"disabled": true, "tokens": [grant]}));
        assert!(filter.on_request(&mut with_token(&valid())).await.is_break());
    }

    #[tokio::test]
    async fn what_was_recognised_counts_until_it_is_taken_away() {
        let grant = |id: &str, end: i64| serde_json::json!({"id": id, "digest": token::digest(&valid()), "expires_at": Timestamp::from_millis(end)});
        let first = compiled(&serde_json::json!({"tokens": [grant("t1", 2_000)]}));
        let mut exchange = with_token(&valid());
        assert!(first.on_request(&mut exchange).await.is_continue());
        let again = |user: serde_json::Value| compiled(&user).again(&exchange).map_err(|reply| reply.status);
        let admin = testing::user("ada", &[Role::Admin]);
        assert_eq!(again(serde_json::json!({"roles": ["admin"], "tokens": [grant("t1", 2_000)]})), Ok(admin));
        for user in [
            serde_json::json!({"tokens": []}),
            serde_json::json!({"tokens": [grant("t2", 2_000)]}),
            serde_json::json!({"tokens": [grant("t1", 1_000)]}),
            serde_json::json!({"disabled": true, "tokens": [grant("t1", 2_000)]}),
        ] {
            assert_eq!(again(user), Err(StatusCode::UNAUTHORIZED));
        }
        let nobody = testing::request("tools/list", "{}");
        assert!(first.again(&nobody).is_err());
    }
}
