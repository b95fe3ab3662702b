//! How a server is run, and whether it is to run: desired state as data. What carries it out is unknown here.

use crate::{name::Name, server::Value};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use utoipa::ToSchema;

/// The namespace of pods whose server names none.
pub const NAMESPACE_DEFAULT: &str = "mcpctl";

/// What runs a server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Runtime {
    /// The gateway, as its child process, where the transport is `stdio`. A server that is reached at a URL is run by
    /// somebody else.
    #[default]
    Process,
    /// A Docker engine, driven by mcpd.
    Docker(ContainerSpec),
    /// A Kubernetes cluster, driven by mcpd: a Deployment, a Service and a NetworkPolicy.
    Kubernetes(ContainerSpec),
}

impl Runtime {
    /// Whether this is the default.
    #[must_use]
    pub fn is_process(&self) -> bool {
        *self == Self::Process
    }

    /// The container, if there is one.
    #[must_use]
    pub fn container(&self) -> Option<&ContainerSpec> {
        match self {
            Self::Process => None,
            Self::Docker(container) | Self::Kubernetes(container) => Some(container),
        }
    }

    /// The word for it.
    #[must_use]
    pub fn kind(&self) -> RuntimeKind {
        match self {
            Self::Process => RuntimeKind::Process,
            Self::Docker(_) => RuntimeKind::Docker,
            Self::Kubernetes(_) => RuntimeKind::Kubernetes,
        }
    }
}

/// The word for a [`Runtime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeKind {
    /// A child process of a gateway.
    Process,
    /// A Docker container.
    Docker,
    /// Pods of a Kubernetes cluster.
    Kubernetes,
}

impl RuntimeKind {
    /// The word on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
        }
    }
}

impl fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a server is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// It runs, and is started again when it ends.
    #[default]
    Running,
    /// It does not run; calls are answered with an error that says so.
    Stopped,
}

impl Desired {
    /// Whether this is the default.
    #[must_use]
    pub fn is_running(&self) -> bool {
        *self == Self::Running
    }
}

/// A container. With transport `stdio` its image holds `mcp-gateway`, which runs the transport's command behind HTTP
/// (`mcp-gateway wrap`); with transport `http` the image's own program listens at port and path of the transport's URL.
///
/// Whatever is not said here it does not have: no privileges, no capabilities, no writable root, no volumes, no way out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerSpec {
    /// The image by digest: `registry/repository@sha256:…`. A tag alone is refused: what it means can change.
    pub image: String,
    /// Kubernetes: the namespace, `mcpctl` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The environment of the image's own program; with transport `stdio` the transport has it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Value>,
    /// Numeric user and group it runs as; never 0.
    #[serde(default = "user")]
    pub user: u32,
    /// What it may use up.
    #[serde(default)]
    pub limits: ContainerLimits,
    /// Whom it may connect to.
    #[serde(default)]
    pub egress: Egress,
    /// What it keeps; nothing by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
}

/// `nonroot` of distroless images.
fn user() -> u32 {
    65_532
}

impl ContainerSpec {
    /// The secrets its environment needs.
    pub fn secrets(&self) -> impl Iterator<Item = &Name> {
        self.env.values().filter_map(Value::secret)
    }
}

/// What a container may use up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContainerLimits {
    /// Memory, in bytes; there is no swap. Beyond it the kernel ends the container.
    pub memory_bytes_max: u64,
    /// Processor time, in thousandths of a core.
    pub cpu_millis_max: u32,
    /// Processes and threads. On Kubernetes the kubelet's own bound (`podPidsLimit`) counts instead.
    pub pids_max: u32,
    /// Files in `/tmp`, the only place it can write to, in bytes. They are in memory.
    pub tmp_bytes_max: u64,
}

impl Default for ContainerLimits {
    fn default() -> Self {
        Self { memory_bytes_max: 512 << 20, cpu_millis_max: 1_000, pids_max: 128, tmp_bytes_max: 64 << 20 }
    }
}

/// Whom a container may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Egress {
    /// Nobody.
    #[default]
    None,
    /// Anybody; on Kubernetes except link-local addresses, where clouds keep their credentials.
    Any,
}

/// A volume that the engine keeps: a named volume of Docker, a claim (PVC) of Kubernetes. Never a folder of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Its name at the engine.
    pub name: String,
    /// Where it is mounted.
    pub path: String,
    /// Whether it may be written to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writable: bool,
}

/// What was asked of an instance, counted; only in snapshots. A gateway that sees a number grow does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Orders {
    /// To start it anew.
    pub restarts: u64,
    /// To ask it again what it offers.
    pub tests: u64,
}

impl Orders {
    /// Whether nothing was ever asked.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
