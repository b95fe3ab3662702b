//! `mcpctl test-connection`: hop by hop, how long it takes, what is spoken, how many tools there are, and who one is there.

mod hop;

use crate::{
    Invocation,
    args::test_connection::TestConnection,
    bridge::probe::Probe,
    client::{Client, http, word},
    failure::{Failure, Status},
    output::{Report, Table},
};
use control_plane_api::{instance::InstanceTest, name::Name, project::ProjectSpec, server::ServerSpec};
use hop::{Hop, Timing};
use reqwest::header::ACCEPT;
use serde::Serialize;
use std::time::{Duration, Instant};
use url::Url;

/// Time for the gateway to answer at all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks each hop on the way, as far as it leads.
pub(crate) async fn run(args: TestConnection, invocation: &Invocation) -> Result<(), Failure> {
    let mut hops = Vec::new();
    let outcome = ask_all(&args, invocation, &mut hops).await;
    if !hops.is_empty() {
        invocation.output.report(&Hops(hops))?;
    }
    outcome
}

/// The hops so far, each once it answered; the first that does not is the failure.
async fn ask_all(args: &TestConnection, invocation: &Invocation, hops: &mut Vec<Hop>) -> Result<(), Failure> {
    let mut identity = None;
    if !args.gateway {
        let client = invocation.client().map_err(|failure| at("control-plane", failure))?;
        let (hop, user) = control_plane(&client, args.count).await.map_err(|failure| at("control-plane", failure))?;
        hops.push(hop);
        identity = Some(user);
        if let Some(server) = &args.server {
            return self::server(server, &client, args.count, hops).await;
        }
    }
    let url = invocation.home.gateway_url()?;
    hops.push(gateway(&url, args.count).await.map_err(|failure| at("gateway", failure))?);
    let Some(project) = &args.project else { return Ok(()) };
    let probe = self::project(project, &url, args.count, invocation).await;
    let mut hop = match probe {
        Ok(hop) => hop,
        Err(failure) if failure.status == Status::NotFound => {
            // A mistyped name is told apart from one that only the gateway does not know.
            invocation.client()?.existing::<ProjectSpec>(project).await?;
            return Err(at(&format!("project/{project}"), failure));
        }
        Err(failure) => return Err(at(&format!("project/{project}"), failure)),
    };
    hop.identity = match invocation.home.laptop()? {
        Some(record) => Some(record.user.to_string()),
        None => identity,
    };
    hops.push(hop);
    Ok(())
}

/// `failure`, with the hop it is about; whatever it was, that hop is not well.
fn at(hop: &str, failure: Failure) -> Failure {
    Failure { status: Status::Unhealthy, message: format!("{hop}: {}", failure.message), ..failure }
}

async fn control_plane(client: &Client, count: u16) -> Result<(Hop, String), Failure> {
    let mut timing = Timing::default();
    let mut who = None;
    for _ in 0..count {
        let began = Instant::now();
        who = Some(client.whoami().await?);
        timing.add(began.elapsed());
    }
    let who = who.ok_or_else(|| Failure::failed("it was not asked"))?;
    let identity = who.user.to_string();
    let hop =
        Hop { roles: who.roles, identity: Some(identity.clone()), ..Hop::new("control-plane", client.base(), timing) };
    Ok((hop, identity))
}

/// Whether something that speaks HTTP listens; it is asked for nothing.
async fn gateway(url: &Url, count: u16) -> Result<Hop, Failure> {
    let client = http::client(url, Some(ANSWER_TIMEOUT))?;
    let mut timing = Timing::default();
    for _ in 0..count {
        let began = Instant::now();
        let answer = client.get(url.clone()).header(ACCEPT, "application/json").send().await;
        answer.map_err(|error| {
            Failure::unhealthy(format!("nothing answers at `{url}`: {}", http::reason(&error)))
                .hint("start it with `mcpctl daemon start`")
        })?;
        timing.add(began.elapsed());
    }
    Ok(Hop::new("gateway", url, timing))
}

async fn project(name: &Name, url: &Url, count: u16, invocation: &Invocation) -> Result<Hop, Failure> {
    let probe = Probe::new(name.clone(), invocation.home.clone());
    let mut timing = Timing::default();
    let mut revision = None;
    for _ in 0..count {
        let (found, took) = probe.discover().await?;
        revision = found;
        timing.add(took);
    }
    let tools = probe.tools().await?.len();
    Ok(Hop {
        protocol: revision.map(|revision| revision.as_str().to_owned()),
        tools: Some(tools),
        ..Hop::new(format!("project/{name}"), url, timing)
    })
}

/// Has the gateways, or mcpd where it runs the container, ask a server.
async fn server(name: &Name, client: &Client, count: u16, hops: &mut Vec<Hop>) -> Result<(), Failure> {
    let server = client.existing::<ServerSpec>(name).await?;
    let hop = format!("server/{name}");
    let mut last: Vec<InstanceTest> = Vec::new();
    let mut timing = Timing::default();
    for _ in 0..count {
        last = client.test_instance(name).await.map_err(|failure| at(&hop, failure))?;
        if last.is_empty() {
            return Err(Failure::unhealthy(format!("{hop}: no gateway uses it"))
                .hint(format!("`mcpctl project create P --profiles {name}-read-only` gives it to somebody")));
        }
        if let Some(test) = last.iter().find(|test| !test.passed) {
            let who = test.gateway.as_ref().map_or("mcpd".to_owned(), |gateway| format!("gateway {gateway}"));
            let why = test.error.clone().unwrap_or_else(|| "no reason given".to_owned());
            return Err(Failure::unhealthy(format!("{hop}: asked by {who}: {why}"))
                .hint(format!("`mcpctl instance status {name} --verbose` says more")));
        }
        let slowest = last.iter().map(|test| test.elapsed_ms).max().unwrap_or_default();
        timing.add(Duration::from_millis(slowest));
    }
    let tools = last.iter().map(|test| test.tools.len()).max();
    let (url, encrypted) = hop::reached(&server.spec.transport);
    let era = client
        .serving_gateways()
        .await?
        .iter()
        .filter_map(|gateway| gateway.status.clone())
        .find_map(|status| status.servers.iter().find(|server| server.name == *name).and_then(|server| server.era));
    hops.push(Hop {
        tools,
        protocol: era.map(|era| word(&era)),
        identity: hop::credential(&server.spec),
        ..Hop::at(hop, (url, encrypted), timing)
    });
    Ok(())
}

#[derive(Serialize)]
#[serde(transparent)]
struct Hops(Vec<Hop>);

impl Report for Hops {
    fn table(&self, wide: bool) -> Table {
        let headings = ["NAME", "STATE", "MIN", "MEDIAN", "PROTOCOL", "TOOLS", "TLS", "AS"].into_iter();
        let mut table = Table::new(headings.chain(wide.then_some(["ASKED", "MAX", "REACHED"]).into_iter().flatten()));
        for hop in &self.0 {
            table.row(hop.cells(wide));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|hop| hop.name.clone()).collect()
    }
}
