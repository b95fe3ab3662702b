//! How the process of a server is confined: what it may reach on the machine, and how much of it it may use.
//!
//! Enforced by the gateway that starts the process, with what the machine's system offers; `docs/security/processes.md`
//! says what that is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The confinement of one server's process and of everything it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// How much is taken away.
    pub level: SandboxLevel,
    /// With `strict`: files and directories it may read and execute besides the system's. Absolute paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
    /// With `strict`: files and directories it may change besides the directory of its own. Absolute paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
    /// How much it may use.
    pub limits: ProcessLimits,
}

impl Sandbox {
    /// Whether nothing was said about it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How much is taken away from a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SandboxLevel {
    /// Nothing but the environment and a process group of its own. For what cannot live with less.
    Off,
    /// No inherited descriptors, no new privileges, [`ProcessLimits`], no system calls that reach into other processes or
    /// the kernel, a PID namespace of its own where the system permits that. Runs what `npx` and `uvx` start.
    #[default]
    Basic,
    /// Also no files but the system's, those listed, and a directory of its own; no new namespaces; no capabilities. A
    /// gateway that cannot enforce it does not start the server.
    Strict,
}

/// What a process may use at most. Bounds of the system, so they hold for whatever it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessLimits {
    /// Descriptors open at once, of each process (`RLIMIT_NOFILE`).
    pub open_files_max: u32,
    /// Processes and threads at once, of the server and everything it started.
    pub processes_max: u32,
    /// Memory of its own that each process may write to, in bytes (`RLIMIT_DATA`, which unlike `RLIMIT_AS` does not count
    /// what runtimes only reserve).
    pub memory_bytes_max: u64,
    /// Largest file it may write, in bytes (`RLIMIT_FSIZE`).
    pub file_bytes_max: u64,
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self { open_files_max: 1_024, processes_max: 512, memory_bytes_max: 4 << 30, file_bytes_max: 4 << 30 }
    }
}
