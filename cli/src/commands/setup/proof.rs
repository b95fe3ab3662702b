//! Whether a server accepts its credential: its gateway calls a tool of it that only reads.

use crate::{client::Client, failure::Failure};
use control_plane_api::{instance::InstanceTest, name::Name};
use serde::Serialize;

/// Words of those who refuse a credential, in lower case.
const REFUSALS: [&str; 20] = [
    "401",
    "403",
    "unauthorized",
    "unauthorised",
    "unauthenticated",
    "forbidden",
    "invalid_auth",
    "invalid auth",
    "not_authed",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "missing_scope",
    "bad credentials",
    "invalid token",
    "invalid credentials",
    "invalid api key",
    "token is invalid",
    "authentication failed",
    "access denied",
];

/// What was found out about a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Proof {
    /// It was accepted by this tool.
    Good { tool: String },
    /// This tool was refused because of it.
    Refused { tool: String, error: String },
    /// Nobody knows.
    Open { error: String },
}

/// Has the server called `name` tested, which calls a tool with its credential; none: nothing can be called for that.
pub(super) async fn of(name: &Name, client: &Client) -> Result<Option<Proof>, Failure> {
    Ok(read(&client.test_instance(name).await?))
}

fn read(tests: &[InstanceTest]) -> Option<Proof> {
    let mut proofs = tests.iter().filter_map(|test| test.probed.as_ref()).map(|probed| match &probed.error {
        None => Proof::Good { tool: probed.tool.clone() },
        Some(error) if speaks_of_a_credential(error) => {
            Proof::Refused { tool: probed.tool.clone(), error: error.clone() }
        }
        Some(error) => Proof::Open { error: format!("`{}` says: {error}", probed.tool) },
    });
    // One gateway that is refused is enough: all have the same credential.
    let all: Vec<Proof> = proofs.by_ref().collect();
    let refused = all.iter().find(|proof| matches!(proof, Proof::Refused { .. }));
    let good = all.iter().find(|proof| matches!(proof, Proof::Good { .. }));
    refused.or(good).or(all.first()).cloned()
}

/// Whether `error` is that of somebody who refuses a credential.
pub(super) fn speaks_of_a_credential(error: &str) -> bool {
    let error = error.to_lowercase();
    let stands_alone = |word: &str| {
        let mut parts = error.match_indices(word);
        parts.any(|(at, _)| {
            let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            let (before, after) = error.split_at(at);
            !is_digit(before.chars().next_back()) && !is_digit(after.chars().nth(word.chars().count()))
        })
    };
    REFUSALS.iter().any(|word| stands_alone(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::server::Probed;

    fn test(error: Option<&str>) -> InstanceTest {
        InstanceTest {
            name: "slack".parse().unwrap(),
            gateway: None,
            passed: error.is_none(),
            error: None,
            probed: Some(Probed { tool: "me".to_owned(), error: error.map(str::to_owned) }),
            tools: Vec::new(),
            elapsed_ms: 1,
        }
    }

    #[test]
    fn a_refusal_is_told_from_other_failures() {
        for refused in ["HTTP 401", r#"{"ok":false,"error":"invalid_auth"}"#, "Bad credentials", "403 Forbidden"] {
            assert!(speaks_of_a_credential(refused), "{refused}");
        }
        for other in ["cannot reach host", "port 14010 refused", "users cache is not ready", "id 24035"] {
            assert!(!speaks_of_a_credential(other), "{other}");
        }
    }

    #[test]
    fn one_gateway_that_is_refused_is_enough() {
        let good = Proof::Good { tool: "me".to_owned() };
        assert_eq!(read(&[test(None)]), Some(good.clone()));
        assert_eq!(read(&[test(Some("no route")), test(None)]), Some(good));
        assert!(matches!(read(&[test(None), test(Some("401"))]), Some(Proof::Refused { .. })));
        assert!(matches!(read(&[test(Some("no route"))]), Some(Proof::Open { .. })));
        assert_eq!(read(&[InstanceTest { probed: None, ..test(None) }]), None);
    }
}
