//! Snapshot → violations: one list of rules for control plane, gateway and CLI.

mod arguments;
mod issuer;
mod oauth;
mod prefixes;
mod probes;
mod runtime;
mod sandbox;

use crate::{
    name::Name,
    object::{Kind, Object, ObjectRef},
    profile::ProfileSpec,
    project::ProjectSpec,
    server::{ServerSpec, Transport},
    snapshot::Snapshot,
    stale::STALE_AFTER_MIN_MS,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};
use utoipa::ToSchema;

/// Longest exposed prefix in bytes: a tool name may have 128 and clients show 64.
pub const PREFIX_BYTES_MAX: usize = 32;

/// One thing that is wrong with one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Violation {
    /// Where.
    pub object: ObjectRef,
    /// Which field, as a path into the spec.
    pub field: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} spec.{}: {}", self.object, self.field, self.message)
    }
}

/// Everything that is wrong with `snapshot`; empty when it can be served.
#[must_use]
pub fn validate(snapshot: &Snapshot) -> Vec<Violation> {
    let mut rules = Rules {
        names: Names::of(snapshot),
        prefixes: prefixes::of(snapshot),
        issuers: BTreeSet::new(),
        violations: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    for object in &snapshot.objects {
        let reference = object.reference();
        if !seen.insert(reference.clone()) {
            rules.broken(&reference, "name", "is there twice".to_owned());
        }
        match object {
            Object::Server(o) => rules.server(&reference, &o.spec),
            Object::Profile(o) => rules.profile(&reference, &o.spec),
            Object::Project(o) => rules.project(&reference, &o.spec),
            Object::Issuer(o) => rules.issuer(&reference, &o.spec),
            Object::User(_) | Object::Secret(_) | Object::Connection(_) | Object::Pin(_) => {}
        }
    }
    rules.violations
}

struct Names<'a> {
    servers: BTreeSet<&'a Name>,
    profiles: BTreeSet<&'a Name>,
    users: BTreeSet<&'a Name>,
    secrets: BTreeSet<&'a Name>,
}

impl<'a> Names<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            servers: snapshot.servers().map(|(name, _)| name).collect(),
            profiles: snapshot.profiles().map(|(name, _)| name).collect(),
            users: snapshot.users().map(|(name, _)| name).collect(),
            secrets: snapshot.secrets().map(|(name, _)| name).collect(),
        }
    }
}

struct Rules<'a> {
    names: Names<'a>,
    /// Server and prefix behind each profile.
    prefixes: prefixes::Prefixes<'a>,
    /// The issuers seen so far, by their own identifiers.
    issuers: BTreeSet<&'a str>,
    violations: Vec<Violation>,
}

impl<'a> Rules<'a> {
    fn server(&mut self, object: &ObjectRef, spec: &ServerSpec) {
        match &spec.transport {
            Transport::Stdio { command, env, sandbox, .. } => {
                self.sandbox(object, sandbox);
                if command.trim().is_empty() {
                    self.broken(object, "transport.command", "is empty: name the program to run".to_owned());
                }
                for name in env.keys().filter(|name| !is_variable(name)) {
                    self.broken(
                        object,
                        "transport.env",
                        format!("`{name}` is not the name of an environment variable"),
                    );
                }
            }
            Transport::Http { url, .. } => match url::Url::parse(url) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {}
                _ => self.broken(object, "transport.url", format!("`{url}` is not an http or https URL")),
            },
        }
        for secret in spec.secrets() {
            if !self.names.secrets.contains(secret) {
                let hint = format!("secret `{secret}` does not exist: set it with `mcpctl setup`");
                self.broken(object, "transport", hint);
            }
        }
        self.oauth(object, spec);
        self.runtime(object, spec);
        self.probes(object, spec);
        if let Some(prefix) = &spec.prefix
            && (prefix.len() > PREFIX_BYTES_MAX || !prefix.bytes().all(is_tool_name_byte))
        {
            let message = format!("use at most {PREFIX_BYTES_MAX} characters of A-Z, a-z, 0-9, `_`, `-` and `.`");
            self.broken(object, "prefix", message);
        }
    }

    fn profile(&mut self, object: &ObjectRef, spec: &ProfileSpec) {
        if !self.names.servers.contains(&spec.server) {
            let message = format!("server `{}` does not exist: add it with `mcpctl setup {0}`", spec.server);
            self.broken(object, "server", message);
        }
        self.arguments(object, &spec.arguments);
        if let Some(after_ms) = spec.stale.after_ms.filter(|after_ms| *after_ms < STALE_AFTER_MIN_MS) {
            let message = format!(
                "{after_ms} ms is less than {STALE_AFTER_MIN_MS}, within which a gateway may hear nothing although all is well"
            );
            self.broken(object, "stale.after_ms", message);
        }
        let limits = [
            ("limits.calls_per_minute", spec.limits.calls_per_minute),
            ("limits.calls_at_once", spec.limits.calls_at_once),
        ];
        for (field, _) in limits.into_iter().filter(|(_, limit)| *limit == Some(0)) {
            let message =
                "0 would refuse every call: leave the limit out, or the profile out of the project".to_owned();
            self.broken(object, field, message);
        }
    }

    fn project(&mut self, object: &ObjectRef, spec: &ProjectSpec) {
        for profile in spec.profiles.iter().filter(|profile| !self.names.profiles.contains(profile)).collect::<Vec<_>>()
        {
            let message = format!("profile `{profile}` does not exist: `mcpctl profile list` shows those that do");
            self.broken(object, "profiles", message);
        }
        for member in spec.members.iter().filter(|member| !self.names.users.contains(member)).collect::<Vec<_>>() {
            self.broken(object, "members", format!("user `{member}` does not exist"));
        }
        self.one_prefix_each(object, spec);
    }

    fn broken(&mut self, object: &ObjectRef, field: &str, message: String) {
        self.violations.push(Violation { object: object.clone(), field: field.to_owned(), message });
    }
}

/// Whether references to `object` exist in `snapshot`, and from where: what stands in the way of deleting it.
#[must_use]
pub fn references_to(snapshot: &Snapshot, object: &ObjectRef) -> Vec<ObjectRef> {
    let refers = |other: &Object| match (other, object.kind) {
        (Object::Profile(o), Kind::Server) => o.spec.server == object.name,
        (Object::Project(o), Kind::Profile) => o.spec.profiles.contains(&object.name),
        (Object::Project(o), Kind::User) => o.spec.members.contains(&object.name),
        (Object::Issuer(o), Kind::User) => o.spec.users.values().any(|user| *user == object.name),
        (Object::Server(o), Kind::Secret) => {
            let client = o.spec.oauth.as_ref().and_then(|oauth| oauth.client_secret.as_ref());
            o.spec.secrets().chain(client).any(|secret| *secret == object.name)
        }
        _ => false,
    };
    snapshot.objects.iter().filter(|other| refers(other)).map(Object::reference).collect()
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_tool_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether what is found wrong with `objects` are these, in order, each by a part of its text.
    pub(super) fn check(objects: serde_json::Value, expected: &[&str]) {
        let snapshot = Snapshot { objects: serde_json::from_value(objects).unwrap(), ..Snapshot::empty() };
        let found: Vec<String> = validate(&snapshot).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found} does not contain {expected}");
        }
    }

    fn server(transport: serde_json::Value) -> serde_json::Value {
        serde_json::json!({"kind": "server", "name": "slack", "spec": {"transport": transport}})
    }

    #[test]
    fn a_server_names_a_program_or_a_url() {
        check(serde_json::json!([server(serde_json::json!({"type": "stdio", "command": "npx"}))]), &[]);
        check(serde_json::json!([server(serde_json::json!({"type": "stdio", "command": " "}))]), &["command"]);
        check(serde_json::json!([server(serde_json::json!({"type": "http", "url": "http://127.0.0.1:1/mcp"}))]), &[]);
        for bad in ["", "ftp://x/", "mcp.example", "file:///etc/passwd"] {
            check(serde_json::json!([server(serde_json::json!({"type": "http", "url": bad}))]), &["not an http"]);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let env = serde_json::json!({"type": "stdio", "command": "x", "env": {"T": {"secret": "slack-token"}}});
        check(serde_json::json!([server(env)]), &["secret `slack-token` does not exist"]);
        let profile = serde_json::json!({"kind": "profile", "name": "p", "spec": {"server": "jira"}});
        check(serde_json::json!([profile]), &["server `jira` does not exist"]);
        let project =
            serde_json::json!({"kind": "project", "name": "w", "spec": {"profiles": ["p"], "members": ["u"]}});
        check(serde_json::json!([project]), &["profile `p` does not exist", "user `u` does not exist"]);
    }

    #[test]
    fn a_limit_lets_something_through() {
        let profile = |limits: serde_json::Value| {
            let spec = serde_json::json!({"server": "slack", "limits": limits});
            let server = server(serde_json::json!({"type": "stdio", "command": "x"}));
            serde_json::json!([server, {"kind": "profile", "name": "p", "spec": spec}])
        };
        check(profile(serde_json::json!({"calls_per_minute": 1, "calls_at_once": 1})), &[]);
        let none = serde_json::json!({"calls_per_minute": 0, "calls_at_once": 0});
        check(profile(none), &["calls_per_minute: 0 would refuse", "calls_at_once: 0 would refuse"]);
    }

    #[test]
    fn a_name_is_there_once() {
        let one = server(serde_json::json!({"type": "stdio", "command": "x"}));
        check(serde_json::json!([one, one]), &["twice"]);
    }
}
