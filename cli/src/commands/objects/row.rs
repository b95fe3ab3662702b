//! One object in a row: what of it is worth a column.

use crate::{client::word, grants};
use control_plane_api::{
    name::Name,
    object::{Kind, Object},
    pattern::Pattern,
    server::Transport,
};

/// The headings above objects of one kind.
pub(super) fn headings(kind: Kind, wide: bool) -> Vec<&'static str> {
    let (usual, more): (&[&str], &[&str]) = match kind {
        Kind::Server => (&["TRANSPORT", "RUNTIME", "DESIRED"], &["REACHED"]),
        Kind::Profile => (&["SERVER", "ACCESS"], &["ALLOW", "DENY"]),
        Kind::Project => (&["PROFILES", "MEMBERS"], &["FLOW"]),
        Kind::User => (&["ROLES", "STATE"], &[]),
        Kind::Issuer => (&["CLAIM", "USERS"], &["ISSUER"]),
        Kind::Pin => (&["TOOLS"], &[]),
        Kind::Secret | Kind::Connection => (&[], &[]),
    };
    let more = if wide { more } else { &[] };
    [&["NAME"][..], usual, &["REVISION"], more].concat()
}

/// The cells below [`headings`].
pub(super) fn cells(object: &Object, wide: bool) -> Vec<String> {
    let (usual, more) = says(object);
    let more = if wide { more } else { Vec::new() };
    [vec![object.reference().name.to_string()], usual, vec![object.revision().to_string()], more].concat()
}

/// What an object says, in one cell.
pub(super) fn summary(object: &Object) -> String {
    let kind = object.reference().kind;
    let headings = headings(kind, false);
    let names = headings.iter().filter(|heading| !matches!(**heading, "NAME" | "REVISION"));
    let said = says(object).0;
    let pairs = names.zip(&said).filter(|(_, value)| !value.is_empty());
    pairs.map(|(name, value)| format!("{}={value}", name.to_lowercase())).collect::<Vec<_>>().join(" ")
}

fn says(object: &Object) -> (Vec<String>, Vec<String>) {
    match object {
        Object::Server(server) => {
            let (transport, reached) = match &server.spec.transport {
                Transport::Stdio { command, .. } => ("stdio", command),
                Transport::Http { url, .. } => ("http", url),
            };
            let runtime = server.spec.instance().map(|runtime| runtime.to_string()).unwrap_or_default();
            (vec![transport.to_owned(), runtime, word(&server.spec.desired)], vec![reached.clone()])
        }
        Object::Profile(profile) => {
            let spec = &profile.spec;
            let usual = vec![spec.server.to_string(), grants::access(spec.access).to_owned()];
            (usual, vec![patterns(&spec.allow), patterns(&spec.deny)])
        }
        Object::Project(project) => {
            let spec = &project.spec;
            (vec![names(&spec.profiles), names(&spec.members)], vec![word(&spec.flow)])
        }
        Object::User(user) => {
            let roles: Vec<String> = user.spec.roles.iter().map(word).collect();
            let state = if user.spec.disabled { "disabled" } else { "enabled" };
            (vec![roles.join(","), state.to_owned()], Vec::new())
        }
        Object::Issuer(issuer) => {
            let usual = vec![issuer.spec.user_claim.clone(), issuer.spec.users.len().to_string()];
            (usual, vec![issuer.spec.issuer.clone()])
        }
        Object::Pin(pin) => (vec![pin.spec.tools.len().to_string()], Vec::new()),
        Object::Secret(_) | Object::Connection(_) => (Vec::new(), Vec::new()),
    }
}

fn names(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(",")
}

fn patterns(patterns: &[Pattern]) -> String {
    patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(",")
}
