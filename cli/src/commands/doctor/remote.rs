//! Checks of what answers over the network: the control plane, the token, the gateways, their servers.

use super::Check;
use crate::{Invocation, client::Client, failure::Failure, grants};
use control_plane_api::{
    gateway::{ConfigState, GatewayState, GatewaySummary, ServerState},
    timestamp::Timestamp,
};
use protocol::definition::visible;
use std::{collections::BTreeSet, net::ToSocketAddrs as _, time::Duration};
use url::Url;

/// Time to connect to a port.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// All of them; those that need the control plane are left out when it does not answer.
pub(super) async fn all(invocation: &Invocation) -> Vec<Check> {
    let mut checks = vec![port("gateway port", invocation.home.gateway_url()).await];
    let client = match invocation.client() {
        Ok(client) => client,
        // Said already by the check of the token.
        Err(_) => return checks,
    };
    checks.push(port("control plane port", Ok(client.base().clone())).await);
    let plane = match client.status().await {
        Ok(status) => status,
        Err(failure) => {
            checks.push(Check::failure("control plane", failure));
            return checks;
        }
    };
    checks.push(Check::ok(
        "control plane",
        format!("{} with {}, revision {}", plane.version, plane.store, plane.revision),
    ));
    checks.push(token(&client).await);
    match client.serving_gateways().await {
        Ok(gateways) if gateways.is_empty() => {
            checks.push(Check::fail("gateways", "none ever enrolled", "mcpctl daemon start"));
        }
        Ok(gateways) => {
            checks.extend(gateways.iter().map(|gateway| applied(gateway, plane.revision)));
            checks.push(servers(&gateways));
            checks.extend(changed_tools(&gateways));
        }
        Err(failure) => checks.push(Check::failure("gateways", failure)),
    }
    checks
}

async fn port(name: &'static str, url: Result<Url, Failure>) -> Check {
    let url = match url {
        Ok(url) => url,
        Err(failure) => return Check::failure(name, failure),
    };
    let address = (url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default().unwrap_or_default());
    let shown = format!("{}:{}", address.0, address.1);
    let Some(address) = address.to_socket_addrs().ok().and_then(|mut found| found.next()) else {
        return Check::fail(name, format!("`{}` cannot be resolved", address.0), "check the name and the network");
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::TcpStream::connect(address)).await {
        Ok(Ok(_)) => Check::ok(name, format!("{shown} accepts connections")),
        _ => Check::fail(name, format!("nothing listens on {shown}"), "mcpctl daemon start"),
    }
}

async fn token(client: &Client) -> Check {
    match client.whoami().await {
        Ok(who) => {
            let roles: Vec<String> = who.roles.iter().map(crate::client::word).collect();
            Check::ok("token accepted", format!("user {}, roles {}", who.user, roles.join(",")))
        }
        Err(failure) => Check::failure("token accepted", failure),
    }
}

fn applied(gateway: &GatewaySummary, newest: u64) -> Check {
    const NAME: &str = "gateway";
    let name = &gateway.name;
    let state = gateway.state(newest, Timestamp::now());
    if matches!(state, GatewayState::Stale | GatewayState::Gone) {
        let seen = gateway.seen_at.map_or("it enrolled".to_owned(), |seen| seen.to_string());
        let told = format!("{name} is {state}: nothing was heard of it since {seen}");
        return Check::warn(NAME, told, format!("look whether it runs, or `mcpctl gateway remove {name}`"));
    }
    if state == GatewayState::Draining {
        return Check::warn(NAME, format!("{name} is drained"), format!("mcpctl gateway resume {name}"));
    }
    match gateway.status.as_ref().map(|status| &status.config) {
        None => Check::warn(NAME, format!("{} never reported", gateway.name), "look into its log"),
        Some(ConfigState::Rejected { revision, violations, .. }) => {
            let why = violations.first().map(ToString::to_string).unwrap_or_default();
            Check::fail(NAME, format!("{} refused revision {revision}: {why}", gateway.name), "correct that object")
        }
        Some(ConfigState::Applied { revision }) if *revision < newest => Check::warn(
            NAME,
            format!("{} is at revision {revision} of {newest}", gateway.name),
            "wait a moment; if it stays behind, look into its log",
        ),
        Some(ConfigState::Applied { revision }) => {
            Check::ok(NAME, format!("{} has revision {revision} in force", gateway.name))
        }
    }
}

/// Tools that changed since they were trusted; said only where there are some.
fn changed_tools(gateways: &[GatewaySummary]) -> Option<Check> {
    let servers = gateways.iter().filter_map(|gateway| gateway.status.as_ref()).flat_map(|status| &status.servers);
    let changed = servers.flat_map(|server| &server.tools).filter(|tool| tool.quarantine.is_some());
    let names: BTreeSet<String> = changed.map(|tool| visible(&tool.exposed)).collect();
    let first = names.first()?;
    let hint = format!("look at it with `mcpctl tools describe {first}`, then `mcpctl tools approve {first}`");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let told = format!("offered to nobody, because the definition changed: {}", names.join(", "));
    Some(Check::warn("tools", told, hint))
}

fn servers(gateways: &[GatewaySummary]) -> Check {
    const NAME: &str = "servers";
    let all: Vec<_> = gateways.iter().filter_map(|gateway| gateway.status.as_ref()).flat_map(|s| &s.servers).collect();
    if all.is_empty() {
        return Check::warn(NAME, "none set up", "mcpctl setup slack");
    }
    let failed: Vec<String> = all
        .iter()
        .filter(|server| server.state == ServerState::Failed)
        .map(|server| format!("{}: {}", server.name, server.error.as_deref().unwrap_or("no reason given")))
        .collect();
    if !failed.is_empty() {
        return Check::fail(NAME, failed.join("; "), "run `mcpctl setup` for that server again, with corrected values");
    }
    let words: Vec<String> =
        all.iter().map(|server| format!("{} {}", server.name, grants::state(server.state))).collect();
    Check::ok(NAME, words.join(", "))
}
