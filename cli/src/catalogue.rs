//! The servers mcpctl knows: how each is launched, what it must be given, and what its tools do.
//!
//! Definitions are data in `catalogue/*.json`, in the vocabulary of the MCP registry's `server.json` (schema
//! 2025-12-11) with our additions under `_meta`. A new server is a new file. It knows neither prompts nor the control
//! plane.

mod choice;
mod compose;
mod definition;
mod extension;
mod input;
mod subjects;
#[cfg(test)]
mod tests;

pub(crate) use choice::Choice;
pub(crate) use compose::{Answers, Setting};
pub(crate) use definition::{Definition, Package, Parameter, Remote};
pub(crate) use extension::{Multiplexed, Route, Switches};
pub(crate) use input::{Input, Place};
pub(crate) use subjects::limited;

use crate::{failure::Failure, suggest};
use control_plane_api::{
    pattern::Pattern,
    server::{Probe, ToolClass, ToolRule},
};

const SOURCES: [&str; 17] = [
    include_str!("catalogue/slack.json"),
    include_str!("catalogue/jira.json"),
    include_str!("catalogue/github.json"),
    include_str!("catalogue/terraform.json"),
    include_str!("catalogue/airflow.json"),
    include_str!("catalogue/dbt.json"),
    include_str!("catalogue/everything.json"),
    include_str!("catalogue/fetch.json"),
    include_str!("catalogue/filesystem.json"),
    include_str!("catalogue/git.json"),
    include_str!("catalogue/grafana.json"),
    include_str!("catalogue/kubernetes.json"),
    include_str!("catalogue/memory.json"),
    include_str!("catalogue/notion.json"),
    include_str!("catalogue/playwright.json"),
    include_str!("catalogue/sentry.json"),
    include_str!("catalogue/time.json"),
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
            "the catalogue has {}; for any other server add `--command CMD` or `--url URL`, or look in a registry with `--from-registry {id}`",
            ids.join(", ")
        )),
    }
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
    let tools = definition.extension().tools;
    let classed = [
        (&tools.destructive, ToolClass::Destructive),
        (&tools.write, ToolClass::Write),
        (&tools.read, ToolClass::Read),
    ];
    let rule = |name: &String, class| ToolRule {
        tool: Pattern::from(name.as_str()),
        class,
        flow: tools.flow.of(name),
        relevance: tools.relevance_of(name),
    };
    classed.into_iter().flat_map(|(names, class)| names.iter().map(move |name| rule(name, class))).collect()
}

/// The calls that show whether the credential of `choice` is good, given `answers`.
pub(crate) fn probes(choice: &Choice, answers: &Answers) -> Vec<Probe> {
    let probes = choice.variant.probes.iter();
    let wanted = probes.filter(|probe| probe.needs.as_ref().is_none_or(|input| answers.values.contains_key(input)));
    wanted
        .map(|probe| Probe {
            tool: probe.tool.clone(),
            arguments: probe.arguments.clone(),
            expects: probe.expects.clone(),
        })
        .collect()
}
