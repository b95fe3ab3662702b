//! The ways in which a tool is granted: for each profile that grants it, what that asks of the arguments.

use super::known::{Known, Meant};
use control_plane_api::{name::Name, profile::ProfileSpec};
use policy::{Act, Deed, Request};
use std::collections::BTreeSet;

/// What a profile asks, rule by rule in words; nothing: any arguments will do.
pub(crate) type Way = BTreeSet<String>;

/// What the profile called `profile` asks of the arguments of the tool `own`.
pub(crate) fn asks(spec: &ProfileSpec, own: &str) -> Way {
    let speaks = spec.arguments.iter().filter(|rule| rule.tools.iter().any(|pattern| pattern.matches(own)));
    speaks
        .map(|rule| {
            let optional = if rule.optional { ", if it is there," } else { "" };
            format!("`{}`{optional} {rule}", rule.argument)
        })
        .collect()
}

/// The ways in which `user` may call `meant` through `project`; none: not at all.
pub(crate) fn ways(known: &Known, user: Option<&Name>, project: Option<&str>, meant: &Meant) -> BTreeSet<Way> {
    let request = |project| Request {
        who: known.who(user),
        project,
        act: Act::At(&meant.server, Deed::See(&meant.own)),
        age_ms: 0,
    };
    let considered = known.policy.consider(&request(project));
    let granting = considered.iter().filter(|one| one.verdict.is_ok());
    // A deny is its whole project's.
    let granting = granting.filter(|one| known.policy.decide(&request(Some(one.project))).is_ok());
    granting.filter_map(|one| known.profile(one.profile)).map(|spec| asks(spec, &meant.own)).collect()
}

/// In words.
pub(crate) fn told(ways: &BTreeSet<Way>) -> String {
    let told = ways.iter().map(|way| match way.is_empty() {
        true => "any arguments".to_owned(),
        false => way.iter().cloned().collect::<Vec<_>>().join(" and "),
    });
    told.collect::<Vec<_>>().join("; or ")
}
