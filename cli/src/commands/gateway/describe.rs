//! `mcpctl gateway describe`: everything a gateway reports, and what is wrong with it.

use super::row::Row;
use crate::{
    client::Client,
    failure::Failure,
    grants,
    output::{Output, Report, Table, age},
};
use control_plane_api::{
    gateway::{ConfigState, GatewayStatus, ModelState, ServerStatus, Skew},
    name::Name,
};
use serde::Serialize;

/// Prints gateway `name`; a version that does not fit is said beside it.
pub(super) async fn run(name: &Name, client: &Client, output: Output) -> Result<(), Failure> {
    let plane = client.status().await?;
    let row = Row::of(client.existing_gateway(name).await?, &plane);
    if let (Some(skew), Some(status)) = (row.skew, &row.gateway.status) {
        warn(skew, (&status.version, &plane.version), output);
    }
    output.report(&Described { row, newest: plane.revision })
}

fn warn(skew: Skew, (gateway, plane): (&str, &str), output: Output) {
    let supported = "a gateway may have the same minor version as mcpd, or the one before";
    match skew {
        Skew::None => {}
        Skew::Supported => {
            output.note(format!("the gateway is {gateway} and mcpd {plane}, which go together: {supported}"))
        }
        Skew::Unsupported => output
            .warn(format!("the gateway is {gateway} and mcpd {plane}, which are not tested together: {supported}")),
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Described {
    row: Row,
    #[serde(skip)]
    newest: u64,
}

impl Report for Described {
    fn table(&self, wide: bool) -> Table {
        let (row, gateway) = (&self.row, &self.row.gateway);
        let mut table = Table::pairs();
        table.pair("Name", &gateway.name);
        table.pair("State", row.state);
        table.pair("Enrolled", format!("{} ({} ago)", gateway.enrolled_at, age::since(gateway.enrolled_at)));
        table.pair(
            "Seen",
            gateway.seen_at.map_or("never".to_owned(), |seen| format!("{seen} ({} ago)", age::since(seen))),
        );
        if let Some(since) = gateway.drained_at {
            table.pair("Drained since", since);
        }
        if let Some(status) = &gateway.status {
            self.reported(status, wide, &mut table);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.row.gateway.name.to_string()]
    }
}

impl Described {
    fn reported(&self, status: &GatewayStatus, wide: bool, table: &mut Table) {
        table.pair("Role", status.role);
        table.pair("URL", &status.listen_url);
        table.pair("Version", self.row.version());
        table.pair("Started", format!("{} ({} ago)", status.started_at, age::since(status.started_at)));
        table.pair("Revision", format!("{} of {}", status.config.in_force(), self.newest));
        if let ConfigState::Rejected { revision, violations, .. } = &status.config {
            table.pair("Rejected", format!("revision {revision}"));
            for violation in violations {
                table.pair("Violation", violation);
            }
        }
        table.pair("In flight", status.in_flight);
        table.pair("Audit backlog", status.audit_backlog);
        table.pair("Model", model(&status.model));
        for server in &status.servers {
            table.pair(&format!("Server {}", server.name), told(server, wide));
        }
    }
}

fn model(model: &ModelState) -> String {
    match model {
        ModelState::Loaded { name } => name.clone(),
        ModelState::Missing { reason } => format!("missing: {reason}"),
        ModelState::Unused => "unused".to_owned(),
    }
}

/// A server in one line; all of its troubles where there is room for them.
fn told(server: &ServerStatus, wide: bool) -> String {
    let state = grants::state(server.state);
    let mut told = format!("{state}, {} tools, {} restarts", server.tools.len(), server.restarts);
    if let Some(error) = &server.error {
        told = format!("{told}: {error}");
    }
    match server.problems.len() {
        0 => told,
        _ if wide => format!("{told}; {}", server.problems.join("; ")),
        several => format!("{told}; {several} problems"),
    }
}
