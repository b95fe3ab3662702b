//! `mcpctl instance`: the servers that are run here, whatever runs them.

mod logs;

use super::show::show;
use crate::{
    Invocation,
    args::instance::{Command, Order},
    client::Client,
    failure::{Failure, Status},
    output::{Change, Output, Report, Table, age},
    pause::Deadline,
};
use control_plane_api::{
    instance::{InstanceHealth, InstanceState, InstanceStatus, InstanceTest},
    name::Name,
    runtime::Desired,
};
use serde::Serialize;

/// Runs one of the instance commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        Command::List { watch } => {
            show(watch, output, async || listed(&client, &[], invocation.verbose, |all| all).await).await
        }
        Command::Start(order) => ordered("start", "starting", &order, invocation).await,
        Command::Restart(order) => ordered("restart", "restarting", &order, invocation).await,
        Command::Stop { name } => {
            client.order_instance(&name, "stop").await?;
            output.changes(&[Change::new(format!("instance/{name}"), "stopping")])
        }
        Command::Logs(logs) => logs::run(&logs, invocation).await,
        Command::Status(order) => {
            let all = match order.wait_healthy {
                true => healthy(&order, &client, output, 0).await?,
                false => client.instance(&order.name).await?,
            };
            output.report(&Instances { all, verbose: invocation.verbose })
        }
        Command::Test { name } => test(&name, &client, invocation).await,
    }
}

async fn ordered(order: &str, change: &str, what: &Order, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    let revision = client.order_instance(&what.name, order).await?.revision;
    if !what.wait_healthy {
        return output.changes(&[Change::new(format!("instance/{}", what.name), change)]);
    }
    let all = healthy(what, &client, output, revision).await?;
    output.report(&Instances { all, verbose: invocation.verbose })
}

/// Waits until every instance of a server answers, as of `revision`: what was there before an order does not count.
async fn healthy(
    order: &Order,
    client: &Client,
    output: Output,
    revision: u64,
) -> Result<Vec<InstanceStatus>, Failure> {
    let deadline = Deadline::after_secs(order.timeout.as_secs());
    output.note(format!("waiting until {} answers …", order.name));
    loop {
        let all = client.instance(&order.name).await?;
        if all.iter().any(|instance| instance.desired == Desired::Stopped) {
            let told = format!("`{}` is not to run", order.name);
            return Err(Failure::unhealthy(told).hint(format!("start it with `mcpctl instance start {}`", order.name)));
        }
        let well = |one: &InstanceStatus| {
            one.health == InstanceHealth::Healthy && one.state == InstanceState::Running && one.revision >= revision
        };
        if all.iter().all(well) {
            return Ok(all);
        }
        if !deadline.step().await {
            let bad: Vec<&InstanceStatus> = all.iter().filter(|one| !well(one)).collect();
            let told = format!("`{}` does not answer after {} s", order.name, order.timeout.as_secs());
            let hint = format!("`mcpctl instance logs {}` shows what it wrote", order.name);
            return Err(Failure::unhealthy(told).details(bad.into_iter().flat_map(why)).hint(hint));
        }
    }
}

/// Why an instance is not well: a line, and its last words.
fn why(instance: &InstanceStatus) -> Vec<String> {
    let place = place(instance);
    let reason = instance.reason.clone().unwrap_or_else(|| instance.state.to_string());
    let words = instance.stderr.iter().map(|line| format!("  {line}"));
    std::iter::once(format!("{place}: {reason}")).chain(words).collect()
}

async fn test(name: &Name, client: &Client, invocation: &Invocation) -> Result<(), Failure> {
    let tests = Tests { all: client.test_instance(name).await?, verbose: invocation.verbose };
    let failed: Vec<&InstanceTest> = tests.all.iter().filter(|test| !test.passed).collect();
    let details: Vec<String> = failed.iter().map(|test| told(test)).collect();
    invocation.output.report(&tests)?;
    if details.is_empty() && !tests.all.is_empty() {
        return Ok(());
    }
    let hint = format!("`mcpctl instance status {name} --verbose` says more");
    Err(Failure::new(Status::Unhealthy, format!("`{name}` does not answer as it should")).details(details).hint(hint))
}

fn told(test: &InstanceTest) -> String {
    let place = test.gateway.as_ref().map_or("mcpd".to_owned(), ToString::to_string);
    format!("{place}: {}", test.error.clone().unwrap_or_default())
}

/// Where an instance runs.
fn place(instance: &InstanceStatus) -> String {
    match (&instance.gateway, &instance.runtime_id) {
        (Some(gateway), _) => format!("gateway/{gateway}"),
        (None, Some(id)) => format!("{}/{id}", instance.runtime),
        (None, None) => instance.runtime.to_string(),
    }
}

/// The instances, or those of these servers; as many of them as `cut` leaves.
pub(super) async fn listed(
    client: &Client,
    servers: &[Name],
    verbose: bool,
    cut: impl FnOnce(Vec<InstanceStatus>) -> Vec<InstanceStatus>,
) -> Result<Instances, Failure> {
    let mut all = Vec::new();
    for server in servers {
        all.extend(client.instance(server).await?);
    }
    if servers.is_empty() {
        all = client.instances().await?;
    }
    Ok(Instances { all: cut(all), verbose })
}

/// See [`listed`].
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Instances {
    all: Vec<InstanceStatus>,
    #[serde(skip)]
    verbose: bool,
}

impl Report for Instances {
    fn table(&self, wide: bool) -> Table {
        let headings = ["NAME", "RUNTIME", "PLACE", "STATE", "HEALTH", "TOOLS", "RESTARTS", "AGE"].into_iter();
        let more = wide.then_some(["ENDPOINT", "ID"]).into_iter().flatten();
        let mut table = Table::new(headings.chain(more).chain(["REASON"]));
        for instance in &self.all {
            let row = [
                instance.name.to_string(),
                instance.runtime.to_string(),
                place(instance),
                instance.state.to_string(),
                instance.health.to_string(),
                instance.tools.to_string(),
                instance.restarts.to_string(),
                instance.since.map(age::since).unwrap_or_default(),
            ];
            let more = || [&instance.endpoint, &instance.runtime_id].map(|cell| cell.clone().unwrap_or_default());
            let reason = instance.reason.clone().unwrap_or_default();
            table.row(row.into_iter().chain(wide.then(more).into_iter().flatten()).chain([reason]));
            for line in instance.stderr.iter().filter(|_| self.verbose) {
                table.row([format!("  {line}")]);
            }
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.all.iter().map(|instance| instance.name.to_string()).collect()
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Tests {
    all: Vec<InstanceTest>,
    #[serde(skip)]
    verbose: bool,
}

impl Report for Tests {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["NAME", "ASKED-BY", "RESULT", "TOOLS", "MS"]);
        for test in &self.all {
            let asked_by = test.gateway.as_ref().map_or("mcpd".to_owned(), |gateway| format!("gateway/{gateway}"));
            let result = if test.passed { "ok" } else { "fail" };
            let (tools, ms) = (test.tools.len().to_string(), test.elapsed_ms.to_string());
            table.row([test.name.to_string(), asked_by, result.to_owned(), tools, ms]);
            for tool in test.tools.iter().filter(|_| self.verbose || wide) {
                table.row([format!("  {tool}")]);
            }
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.all.iter().flat_map(|test| test.tools.clone()).collect()
    }
}
