//! The gateway on this machine, from its process to a project through it; and the central one behind it, where a company has one.

use super::{
    check::{Check, Name, State},
    known::Known,
};
use crate::{
    bridge::probe::Probe,
    commands::laptop,
    failure::{Failure, Status},
    home::record::ProcessRecord,
    processes::{self, log_tail},
};
use control_plane_api::{name::Name as ObjectName, timestamp::Timestamp};
use std::{net::ToSocketAddrs as _, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use url::Url;

/// Time to connect to a port.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// What starts whatever belongs on this machine and does not run.
pub(super) const START: &str = "mcpctl daemon start";

/// The gateway's checks, each made only where the one before it did not fail.
pub(super) async fn checks(project: Option<&ObjectName>, known: &Known<'_>) -> Vec<Check> {
    let process = process(known);
    let port = match process.state {
        State::Fail => Check::skipped(Name::GatewayPort, "the gateway does not run"),
        State::Skipped => Check::skipped(Name::GatewayPort, process.found.clone()),
        _ => port(known).await,
    };
    let is_there = port.state == State::Ok;
    let because = || match port.state {
        State::Fail => "the gateway's port does not answer".to_owned(),
        _ => port.found.clone(),
    };
    let config = if is_there { config(known) } else { Check::skipped(Name::GatewayConfig, because()) };
    let through = match (is_there, project) {
        (false, _) => Check::skipped(Name::GatewayProject, because()),
        (true, None) => Check::skipped(Name::GatewayProject, "there is no project yet"),
        (true, Some(project)) => through(project, known).await,
    };
    let mut all = vec![process, port, config, through];
    all.extend(central(known).await);
    all
}

/// Whether there is no gateway on this machine to reach anything by.
pub(super) fn is_gone(checks: &[Check]) -> bool {
    let gone =
        |check: &Check| matches!(check.name, Name::GatewayProcess | Name::GatewayPort) && check.state == State::Fail;
    checks.iter().any(gone)
}

fn process(known: &Known<'_>) -> Check {
    const NAME: Name = Name::GatewayProcess;
    if let Some(record) = &known.laptop {
        return running(record.process.as_ref(), known)
            .unwrap_or_else(|| Check::ok(NAME, format!("gateway {} runs", record.gateway)));
    }
    match &known.daemon {
        Ok(Some(record)) => {
            running(record.gateway.as_ref(), known).unwrap_or_else(|| Check::ok(NAME, "gateway local runs"))
        }
        Ok(None) if known.invocation.server.is_some() => Check::skipped(NAME, "no gateway was started on this machine"),
        Ok(None) => Check::fail(NAME, "no gateway was started on this machine").fix(START),
        Err(failure) => Check::failure(NAME, failure),
    }
}

/// None where it runs.
fn running(process: Option<&ProcessRecord>, known: &Known<'_>) -> Option<Check> {
    if process.is_some_and(processes::is_running) {
        return None;
    }
    let log = known.invocation.home.path("logs/gateway.log");
    let last = log_tail(&log, 0).pop().map(|line| format!("; last in its log: {line}")).unwrap_or_default();
    Some(Check::fail(Name::GatewayProcess, format!("the gateway does not run{last}")).fix(START))
}

async fn port(known: &Known<'_>) -> Check {
    const NAME: Name = Name::GatewayPort;
    let url = match known.invocation.home.gateway_url() {
        Ok(url) => url,
        Err(failure) => return Check::failure(NAME, &failure),
    };
    match connects(&url).await {
        Ok(shown) => Check::ok(NAME, format!("{shown} accepts connections")),
        // It runs and does not listen: only a new one does.
        Err(why) => Check::fail(NAME, why).fix("mcpctl daemon stop").fix(START),
    }
}

async fn connects(url: &Url) -> Result<String, String> {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let address = (host, port).to_socket_addrs().ok().and_then(|mut found| found.next());
    let address = address.ok_or_else(|| format!("`{host}` cannot be resolved"))?;
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(format!("{host}:{port}")),
        _ => Err(format!("nothing listens on {host}:{port}")),
    }
}

fn config(known: &Known<'_>) -> Check {
    const NAME: Name = Name::GatewayConfig;
    let Some(own) = &known.own else {
        return Check::warn(NAME, "the gateway does not say how it is at its admin port")
            .advice("look into logs/gateway.log");
    };
    let Some(revision) = own.revision else {
        let why = own.contact.problem.clone().unwrap_or_else(|| "it got none so far".to_owned());
        return Check::fail(NAME, format!("no configuration is in force at the gateway: {why}")).fix(START);
    };
    let said = format!("version {}, revision {revision} in force", own.version);
    match (&own.contact.problem, own.contact.reached_at) {
        (None, _) => Check::ok(NAME, said),
        (Some(why), at) => {
            let now = Timestamp::now().as_millis();
            let since =
                at.map(|at| format!(" for {} s", now.saturating_sub(at.as_millis()) / 1_000)).unwrap_or_default();
            Check::warn(NAME, format!("{said}, but not confirmed{since}: {why}"))
        }
    }
}

/// A project as its clients reach it.
async fn through(project: &ObjectName, known: &Known<'_>) -> Check {
    const NAME: Name = Name::GatewayProject;
    if known.token.is_err() && known.laptop.is_none() {
        return Check::skipped(NAME, "there is no token to show");
    }
    if known.who.as_ref().is_err_and(|failure| failure.status == Status::Unauthenticated) && known.laptop.is_none() {
        return Check::skipped(NAME, "the token is refused");
    }
    let probe = Probe::new(project.clone(), known.invocation.home.clone());
    let asked = async {
        let (revision, _) = probe.discover().await?;
        Ok::<_, Failure>((revision, probe.tools().await?))
    };
    match asked.await {
        Ok((revision, tools)) => {
            let spoken = revision.map_or("an unknown revision", |revision| revision.as_str());
            Check::ok(NAME, format!("project `{project}` offers {} tools, in {spoken}", tools.len()))
        }
        Err(failure) if failure.status == Status::NotFound && known.lacks(project) => {
            Check::skipped(NAME, format!("project `{project}` does not exist"))
        }
        Err(failure) if failure.status == Status::Unauthenticated && known.laptop.is_some() => {
            Check::fail(NAME, failure.message).fix("mcpctl login")
        }
        Err(failure) => Check::failure(NAME, &failure),
    }
}

/// Said only where there is one.
async fn central(known: &Known<'_>) -> Option<Check> {
    let record = known.laptop.as_ref()?;
    let url = &record.central_url;
    Some(match laptop::status::probe(url).await {
        None => Check::ok(Name::CentralGateway, format!("{url} answers")),
        Some(why) => Check::fail(Name::CentralGateway, format!("`{url}` does not answer: {why}"))
            .advice("the company's network, or its gateway, is away: tools come back with it"),
    })
}
