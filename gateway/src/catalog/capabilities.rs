//! What the servers of a project can do together, as far as the gateway can deliver it.

use crate::servers::Server;
use control_plane_api::server::Era;
use protocol::{Members, meta::TASKS_EXTENSION};
use std::sync::Arc;

/// What the gateway itself has for a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    /// Tools.
    pub(super) tools: bool,
    /// Resources.
    pub(super) resources: bool,
}

/// The union over `servers`, for a client of the legacy era or a modern one. A server that was not heard of yet may have
/// anything; so may a project without servers, whose lists are empty. Tasks are shown only to clients of the server's era.
/// `own` is what the gateway has beside them.
pub(super) fn union(servers: &[&Arc<Server>], legacy: bool, own: Own) -> Members {
    let lists: Vec<_> = servers.iter().map(|server| (server.lists(), server.upstream().health().era)).collect();
    let unknown = lists.is_empty() || lists.iter().any(|(lists, _)| lists.is_none());
    let can = |capability: &str, part: Option<&str>| {
        lists.iter().any(|(lists, _)| lists.as_ref().is_some_and(|lists| lists.can(capability, part)))
    };
    let flags = |flags: &[(&str, bool)]| {
        let mut members = Members::new();
        flags.iter().filter(|(_, set)| *set).for_each(|(name, _)| members.set(name, &true));
        members
    };
    let mut all = Members::new();
    for capability in ["tools", "prompts"] {
        if unknown || can(capability, None) || (own.tools && capability == "tools") {
            all.set(capability, &flags(&[("listChanged", true)]));
        }
    }
    if unknown || can("resources", None) || own.resources {
        let subscribe = can("resources", Some("subscribe"));
        all.set("resources", &flags(&[("subscribe", subscribe), ("listChanged", true)]));
    }
    for capability in ["completions", "logging"] {
        if can(capability, None) {
            all.set(capability, &Members::new());
        }
    }
    let mut extensions = Members::new();
    for (lists, era) in &lists {
        let Some(lists) = lists else { continue };
        for (id, settings) in lists.capabilities.object("extensions").unwrap_or_default().iter() {
            let shown = id != TASKS_EXTENSION || (!legacy && *era == Some(Era::Modern));
            if shown && extensions.get(id).is_none() {
                extensions.set(id, settings);
            }
        }
        if legacy
            && *era == Some(Era::Legacy)
            && let Some(tasks) = lists.capabilities.object("tasks")
        {
            all.set("tasks", &without_list(tasks));
        }
    }
    if !extensions.is_empty() {
        all.set("extensions", &extensions);
    }
    all
}

/// Lists of tasks cannot be merged: which tasks are whose is the servers' secret.
fn without_list(mut tasks: Members) -> Members {
    tasks.remove("list");
    tasks
}
