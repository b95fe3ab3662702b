//! Which tool is meant, and what the gateways find of it.

use crate::{failure::Failure, suggest};
use control_plane_api::{
    gateway::{GatewaySummary, ServerStatus, ToolStatus},
    name::Name,
    pin::Quarantine,
};
use std::collections::BTreeMap;

/// A tool as a gateway reports it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) server: &'a Name,
    pub(super) tool: &'a ToolStatus,
}

/// Every tool of `server`, or of all, once for each server; the report of a gateway that finds it changed before others.
pub(super) fn all<'a>(gateways: &'a [GatewaySummary], server: Option<&Name>) -> Vec<Found<'a>> {
    let mut all: BTreeMap<(&Name, &str), Found<'a>> = BTreeMap::new();
    for status in statuses(gateways).filter(|status| server.is_none_or(|server| status.name == *server)) {
        for tool in &status.tools {
            let place = (&status.name, tool.name.as_str());
            let found = Found { server: &status.name, tool };
            let known = all.entry(place).or_insert(found);
            if known.tool.quarantine.is_none() {
                *known = found;
            }
        }
    }
    all.into_values().collect()
}

/// The one tool called `name`, by the name clients see or by its server's own.
pub(super) fn one<'a>(gateways: &'a [GatewaySummary], name: &str, server: Option<&Name>) -> Result<Found<'a>, Failure> {
    let all = all(gateways, server);
    let called = |found: &&Found<'_>| found.tool.exposed == name || found.tool.name == name;
    let several: Vec<&Found<'_>> = all.iter().filter(called).collect();
    match several.as_slice() {
        [one] => Ok(**one),
        [] => {
            let failure = Failure::not_found(format!("no gateway reports a tool called `{name}`"));
            let names = all.iter().flat_map(|found| [found.tool.exposed.as_str(), found.tool.name.as_str()]);
            Err(match suggest::closest(name, names) {
                Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
                None => failure.hint("`mcpctl tools list` shows those there are"),
            })
        }
        several => {
            let servers: Vec<&str> = several.iter().map(|found| found.server.as_str()).collect();
            let told = format!("several servers have a tool called `{name}`: {}", servers.join(", "));
            Err(Failure::usage(told).hint("say whose with `--for`"))
        }
    }
}

/// The definitions, each once, that gateways find in place of the trusted one.
pub(super) fn quarantines<'a>(gateways: &'a [GatewaySummary], server: &Name, tool: &str) -> Vec<&'a Quarantine> {
    let mut found: Vec<&Quarantine> = statuses(gateways)
        .filter(|status| status.name == *server)
        .flat_map(|status| &status.tools)
        .filter(|status| status.name == tool)
        .filter_map(|status| status.quarantine.as_ref())
        .collect();
    found.sort_by(|one, other| one.digest.cmp(&other.digest));
    found.dedup_by(|one, other| one.digest == other.digest);
    found
}

fn statuses(gateways: &[GatewaySummary]) -> impl Iterator<Item = &ServerStatus> {
    gateways.iter().filter_map(|gateway| gateway.status.as_ref()).flat_map(|status| &status.servers)
}
