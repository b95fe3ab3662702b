//! `mcpctl tools approve`: trusts the definitions that gateways find now. What is approved is a digest: a definition that
//! changed again since it was looked at is refused by the control plane.

use super::found::{self, Found};
use crate::{
    args::tools::Approve,
    client::Client,
    failure::Failure,
    output::{Change, Output},
};
use control_plane_api::{
    gateway::GatewaySummary,
    name::Name,
    pin::{Approval, Quarantine},
};
use protocol::definition::visible;
use std::collections::BTreeMap;

/// Approves.
pub(crate) async fn run(args: Approve, client: &Client, output: Output) -> Result<(), Failure> {
    let gateways = client.serving_gateways().await?;
    let meant = match &args.name {
        Some(name) => vec![found::one(&gateways, name, args.server.as_ref())?],
        None => found::all(&gateways, args.server.as_ref()),
    };
    let mut approvals: BTreeMap<&Name, Approval> = BTreeMap::new();
    let mut changes = Vec::new();
    for found in meant {
        let Some(quarantine) = looked_at(found, &gateways, args.digest.as_deref())? else {
            if args.name.is_some() {
                changes.push(change(found, "unchanged"));
            }
            continue;
        };
        for difference in &quarantine.differences {
            output.note(format!("{}: {}", visible(&found.tool.exposed), visible(difference)));
        }
        let approval = approvals.entry(found.server).or_insert_with(|| Approval { tools: BTreeMap::new() });
        approval.tools.insert(found.tool.name.clone(), quarantine.digest.clone());
        changes.push(change(found, "approved"));
    }
    for (server, approval) in approvals {
        client.approve(server, &approval).await?;
    }
    if changes.is_empty() {
        output.note("no tool has changed");
    }
    output.changes(&changes)
}

/// The definition that is meant, of those that gateways find in place of the trusted one; none where nothing changed.
fn looked_at<'a>(
    found: Found<'_>,
    gateways: &'a [GatewaySummary],
    digest: Option<&str>,
) -> Result<Option<&'a Quarantine>, Failure> {
    let mut several = found::quarantines(gateways, found.server, &found.tool.name);
    if let Some(digest) = digest {
        several.retain(|quarantine| quarantine.digest.starts_with(digest));
        if several.is_empty() {
            let told = format!("no gateway finds a definition `{digest}…` of `{}`", found.tool.exposed);
            return Err(Failure::not_found(told).hint("look at it with `mcpctl tools describe`"));
        }
    }
    match several.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => {
            let digests: Vec<&str> = several.iter().map(|quarantine| quarantine.digest.as_str()).collect();
            let told = format!("gateways find several definitions of `{}`: {}", found.tool.exposed, digests.join(", "));
            Err(Failure::usage(told).hint("look at them with `mcpctl tools describe`, and name one with `--digest`"))
        }
    }
}

fn change(found: Found<'_>, what: &str) -> Change {
    Change::new(format!("tool/{}", visible(&found.tool.exposed)), what)
}
