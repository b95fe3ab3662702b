//! What gateways and the control plane tell each other besides configuration: enrolment and status.

use crate::{
    argument::Declared,
    instance::LogLine,
    name::Name,
    pin::Quarantine,
    server::{Era, Probed, ToolClass},
    timestamp::Timestamp,
    validate::Violation,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

mod state;

pub use state::{GatewayState, Skew};

/// The two presets of the one gateway binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayRole {
    /// On a developer's machine: filters by relevance, tells its owner why something was refused.
    Local,
    /// For a company: leaves relevance to the local gateways, and a refusal looks like an unknown name.
    Central,
}

impl fmt::Display for GatewayRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Central => "central",
        })
    }
}

/// Asks for a join token: `POST /api/v1/join-tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinTokenRequest {
    /// The gateway that may enrol with it.
    pub gateway: Name,
    /// Lifetime in seconds.
    #[serde(default = "join_token_lifetime")]
    pub expires_in_s: i64,
}

fn join_token_lifetime() -> i64 {
    600
}

/// A join token: good for one enrolment. No Debug: it must not reach a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct JoinToken {
    /// The gateway that may enrol with it.
    pub gateway: Name,
    /// The token.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// `POST /api/v1/gateways/{name}/enrol`, with the join token as bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// Hex X25519 public key to which this gateway's secrets are to be sealed.
    pub sealing_key: String,
    /// Hex Ed25519 public key with which this gateway signs the checkpoints of its audit log; absent from gateways of
    /// before there were checkpoints, which send it with their records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_key: Option<String>,
    /// The preset it runs.
    pub role: GatewayRole,
    /// Version of the gateway binary.
    pub version: String,
}

/// The answer to an [`EnrolRequest`]. No Debug: the token must not reach a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct EnrolReply {
    /// The gateway's own bearer from now on.
    pub token: String,
    /// Hex Ed25519 public key that verifies every [`crate::snapshot::SignedEvent`].
    pub verifying_key: String,
}

/// What a gateway reports: `PUT /api/v1/gateways/{name}/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatewayStatus {
    /// What became of the newest configuration.
    pub config: ConfigState,
    /// The preset it runs.
    pub role: GatewayRole,
    /// Version of the gateway binary.
    pub version: String,
    /// When the process started.
    pub started_at: Timestamp,
    /// Where clients reach it, for example `http://127.0.0.1:9229`.
    pub listen_url: String,
    /// Audit records not yet acknowledged by the control plane.
    pub audit_backlog: u64,
    /// Whether the local model is loaded, and if not why.
    pub model: ModelState,
    /// The servers it runs or reaches.
    pub servers: Vec<ServerStatus>,
    /// Whether it takes nothing new, as it was asked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub draining: bool,
    /// Exchanges that run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub in_flight: u64,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// ACK or NACK of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ConfigState {
    /// In force.
    Applied {
        /// The revision in force.
        revision: u64,
    },
    /// Refused; the previous one stays in force.
    Rejected {
        /// The refused revision.
        revision: u64,
        /// The revision in force.
        in_force: u64,
        /// What is wrong with it.
        violations: Vec<Violation>,
    },
}

impl ConfigState {
    /// The revision in force, 0 before the first.
    #[must_use]
    pub fn in_force(&self) -> u64 {
        match self {
            Self::Applied { revision } => *revision,
            Self::Rejected { in_force, .. } => *in_force,
        }
    }
}

/// State of the local model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ModelState {
    /// Loaded.
    Loaded {
        /// Its name.
        name: String,
    },
    /// Not there: filtering falls back to words.
    Missing {
        /// Why.
        reason: String,
    },
    /// This preset does not filter.
    Unused,
}

/// State of one server as a gateway sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerStatus {
    /// Which server.
    pub name: Name,
    /// How it is.
    pub state: ServerState,
    /// The era it was found to speak; absent before the first contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub era: Option<Era>,
    /// The last failure in words, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How often its process was started again.
    #[serde(default)]
    pub restarts: u32,
    /// Its process id, when the gateway runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// When it began to be in this state; absent where it is not run by the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The last lines that its process wrote to stderr, secrets blotted out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stderr: Vec<LogLine>,
    /// The newest [`crate::runtime::Orders::tests`] that was carried out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tested: u64,
    /// What came of the call that was made then to see whether its credential is good; absent: none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probed: Option<Probed>,
    /// The tools it offers.
    #[serde(default)]
    pub tools: Vec<ToolStatus>,
    /// What of it clients do not see, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// Not asked for anything yet.
    Idle,
    /// Being started or probed.
    Starting,
    /// Answers.
    Ready,
    /// Does not answer; see `error`.
    Failed,
    /// Does not run, as it was asked.
    Stopped,
}

/// One tool of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolStatus {
    /// The server's own name for it.
    pub name: String,
    /// The name clients see.
    pub exposed: String,
    /// Its curated class.
    pub class: ToolClass,
    /// The server's own `readOnlyHint`, if it gave one: shown to people, never decisive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_hint: Option<bool>,
    /// Whether clients may see it, as far as its own server is concerned; else `problems` of the server says why not.
    #[serde(default = "yes")]
    pub offered: bool,
    /// Offered to nobody, because its definition changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
    /// What its schema declares about its arguments; absent without a schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Declared>,
}

fn yes() -> bool {
    true
}

/// What a gateway says of itself to who is on its machine: `GET /status` at its admin listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnStatus {
    /// Which gateway.
    pub name: Name,
    /// Version of the gateway binary.
    pub version: String,
    /// When the process started.
    pub started_at: Timestamp,
    /// The revision in force; absent: none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Whether the control plane answers.
    pub contact: Contact,
    /// Audit records not yet acknowledged by the control plane.
    pub audit_backlog: u64,
    /// The servers it runs or reaches.
    pub servers: Vec<OwnServer>,
}

/// How a gateway last heard of its control plane.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contact {
    /// When it last confirmed what is in force, which it does every second, also before the process started; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_at: Option<Timestamp>,
    /// Why it did not take the last report, for people; absent: it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One server, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnServer {
    /// Which server.
    pub name: Name,
    /// How it is.
    pub state: ServerState,
    /// The last failure in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A gateway as the control plane lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatewaySummary {
    /// Which gateway.
    pub name: Name,
    /// Whose local gateway it is; absent: an administrator's, who let it enrol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Name>,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// When it last reported; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    /// Since when it is to be drained; absent: it is to serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained_at: Option<Timestamp>,
    /// Its last report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<GatewayStatus>,
}

/// What came of an order: `POST /api/v1/gateways/{name}/drain` and `…/resume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatewayOrder {
    /// The revision of the configuration that holds it.
    pub revision: u64,
}

/// The control plane about itself: `GET /api/v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlPlaneStatus {
    /// Version of the mcpd binary.
    pub version: String,
    /// `sqlite` or `postgres`.
    pub store: String,
    /// The newest revision.
    pub revision: u64,
    /// When the process started.
    pub started_at: Timestamp,
}
