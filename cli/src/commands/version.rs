//! `mcpctl version`: client, control plane, gateways, protocol. Works without a control plane, and says so.

use crate::{
    Invocation,
    failure::Failure,
    output::{Report, Table},
};
use control_plane_api::name::Name;
use protocol::Revision;
use serde::Serialize;

/// This program's version.
pub(crate) const CLIENT: &str = env!("CARGO_PKG_VERSION");

/// Prints the versions.
pub(crate) async fn run(invocation: &Invocation) -> Result<(), Failure> {
    let mut versions = Versions {
        client: CLIENT,
        server: None,
        gateways: Vec::new(),
        protocol: Revision::ALL.iter().rev().map(|revision| revision.as_str()).collect(),
    };
    match ask(invocation, &mut versions).await {
        Ok(()) => {}
        Err(failure) => invocation.output.warn(format!("the versions of the servers are not known: {failure}")),
    }
    let other = versions.gateways.iter().map(|gateway| gateway.version.as_str()).chain(versions.server.as_deref());
    for version in other.filter(|version| minor(version) != minor(CLIENT)) {
        invocation
            .output
            .warn(format!("client {CLIENT} and server {version} differ: use the same version on both sides"));
    }
    invocation.output.report(&versions)
}

async fn ask(invocation: &Invocation, versions: &mut Versions) -> Result<(), Failure> {
    let client = invocation.client()?;
    versions.server = Some(client.status().await?.version);
    let reported = client.gateways().await?.into_iter();
    versions.gateways = reported
        .filter_map(|gateway| Some(GatewayVersion { name: gateway.name, version: gateway.status?.version }))
        .collect();
    Ok(())
}

fn minor(version: &str) -> (&str, &str) {
    let mut parts = version.split('.');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

#[derive(Serialize)]
struct Versions {
    client: &'static str,
    server: Option<String>,
    gateways: Vec<GatewayVersion>,
    protocol: Vec<&'static str>,
}

#[derive(Serialize)]
struct GatewayVersion {
    name: Name,
    version: String,
}

impl Report for Versions {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::pairs();
        table.pair("Client", self.client);
        table.pair("Control plane", self.server.as_deref().unwrap_or("unknown"));
        for gateway in &self.gateways {
            table.pair(&format!("Gateway {}", gateway.name), &gateway.version);
        }
        table.pair("Protocol", self.protocol.join(", "));
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.client.to_owned()]
    }
}
