//! `mcpctl gateway drain` and `resume`: the order, and waiting until it is carried out.

use crate::{
    args::gateway::Order,
    client::Client,
    failure::Failure,
    output::{Change, Output},
    pause::Deadline,
};
use control_plane_api::{gateway::GatewaySummary, timestamp::Timestamp};

/// Has a gateway drained, or serve again.
pub(super) async fn run(order: Order, drain: bool, client: &Client, output: Output) -> Result<(), Failure> {
    let seconds = order.wait.seconds()?;
    client.existing_gateway(&order.name).await?;
    let verb = if drain { "drain" } else { "resume" };
    let revision = client.order_gateway(&order.name, verb).await?.revision;
    let change = match (drain, seconds) {
        (true, None) => "draining",
        (true, Some(_)) => "drained",
        (false, None) => "resuming",
        (false, Some(_)) => "resumed",
    };
    if let Some(seconds) = seconds {
        carried_out(&order, (drain, revision), (client, output), seconds).await?;
    }
    output.changes(&[Change::new(format!("gateway/{}", order.name), change)])
}

async fn carried_out(
    order: &Order,
    (drain, revision): (bool, u64),
    (client, output): (&Client, Output),
    seconds: u64,
) -> Result<(), Failure> {
    let deadline = Deadline::after_secs(seconds);
    output.note(match drain {
        true => format!("waiting until nothing runs at {} …", order.name),
        false => format!("waiting until {} serves again …", order.name),
    });
    loop {
        let gateway = client.existing_gateway(&order.name).await?;
        let status = gateway.status.as_ref();
        let heard = status.filter(|status| status.draining == drain && status.config.in_force() >= revision);
        if heard.is_some_and(|status| !drain || status.in_flight == 0) {
            return Ok(());
        }
        if !deadline.step().await {
            return Err(Failure::unhealthy(late(&gateway, (drain, revision), seconds))
                .hint(format!("the order stands: `mcpctl gateway describe {}` shows what becomes of it", order.name)));
        }
    }
}

/// What `gateway` has not done after all that time.
fn late(gateway: &GatewaySummary, (drain, revision): (bool, u64), seconds: u64) -> String {
    match &gateway.status {
        Some(status) if drain && status.draining && status.config.in_force() >= revision => {
            format!("{} exchanges still run at `{}` after {seconds} s", status.in_flight, gateway.name)
        }
        _ => {
            let state = gateway.state(revision, Timestamp::now());
            format!("`{}`, which is {state}, has not heard of the order after {seconds} s", gateway.name)
        }
    }
}
