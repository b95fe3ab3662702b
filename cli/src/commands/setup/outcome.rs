//! Waiting until a gateway has the new server, and saying how it went.

use super::{
    plan::Plan,
    proof::{self, Proof},
};
use crate::{
    client::Client,
    failure::Failure,
    output::{Change, Output, Report, Table},
    pause::Deadline,
};
use control_plane_api::{
    gateway::{ConfigState, GatewayStatus, GatewaySummary, ServerState, ServerStatus},
    name::Name,
    server::ToolClass,
    validate::Violation,
};
use serde::Serialize;

/// A failure must last this long: a gateway that has just been told may still report the attempt before.
const FAILED_SECS: u64 = 2;

/// How the waiting ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Waited {
    /// The server answers.
    Ready,
    /// The server does not answer, and why.
    Failed { error: String },
    /// The gateway refused the configuration.
    Rejected { violations: Vec<Violation> },
    /// No gateway ever enrolled.
    NoGateway,
    /// Not known in time; what was seen last.
    #[serde(serialize_with = "seen")]
    TimedOut(&'static str),
}

fn seen<S: serde::Serializer>(last: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry("last", last)?;
    map.end()
}

/// Tools by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct ToolCounts {
    read: usize,
    write: usize,
    destructive: usize,
    unknown: usize,
}

impl ToolCounts {
    fn of(status: &ServerStatus) -> Self {
        let count = |class| status.tools.iter().filter(|tool| tool.class == class).count();
        Self {
            read: count(ToolClass::Read),
            write: count(ToolClass::Write),
            destructive: count(ToolClass::Destructive),
            unknown: count(ToolClass::Unknown),
        }
    }
}

/// What a setup did and came to.
#[derive(Serialize)]
pub(super) struct SetupReport {
    pub(super) server: Name,
    #[serde(flatten)]
    pub(super) waited: Waited,
    pub(super) tools: ToolCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credential: Option<Proof>,
    pub(super) changes: Vec<Change>,
    #[serde(skip)]
    pub(super) wait_secs: u64,
}

/// Waits until a gateway with `revision` in force knows whether the server called `name` answers.
pub(super) async fn wait(
    name: &Name,
    revision: u64,
    wait_secs: u64,
    client: &Client,
    output: Output,
) -> Result<SetupReport, Failure> {
    let report = |waited, tools| SetupReport {
        server: name.clone(),
        waited,
        tools,
        credential: None,
        changes: Vec::new(),
        wait_secs,
    };
    let deadline = Deadline::after_secs(wait_secs);
    let mut failed_until: Option<Deadline> = None;
    output.note(format!("waiting until {name} answers …"));
    loop {
        let gateways = client.serving_gateways().await?;
        if gateways.is_empty() {
            return Ok(report(Waited::NoGateway, ToolCounts::default()));
        }
        let seen = look(&gateways, name, revision);
        let mut over = !deadline.step().await;
        match seen {
            Seen::Rejected(violations) => return Ok(report(Waited::Rejected { violations }, ToolCounts::default())),
            Seen::Server(status) if status.state == ServerState::Ready => {
                return Ok(report(Waited::Ready, ToolCounts::of(status)));
            }
            Seen::Server(status) if status.state == ServerState::Failed => {
                let until = *failed_until.get_or_insert_with(|| Deadline::after_secs(FAILED_SECS));
                over = over || !until.step().await;
                if over {
                    let error = status.error.clone().unwrap_or_else(|| "it gave no reason".to_owned());
                    return Ok(report(Waited::Failed { error }, ToolCounts::default()));
                }
            }
            Seen::Server(_) if over => {
                return Ok(report(Waited::TimedOut("the server is still starting"), ToolCounts::default()));
            }
            Seen::Nothing if over => {
                return Ok(report(Waited::TimedOut("no gateway has taken the configuration"), ToolCounts::default()));
            }
            Seen::Server(_) | Seen::Nothing => failed_until = None,
        }
    }
}

enum Seen<'a> {
    Nothing,
    Rejected(Vec<Violation>),
    Server(&'a ServerStatus),
}

fn look<'a>(gateways: &'a [GatewaySummary], server: &Name, revision: u64) -> Seen<'a> {
    let mut seen = Seen::Nothing;
    for status in gateways.iter().filter_map(|gateway| gateway.status.as_ref()) {
        if let ConfigState::Rejected { revision: refused, violations, .. } = &status.config
            && *refused >= revision
        {
            return Seen::Rejected(violations.clone());
        }
        if !has(status, revision) {
            continue;
        }
        if let Some(found) = status.servers.iter().find(|found| found.name == *server) {
            if found.state == ServerState::Ready {
                return Seen::Server(found);
            }
            seen = Seen::Server(found);
        }
    }
    seen
}

fn has(status: &GatewayStatus, revision: u64) -> bool {
    matches!(status.config, ConfigState::Applied { revision: applied } if applied >= revision)
}

impl SetupReport {
    /// What went wrong; none when nothing did.
    pub(super) fn failure(&self) -> Option<Failure> {
        let name = &self.server;
        if let Some(Proof::Refused { tool, error }) = &self.credential {
            return Some(Failure::unhealthy(format!(
                "`{name}` does not accept the credential: `{tool}` says: {error}"
            )));
        }
        match &self.waited {
            Waited::Ready => None,
            Waited::Failed { error } => Some(Failure::unhealthy(format!("server `{name}` does not answer: {error}"))),
            Waited::Rejected { violations } => Some(
                Failure::failed("the gateway refused the configuration")
                    .details(violations.iter().map(ToString::to_string)),
            ),
            Waited::NoGateway => Some(Failure::unhealthy(format!("no gateway is there to run server `{name}`"))),
            Waited::TimedOut(last) => {
                let secs = self.wait_secs;
                Some(Failure::unhealthy(format!("server `{name}` is not ready after {secs} seconds: {last}")))
            }
        }
    }

    /// Prints the changes, or everything where a program reads.
    pub(super) fn print(&self, output: Output) -> Result<(), Failure> {
        if output.is_structured() { output.report(self) } else { output.changes(&self.changes) }
    }

    /// Whether what went wrong is that the credential was refused.
    pub(super) fn is_refused(&self) -> bool {
        match (&self.credential, &self.waited) {
            (Some(Proof::Refused { .. }), _) => true,
            (_, Waited::Failed { error }) => proof::speaks_of_a_credential(error),
            _ => false,
        }
    }

    /// Says what was found and what to do next.
    pub(super) fn tell(&self, plan: &Plan, output: Output) {
        let ToolCounts { read, write, destructive, unknown } = self.tools;
        let total = read + write + destructive + unknown;
        output.note(format!(
            "{} answers with {total} tools: {read} read, {write} write, {destructive} destructive, {unknown} unknown",
            plan.name
        ));
        match &self.credential {
            Some(Proof::Good { tool }) => output.note(format!("its credential is good: `{tool}` was called with it")),
            Some(Proof::Open { error }) => output.warn(format!("whether its credential is good is open: {error}")),
            Some(Proof::Refused { .. }) | None => {}
        }
        if unknown > 0 {
            output.note(
                "unknown tools are refused by every profile but the full one: class them with `--read-tool PATTERN`",
            );
        }
        let mut profiles = plan.profiles().map(Name::as_str);
        if let Some(first) = profiles.next() {
            let narrowed = profiles.next().filter(|next| *next == format!("{first}-narrowed"));
            let profiles: Vec<&str> = std::iter::once(first).chain(narrowed).collect();
            output.note(format!("next: mcpctl project create weekly_reports --profiles {}", profiles.join(",")));
        }
    }
}

impl Report for SetupReport {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["OBJECT", "CHANGE"]);
        self.changes.iter().for_each(|change| table.row([change.object.clone(), change.change.clone()]));
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.server.to_string()]
    }
}
