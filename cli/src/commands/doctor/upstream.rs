//! The servers: each asked now, by whoever uses it.

use super::{
    check::{Check, Name},
    credential,
    known::Known,
};
use crate::grants;
use control_plane_api::{
    gateway::{ServerState, ServerStatus},
    instance::InstanceTest,
    object::Named,
    runtime::Desired,
    server::ServerSpec,
};
use futures::future::join_all;

/// Most servers that are asked; more are judged by what gateways reported last.
const ASKED_MAX: usize = 50;

/// The servers; `is_gone`: there is no gateway on this machine.
pub(super) async fn checks(known: &Known<'_>, is_gone: bool) -> Vec<Check> {
    if known.laptop.is_some() && known.hidden().is_some() {
        return own(known);
    }
    if let Some(why) = known.blind().or_else(|| known.hidden()) {
        return vec![Check::skipped(Name::Server, why)];
    }
    let gateways = known.plane.as_ref().and_then(|plane| plane.insight.as_ref()).map(|insight| insight.gateways.len());
    if is_gone && gateways.is_some_and(|gateways| gateways <= 1) {
        return vec![Check::skipped(Name::Server, "the gateway that reaches the servers is not there")];
    }
    let servers = known.servers();
    if servers.is_empty() {
        return vec![Check::warn(Name::Server, "no server is set up").fix("mcpctl setup slack")];
    }
    let asks = known.operates() && servers.len() <= ASKED_MAX;
    join_all(servers.into_iter().map(|server| check(server, asks, known))).await
}

/// What the gateway of this machine says of the projects it has from the central one.
fn own(known: &Known<'_>) -> Vec<Check> {
    let Some(own) = &known.own else {
        return vec![Check::skipped(Name::Server, "the gateway of this machine does not say how its projects are")];
    };
    let projects = own.servers.iter();
    let wanted = projects.filter(|server| known.project.as_ref().is_none_or(|project| *project == server.name));
    let check = |state: ServerState, name: &str, error: Option<&String>| match error {
        Some(error) => Check::fail(Name::Server, format!("project {name}: {error}"))
            .advice("the central gateway serves it: ask who runs that"),
        None => Check::ok(Name::Server, format!("project {name} is {}", grants::state(state))),
    };
    wanted.map(|server| check(server.state, server.name.as_str(), server.error.as_ref())).collect()
}

async fn check(server: &Named<ServerSpec>, asks: bool, known: &Known<'_>) -> Check {
    let name = &server.name;
    if server.spec.desired == Desired::Stopped {
        return Check::fail(Name::Server, format!("{name} is not to run")).fix(format!("mcpctl instance start {name}"));
    }
    let reported = reported(server, known);
    if !asks {
        return by_report(server, reported);
    }
    let asked = match known.invocation.client() {
        Ok(client) => client.test_instance(name).await,
        Err(failure) => return Check::failure(Name::Server, &failure),
    };
    match asked {
        Ok(tests) if tests.is_empty() => Check::warn(Name::Server, format!("no gateway uses {name}"))
            .advice("a gateway that runs reports it within ten seconds"),
        Ok(tests) => match tests.iter().find(|test| !test.passed) {
            None => answered(server, &tests, reported),
            Some(test) => failed(server, test.error.as_deref().unwrap_or("no reason given")),
        },
        Err(failure) => Check::failure(Name::Server, &failure),
    }
}

/// What a gateway reports about it.
fn reported<'a>(server: &Named<ServerSpec>, known: &'a Known<'_>) -> Option<&'a ServerStatus> {
    let insight = known.plane.as_ref()?.insight.as_ref()?;
    grants::status_of(&insight.gateways, &server.name)
}

fn answered(server: &Named<ServerSpec>, tests: &[InstanceTest], reported: Option<&ServerStatus>) -> Check {
    let (tools, ms) = (tests.iter().map(|test| test.tools.len()).max(), tests.iter().map(|test| test.elapsed_ms).max());
    let found =
        format!("{} answers in {} ms, {} tools", server.name, ms.unwrap_or_default(), tools.unwrap_or_default());
    match reported.map(|status| status.problems.as_slice()) {
        Some([first, ..]) => Check::warn(Name::Server, format!("{found}; clients do not see all of it: {first}"))
            .fix(format!("mcpctl instance status {} --verbose", server.name)),
        _ => Check::ok(Name::Server, found),
    }
}

fn by_report(server: &Named<ServerSpec>, reported: Option<&ServerStatus>) -> Check {
    let name = &server.name;
    match reported {
        None => Check::warn(Name::Server, format!("no gateway uses {name}")),
        Some(status) if status.state == ServerState::Failed => {
            failed(server, status.error.as_deref().unwrap_or("no reason given"))
        }
        Some(status) => Check::ok(Name::Server, format!("{name} is {}", grants::state(status.state))),
    }
}

fn failed(server: &Named<ServerSpec>, why: &str) -> Check {
    let name = &server.name;
    if credential::is_refusal(why) {
        return Check::ok(Name::Server, format!("{name} answers, but refuses the credential"));
    }
    let check = Check::fail(Name::Server, format!("{name}: {why}"));
    match server.spec.instance() {
        Some(_) => check
            .fix(format!("mcpctl instance restart {name} --wait-healthy"))
            .advice(format!("`mcpctl instance logs {name}` shows what it wrote")),
        None => check.fix(format!("mcpctl test-connection {name}")).advice("somebody else runs it: check its URL"),
    }
}
