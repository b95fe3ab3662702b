//! What a profile grants of the tools a server was found to offer: the same rules the gateway enforces, for showing.
//!
//! The gateway decides; this only explains. It never looks at a server's own hints.

use control_plane_api::{
    gateway::{GatewaySummary, ServerState, ServerStatus, ToolStatus},
    name::Name,
    pattern::Pattern,
    profile::{AccessLevel, ProfileSpec},
    server::ToolClass,
};
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
pub(crate) fn judge(profile: &ProfileSpec, name: &str, class: ToolClass) -> Verdict {
    let find = |patterns: &[Pattern]| patterns.iter().find(|pattern| pattern.matches(name)).cloned();
    let no = |because: String| Verdict { granted: false, because };
    if let Some(pattern) = find(&profile.deny) {
        return no(format!("deny `{pattern}`"));
    }
    if !within(profile.access, class) {
        return no(match class {
            ToolClass::Unknown => format!("nobody has classed it, and access is {}", access(profile.access)),
            _ => format!("class {class} is above access {}", access(profile.access)),
        });
    }
    match find(&profile.allow) {
        Some(pattern) if pattern.as_str() == "*" => {
            Verdict { granted: true, because: format!("class {class} is within access {}", access(profile.access)) }
        }
        Some(pattern) => Verdict { granted: true, because: format!("allow `{pattern}`") },
        None => no("not among allow".to_owned()),
    }
}

fn within(access: AccessLevel, class: ToolClass) -> bool {
    match access {
        AccessLevel::ReadOnly => class == ToolClass::Read,
        AccessLevel::ReadWrite => matches!(class, ToolClass::Read | ToolClass::Write),
        AccessLevel::Full => true,
    }
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

/// The tools of `offered` that at least one of `profiles` grants.
pub(crate) fn granted<'a>(profiles: &[&ProfileSpec], offered: &'a [ToolStatus]) -> Vec<&'a ToolStatus> {
    let any = |tool: &&ToolStatus| profiles.iter().any(|profile| judge(profile, &tool.name, tool.class).granted);
    offered.iter().filter(any).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(profile: serde_json::Value, class: ToolClass, granted: bool, because: &str) {
        let profile: ProfileSpec = serde_json::from_value(profile).unwrap();
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
    }
}
