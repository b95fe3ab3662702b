//! What servers are shown: consent that was given, and secrets that they take.

use super::{
    check::{Check, Name},
    known::Known,
};
use crate::grants;
use control_plane_api::{
    name::Name as ObjectName,
    oauth::{ConnectionState, ConnectionSummary, OauthMode},
    object::Named,
    server::ServerSpec,
    timestamp::Timestamp,
};

/// Words by which servers and their APIs say that they do not take a credential.
const REFUSALS: [&str; 10] = [
    "401",
    "403",
    "unauthorized",
    "unauthorised",
    "forbidden",
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "token_expired",
    "bad credentials",
];

/// Whether `why` a server does not answer is that it refuses the credential.
pub(super) fn is_refusal(why: &str) -> bool {
    let why = why.to_lowercase();
    let words: Vec<&str> = why.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    REFUSALS.iter().any(|refusal| match refusal.contains(' ') {
        true => why.contains(refusal),
        false => words.contains(refusal),
    })
}

pub(super) fn checks(known: &Known<'_>) -> Vec<Check> {
    if let Some(why) = known.blind().or_else(|| known.hidden()) {
        return vec![Check::skipped(Name::Credential, why)];
    }
    let found: Vec<Check> = known.servers().into_iter().filter_map(|server| check(server, known)).collect();
    match found.is_empty() {
        true => vec![Check::ok(Name::Credential, "no server needs one")],
        false => found,
    }
}

/// None where a server needs no credential.
fn check(server: &Named<ServerSpec>, known: &Known<'_>) -> Option<Check> {
    match &server.spec.oauth {
        Some(oauth) => Some(consent(&server.name, oauth.mode, known)),
        None => secret(server, known),
    }
}

fn secret(server: &Named<ServerSpec>, known: &Known<'_>) -> Option<Check> {
    let secrets: Vec<&ObjectName> = server.spec.secrets().collect();
    let first = secrets.first()?;
    let insight = known.plane.as_ref()?.insight.as_ref()?;
    let error = grants::status_of(&insight.gateways, &server.name).and_then(|status| status.error.as_deref());
    Some(match error.filter(|error| is_refusal(error)) {
        Some(error) => Check::fail(Name::Credential, format!("{} refuses secret `{first}`: {error}", server.name))
            .fix(format!("mcpctl secrets rotate {first}")),
        None => {
            let names: Vec<&str> = secrets.iter().map(|name| name.as_str()).collect();
            Check::ok(Name::Credential, format!("{} is shown {}", server.name, names.join(", ")))
        }
    })
}

fn consent(server: &ObjectName, mode: OauthMode, known: &Known<'_>) -> Check {
    let user = known.who.as_ref().ok().map(|who| &who.user);
    let (owner, connect) = match mode {
        OauthMode::PerUser => (user, format!("mcpctl connect {server}")),
        OauthMode::Service => (None, format!("mcpctl connect {server} --service")),
    };
    let all = known.plane.iter().flat_map(|plane| &plane.connections);
    let connection = all.into_iter().find(|one| one.server == *server && one.user.as_ref() == owner);
    judge(server, connection).unwrap_or_else(|why| Check::fail(Name::Credential, why).fix(connect))
}

/// How a connection is, or what is wrong with it.
fn judge(server: &ObjectName, connection: Option<&ConnectionSummary>) -> Result<Check, String> {
    let Some(connection) = connection else {
        return Err(format!("nobody has given consent for {server} yet"));
    };
    let problem = connection.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
    match connection.state {
        ConnectionState::NeedsConsent => Err(format!("the connection to {server} needs consent again{problem}")),
        ConnectionState::Pending => Err(format!("the connection to {server} was begun and never finished{problem}")),
        ConnectionState::Connected if connection.expires_at.is_some_and(|at| at <= Timestamp::now()) => {
            Err(format!("the token for {server} has expired and was not renewed{problem}"))
        }
        ConnectionState::Connected => Ok(Check::ok(Name::Credential, format!("{server} is connected"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_is_known_by_its_words_and_a_number_in_passing_is_none() {
        assert!(is_refusal("HTTP 401 Unauthorized"));
        assert!(is_refusal("slack: invalid_auth"));
        assert!(is_refusal("GitHub says: Bad credentials"));
        assert!(!is_refusal("it ended after 4010 ms"));
        assert!(!is_refusal("cannot start `npx`: no such file"));
    }

    fn check(connection: serde_json::Value, expected: Result<&str, &str>) {
        let connection: Option<ConnectionSummary> = serde_json::from_value(connection).unwrap();
        let found = judge(&"wiki".parse().unwrap(), connection.as_ref());
        match (found, expected) {
            (Ok(check), Ok(expected)) => assert_eq!(check.found, expected),
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn consent_is_missing_begun_gone_expired_or_there() {
        let with = |state: &str, expires: &str| json!({"id": "c1", "server": "wiki", "issuer": "https://i.example", "state": state, "expires_at": expires});
        check(json!(null), Err("nobody has given consent"));
        check(with("needs_consent", "2999-01-01T00:00:00Z"), Err("needs consent again"));
        check(with("pending", "2999-01-01T00:00:00Z"), Err("never finished"));
        check(with("connected", "2001-01-01T00:00:00Z"), Err("has expired"));
        check(with("connected", "2999-01-01T00:00:00Z"), Ok("wiki is connected"));
    }
}
