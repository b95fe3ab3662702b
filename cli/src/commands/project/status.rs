//! `mcpctl project status`: profiles, the state of their servers, and how many tools the project grants.

use crate::{
    client::Client,
    failure::Failure,
    grants,
    output::{Output, Report, Table},
};
use control_plane_api::{
    gateway::{ConfigState, GatewaySummary, ServerState},
    name::Name,
    object::Named,
    profile::{AccessLevel, ProfileSpec},
    project::ProjectSpec,
};
use serde::Serialize;

/// Prints the status of project `name`.
pub(crate) async fn run(name: &Name, client: &Client, output: Output) -> Result<(), Failure> {
    let project = client.existing::<ProjectSpec>(name).await?;
    let profiles = client.objects::<ProfileSpec>().await?;
    let gateways = client.serving_gateways().await?;
    output.report(&Status::new(&project, &profiles, &gateways))
}

#[derive(Serialize)]
struct Status {
    name: Name,
    profiles: Vec<ProfileStatus>,
    members: Vec<Name>,
    tools_granted: usize,
    gateways: Vec<GatewayRevision>,
}

#[derive(Serialize)]
struct ProfileStatus {
    name: Name,
    server: Name,
    access: AccessLevel,
    state: Option<ServerState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    tools_granted: usize,
    tools_offered: usize,
}

#[derive(Serialize)]
struct GatewayRevision {
    name: Name,
    revision: Option<u64>,
}

impl Status {
    fn new(project: &Named<ProjectSpec>, profiles: &[Named<ProfileSpec>], gateways: &[GatewaySummary]) -> Self {
        let used: Vec<&Named<ProfileSpec>> =
            project.spec.profiles.iter().filter_map(|name| profiles.iter().find(|p| p.name == *name)).collect();
        let status = |profile: &&Named<ProfileSpec>| {
            let server = grants::status_of(gateways, &profile.spec.server);
            let offered = server.map(|s| s.tools.as_slice()).unwrap_or_default();
            ProfileStatus {
                name: profile.name.clone(),
                server: profile.spec.server.clone(),
                access: profile.spec.access,
                state: server.map(|s| s.state),
                error: server.and_then(|s| s.error.clone()),
                tools_granted: grants::granted(&[*profile], offered).len(),
                tools_offered: offered.len(),
            }
        };
        Self {
            name: project.name.clone(),
            profiles: used.iter().map(status).collect(),
            members: project.spec.members.clone(),
            tools_granted: tools_of(&used, gateways),
            gateways: gateways.iter().map(revision_of).collect(),
        }
    }
}

/// Tools the profiles grant together: two profiles about one server grant what either grants and neither denies.
fn tools_of(used: &[&Named<ProfileSpec>], gateways: &[GatewaySummary]) -> usize {
    let mut servers: Vec<&Name> = used.iter().map(|profile| &profile.spec.server).collect();
    servers.sort();
    servers.dedup();
    let of_server = |server: &&Name| {
        let of: Vec<&Named<ProfileSpec>> = used.iter().copied().filter(|p| p.spec.server == **server).collect();
        grants::status_of(gateways, server).map_or(0, |status| grants::granted(&of, &status.tools).len())
    };
    servers.iter().map(of_server).sum()
}

fn revision_of(gateway: &GatewaySummary) -> GatewayRevision {
    let revision = gateway.status.as_ref().map(|status| match status.config {
        ConfigState::Applied { revision } | ConfigState::Rejected { in_force: revision, .. } => revision,
    });
    GatewayRevision { name: gateway.name.clone(), revision }
}

impl Report for Status {
    fn table(&self, wide: bool) -> Table {
        let headings = ["PROFILE", "SERVER", "ACCESS", "STATE", "TOOLS"];
        let mut table = Table::new(headings.into_iter().chain(wide.then_some("ERROR")));
        for profile in &self.profiles {
            let row = [
                profile.name.to_string(),
                profile.server.to_string(),
                grants::access(profile.access).to_owned(),
                profile.state.map_or("unreported", grants::state).to_owned(),
                format!("{}/{}", profile.tools_granted, profile.tools_offered),
            ];
            table.row(row.into_iter().chain(wide.then(|| profile.error.clone().unwrap_or_default())));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.to_string()]
    }
}
