//! What an inspected container tells.

use super::super::runtime::{Phase, Reach};
use bollard::models::{ContainerInspectResponse, ContainerState, NetworkSettings};
use std::net::IpAddr;

pub(super) fn phase(state: Option<&ContainerState>) -> Phase {
    let Some(state) = state else { return Phase::Starting(None) };
    if state.running == Some(true) {
        return Phase::Running;
    }
    let finished = state.finished_at.as_deref().is_some_and(|at| !at.is_empty() && !at.starts_with("0001-"));
    let error = state.error.as_deref().filter(|error| !error.is_empty());
    match (finished, error) {
        _ if state.oom_killed == Some(true) => Phase::Ended("it used more memory than it may".to_owned()),
        (_, Some(error)) => Phase::Ended(format!("it could not be started: {error}")),
        (true, None) => Phase::Ended(format!("it exited with status {}", state.exit_code.unwrap_or_default())),
        // Made, and not started: whoever made it did not come to that.
        (false, None) => Phase::Starting(None),
    }
}

/// Where a container is reached: at its published port, or at its own address in a network without a way out, in which
/// engines publish nothing.
pub(super) fn endpoint(found: &ContainerInspectResponse, Reach { port, path }: &Reach) -> Option<String> {
    let NetworkSettings { ports, networks, .. } = found.network_settings.as_ref()?;
    let published = ports.as_ref().and_then(|ports| ports.get(&format!("{port}/tcp"))?.as_ref()?.first().cloned());
    if let Some(published) = published {
        let (ip, port) = (published.host_ip?, published.host_port?);
        return Some(url(ip.parse().ok()?, port.parse().ok()?, path));
    }
    let addresses = networks.iter().flatten().filter_map(|(_, network)| network.ip_address.as_deref());
    let address: IpAddr = addresses.filter_map(|address| address.parse().ok()).next()?;
    Some(url(address, *port, path))
}

/// The URL of an endpoint.
pub(in crate::instances) fn url(address: IpAddr, port: u16, path: &str) -> String {
    format!("http://{}{path}", std::net::SocketAddr::new(address, port))
}
