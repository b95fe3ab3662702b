//! What a confining process is told: one argument of JSON, then the command. Nothing secret is among it, because arguments
//! can be read by everybody on the machine.

use super::CONFINE;
use control_plane_api::sandbox::{ProcessLimits, SandboxLevel};
use serde::{Deserialize, Serialize};
use std::{ffi::OsString, path::PathBuf};

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Where the process stands.
    pub(super) stage: Stage,
    /// The process that started it.
    pub(super) parent: u32,
    /// Whether the command gets a PID namespace of its own.
    pub(super) namespace: bool,
    /// How much is taken away.
    pub(super) level: SandboxLevel,
    /// How much it may use.
    pub(super) limits: ProcessLimits,
    /// Processes and threads of this user that were there before, where the system counts them together.
    pub(super) present: u32,
    /// With `strict`: what it may read.
    pub(super) read: Vec<PathBuf>,
    /// With `strict`: what it may change.
    pub(super) write: Vec<PathBuf>,
}

/// Where a confining process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Started by the gateway.
    Outer,
    /// The first process of a PID namespace.
    Inner,
}

/// What this process was started for.
#[derive(Debug)]
pub struct Asked {
    pub(super) plan: Plan,
    /// The command and its arguments; none where it is only to be tried whether this machine can confine.
    pub(super) command: Vec<OsString>,
}

impl Asked {
    /// What the arguments of this process ask for; none if it is not to confine anything. Read before anything else, so
    /// that no variable of a server's environment is taken for a setting.
    ///
    /// # Errors
    /// Where the plan cannot be read.
    pub fn read(mut args: impl Iterator<Item = OsString>) -> Option<Result<Self, String>> {
        if args.nth(1)? != CONFINE {
            return None;
        }
        let plan = args.next().unwrap_or_default();
        let plan = serde_json::from_slice(plan.as_encoded_bytes());
        Some(plan.map(|plan| Self { plan, command: args.collect() }).map_err(|error| format!("`confine`: {error}")))
    }
}

impl Plan {
    /// The arguments that have a process of this program do it with `command`.
    pub(super) fn arguments(&self, command: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
        let plan = serde_json::to_string(self).unwrap_or_default();
        [OsString::from(CONFINE), OsString::from(plan)].into_iter().chain(command).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &[&str]) -> Option<Result<Vec<OsString>, String>> {
        Asked::read(args.iter().map(OsString::from)).map(|asked| asked.map(|asked| asked.command))
    }

    #[test]
    fn what_is_told_is_understood() {
        let plan = Plan {
            stage: Stage::Inner,
            parent: 7,
            namespace: true,
            level: SandboxLevel::Strict,
            limits: ProcessLimits::default(),
            present: 3,
            read: vec![PathBuf::from("/opt")],
            write: Vec::new(),
        };
        let args = plan.arguments(["sh", "-c", "--", "confine"].map(OsString::from));
        let asked = Asked::read(std::iter::once(OsString::from("mcp-gateway")).chain(args)).unwrap().unwrap();
        assert_eq!(asked.command, ["sh", "-c", "--", "confine"]);
        assert_eq!((asked.plan.parent, asked.plan.stage, asked.plan.read), (7, Stage::Inner, plan.read));
    }

    #[test]
    fn other_arguments_are_not_for_it() {
        assert!(check(&["mcp-gateway"]).is_none());
        assert!(check(&["mcp-gateway", "--name", "confine"]).is_none());
        assert!(check(&["mcp-gateway", "confine"]).unwrap().is_err());
        assert!(check(&["mcp-gateway", "confine", "{}", "sh"]).unwrap().is_err());
    }
}
