//! What a profile grants of the tools a server was found to offer, by the evaluator that gateways decide with, in words
//! for a table.

use control_plane_api::{
    gateway::{GatewaySummary, ServerState, ServerStatus, ToolStatus},
    name::Name,
    object::Named,
    pattern::Pattern,
    profile::{AccessLevel, ProfileSpec},
    server::ToolClass,
};
use policy::Denial;
use serde::Serialize;

/// Whether one tool is granted, and which rule says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    /// Whether it may be called.
    pub granted: bool,
    /// The rule that decided, in words.
    pub because: String,
}

/// What `profile` says about a tool called `name` of class `class`.
pub(crate) fn judge(profile: &Named<ProfileSpec>, name: &str, class: ToolClass) -> Verdict {
    let spec = &profile.spec;
    let find = |patterns: &[Pattern]| patterns.iter().find(|pattern| pattern.matches(name)).cloned();
    let (granted, because) = match policy::grants(&profile.name, spec, name, class) {
        Ok(()) => match find(&spec.allow) {
            Some(pattern) if pattern.as_str() != "*" => (true, format!("allow `{pattern}`")),
            _ => (true, format!("class {class} is within access {}", access(spec.access))),
        },
        Err(Denial::Denied { .. }) => {
            (false, find(&spec.deny).map_or_else(String::new, |pattern| format!("deny `{pattern}`")))
        }
        Err(Denial::Ceiling { class: ToolClass::Unknown, access, .. }) => {
            (false, format!("nobody has classed it, and access is {access}"))
        }
        Err(Denial::Ceiling { class, access, .. }) => (false, format!("class {class} is above access {access}")),
        Err(_) => (false, "not among allow".to_owned()),
    };
    let asks = spec.arguments.iter().filter(|rule| granted && rule.tools.iter().any(|pattern| pattern.matches(name)));
    let because = asks.fold(because, |because, rule| format!("{because}; `{}` {rule}", rule.argument));
    Verdict { granted, because }
}

/// The word for a ceiling.
pub(crate) fn access(access: AccessLevel) -> &'static str {
    match access {
        AccessLevel::ReadOnly => "read-only",
        AccessLevel::ReadWrite => "read-write",
        AccessLevel::Full => "full",
    }
}

/// The word for a server's state.
pub(crate) fn state(state: ServerState) -> &'static str {
    match state {
        ServerState::Idle => "idle",
        ServerState::Starting => "starting",
        ServerState::Ready => "ready",
        ServerState::Failed => "failed",
        ServerState::Stopped => "stopped",
    }
}

/// What the gateways say about `server`; the one that knows most, when several report it.
pub(crate) fn status_of<'a>(gateways: &'a [GatewaySummary], server: &Name) -> Option<&'a ServerStatus> {
    let reported = gateways.iter().filter_map(|gateway| gateway.status.as_ref()).flat_map(|status| &status.servers);
    reported
        .filter(|status| status.name == *server)
        .max_by_key(|status| (status.state == ServerState::Ready, status.tools.len()))
}

/// The tools of `offered` that at least one of `profiles`, those of one project, grants and none denies.
pub(crate) fn granted<'a>(profiles: &[&Named<ProfileSpec>], offered: &'a [ToolStatus]) -> Vec<&'a ToolStatus> {
    let any = |tool: &&ToolStatus| {
        let said = || profiles.iter().map(|one| policy::grants(&one.name, &one.spec, &tool.name, tool.class));
        said().any(|said| said.is_ok()) && !said().any(|said| matches!(said, Err(Denial::Denied { .. })))
    };
    offered.iter().filter(any).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(profile: serde_json::Value, class: ToolClass, granted: bool, because: &str) {
        let spec: ProfileSpec = serde_json::from_value(profile).unwrap();
        let profile = Named { name: "p".parse().unwrap(), revision: 1, spec };
        let verdict = judge(&profile, "slack_get_users", class);
        assert_eq!(verdict.granted, granted, "{}", verdict.because);
        assert!(verdict.because.contains(because), "{}", verdict.because);
    }

    #[test]
    fn the_ceiling_is_above_allow_and_deny_above_both() {
        let json = |text: &str| serde_json::from_str(text).unwrap();
        check(json(r#"{"server":"s"}"#), ToolClass::Read, true, "within access read-only");
        check(json(r#"{"server":"s"}"#), ToolClass::Write, false, "above access read-only");
        check(json(r#"{"server":"s"}"#), ToolClass::Unknown, false, "nobody has classed it");
        check(json(r#"{"server":"s","access":"read-write"}"#), ToolClass::Write, true, "read-write");
        check(json(r#"{"server":"s","access":"read-write"}"#), ToolClass::Destructive, false, "above");
        check(json(r#"{"server":"s","access":"full"}"#), ToolClass::Unknown, true, "full");
        check(json(r#"{"server":"s","allow":["slack_get_*"]}"#), ToolClass::Read, true, "allow `slack_get_*`");
        check(json(r#"{"server":"s","allow":["slack_get_*"]}"#), ToolClass::Write, false, "above");
        check(json(r#"{"server":"s","allow":["other"]}"#), ToolClass::Read, false, "not among allow");
        check(json(r#"{"server":"s","access":"full","deny":["*_users"]}"#), ToolClass::Read, false, "deny `*_users`");
        let rule =
            r#"{"server":"s","arguments":[{"argument":"a","prefix":"x"},{"tools":["y"],"argument":"b","prefix":"z"}]}"#;
        check(json(rule), ToolClass::Read, true, "within access read-only; `a` must begin with `x`");
    }
}
