//! Objects → the snapshot of one developer's local gateway. Pure, like all of [`super`].
//!
//! It has the projects that its user may use, each with one server, which is the central gateway's endpoint of that project;
//! no other user, no secret of any server, and no pepper. What may be done is decided at the central gateway: here everything is
//! granted that comes from there.

use super::Configuration;
use crate::store::StoredLaptop;
use control_plane_api::{
    access::{Role, UserSpec},
    name::Name,
    oauth::{ConnectionSpec, OauthSettings},
    object::{Named, Object},
    pattern::Pattern,
    profile::{AccessLevel, ProfileSpec},
    project::ProjectSpec,
    server::{ServerSpec, ToolClass, ToolRule, Transport},
    snapshot::Snapshot,
    stale::{StaleRule, StaleThen},
    timestamp::Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// The snapshot of `laptop`. Empty but for the user while there is no central gateway, or the user is shut out.
pub(crate) fn compile(configuration: &Configuration, laptop: &StoredLaptop, issued_at: Timestamp) -> Snapshot {
    let mut objects = Vec::new();
    if let Some(user) = user(configuration, laptop) {
        let projects = configuration.central_url.iter().filter(|_| !user.spec.disabled).flat_map(|central| {
            let usable = configuration.objects.iter().filter_map(|object| usable(object, &user));
            usable.flat_map(move |project| through(configuration, laptop, project, central))
        });
        objects.extend(projects);
        objects.push(Object::User(user));
    }
    objects.sort_by_key(Object::reference);
    Snapshot { revision: configuration.revision, issued_at, objects, ..Snapshot::empty() }
}

/// The owner, with what clients on that machine present.
fn user(configuration: &Configuration, laptop: &StoredLaptop) -> Option<Named<UserSpec>> {
    let mut user = configuration.objects.iter().find_map(|object| match object {
        Object::User(user) if user.name == laptop.owner => Some(user.clone()),
        _ => None,
    })?;
    let own = configuration.laptop_sessions.iter().filter(|session| session.gateway == laptop.gateway);
    let clients = own.filter(|session| session.grant.id != laptop.upstream_session);
    user.spec.tokens = clients.filter(|_| !user.spec.disabled).map(|session| session.grant.clone()).collect();
    Some(user)
}

/// The project in `object`, if `user` may use it.
fn usable<'a>(object: &'a Object, user: &Named<UserSpec>) -> Option<&'a Named<ProjectSpec>> {
    let Object::Project(project) = object else { return None };
    let may = user.spec.roles.contains(&Role::Admin) || project.spec.members.contains(&user.name);
    may.then_some(project)
}

/// What makes `project` reachable through the central gateway: server, profile, project, and the session that is shown there.
fn through(
    configuration: &Configuration,
    laptop: &StoredLaptop,
    project: &Named<ProjectSpec>,
    central: &Url,
) -> Vec<Object> {
    let (name, revision) = (project.name.clone(), project.revision);
    let url = format!("{}/projects/{name}/mcp", central.as_str().trim_end_matches('/'));
    let server = ServerSpec {
        description: format!("project {name} at the central gateway"),
        oauth: Some(OauthSettings::default()),
        central: true,
        prefix: Some(String::new()),
        tools: rules(configuration, &project.spec),
        ..ServerSpec::new(Transport::Http { url: url.clone(), headers: BTreeMap::new(), sse: false })
    };
    // The central gateway judges every call, and how old its own configuration may be.
    let stale = StaleRule { then: StaleThen::Serve, after_ms: None };
    let profile = ProfileSpec { access: AccessLevel::Full, stale, ..ProfileSpec::new(name.clone()) };
    let spec = ProjectSpec {
        description: project.spec.description.clone(),
        profiles: vec![name.clone()],
        members: vec![laptop.owner.clone()],
        relevance: project.spec.relevance.clone(),
        ..ProjectSpec::default()
    };
    let mut objects = vec![
        Object::Server(Named { name: name.clone(), revision, spec: server }),
        Object::Profile(Named { name: name.clone(), revision, spec: profile }),
        Object::Project(Named { name: name.clone(), revision, spec }),
    ];
    let upstream = configuration.laptop_sessions.iter().find(|session| session.grant.id == laptop.upstream_session);
    objects.extend(upstream.map(|session| {
        let spec = ConnectionSpec {
            server: name.clone(),
            user: Some(laptop.owner.clone()),
            url,
            sealed: laptop.upstream.clone(),
            expires_at: session.grant.expires_at,
            scopes: Vec::new(),
        };
        Object::Connection(Named { name, revision, spec })
    }));
    objects
}

/// What is known of the tools of the project's servers, by the names that the central gateway gives them: their classes, which
/// say what may be looked through or asked twice, and what was set about relevance for tools, servers and profiles.
fn rules(configuration: &Configuration, project: &ProjectSpec) -> Vec<ToolRule> {
    let used: BTreeSet<&Name> = project.profiles.iter().collect();
    let profiles = configuration.objects.iter().filter_map(|object| match object {
        Object::Profile(profile) if used.contains(&profile.name) => Some(&profile.spec),
        _ => None,
    });
    let rules_of = |profile: &ProfileSpec| -> Vec<ToolRule> {
        let server = configuration.objects.iter().find_map(|object| match object {
            Object::Server(server) if server.name == profile.server => Some(server),
            _ => None,
        });
        let Some(server) = server else { return Vec::new() };
        let prefix = server.spec.prefix_for(&server.name);
        let exposed = |rule: &ToolRule| ToolRule {
            tool: exposed(prefix, rule.tool.as_str()),
            relevance: profile.relevance.or(&rule.relevance.or(&server.spec.relevance)),
            flow: Vec::new(),
            ..rule.clone()
        };
        let others = ToolRule {
            tool: self::exposed(prefix, "*"),
            class: ToolClass::Unknown,
            flow: Vec::new(),
            relevance: profile.relevance.or(&server.spec.relevance),
        };
        server.spec.tools.iter().map(exposed).chain([others]).collect()
    };
    profiles.flat_map(rules_of).collect()
}

/// The pattern of the names under which tools that are called like `own` are exposed; see [`ServerSpec::prefix`].
fn exposed(prefix: &str, own: &str) -> Pattern {
    if prefix.is_empty() || own.starts_with(&format!("{prefix}_")) {
        return Pattern::from(own);
    }
    Pattern::from(format!("{prefix}_{own}").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_speaks_of_the_names_that_the_central_gateway_gives() {
        let check = |prefix: &str, own: &str, seen: &str| exposed(prefix, own).matches(seen);
        assert!(check("slack", "get_*", "slack_get_messages") && !check("slack", "get_*", "slack_post"));
        assert!(check("slack", "slack_get_*", "slack_get_messages"), "never prefixed twice");
        assert!(check("slack", "*", "slack_anything") && check("", "get_*", "get_x"));
    }
}
