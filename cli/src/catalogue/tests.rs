//! What has to be true of every file of the catalogue.

use super::*;
use control_plane_api::{
    secret::Secret,
    server::{ServerSpec, Transport},
};
use std::collections::{BTreeMap, BTreeSet};

fn spec(id: &str) -> ServerSpec {
    let definition = find(id).unwrap().unwrap();
    ServerSpec {
        description: definition.description.clone(),
        tools: rules(&definition),
        ..ServerSpec::new(Transport::Http { url: String::new(), headers: BTreeMap::new(), sse: false })
    }
}

fn check(id: &str, class: ToolClass, tools: &[&str]) {
    let spec = spec(id);
    for tool in tools {
        assert_eq!(spec.class_of(tool), class, "{id} {tool}");
    }
}

fn choices() -> Vec<Choice> {
    let all = all().unwrap();
    let choices = |definition: &Definition| {
        let ids = definition.variants().into_iter().map(|variant| variant.id);
        ids.map(|id| Choice::new(definition.clone(), Some(&id)).unwrap()).collect::<Vec<_>>()
    };
    all.iter().flat_map(choices).collect()
}

#[test]
fn every_file_holds_only_what_is_known() {
    for source in SOURCES {
        let mut ignored = Vec::new();
        let reader = &mut serde_json::Deserializer::from_str(source);
        let definition: Definition = serde_ignored::deserialize(reader, |path| ignored.push(path.to_string())).unwrap();
        assert_eq!(ignored, ["$schema"], "{}", definition.id());
        let raw: serde_json::Value = serde_json::from_str(source).unwrap();
        assert!(raw["$schema"].as_str().unwrap().contains("/2025-12-11/"), "{}", definition.id());
        assert!(definition.description.len() <= 100, "{}: registries take no longer one", definition.id());
        assert!(definition.website_url.as_deref().unwrap().starts_with("https://"), "{}", definition.id());
    }
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalogue")).unwrap();
    let files = files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "json")).count();
    assert_eq!(files, SOURCES.len(), "a file is not among the sources");
}

#[test]
fn every_variant_says_how_it_is_reached_and_what_it_needs() {
    let mut ids = BTreeSet::new();
    for choice in choices() {
        let (id, variant) = (choice.definition.id().to_owned(), &choice.variant);
        let at = format!("{id} {}", variant.id);
        assert!(ids.insert(at.clone()), "{at} is there twice");
        assert_eq!(choice.packages().count(), variant.packages.len(), "{at}");
        assert!((choice.packages().count() > 0) != choice.remote().is_some(), "{at} is run here or elsewhere");
        assert!(!variant.description.is_empty() && !variant.hint.is_empty() && !variant.scopes.is_empty(), "{at}");
        for package in choice.packages() {
            assert!(package.launcher().is_some(), "{at} cannot be started");
            let tagged = package.identifier.contains(':') || package.registry_type == "oci";
            assert!(package.version.is_some() || tagged, "{at} is whatever is newest");
        }
        for input in choice.inputs() {
            assert!(!input.description.is_empty(), "{at} {}", input.name);
            assert!(input.default.as_deref().is_none_or(|default| input.refuses(default).is_none()), "{at}");
            assert!(!(input.secret && matches!(input.place, Place::Argument | Place::Url)), "{at} {}", input.name);
        }
        for probe in &variant.probes {
            assert_eq!(spec(&id).class_of(&probe.tool), ToolClass::Read, "{at} is probed by {}", probe.tool);
        }
    }
    for definition in all().unwrap() {
        let used: BTreeSet<usize> = definition.variants().iter().flat_map(|v| v.packages.clone()).collect();
        assert_eq!(used.len(), definition.packages.len(), "{}: a package of no variant", definition.id());
        let names: BTreeSet<String> = {
            let ids = definition.variants().into_iter().map(|variant| variant.id);
            let inputs = |id: String| Choice::new(definition.clone(), Some(&id)).unwrap().inputs();
            ids.flat_map(inputs).map(|input| input.name).collect()
        };
        for name in definition.extension().inputs.keys() {
            assert!(names.contains(name), "{}: {name} is no input", definition.id());
        }
    }
}

#[test]
fn every_variant_of_slack_is_classed() {
    let class = ToolClass::Read;
    check("slack", class, &["conversations_history", "channels_list", "users_search", "conversations_unreads"]);
    check("slack", class, &["slack_get_channel_history", "slack_list_channels", "slack_get_thread_replies"]);
    check("slack", class, &["slack_get_messages", "slack_search_messages", "slack_get_thread", "slack_get_users"]);
    check("slack", class, &["slack_search_public", "slack_read_thread"]);
    check("slack", ToolClass::Write, &["conversations_add_message", "slack_post_message", "slack_add_reaction"]);
    check("slack", ToolClass::Write, &["slack_send_message", "usergroups_me", "conversations_mark"]);
    check("slack", ToolClass::Destructive, &["usergroups_users_update"]);
    check("slack", ToolClass::Unknown, &["slack_delete_everything", "conversations_new"]);
}

#[test]
fn readers_are_named_one_by_one_so_that_a_new_tool_is_unknown() {
    for definition in all().unwrap() {
        let id = definition.id();
        let tools = definition.extension().tools;
        let all = || tools.read.iter().chain(&tools.write).chain(&tools.destructive);
        assert!(all().all(|name| !name.contains('*')), "{id}");
        assert_eq!(all().collect::<BTreeSet<_>>().len(), all().count(), "{id}: a tool is in two classes");
        for name in tools.large.iter().chain(&tools.whole) {
            assert!(tools.read.contains(name), "{id}: {name} is no reader");
        }
        assert!(tools.large.iter().all(|name| !tools.whole.contains(name)), "{id}");
        let flow = &tools.flow;
        for pattern in flow.untrusted.iter().chain(&flow.private).chain(&flow.public) {
            let pattern = Pattern::from(pattern.as_str());
            assert!(all().any(|name| pattern.matches(name)), "{id}: no tool is marked by {pattern}");
        }
    }
    check("jira", ToolClass::Read, &["jira_search", "jira_get_issue", "jira_get_all_projects", "confluence_search"]);
    check("jira", ToolClass::Write, &["jira_create_issue", "jira_add_comment", "jira_transition_issue"]);
    check("jira", ToolClass::Write, &["jira_batch_create_issues", "confluence_create_page"]);
    check("jira", ToolClass::Destructive, &["jira_delete_issue", "confluence_delete_page"]);
    check("jira", ToolClass::Unknown, &["jira_get_and_purge"]);
    check("github", ToolClass::Read, &["issue_read", "list_commits", "get_pull_request_files"]);
    check("github", ToolClass::Destructive, &["delete_repository", "merge_pull_request"]);
    check("terraform", ToolClass::Read, &["list_variable_sets", "moduleSearch", "get_plan_logs"]);
    check("terraform", ToolClass::Destructive, &["action_run", "force_unlock_workspace"]);
}

#[test]
fn the_hints_of_servers_that_mislead_are_not_followed() {
    // Published as destructive, because they are POST requests.
    check("notion", ToolClass::Read, &["API-post-search", "API-query-data-source"]);
    // Published as readers; what they show cannot be taken back.
    check("everything", ToolClass::Destructive, &["get-env"]);
    check("kubernetes", ToolClass::Destructive, &["configuration_view"]);
}

#[test]
fn what_an_argument_narrows_is_above_what_it_narrows_it_to() {
    for definition in all().unwrap() {
        for tool in definition.extension().multiplexed {
            let class = spec(definition.id()).class_of(&tool.tool);
            let at = format!("{} {}", definition.id(), tool.tool);
            assert!(tool.read.is_empty() || class > ToolClass::Read, "{at}");
            assert!(tool.write.is_empty() || class == ToolClass::Destructive, "{at}");
            assert!(!tool.read.is_empty() || !tool.write.is_empty(), "{at}");
        }
    }
}

#[test]
fn a_package_becomes_a_command() {
    let program = |id: &str, variant: Option<&str>, answers: &[(&str, &str)], variables: &[&str]| {
        let mut choice = Choice::new(find(id).unwrap().unwrap(), variant).unwrap();
        choice.variant.binary = None;
        let values = answers.iter().map(|(k, v)| ((*k).to_owned(), Secret::new((*v).to_owned()))).collect();
        let answers = Answers { values, ..Answers::default() };
        let variables: Vec<String> = variables.iter().map(|v| (*v).to_owned()).collect();
        let program = choice.program(&answers, &variables, &choice.variant.read_only).unwrap();
        [vec![program.command], program.args].concat().join(" ")
    };
    assert_eq!(program("slack", None, &[], &[]), "npx -y slack-mcp-server@1.3.0 --transport stdio");
    assert_eq!(program("slack", Some("reference"), &[], &[]), "npx -y @modelcontextprotocol/server-slack@2025.4.25");
    assert_eq!(program("jira", None, &[], &[]), "uvx mcp-atlassian@0.23.1");
    assert_eq!(
        program("github", None, &[], &["GITHUB_PERSONAL_ACCESS_TOKEN"]),
        "docker run -i --rm -e GITHUB_PERSONAL_ACCESS_TOKEN ghcr.io/github/github-mcp-server stdio"
    );
    assert_eq!(program("kubernetes", None, &[], &[]), "npx -y kubernetes-mcp-server@0.0.67 --read-only");
    let folders = [("directory", "/srv/a\n/srv/b")];
    assert_eq!(
        program("filesystem", None, &folders, &[]),
        "npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /srv/a /srv/b"
    );
    assert_eq!(
        program("playwright", None, &[("browser", "firefox")], &[]),
        "npx -y @playwright/mcp@0.0.83 --headless --isolated --browser firefox"
    );
}

#[test]
fn a_slip_in_the_name_is_recognised() {
    assert_eq!(unknown("slak").hint.as_deref(), Some("did you mean `slack`?"));
    assert!(unknown("wiki").hint.unwrap().contains("--command"));
    let slip = Choice::new(find("slack").unwrap().unwrap(), Some("refrence")).unwrap_err();
    assert_eq!(slip.hint.as_deref(), Some("did you mean `reference`?"));
}
