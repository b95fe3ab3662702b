//! `mcpctl daemon log-level`: how much the gateway of this machine logs, asked and changed while it runs.

use crate::{
    Invocation,
    client::http,
    failure::Failure,
    home::Home,
    output::{Report, Table},
};
use control_plane_api::name::Name;
use reqwest::StatusCode;
use serde::Serialize;
use std::{fs, time::Duration};
use url::Url;

/// Time for the gateway to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The gateway that `daemon start` starts where no user enrolled the machine.
const LOCAL: &str = "local";

/// What is logged.
#[derive(Serialize)]
struct LogLevel {
    gateway: Name,
    directive: String,
}

impl Report for LogLevel {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["GATEWAY", "LOGS"]);
        table.row([self.gateway.to_string(), self.directive.clone()]);
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.gateway.to_string()]
    }
}

/// Shows how much is logged; with a `directive`, after it was put in force.
pub(super) async fn run(directive: Option<String>, invocation: &Invocation) -> Result<(), Failure> {
    let gateway = gateway(&invocation.home)?;
    let url = url(&invocation.home, &gateway)?;
    let client = http::client(&url, Some(TIMEOUT))?;
    let request = match directive {
        Some(directive) => client.put(url).body(directive),
        None => client.get(url),
    };
    let answer = request.send().await.map_err(|error| unreached(&gateway, &http::reason(&error)))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| unreached(&gateway, &http::reason(&error)))?;
    let directive = text.trim().to_owned();
    match status {
        StatusCode::OK => invocation.output.report(&LogLevel { gateway, directive }),
        StatusCode::BAD_REQUEST => Err(Failure::usage(directive)),
        // Another program may have the port by now, or an older gateway.
        _ => Err(Failure::failed(format!("gateway `{gateway}` answers {status} when asked how much it logs"))
            .details(Some(directive).filter(|text| !text.is_empty()))),
    }
}

/// The gateway of this machine.
fn gateway(home: &Home) -> Result<Name, Failure> {
    match home.laptop()? {
        Some(record) => Ok(record.gateway),
        None => LOCAL.parse().map_err(|_| Failure::failed("the gateway of this machine has no name")),
    }
}

fn url(home: &Home, gateway: &Name) -> Result<Url, Failure> {
    let file = home.path("gateway").join(gateway.as_str()).join("admin-addr");
    let address = fs::read_to_string(file).map_err(|_| unreached(gateway, "it never ran here"))?;
    Url::parse(&format!("http://{}/log", address.trim()))
        .map_err(|_| unreached(gateway, "what it wrote down of its address is none"))
}

fn unreached(gateway: &Name, reason: &str) -> Failure {
    Failure::unhealthy(format!("gateway `{gateway}` cannot be asked: {reason}"))
        .hint("start it with `mcpctl daemon start`")
}
