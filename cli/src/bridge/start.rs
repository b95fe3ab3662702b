//! A gateway that ran on this machine and does not any more, after a restart of the machine for example: started again when
//! a client needs it. One that its user stopped stays stopped, and so does one that never ran.

use crate::{home::Home, pause::Deadline, processes};
use std::{env, process::Stdio};
use tokio::{process::Command, sync::Mutex};

/// Seconds in which another start, which is under way already, gets the gateway to run.
const OTHER_START_SECS: u64 = 60;

/// Starts the gateway of one home folder.
pub(super) struct Starter {
    home: Home,
    allowed: bool,
    /// Whether a start has failed: then nothing but the user's own start helps.
    failed: Mutex<bool>,
}

impl Starter {
    /// Starts what has ended, if that is `allowed`.
    pub(super) fn new(home: Home, allowed: bool) -> Self {
        Self { home, allowed, failed: Mutex::default() }
    }

    /// Whether the gateway was started, and is worth another try. Several requests wait for one start.
    pub(super) async fn starts(&self) -> bool {
        if !self.allowed {
            return false;
        }
        let mut failed = self.failed.lock().await;
        if *failed {
            return false;
        }
        let Some(ports) = self.ended() else { return true };
        tracing::warn!("the gateway of this machine has ended: starting it");
        if !self.run(&ports).await {
            // Perhaps because somebody else is starting it.
            let deadline = Deadline::after_secs(OTHER_START_SECS);
            while self.ended().is_some() && self.is_starting() && deadline.step().await {}
        }
        *failed = self.ended().is_some();
        !*failed
    }

    /// What to start it with, if it ran and has ended by itself.
    fn ended(&self) -> Option<Vec<String>> {
        if let Some(record) = self.home.laptop().ok().flatten() {
            return record.process.filter(|process| !processes::is_running(process)).map(|_| Vec::new());
        }
        let record = self.home.daemon().ok().flatten()?;
        record.gateway.filter(|process| !processes::is_running(process))?;
        let port = |url: &url::Url| url.port().map(|port| port.to_string());
        let gateway = port(&record.gateway_url).map(|port| ["--gateway-port".to_owned(), port]);
        // A control plane that runs keeps its port.
        let api = port(&record.api_url).map(|port| ["--api-port".to_owned(), port]);
        Some(gateway.into_iter().chain(api).flatten().collect())
    }

    /// Whether a start or a stop is under way.
    fn is_starting(&self) -> bool {
        let lock = std::fs::File::options().write(true).open(self.home.path("daemon.lock"));
        lock.is_ok_and(|lock| lock.try_lock().is_err())
    }

    /// Runs `mcpctl daemon start`. Its outputs are not ours: on stdout there is MCP and nothing else.
    async fn run(&self, ports: &[String]) -> bool {
        let Ok(own) = env::current_exe() else { return false };
        let mut command = Command::new(own);
        command.arg("--home").arg(self.home.root()).args(["daemon", "start"]).args(ports);
        match command.stdin(Stdio::null()).output().await {
            Ok(output) if output.status.success() => true,
            Ok(output) => {
                tracing::warn!("it cannot be started: {}", String::from_utf8_lossy(&output.stderr).trim());
                false
            }
            Err(error) => {
                tracing::warn!(%error, "it cannot be started");
                false
            }
        }
    }
}
