//! `mcpctl tools`: the tools the gateways found, or those a project grants; what changed of them, and approving it.

mod approve;
mod describe;
mod found;
mod rank;
mod search;

use super::show::limited;
use crate::{
    Invocation,
    args::tools::Command,
    client::Client,
    failure::Failure,
    grants,
    output::{Report, Table},
};
use control_plane_api::{
    gateway::{GatewaySummary, ToolStatus},
    name::Name,
    object::Named,
    pin::Quarantine,
    profile::ProfileSpec,
    project::ProjectSpec,
    server::{ServerSpec, ToolClass},
};
use serde::Serialize;

/// Runs one of the tool commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    let client = invocation.client()?;
    match command {
        Command::List { project, limit } => {
            let tools = all(project.as_ref(), &client).await?.1;
            invocation.output.report(&Tools(limited(tools, limit, invocation.output)))
        }
        Command::Search(args) => search::run(args, &client, invocation.output).await,
        Command::Describe { name, server } => describe::run(&name, server.as_ref(), &client, invocation.output).await,
        Command::Approve(args) => approve::run(args, &client, invocation.output).await,
    }
}

/// The tools that gateways found, or those that `project` grants, and what the gateways report.
async fn all(project: Option<&Name>, client: &Client) -> Result<(Vec<GatewaySummary>, Vec<Tool>), Failure> {
    let gateways = client.serving_gateways().await?;
    let tools = match project {
        Some(project) => granted_by(project, &gateways, client).await?,
        None => {
            let servers = client.names::<ServerSpec>().await?;
            servers.iter().flat_map(|server| offered(server, &gateways)).collect()
        }
    };
    Ok((gateways, tools))
}

fn offered(server: &Name, gateways: &[GatewaySummary]) -> Vec<Tool> {
    let status = grants::status_of(gateways, server);
    status.map(|status| status.tools.iter().map(|tool| Tool::new(server, tool, gateways)).collect()).unwrap_or_default()
}

async fn granted_by(project: &Name, gateways: &[GatewaySummary], client: &Client) -> Result<Vec<Tool>, Failure> {
    let project = client.existing::<ProjectSpec>(project).await?;
    let mut profiles = client.objects::<ProfileSpec>().await?;
    profiles.retain(|profile| project.spec.profiles.contains(&profile.name));
    let mut servers: Vec<&Name> = profiles.iter().map(|profile| &profile.spec.server).collect();
    servers.sort();
    servers.dedup();
    let mut tools = Vec::new();
    for server in servers {
        let of_server: Vec<&Named<ProfileSpec>> = profiles.iter().filter(|p| p.spec.server == *server).collect();
        let Some(status) = grants::status_of(gateways, server) else { continue };
        let granted = grants::granted(&of_server, &status.tools);
        tools.extend(granted.into_iter().map(|tool| Tool::new(server, tool, gateways)));
    }
    Ok(tools)
}

#[derive(Serialize)]
struct Tool {
    name: String,
    server: Name,
    class: ToolClass,
    own_name: String,
    state: &'static str,
}

impl Tool {
    fn new(server: &Name, tool: &ToolStatus, gateways: &[GatewaySummary]) -> Self {
        Self {
            name: tool.exposed.clone(),
            server: server.clone(),
            class: tool.class,
            own_name: tool.name.clone(),
            state: state(tool, &found::quarantines(gateways, server, &tool.name)),
        }
    }
}

/// The word for whether a tool is offered, and if not, whether somebody can approve it.
fn state(tool: &ToolStatus, quarantines: &[&Quarantine]) -> &'static str {
    match (quarantines, tool.offered) {
        ([], true) => "trusted",
        ([], false) => "unusable",
        _ => "quarantined",
    }
}

#[derive(Serialize)]
struct Tools(Vec<Tool>);

impl Report for Tools {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["NAME", "SERVER", "CLASS", "STATE"].into_iter().chain(wide.then_some("OWN-NAME")));
        for tool in &self.0 {
            let row = [tool.name.clone(), tool.server.to_string(), tool.class.to_string(), tool.state.to_owned()];
            table.row(row.into_iter().chain(wide.then(|| tool.own_name.clone())));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|tool| tool.name.clone()).collect()
    }
}
