//! Which tools are filtered by relevance, and how: the settings of server, profile and project resolved once.
//!
//! Only data; what *relevant* means is decided in `filters-relevance`. A tool is filterable unless it is classed as
//! writing: what a write answers is short, and is never cut.

use crate::Target;
use control_plane_api::{
    name::Name,
    relevance::{Relevance, RelevanceSettings},
    server::{ServerSpec, ToolClass},
    snapshot::Snapshot,
};
use std::collections::HashMap;

/// The settings of every server, alone and through every project.
#[derive(Debug)]
pub struct RelevancePolicy {
    servers: HashMap<Name, ServerSpec>,
    projects: HashMap<String, HashMap<Name, RelevanceSettings>>,
    enabled: bool,
}

impl RelevancePolicy {
    /// Compiles `snapshot`. `enabled` is the preset's default where nobody says otherwise.
    #[must_use]
    pub fn compile(snapshot: &Snapshot, enabled: bool) -> Self {
        let profiles: HashMap<&Name, _> = snapshot.profiles().collect();
        let project = |spec: &control_plane_api::project::ProjectSpec| {
            let mut by_server: HashMap<Name, RelevanceSettings> = HashMap::new();
            for profile in spec.profiles.iter().filter_map(|name| profiles.get(name)) {
                let settings = by_server.entry(profile.server.clone()).or_insert_with(|| spec.relevance.clone());
                *settings = settings.or(&profile.relevance);
            }
            by_server
        };
        Self {
            servers: snapshot.servers().map(|(name, spec)| (name.clone(), spec.clone())).collect(),
            projects: snapshot.projects().map(|(name, spec)| (name.to_string(), project(spec))).collect(),
            enabled,
        }
    }

    /// How results of the tool `target` are filtered when called through `project`; none: not at all.
    #[must_use]
    pub fn for_tool(&self, project: Option<&str>, target: &Target) -> Option<Relevance> {
        let server = self.servers.get(&target.server)?;
        if target.connects || matches!(server.class_of(&target.name), ToolClass::Write | ToolClass::Destructive) {
            return None;
        }
        let through = project.and_then(|name| self.projects.get(name)).and_then(|by| by.get(&target.server));
        let settings = through.map_or_else(|| server.relevance.clone(), |narrow| narrow.or(&server.relevance));
        let preset = RelevanceSettings { enabled: Some(self.enabled), ..RelevanceSettings::default() };
        Some(settings.or(&preset).resolve()).filter(|relevance| relevance.enabled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn check(project: Option<&str>, tool: &str, enabled: bool) -> Option<u32> {
        let objects = serde_json::json!([
            {"kind": "server", "name": "slack", "spec": {"transport": {"type": "stdio", "command": "x"},
                "tools": [{"tool": "post", "class": "write"}], "relevance": {"max_records": 7, "min_records": 1}}},
            {"kind": "profile", "name": "p", "spec": {"server": "slack", "relevance": {"max_records": 8}}},
            {"kind": "project", "name": "a", "spec": {"profiles": ["p"], "relevance": {"max_records": 9}}},
            {"kind": "project", "name": "b", "spec": {"profiles": ["p"]}},
            {"kind": "project", "name": "off", "spec": {"profiles": ["p"], "relevance": {"enabled": false}}},
        ]);
        let policy = RelevancePolicy::compile(&testing::snapshot(objects), enabled);
        let target = Target::new("slack".parse().unwrap(), tool);
        policy.for_tool(project, &target).map(|relevance| relevance.max_records)
    }

    #[test]
    fn project_wins_over_profile_wins_over_server() {
        assert_eq!(check(Some("a"), "get", true), Some(9));
        assert_eq!(check(Some("b"), "get", true), Some(8));
        assert_eq!(check(None, "get", true), Some(7));
    }

    #[test]
    fn the_gateways_own_tools_are_left_alone() {
        let server = serde_json::json!([{"kind": "server", "name": "s", "spec": {"transport": {"type": "stdio", "command": "x"}}}]);
        let policy = RelevancePolicy::compile(&testing::snapshot(server), true);
        assert!(policy.for_tool(None, &Target::new("s".parse().unwrap(), "t")).is_some());
        assert!(policy.for_tool(None, &Target::connecting("s".parse().unwrap(), "t")).is_none());
    }

    #[test]
    fn writes_and_switched_off_places_are_left_alone() {
        assert_eq!(check(Some("a"), "post", true), None);
        assert_eq!(check(Some("off"), "get", true), None);
        assert_eq!(check(Some("a"), "get", false), None);
    }
}
