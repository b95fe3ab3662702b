//! What a client is told that was not recognised, and where it learns whom to ask for a token (RFC 6750, RFC 9728).
//!
//! Constant answers: what exactly was wrong with a token is told to the audit log only. Without any issuer nobody can be
//! sent anywhere, and challenges say no more than `Bearer`.

use crate::{Cause, LocalReply};
use control_plane_api::snapshot::Snapshot;
use http::{HeaderValue, StatusCode, header};
use protocol::{RpcError, code};
use serde::Serialize;
use std::{collections::BTreeSet, fmt};

/// Where resources are described, in front of the resource's own path (RFC 9728 §3.1).
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
/// Asks for a refresh token; never a scope of a resource.
const OFFLINE_ACCESS: &str = "offline_access";

/// Why nobody could be recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nothing was presented.
    Missing,
    /// Not even the form of a token.
    Malformed,
    /// A token of ours that is nobody's.
    Unknown,
    /// A token of ours that is over.
    Expired,
    /// A token of an issuer that is not accepted, and why.
    Rejected(&'static str),
    /// A good token that may not do enough: everything that is needed.
    Scope(Vec<String>),
}

/// The gateway as its clients see it.
#[derive(Debug)]
pub(super) struct Challenges {
    public_url: String,
    issuers: BTreeSet<String>,
    scopes: BTreeSet<String>,
}

/// An endpoint as a protected resource (RFC 9728 §2).
#[derive(Debug, Serialize)]
struct ProtectedResource<'a> {
    resource: String,
    authorization_servers: &'a BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    scopes_supported: &'a BTreeSet<String>,
    bearer_methods_supported: [&'static str; 1],
    resource_name: &'static str,
}

impl Challenges {
    /// For the gateway that clients reach at `public_url`: scheme, host and port.
    pub(super) fn compile(snapshot: &Snapshot, public_url: &str) -> Self {
        let scopes = snapshot.issuers().flat_map(|(_, spec)| spec.scopes_required.iter());
        Self {
            public_url: public_url.trim_end_matches('/').to_owned(),
            issuers: snapshot.issuers().map(|(_, spec)| spec.issuer.clone()).collect(),
            scopes: scopes.filter(|scope| *scope != OFFLINE_ACCESS).cloned().collect(),
        }
    }

    /// The URL a client types to reach `endpoint`.
    pub(super) fn resource(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.public_url)
    }

    /// The description of `endpoint`; none where no issuer could be named.
    pub(super) fn describe(&self, endpoint: &str) -> Option<String> {
        if self.issuers.is_empty() {
            return None;
        }
        let description = ProtectedResource {
            resource: self.resource(endpoint),
            authorization_servers: &self.issuers,
            scopes_supported: &self.scopes,
            bearer_methods_supported: ["header"],
            resource_name: "mcpctl gateway",
        };
        serde_json::to_string(&description).ok()
    }

    /// The answer to a request to `endpoint` that is refused for `refusal`.
    pub(super) fn reply(&self, refusal: &Refusal, endpoint: &str) -> LocalReply {
        let unauthorized = |cause, told| (StatusCode::UNAUTHORIZED, cause, told);
        let (status, cause, told) = match refusal {
            Refusal::Missing => unauthorized(
                Cause::Unauthenticated,
                "authentication required: send a token as `Authorization: Bearer …`",
            ),
            Refusal::Malformed | Refusal::Unknown | Refusal::Rejected(_) => {
                unauthorized(Cause::Unauthenticated, "the token is not valid")
            }
            Refusal::Expired => unauthorized(Cause::Expired, "the token has expired"),
            Refusal::Scope(_) => (StatusCode::FORBIDDEN, Cause::Scope, "the token lacks a scope that is needed here"),
        };
        let challenge = HeaderValue::try_from(self.challenge(refusal, endpoint));
        LocalReply {
            status,
            headers: vec![(header::WWW_AUTHENTICATE, challenge.unwrap_or_else(|_| HeaderValue::from_static("Bearer")))],
            error: RpcError::new(code::INVALID_REQUEST, told),
            reason: refusal.to_string(),
            cause,
        }
    }

    /// RFC 6750 §3: no error code when nothing was presented.
    fn challenge(&self, refusal: &Refusal, endpoint: &str) -> String {
        let mut parameters = Vec::new();
        if let Refusal::Scope(needed) = refusal {
            parameters.push("error=\"insufficient_scope\"".to_owned());
            parameters.push(format!("scope=\"{}\"", needed.join(" ")));
        }
        if !self.issuers.is_empty() {
            parameters.push(format!("resource_metadata=\"{}{WELL_KNOWN}{endpoint}\"", self.public_url));
        }
        match refusal {
            Refusal::Scope(_) => parameters.push("error_description=\"more scopes are needed\"".to_owned()),
            _ if !self.issuers.is_empty() && !self.scopes.is_empty() => {
                let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
                parameters.push(format!("scope=\"{}\"", scopes.join(" ")));
            }
            _ => {}
        }
        match refusal {
            Refusal::Missing | Refusal::Scope(_) => {}
            Refusal::Expired => {
                parameters.push("error=\"invalid_token\"".to_owned());
                parameters.push("error_description=\"expired\"".to_owned());
            }
            _ => parameters.push("error=\"invalid_token\"".to_owned()),
        }
        format!("Bearer {}", parameters.join(", ")).trim_end().to_owned()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no token"),
            Self::Malformed => f.write_str("malformed token"),
            Self::Unknown => f.write_str("unknown token"),
            Self::Expired => f.write_str("expired token"),
            Self::Rejected(why) => f.write_str(why),
            Self::Scope(needed) => write!(f, "a scope is missing; needed: {}", needed.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::{Value, json};

    fn challenges(issuers: Value) -> Challenges {
        Challenges::compile(&testing::snapshot(issuers), "https://gw.example/")
    }

    fn issuer(name: &str, scopes: Value) -> Value {
        let url = format!("https://{name}.example");
        json!({"kind": "issuer", "name": name, "spec": {"issuer": url, "scopes_required": scopes}})
    }

    fn check(challenges: &Challenges, refusal: &Refusal, expected: (u16, &str)) {
        let reply = challenges.reply(refusal, "/projects/w/mcp");
        let found = reply.headers.iter().find(|(name, _)| name == header::WWW_AUTHENTICATE).unwrap();
        assert_eq!((reply.status.as_u16(), found.1.to_str().unwrap()), expected);
    }

    #[test]
    fn without_an_issuer_nobody_is_sent_anywhere() {
        let none = challenges(json!([]));
        check(&none, &Refusal::Missing, (401, "Bearer"));
        check(&none, &Refusal::Unknown, (401, "Bearer error=\"invalid_token\""));
        check(&none, &Refusal::Expired, (401, "Bearer error=\"invalid_token\", error_description=\"expired\""));
        assert_eq!(none.describe("/mcp"), None);
    }

    #[test]
    fn with_an_issuer_a_challenge_says_where_to_learn_more() {
        let metadata = "resource_metadata=\"https://gw.example/.well-known/oauth-protected-resource/projects/w/mcp\"";
        let plain = challenges(json!([issuer("a", json!([]))]));
        check(&plain, &Refusal::Missing, (401, &format!("Bearer {metadata}")));
        check(&plain, &Refusal::Rejected("x"), (401, &format!("Bearer {metadata}, error=\"invalid_token\"")));
        let scoped = challenges(json!([issuer("a", json!(["w", "r"])), issuer("b", json!(["r", "offline_access"]))]));
        check(&scoped, &Refusal::Missing, (401, &format!("Bearer {metadata}, scope=\"r w\"")));
        check(
            &scoped,
            &Refusal::Malformed,
            (401, &format!("Bearer {metadata}, scope=\"r w\", error=\"invalid_token\"")),
        );
        let needed = Refusal::Scope(vec!["w".to_owned(), "r".to_owned()]);
        let insufficient = format!(
            "Bearer error=\"insufficient_scope\", scope=\"w r\", {metadata}, error_description=\"more scopes are needed\""
        );
        check(&scoped, &needed, (403, &insufficient));
    }

    #[test]
    fn an_endpoint_is_described_by_the_url_a_client_types() {
        let scoped = challenges(json!([issuer("b", json!(["r", "offline_access"])), issuer("a", json!([]))]));
        let described: Value = serde_json::from_str(&scoped.describe("/projects/w/mcp").unwrap()).unwrap();
        let expected = json!({
            "resource": "https://gw.example/projects/w/mcp",
            "authorization_servers": ["https://a.example", "https://b.example"],
            "scopes_supported": ["r"],
            "bearer_methods_supported": ["header"],
            "resource_name": "mcpctl gateway",
        });
        assert_eq!(described, expected);
    }
}
