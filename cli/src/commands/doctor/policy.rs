//! What projects and profiles come to: whether they grant anything, whether what they grant is there, and whether what is there is
//! still what was trusted.

use super::{
    check::{Check, Name},
    known::{Insight, Known},
};
use crate::grants;
use control_plane_api::{
    object::Named,
    profile::{AccessLevel, ProfileSpec},
    project::ProjectSpec,
};
use protocol::definition::visible;
use std::collections::BTreeSet;

pub(super) fn checks(known: &Known<'_>) -> Vec<Check> {
    let insight = known.plane.as_ref().and_then(|plane| plane.insight.as_ref());
    let Some(insight) = insight else {
        let why = known.blind().or_else(|| known.hidden()).unwrap_or_default();
        return [Name::Grants, Name::Offered, Name::Pin].map(|name| Check::skipped(name, why.clone())).into();
    };
    let mut all: Vec<Check> = known.projects().into_iter().map(|project| grants_of(project, insight)).collect();
    if all.is_empty() {
        let check = Check::warn(Name::Grants, "there is no project yet");
        let reads = |profile: &&Named<ProfileSpec>| profile.spec.access == AccessLevel::ReadOnly;
        let profile = insight.profiles.iter().find(reads).or(insight.profiles.first());
        let profile = profile.map(|profile| profile.name.as_str());
        all.push(check.fix(format!("mcpctl project create my_project --profiles {}", profile.unwrap_or("PROFILE"))));
    }
    all.push(offered(known, insight));
    all.push(pins(known, insight));
    all
}

/// Whether a project grants any of the tools that its servers offer.
fn grants_of(project: &Named<ProjectSpec>, insight: &Insight) -> Check {
    let name = &project.name;
    let profiles: Vec<&Named<ProfileSpec>> = profiles_of(project, insight);
    if profiles.is_empty() {
        return Check::fail(Name::Grants, format!("project {name} has no profile, so it grants nothing"))
            .fix(format!("mcpctl get project {name} -o yaml"))
            .advice("name profiles in it and apply it again");
    }
    let mut nothing = Vec::new();
    let mut granted = 0;
    for profile in &profiles {
        let offered = grants::status_of(&insight.gateways, &profile.spec.server);
        let tools = offered.map(|status| status.tools.as_slice()).unwrap_or_default();
        match grants::granted(&[*profile], tools).len() {
            0 if !tools.is_empty() => nothing.push(profile.name.as_str()),
            some => granted += some,
        }
    }
    let describe = |check: Check| {
        nothing.iter().fold(check, |check, profile| check.fix(format!("mcpctl profile describe {profile}")))
    };
    let advice = "each tool is listed there with the rule that refuses it";
    match (nothing.as_slice(), granted) {
        ([], 0) => Check::ok(Name::Grants, format!("project {name} grants what its servers will offer")),
        ([], granted) => Check::ok(Name::Grants, format!("project {name} grants {granted} tools")),
        (_, 0) => describe(Check::fail(Name::Grants, format!("project {name} grants none of the tools there are")))
            .advice(advice),
        (some, _) => {
            let found = format!("project {name}: {} grants none of the tools there are", some.join(", "));
            describe(Check::warn(Name::Grants, found)).advice(advice)
        }
    }
}

fn profiles_of<'a>(project: &Named<ProjectSpec>, insight: &'a Insight) -> Vec<&'a Named<ProfileSpec>> {
    insight.profiles.iter().filter(|profile| project.spec.profiles.contains(&profile.name)).collect()
}

/// Tools that profiles name one by one and that their servers do not have.
fn offered(known: &Known<'_>, insight: &Insight) -> Check {
    let used: BTreeSet<_> = known.projects().into_iter().flat_map(|project| &project.spec.profiles).collect();
    let mut missing = Vec::new();
    for profile in insight.profiles.iter().filter(|profile| used.contains(&profile.name)) {
        let Some(status) = grants::status_of(&insight.gateways, &profile.spec.server) else { continue };
        if status.tools.is_empty() {
            continue;
        }
        let named = profile.spec.allow.iter().filter(|pattern| !pattern.as_str().contains('*'));
        let lacks = named.filter(|pattern| !status.tools.iter().any(|tool| pattern.matches(&tool.name)));
        missing.extend(lacks.map(|pattern| (profile.name.as_str(), pattern.as_str())));
    }
    let Some((first, _)) = missing.first() else {
        return Check::ok(Name::Offered, "every tool that profiles name is there");
    };
    let told: Vec<String> = missing.iter().map(|(profile, tool)| format!("`{}` in {profile}", visible(tool))).collect();
    Check::warn(Name::Offered, format!("granted, but not offered by their servers: {}", told.join(", ")))
        .fix(format!("mcpctl profile describe {first}"))
        .advice("a token of another kind, or another version of the server, has other tools")
}

/// Tools that changed since they were trusted.
fn pins(known: &Known<'_>, insight: &Insight) -> Check {
    let servers: BTreeSet<_> = known.servers().into_iter().map(|server| &server.name).collect();
    let reported =
        insight.gateways.iter().filter_map(|gateway| gateway.status.as_ref()).flat_map(|status| &status.servers);
    let tools = reported.filter(|status| servers.contains(&status.name)).flat_map(|status| &status.tools);
    let changed: BTreeSet<String> =
        tools.filter(|tool| tool.quarantine.is_some()).map(|tool| visible(&tool.exposed)).collect();
    if changed.is_empty() {
        return Check::ok(Name::Pin, "every tool is the one that was trusted");
    }
    let names: Vec<&str> = changed.iter().map(String::as_str).collect();
    let told = format!("offered to nobody, because the definition changed: {}", names.join(", "));
    let check = Check::warn(Name::Pin, told).advice("approve only what you have looked at");
    changed.iter().fold(check, |check, name| {
        check.fix(format!("mcpctl tools describe {name}")).fix(format!("mcpctl tools approve {name}"))
    })
}
