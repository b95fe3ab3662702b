//! Which tools are filtered by relevance, how, and which budget their results have: the settings of server, tool, profile
//! and project resolved once.
//!
//! Only data; what *relevant* means is decided in `filters-relevance`. A tool is filterable unless it is classed as
//! writing: what a write answers is not looked through. The budget is for the results of every tool, because what does
//! not fit is kept.

use crate::Target;
use control_plane_api::{
    name::Name,
    project::ProjectSpec,
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
    /// What counts where nobody says otherwise.
    preset: RelevanceSettings,
}

impl RelevancePolicy {
    /// Compiles `snapshot`. `enabled` is the preset's default where nobody says otherwise: to filter, and to hold results to
    /// the default budget; or neither, as it suits a gateway whose clients are gateways that do.
    #[must_use]
    pub fn compile(snapshot: &Snapshot, enabled: bool) -> Self {
        let profiles: HashMap<&Name, _> = snapshot.profiles().collect();
        let project = |spec: &ProjectSpec| {
            let mut by_server: HashMap<Name, RelevanceSettings> = HashMap::new();
            for profile in spec.profiles.iter().filter_map(|name| profiles.get(name)) {
                let settings = by_server.entry(profile.server.clone()).or_insert_with(|| spec.relevance.clone());
                *settings = settings.or(&profile.relevance);
            }
            by_server
        };
        let budget_tokens = (!enabled).then_some(0);
        Self {
            servers: snapshot.servers().map(|(name, spec)| (name.clone(), spec.clone())).collect(),
            projects: snapshot.projects().map(|(name, spec)| (name.to_string(), project(spec))).collect(),
            preset: RelevanceSettings { enabled: Some(enabled), budget_tokens, ..RelevanceSettings::default() },
        }
    }

    /// How results of the tool `target` are treated when called through `project`: a project's word wins over a profile's,
    /// that over the tool's, that over the server's. `enabled` is whether they are filtered. None: they are left alone.
    #[must_use]
    pub fn of_tool(&self, project: Option<&str>, target: &Target) -> Option<Relevance> {
        let server = self.servers.get(&target.server).filter(|_| !target.connects)?;
        let mut relevance = self.resolve(project, &target.server, &server.relevance_of(&target.name));
        let class = server.class_of(&target.name);
        relevance.enabled &= !matches!(class, ToolClass::Write | ToolClass::Destructive);
        Some(relevance)
    }

    /// Whether any result of `project` may be shortened: without a project, of any server.
    #[must_use]
    pub fn shortens(&self, project: Option<&str>) -> bool {
        let through = project.map(|name| self.projects.get(name));
        let met = |name: &&Name| through.is_none_or(|by_server| by_server.is_some_and(|by| by.contains_key(*name)));
        self.servers.iter().filter(|(name, _)| met(name)).any(|(name, spec)| {
            let of_tools = spec.tools.iter().map(|rule| rule.relevance.or(&spec.relevance));
            let mut all = of_tools.chain([spec.relevance.clone()]);
            all.any(|own| {
                let relevance = self.resolve(project, name, &own);
                relevance.enabled || relevance.budget_tokens > 0
            })
        })
    }

    /// The settings `own` of a server or its tool, seen through `project`.
    fn resolve(&self, project: Option<&str>, server: &Name, own: &RelevanceSettings) -> Relevance {
        let through = project.and_then(|name| self.projects.get(name)).and_then(|by| by.get(server));
        let settings = through.map_or_else(|| own.clone(), |narrow| narrow.or(own));
        settings.or(&self.preset).resolve()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;

    fn policy(enabled: bool) -> RelevancePolicy {
        let transport = json!({"type": "stdio", "command": "x"});
        let tools = json!([{"tool": "post", "class": "write"},
            {"tool": "dump", "class": "read", "relevance": {"max_records": 6, "budget_tokens": 0}}]);
        let objects = json!([
            {"kind": "server", "name": "slack", "spec": {"transport": transport, "tools": tools,
                "relevance": {"max_records": 7, "min_records": 1}}},
            {"kind": "server", "name": "jira", "spec": {"transport": transport}},
            {"kind": "profile", "name": "p", "spec": {"server": "slack", "relevance": {"max_records": 8}}},
            {"kind": "profile", "name": "plain", "spec": {"server": "slack"}},
            {"kind": "project", "name": "a", "spec": {"profiles": ["p"], "relevance": {"max_records": 9}}},
            {"kind": "project", "name": "b", "spec": {"profiles": ["p"]}},
            {"kind": "project", "name": "c", "spec": {"profiles": ["plain"], "relevance": {"budget_tokens": 70}}},
            {"kind": "project", "name": "off", "spec": {"profiles": ["p"],
                "relevance": {"enabled": false, "budget_tokens": 0}}},
        ]);
        RelevancePolicy::compile(&testing::snapshot(objects), enabled)
    }

    fn check(project: Option<&str>, tool: &str, enabled: bool) -> Relevance {
        policy(enabled).of_tool(project, &Target::new("slack".parse().unwrap(), tool)).unwrap()
    }

    #[test]
    fn project_wins_over_profile_wins_over_tool_wins_over_server() {
        let records = |project, tool| check(project, tool, true).max_records;
        assert_eq!((records(Some("a"), "get"), records(Some("a"), "dump")), (9, 9));
        assert_eq!((records(Some("b"), "get"), records(Some("b"), "dump")), (8, 8));
        assert_eq!((records(Some("c"), "get"), records(Some("c"), "dump")), (7, 6));
        assert_eq!((records(None, "get"), records(None, "dump")), (7, 6));
    }

    #[test]
    fn every_tool_has_a_budget_unless_a_place_says_otherwise() {
        let budget = |project, tool, enabled| check(project, tool, enabled).budget_tokens;
        let default = Relevance::default().budget_tokens;
        assert_eq!((budget(None, "get", true), budget(None, "post", true)), (default, default));
        assert_eq!((budget(None, "dump", true), budget(Some("c"), "dump", true)), (0, 70));
        assert_eq!((budget(None, "get", false), budget(Some("c"), "get", false)), (0, 70));
    }

    #[test]
    fn the_gateways_own_tools_and_strangers_are_left_alone() {
        let connecting = Target::connecting("slack".parse().unwrap(), "t");
        assert!(policy(true).of_tool(None, &connecting).is_none());
        assert!(policy(true).of_tool(None, &Target::new("git".parse().unwrap(), "log")).is_none());
    }

    #[test]
    fn writes_and_switched_off_places_are_not_filtered() {
        assert!(check(Some("a"), "get", true).enabled);
        assert!(!check(Some("a"), "post", true).enabled);
        assert!(!check(Some("off"), "get", true).enabled);
        assert!(!check(Some("a"), "get", false).enabled);
    }

    #[test]
    fn a_project_shortens_results_if_any_tool_of_it_may() {
        let shortens = |project, enabled| policy(enabled).shortens(project);
        assert!(shortens(Some("a"), true) && shortens(None, true) && shortens(Some("c"), false));
        assert!(!shortens(Some("off"), true) && !shortens(Some("nowhere"), true));
        assert!(!shortens(Some("a"), false) && !shortens(None, false));
    }
}
