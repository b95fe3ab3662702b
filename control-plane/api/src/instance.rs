//! A running server as people see it: how it is, what it said, and whether it answers.

use crate::{
    name::Name,
    runtime::{Desired, RuntimeKind},
    server::Probed,
    timestamp::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Most lines of stderr in a status.
pub const STDERR_LINES_MAX: usize = 5;
/// Most lines in one answer with logs.
pub const LOG_LINES_MAX: usize = 1_000;

/// One instance: a server at one place. A child process is at every gateway that runs it, a container is there once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceStatus {
    /// The server.
    pub name: Name,
    /// The gateway whose child it is; absent: mcpd looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Name>,
    /// What runs it.
    pub runtime: RuntimeKind,
    /// What is asked for.
    pub desired: Desired,
    /// What is.
    pub state: InstanceState,
    /// Whether it answered when it was asked last: what it is (`server/discover`, `ping`) and which tools it has.
    pub health: InstanceHealth,
    /// Why it is not as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began to be in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The revision of the configuration under which it is so; an order of a later one was not carried out yet.
    #[serde(default)]
    pub revision: u64,
    /// How often it was started again.
    #[serde(default)]
    pub restarts: u64,
    /// Tools it offers.
    #[serde(default)]
    pub tools: u64,
    /// The last lines it wrote to stderr, when it did not end well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stderr: Vec<String>,
    /// Where gateways reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What its runtime calls it: a process id, a container's id, a pod's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_id: Option<String>,
}

/// What came of an order: `POST /api/v1/instances/{name}/start`, `…/stop` and `…/restart`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceOrder {
    /// The revision of the configuration that holds it.
    pub revision: u64,
    /// How the instances are before it is carried out.
    pub instances: Vec<InstanceStatus>,
}

/// What an instance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Nothing was done about it yet.
    Pending,
    /// Being started: its image is fetched, or it does not answer yet.
    Starting,
    /// It runs.
    Running,
    /// It ended, or could not be started; it is tried again after a wait that grows.
    BackingOff,
    /// It does not run, as it was asked.
    Stopped,
}

impl InstanceState {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Starting, Self::Running, Self::BackingOff, Self::Stopped];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::BackingOff => "backing_off",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether an instance answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceHealth {
    /// It was not asked yet, or whoever asks it is silent.
    Unknown,
    /// It does.
    Healthy,
    /// It does not.
    Unhealthy,
}

impl fmt::Display for InstanceHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        })
    }
}

/// What an instance wrote: `GET /api/v1/instances/{name}/logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceLogs {
    /// The gateway whose child it is; absent: mcpd looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Name>,
    /// The last lines, oldest first.
    pub lines: Vec<LogLine>,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// What was written, without the line's end.
    pub text: String,
}

/// What came of asking an instance what it is and which tools it has: `POST /api/v1/instances/{name}/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceTest {
    /// The server.
    pub name: Name,
    /// The gateway that asked; absent: mcpd did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Name>,
    /// Whether it answered.
    pub passed: bool,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What came of a call that shows whether its credential is good; absent: none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probed: Option<Probed>,
    /// The tools it has.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Time it took, in milliseconds; at a gateway with the way there and back.
    pub elapsed_ms: u64,
}
