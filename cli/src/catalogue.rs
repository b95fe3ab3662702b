//! The servers mcpctl knows: how each is launched, what it must be given, and what its tools do.
//!
//! Definitions are data in `catalogue/*.json`, in the vocabulary of the MCP registry's `server.json` (schema
//! 2025-12-11) with our additions under `_meta`. A new server is a new file. It knows neither prompts nor the control
//! plane.

mod definition;
mod subjects;

pub(crate) use definition::{Definition, Input, Route};
pub(crate) use subjects::limited;

use crate::{failure::Failure, processes::in_path, suggest};
use control_plane_api::{
    pattern::Pattern,
    relevance::RelevanceSettings,
    server::{ToolClass, ToolRule},
};

const SOURCES: [&str; 4] = [
    include_str!("catalogue/slack.json"),
    include_str!("catalogue/jira.json"),
    include_str!("catalogue/github.json"),
    include_str!("catalogue/terraform.json"),
];

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
}

/// Every definition.
pub(crate) fn all() -> Result<Vec<Definition>, Failure> {
    let read =
        |text: &&str| serde_json::from_str(text).map_err(|e| Failure::failed(format!("the catalogue is damaged: {e}")));
    SOURCES.iter().map(read).collect()
}

/// The definition called `id`.
pub(crate) fn find(id: &str) -> Result<Option<Definition>, Failure> {
    Ok(all()?.into_iter().find(|definition| definition.id() == id))
}

/// There is no definition called `id`.
pub(crate) fn unknown(id: &str) -> Failure {
    let ids: Vec<String> = all().unwrap_or_default().iter().map(|d| d.id().to_owned()).collect();
    let failure = Failure::not_found(format!("`{id}` is not in the catalogue"));
    match suggest::closest(id, ids.iter().map(String::as_str)) {
        Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
        None => failure.hint(format!(
            "the catalogue has {}; for any other server add `--command CMD` or `--url URL`",
            ids.join(", ")
        )),
    }
}

/// The program that starts `definition` here: its own binary where that is installed, else the first package whose
/// launcher is, else the first package. `variables` are the names a container must be passed.
pub(crate) fn program(definition: &Definition, variables: &[String]) -> Result<Program, Failure> {
    if let Some(binary) = &definition.extension().binary
        && in_path(&binary.command).is_some()
    {
        return Ok(Program { command: binary.command.clone(), args: binary.args.clone() });
    }
    let packages = || definition.packages.iter().filter_map(|package| package.program(variables));
    packages()
        .find(|program| in_path(&program.command).is_some())
        .or_else(|| packages().next())
        .ok_or_else(|| Failure::failed(format!("the catalogue does not say how to start `{}`", definition.id())))
}

/// What to install when a launcher is missing.
pub(crate) fn launcher_hint(command: &str) -> Option<&'static str> {
    match command {
        "npx" => Some("install Node.js 22 or newer, which brings `npx`"),
        "uvx" => Some("install uv, which brings `uvx`: https://docs.astral.sh/uv/"),
        "docker" => Some("install Docker, or name another program with `--command`"),
        _ => None,
    }
}

/// The curated classes of the tools of `definition`: what must not happen by accident is matched first.
pub(crate) fn rules(definition: &Definition) -> Vec<ToolRule> {
    let tools = &definition.extension().tools;
    let classed = [
        (&tools.destructive, ToolClass::Destructive),
        (&tools.write, ToolClass::Write),
        (&tools.read, ToolClass::Read),
    ];
    let rule = |name: &String, class| ToolRule {
        tool: Pattern::from(name.as_str()),
        class,
        flow: definition.extension().tools.flow.of(name),
        relevance: RelevanceSettings::default(),
    };
    classed.into_iter().flat_map(|(names, class)| names.iter().map(move |name| rule(name, class))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::server::{ServerSpec, Transport};

    fn spec(id: &str) -> ServerSpec {
        let definition = find(id).unwrap().unwrap();
        ServerSpec {
            description: definition.description.clone(),
            tools: rules(&definition),
            ..ServerSpec::new(Transport::Http {
                url: String::new(),
                headers: std::collections::BTreeMap::new(),
                sse: false,
            })
        }
    }

    fn check(id: &str, class: ToolClass, tools: &[&str]) {
        let spec = spec(id);
        for tool in tools {
            assert_eq!(spec.class_of(tool), class, "{id} {tool}");
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
        for id in ["slack", "jira", "github", "terraform"] {
            let definition = find(id).unwrap().unwrap();
            let tools = &definition.extension().tools;
            assert!(tools.read.iter().all(|name| !name.contains('*')), "{id}");
            let spec = spec(id);
            for (names, class) in [(&tools.read, ToolClass::Read), (&tools.destructive, ToolClass::Destructive)] {
                names.iter().for_each(|name| assert_eq!(spec.class_of(name), class, "{id} {name} is shadowed"));
            }
        }
        check(
            "jira",
            ToolClass::Read,
            &["jira_search", "jira_get_issue", "jira_get_all_projects", "confluence_search"],
        );
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
    fn a_package_becomes_a_command() {
        let program = |id: &str, variables: &[&str]| {
            let definition = find(id).unwrap().unwrap();
            let variables: Vec<String> = variables.iter().map(|v| (*v).to_owned()).collect();
            let program = definition.packages[0].program(&variables).unwrap();
            [vec![program.command], program.args].concat().join(" ")
        };
        assert_eq!(program("slack", &[]), "npx -y slack-mcp-server@1.3.0 --transport stdio");
        assert_eq!(program("jira", &[]), "uvx mcp-atlassian@0.23.1");
        assert_eq!(
            program("github", &["GITHUB_PERSONAL_ACCESS_TOKEN"]),
            "docker run -i --rm -e GITHUB_PERSONAL_ACCESS_TOKEN ghcr.io/github/github-mcp-server stdio"
        );
    }

    #[test]
    fn a_slip_in_the_name_is_recognised() {
        assert_eq!(unknown("slak").hint.as_deref(), Some("did you mean `slack`?"));
        assert!(unknown("wiki").hint.unwrap().contains("--command"));
    }
}
