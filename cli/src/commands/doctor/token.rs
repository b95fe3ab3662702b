//! The token that mcpctl and the bridge show: whether there is one, and whether it counts.

use super::{
    check::{Check, Name},
    known::Known,
};
use crate::{client::word, failure::Status, home::TOKEN_FILE};

pub(super) fn check(known: &Known<'_>) -> Check {
    let token = match &known.token {
        Ok(token) => token,
        Err(failure) => {
            let check = Check::fail(Name::Token, failure.message.clone());
            return match failure.hint.as_ref().filter(|hint| hint.starts_with("chmod ")) {
                Some(command) => check.fix(command),
                None => check.fix(first(known)),
            };
        }
    };
    match &known.who {
        Ok(who) => {
            let roles: Vec<String> = who.roles.iter().map(word).collect();
            let roles = if roles.is_empty() { "none".to_owned() } else { roles.join(",") };
            Check::ok(Name::Token, format!("from {}: user {}, roles {roles}", token.origin, who.user))
        }
        Err(failure) if failure.status == Status::Unauthenticated => {
            Check::fail(Name::Token, failure.message.clone()).fix(another(&token.origin, known))
        }
        Err(_) => {
            Check::ok(Name::Token, format!("from {}; the control plane could not be asked about it", token.origin))
        }
    }
}

/// What makes a first token.
fn first(known: &Known<'_>) -> String {
    match (&known.daemon, &known.laptop, &known.invocation.server) {
        (Ok(None), None, None) => "mcpctl daemon start".to_owned(),
        _ => "mcpctl login".to_owned(),
    }
}

/// What has another token shown than the one from `origin`, which is refused.
fn another(origin: &str, known: &Known<'_>) -> String {
    let home = &known.invocation.home;
    let (own, first) = (home.path(TOKEN_FILE), home.path("admin-token"));
    match origin {
        "MCPCTL_TOKEN" => "unset MCPCTL_TOKEN".to_owned(),
        // The first administrator's, which mcpd wrote, is used where there is no other.
        _ if origin == format!("`{}`", own.display()) && first.exists() => format!("rm {}", own.display()),
        _ if origin == format!("`{}`", first.display()) => {
            format!("MCPCTL_HOME={} mcpd reset-admin-token", home.root().display())
        }
        _ if first.exists() => "mcpctl credentials delete".to_owned(),
        _ => "mcpctl login".to_owned(),
    }
}
