//! `mcpctl status`: the control plane, the gateways and the servers at a glance.

use super::{
    daemon::{self, ProcessStatus},
    gateway::Row,
    laptop,
    show::show,
};
use crate::{
    Invocation,
    args::show::Watch,
    failure::Failure,
    grants,
    output::{Report, Table, age},
};
use control_plane_api::gateway::{ControlPlaneStatus, GatewaySummary, ModelState, ServerStatus};
use serde::Serialize;

/// Prints the summary.
pub(crate) async fn run(watch: Watch, invocation: &Invocation) -> Result<(), Failure> {
    if invocation.home.laptop()?.is_some() {
        return show(watch, invocation.output, async || laptop::status::find(invocation).await).await;
    }
    let client = invocation.client()?;
    let find = async || {
        Ok(Status {
            server: client.base().to_string(),
            daemon: match invocation.server {
                Some(_) => Vec::new(),
                None => daemon::processes(&invocation.home)?,
            },
            control_plane: client.status().await?,
            gateways: client.gateways().await?,
        })
    };
    show(watch, invocation.output, find).await
}

#[derive(Serialize)]
struct Status {
    server: String,
    /// The processes on this machine; absent where none were started here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    daemon: Vec<ProcessStatus>,
    control_plane: ControlPlaneStatus,
    gateways: Vec<GatewaySummary>,
}

impl Report for Status {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["NAME", "STATE", "REVISION", "VERSION", "AGE", "DETAIL"]);
        let plane = &self.control_plane;
        for process in &self.daemon {
            let pid = process.pid.map_or_else(|| "next: mcpctl daemon start".to_owned(), |pid| format!("pid={pid}"));
            table.row([format!("daemon/{}", process.name), process.state.to_owned(), dash(), dash(), dash(), pid]);
        }
        table.row([
            "control-plane/mcpd".to_owned(),
            "running".to_owned(),
            plane.revision.to_string(),
            plane.version.clone(),
            age::since(plane.started_at),
            format!("{} store={}", self.server, plane.store),
        ]);
        for gateway in &self.gateways {
            self.gateway(gateway, wide, &mut table);
        }
        if wide { table } else { table.brief() }
    }

    fn names(&self) -> Vec<String> {
        self.gateways.iter().map(|gateway| gateway.name.to_string()).collect()
    }
}

impl Status {
    fn gateway(&self, gateway: &GatewaySummary, wide: bool, table: &mut Table) {
        let row = Row::of(gateway.clone(), &self.control_plane);
        let (name, state) = (format!("gateway/{}", gateway.name), row.state.to_string());
        let Some(status) = &gateway.status else {
            return table.row([name, state, dash(), dash(), dash(), "it never reported".to_owned()]);
        };
        let filter = match &status.model {
            ModelState::Loaded { name } => name.as_str(),
            ModelState::Missing { .. } => "words",
            ModelState::Unused => "off",
        };
        let url = if wide { format!(" {}", status.listen_url) } else { String::new() };
        let detail = format!("filter={filter} lag={} backlog={}{url}", row.lag(), status.audit_backlog);
        table.row([name, state, row.revision(), row.version(), age::since(status.started_at), detail]);
        for server in &status.servers {
            let state = grants::state(server.state).to_owned();
            let age = server.since.map_or_else(dash, age::since);
            table.row([format!("server/{}", server.name), state, dash(), dash(), age, detail_of(server, wide)]);
        }
    }
}

fn dash() -> String {
    "-".to_owned()
}

/// What went wrong with a server, else what there is of it.
fn detail_of(server: &ServerStatus, wide: bool) -> String {
    if let Some(error) = &server.error {
        return error.clone();
    }
    let (quarantined, problems) = (quarantined(server), problems(server, wide));
    format!("tools={}{quarantined} restarts={}{problems}", server.tools.len(), server.restarts)
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
