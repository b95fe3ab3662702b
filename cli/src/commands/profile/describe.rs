//! `mcpctl profile describe`: what a profile grants, tool by tool, and which rule says so.

use crate::{
    client::Client,
    failure::Failure,
    grants::{self, Verdict},
    output::{Output, Report, Table},
};
use control_plane_api::{
    gateway::{ServerStatus, ToolStatus},
    name::Name,
    object::{Kind, Named},
    profile::ProfileSpec,
    server::ToolClass,
};
use serde::Serialize;

/// Prints profile `name`.
pub(crate) async fn run(name: &Name, client: &Client, output: Output) -> Result<(), Failure> {
    let profile = client.existing::<ProfileSpec>(name).await?;
    let gateways = client.serving_gateways().await?;
    let status = grants::status_of(&gateways, &profile.spec.server);
    if !output.is_structured() {
        output.note(summary(&profile, status));
    }
    output.report(&Description::new(profile, status))
}

fn summary(profile: &Named<ProfileSpec>, status: Option<&ServerStatus>) -> String {
    let spec = &profile.spec;
    let found = match status {
        Some(status) if !status.tools.is_empty() => "its tools, as a gateway found them:".to_owned(),
        Some(status) => format!("no tools known: the server is {}", grants::state(status.state)),
        None => "no tools known: no gateway reports the server".to_owned(),
    };
    format!("{}: server {}, access {}; {found}", profile.name, spec.server, grants::access(spec.access))
}

/// A profile, and what it comes to.
#[derive(Serialize)]
struct Description {
    kind: Kind,
    #[serde(flatten)]
    profile: Named<ProfileSpec>,
    tools: Vec<ToolVerdict>,
}

#[derive(Serialize)]
struct ToolVerdict {
    name: String,
    exposed: String,
    class: ToolClass,
    #[serde(flatten)]
    verdict: Verdict,
    /// What the server says of itself; never decisive.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only_hint: Option<bool>,
}

impl Description {
    fn new(profile: Named<ProfileSpec>, status: Option<&ServerStatus>) -> Self {
        let verdict = |tool: &ToolStatus| ToolVerdict {
            name: tool.name.clone(),
            exposed: tool.exposed.clone(),
            class: tool.class,
            verdict: grants::judge(&profile, &tool.name, tool.class),
            read_only_hint: tool.read_only_hint,
        };
        let tools = status.map(|status| status.tools.iter().map(verdict).collect()).unwrap_or_default();
        Self { kind: Kind::Profile, profile, tools }
    }
}

impl Report for Description {
    fn table(&self, wide: bool) -> Table {
        let headings = ["TOOL", "CLASS", "GRANTED"].into_iter();
        let more = wide.then_some(["EXPOSED", "HINT"]).into_iter().flatten();
        let mut table = Table::new(headings.chain(more).chain(["BECAUSE"]));
        for tool in &self.tools {
            let granted = if tool.verdict.granted { "yes" } else { "no" };
            let row = [tool.name.clone(), tool.class.to_string(), granted.to_owned()];
            let hint = || tool.read_only_hint.map_or(String::new(), |hint| format!("readOnlyHint={hint}"));
            let more = || [tool.exposed.clone(), hint()];
            let more = wide.then(more).into_iter().flatten();
            table.row(row.into_iter().chain(more).chain([tool.verdict.because.clone()]));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.tools.iter().filter(|tool| tool.verdict.granted).map(|tool| tool.name.clone()).collect()
    }
}
