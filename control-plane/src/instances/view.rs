//! What people see of instances: containers as mcpd knows them, child processes as their gateways report them. Pure.

use super::care::unknown;
use crate::store::StoredInstance;
use control_plane_api::{
    gateway::{ConfigState, GatewayStatus, GatewaySummary, ServerState, ServerStatus},
    instance::{InstanceHealth, InstanceState, InstanceStatus, STDERR_LINES_MAX},
    object::Named,
    runtime::RuntimeKind,
    server::ServerSpec,
    timestamp::Timestamp,
};

/// A gateway that has not reported for so long is not believed any more, in milliseconds: three reports are missing.
const SILENT_MS: i64 = 30_000;

/// The gateways that run a server, and how they say it is.
pub(crate) fn gateways_of<'a>(
    server: &'a Named<ServerSpec>,
    gateways: &'a [GatewaySummary],
) -> impl Iterator<Item = (&'a GatewaySummary, &'a ServerStatus)> {
    reports(server, gateways).map(|(gateway, _, status)| (gateway, status))
}

fn reports<'a>(
    server: &'a Named<ServerSpec>,
    gateways: &'a [GatewaySummary],
) -> impl Iterator<Item = (&'a GatewaySummary, &'a GatewayStatus, &'a ServerStatus)> {
    gateways.iter().filter_map(|gateway| {
        let report = gateway.status.as_ref()?;
        let status = report.servers.iter().find(|status| status.name == server.name)?;
        Some((gateway, report, status))
    })
}

/// How the instances of a server are; none where somebody else runs it.
pub(crate) fn status_of(
    server: &Named<ServerSpec>,
    row: Option<&StoredInstance>,
    gateways: &[GatewaySummary],
    now: Timestamp,
) -> Vec<InstanceStatus> {
    let Some(kind) = server.spec.instance() else { return Vec::new() };
    let known = row.and_then(|row| row.status.clone()).filter(|status| status.runtime == kind);
    if kind != RuntimeKind::Process {
        // What was written before the last change of the configuration may name the old wish.
        let status = known.unwrap_or_else(|| unknown(server, kind));
        return vec![InstanceStatus { desired: server.spec.desired, ..status }];
    }
    let reported: Vec<InstanceStatus> = reports(server, gateways)
        .map(|(gateway, report, status)| child(server, (gateway, report), status, now))
        .collect();
    if reported.is_empty() {
        let reason = Some("no gateway has reported it yet: `mcpctl status` shows the gateways".to_owned());
        return vec![InstanceStatus { reason, ..unknown(server, kind) }];
    }
    reported
}

fn child(
    server: &Named<ServerSpec>,
    (gateway, report): (&GatewaySummary, &GatewayStatus),
    status: &ServerStatus,
    now: Timestamp,
) -> InstanceStatus {
    let (state, health) = match status.state {
        ServerState::Idle => (InstanceState::Pending, InstanceHealth::Unknown),
        ServerState::Starting => (InstanceState::Starting, InstanceHealth::Unknown),
        ServerState::Ready => (InstanceState::Running, InstanceHealth::Healthy),
        ServerState::Failed => (InstanceState::BackingOff, InstanceHealth::Unhealthy),
        ServerState::Stopped => (InstanceState::Stopped, InstanceHealth::Unknown),
    };
    let silent = gateway.seen_at.filter(|seen| now.as_millis() - seen.as_millis() > SILENT_MS);
    let (health, reason) = match silent {
        Some(seen) => (InstanceHealth::Unknown, Some(format!("its gateway has not reported since {seen}"))),
        None => (health, status.error.clone()),
    };
    let words = status.stderr.iter().skip(status.stderr.len().saturating_sub(STDERR_LINES_MAX));
    let stderr = words.filter(|_| state == InstanceState::BackingOff).map(|line| line.text.clone()).collect();
    InstanceStatus {
        gateway: Some(gateway.name.clone()),
        state,
        health,
        reason,
        since: status.since,
        revision: match &report.config {
            ConfigState::Applied { revision } | ConfigState::Rejected { in_force: revision, .. } => *revision,
        },
        restarts: u64::from(status.restarts),
        tools: if state == InstanceState::Running { status.tools.len() as u64 } else { 0 },
        stderr,
        runtime_id: status.pid.map(|pid| pid.to_string()),
        ..unknown(server, RuntimeKind::Process)
    }
}
