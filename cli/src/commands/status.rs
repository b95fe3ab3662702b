//! `mcpctl status`: the control plane, the gateways and the servers at a glance.

use super::laptop;
use crate::{
    Invocation,
    failure::Failure,
    grants,
    output::{Report, Table, age},
};
use control_plane_api::{
    gateway::{ControlPlaneStatus, GatewaySummary, ModelState, ServerStatus},
    timestamp::Timestamp,
};
use serde::Serialize;

/// Prints the summary.
pub(crate) async fn run(invocation: &Invocation) -> Result<(), Failure> {
    if let Some(record) = invocation.home.laptop()? {
        return laptop::status::run(record, invocation).await;
    }
    let client = invocation.client()?;
    let status = Status {
        server: client.base().to_string(),
        control_plane: client.status().await?,
        gateways: client.gateways().await?,
    };
    invocation.output.report(&status)
}

#[derive(Serialize)]
struct Status {
    server: String,
    control_plane: ControlPlaneStatus,
    gateways: Vec<GatewaySummary>,
}

impl Report for Status {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["KIND", "NAME", "STATE", "DETAIL", "AGE"]);
        let plane = &self.control_plane;
        let detail =
            format!("{} revision={} store={} version={}", self.server, plane.revision, plane.store, plane.version);
        table.row(row("control-plane", "mcpd", "running", detail, age::since(plane.started_at)));
        for gateway in &self.gateways {
            self.gateway(gateway, wide, &mut table);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.gateways.iter().map(|gateway| gateway.name.to_string()).collect()
    }
}

impl Status {
    fn gateway(&self, gateway: &GatewaySummary, wide: bool, table: &mut Table) {
        let seen = gateway.seen_at.map(age::since).unwrap_or_default();
        let state = gateway.state(self.control_plane.revision, Timestamp::now()).to_string();
        let Some(status) = &gateway.status else {
            return table.row(row("gateway", gateway.name.as_str(), &state, String::new(), seen));
        };
        let revision = gateway.revision();
        let model = match &status.model {
            ModelState::Loaded { name } => name.as_str(),
            ModelState::Missing { .. } => "missing",
            ModelState::Unused => "unused",
        };
        let detail = format!("{} revision={revision} model={model} version={}", status.listen_url, status.version);
        table.row(row("gateway", gateway.name.as_str(), &state, detail, seen));
        for server in &status.servers {
            let detail = match &server.error {
                Some(error) if wide => error.clone(),
                Some(error) => error.chars().take(60).collect(),
                None => {
                    let (quarantined, problems) = (quarantined(server), problems(server, wide));
                    format!("tools={} restarts={}{quarantined}{problems}", server.tools.len(), server.restarts)
                }
            };
            table.row(row("server", server.name.as_str(), grants::state(server.state), detail, "-".to_owned()));
        }
    }
}

/// How many of its tools are offered to nobody, because their definitions changed.
fn quarantined(server: &ServerStatus) -> String {
    match server.tools.iter().filter(|tool| tool.quarantine.is_some()).count() {
        0 => String::new(),
        several => format!(" quarantined={several}"),
    }
}

/// What clients do not see of a server, in words where there is room for them.
fn problems(server: &ServerStatus, wide: bool) -> String {
    match server.problems.len() {
        0 => String::new(),
        _ if wide => format!(" problems: {}", server.problems.join("; ")),
        several => format!(" problems={several}"),
    }
}

fn row(kind: &str, name: &str, state: &str, detail: String, age: String) -> [String; 5] {
    [kind.to_owned(), name.to_owned(), state.to_owned(), detail, age]
}
