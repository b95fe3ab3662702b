//! `mcpctl gateway`: the gateways of a control plane, from joining to leaving.

mod describe;
mod join;
mod order;
mod row;

use super::show::show;
use crate::{
    Invocation,
    args::gateway::Command,
    client::Client,
    failure::Failure,
    output::{Change, Report, Table, age},
    prompt,
};
use control_plane_api::{
    gateway::{GatewayStatus, GatewaySummary},
    name::Name,
};
pub(super) use row::Row;
use serde::Serialize;

/// Runs one of the gateway commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        Command::List { watch } => show(watch, output, async || listed(&client, &[], |all| all).await).await,
        Command::Describe { name } => describe::run(&name, &client, output).await,
        Command::Drain(order) => order::run(order, true, &client, output).await,
        Command::Resume(order) => order::run(order, false, &client, output).await,
        Command::Remove { name, sure } => {
            let gateway = client.existing_gateway(&name).await?;
            if sure.dry_run {
                return output.changes(&[Change::new(format!("gateway/{name}"), "removed (dry run)")]);
            }
            prompt::confirm_destruction(output, sure.yes, &format!("removing gateway `{}`", gateway.name))?;
            client.delete_gateway(&name).await?;
            output.changes(&[Change::new(format!("gateway/{name}"), "removed")])?;
            output.note("what was sealed to it stays readable to it: replace the secrets of its servers if its host is not to have them");
            Ok(())
        }
        Command::JoinToken(join) => join::run(join, &client, output).await,
    }
}

/// The gateways, or those with these names; as many of them as `cut` leaves.
pub(super) async fn listed(
    client: &Client,
    names: &[Name],
    cut: impl FnOnce(Vec<GatewaySummary>) -> Vec<GatewaySummary>,
) -> Result<Gateways, Failure> {
    let plane = client.status().await?;
    let mut all = Vec::new();
    for name in names {
        all.push(client.existing_gateway(name).await?);
    }
    if names.is_empty() {
        all = client.gateways().await?;
    }
    Ok(Gateways(cut(all).into_iter().map(|gateway| Row::of(gateway, &plane)).collect()))
}

/// See [`listed`].
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Gateways(Vec<Row>);

impl Report for Gateways {
    fn table(&self, wide: bool) -> Table {
        let headings = ["NAME", "STATE", "REVISION", "LAG", "VERSION", "SERVERS"].into_iter();
        let more = wide.then_some(["ROLE", "OWNER", "URL", "IN-FLIGHT", "BACKLOG"]).into_iter().flatten();
        let mut table = Table::new(headings.chain(more).chain(["AGE"]));
        for row in &self.0 {
            let gateway = &row.gateway;
            let cells = [
                gateway.name.to_string(),
                row.state.to_string(),
                row.revision(),
                row.lag(),
                row.version(),
                row.servers(),
            ];
            let status = gateway.status.as_ref();
            let reported = |cell: &dyn Fn(&GatewayStatus) -> String| status.map(cell).unwrap_or_default();
            let more = || {
                [
                    reported(&|status| status.role.to_string()),
                    gateway.owner.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
                    reported(&|status| status.listen_url.clone()),
                    reported(&|status| status.in_flight.to_string()),
                    reported(&|status| status.audit_backlog.to_string()),
                ]
            };
            let more = wide.then(more).into_iter().flatten();
            table.row(cells.into_iter().chain(more).chain([age::since(gateway.enrolled_at)]));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|row| row.gateway.name.to_string()).collect()
    }
}
