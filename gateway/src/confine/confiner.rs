//! The gateway's side: what this machine permits, found out once, and the command that starts a server confined.

use super::{
    plan::{Plan, Stage},
    spawner,
};
use crate::settings::make_private;
use control_plane_api::{
    name::Name,
    sandbox::{ProcessLimits, Sandbox, SandboxLevel},
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{process::Command, time::timeout};

/// Time to find out what this machine permits.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// What of a failed attempt is told.
const REASON_BYTES_MAX: usize = 300;

/// Starts commands confined. Clones are the same one. One without means, for tests of what goes on behind, starts them as
/// they are.
#[derive(Clone)]
pub struct Confiner(Option<Arc<Means>>);

struct Means {
    /// The program that confines itself: this one.
    program: PathBuf,
    /// Has a directory for each strictly confined server.
    homes: PathBuf,
    /// Why there is no PID namespace to be had.
    no_namespace: Option<String>,
    /// Why nothing can be confined strictly.
    not_strict: Option<String>,
}

/// A command as it is to be started.
pub(crate) struct Confined {
    /// Without environment and pipes.
    pub(crate) command: Command,
    /// The directory of its own, if its home is not to be the user's.
    pub(crate) home: Option<PathBuf>,
}

impl Confiner {
    /// Finds out what this machine permits to `program`, which is this one. Strictly confined servers get directories of
    /// their own in `homes`.
    pub async fn probe(program: PathBuf, homes: PathBuf) -> Self {
        let no_namespace = try_out(&program, SandboxLevel::Basic, true).await;
        let not_strict = try_out(&program, SandboxLevel::Strict, no_namespace.is_none()).await;
        if let Some(reason) = &no_namespace {
            tracing::warn!(reason, "no PID namespaces for servers here: processes they leave behind are hunted down");
        }
        if let Some(reason) = &not_strict {
            tracing::warn!(reason, "servers with `sandbox: strict` cannot be started here");
        }
        Self(Some(Arc::new(Means { program, homes, no_namespace, not_strict })))
    }

    /// Confines nothing.
    #[cfg(test)]
    pub(crate) fn off() -> Self {
        Self(None)
    }

    /// The command that starts `program` with `args` for the server `name`.
    ///
    /// # Errors
    /// Why it cannot be confined as it is told to be, and what to do.
    pub(crate) fn command(
        &self,
        name: &Name,
        sandbox: &Sandbox,
        (program, args): (&Path, &[String]),
    ) -> Result<Confined, String> {
        let Some(means) = self.0.as_ref().filter(|_| sandbox.level != SandboxLevel::Off) else {
            let mut command = Command::new(program);
            command.args(args);
            return Ok(Confined { command, home: None });
        };
        let home = if sandbox.level == SandboxLevel::Strict { Some(means.home_of(name)?) } else { None };
        let mut plan = means.plan(sandbox);
        plan.write.extend(home.clone());
        // What it runs, wherever that lies.
        plan.read.extend([program.to_owned()].into_iter().chain(program.canonicalize().ok()));
        let line = std::iter::once(program.as_os_str().to_owned()).chain(args.iter().map(OsString::from));
        let mut command = Command::new(&means.program);
        command.args(plan.arguments(line));
        if let Some(home) = &home {
            command.current_dir(home);
        }
        Ok(Confined { command, home })
    }

    /// What is missing of the confinement asked for, for people; none if nothing is.
    pub(crate) fn shortfall(&self, sandbox: &Sandbox) -> Option<String> {
        let reason = self.0.as_ref()?.no_namespace.as_ref().filter(|_| sandbox.level != SandboxLevel::Off)?;
        Some(format!(
            "its processes have no PID namespace of their own, because this machine does not permit it: {reason}"
        ))
    }
}

impl Means {
    fn plan(&self, sandbox: &Sandbox) -> Plan {
        let paths = |paths: &[String]| paths.iter().map(PathBuf::from).collect();
        let namespace = self.no_namespace.is_none();
        Plan {
            read: paths(&sandbox.read),
            write: paths(&sandbox.write),
            ..plan(sandbox.level, namespace, &sandbox.limits)
        }
    }

    /// The directory of a strictly confined server.
    fn home_of(&self, name: &Name) -> Result<PathBuf, String> {
        if let Some(reason) = &self.not_strict {
            return Err(format!("`sandbox: strict` cannot be enforced on this machine ({reason}); `basic` can"));
        }
        let home = self.homes.join(name.as_str());
        make_private(&home).map_err(|error| format!("its directory `{}` cannot be made: {error}", home.display()))?;
        Ok(home)
    }
}

fn plan(level: SandboxLevel, namespace: bool, limits: &ProcessLimits) -> Plan {
    Plan {
        stage: Stage::Outer,
        parent: std::process::id(),
        namespace,
        level,
        limits: limits.clone(),
        present: 0,
        read: Vec::new(),
        write: Vec::new(),
    }
}

/// Why `program` cannot confine itself; none if it can.
async fn try_out(program: &Path, level: SandboxLevel, namespace: bool) -> Option<String> {
    let plan = plan(level, namespace, &ProcessLimits::default());
    let mut command = Command::new(program);
    command.args(plan.arguments([])).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    let started = spawner::spawn(command);
    match timeout(PROBE_TIMEOUT, async { started?.wait_with_output().await }).await {
        Ok(Ok(output)) if output.status.success() => None,
        Ok(Ok(output)) => {
            let told = String::from_utf8_lossy(&output.stderr);
            let told = told.trim().trim_start_matches("the process cannot be confined: ");
            Some(told.chars().take(REASON_BYTES_MAX).collect())
        }
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("it took longer than {} s", PROBE_TIMEOUT.as_secs())),
    }
}
