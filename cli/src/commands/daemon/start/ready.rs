//! A process on its way from "spawned" to "answers": where it listens, whether it died, what its log says.

use crate::{
    client::http,
    failure::{During as _, Failure},
    home::{self, Home, record::ProcessRecord},
    pause::Deadline,
    processes::{self, log_tail},
};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
    time::Duration,
};
use url::Url;

/// Time for one answer to "are you ready".
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// A process that was started and is not known to be ready.
pub(in crate::commands) struct Starting {
    name: &'static str,
    child: Child,
    log: PathBuf,
    log_from: u64,
    /// Holds the real address once it listens.
    address: PathBuf,
    port: u16,
}

impl Starting {
    /// Starts `command` with its log in `logs/{name}.log`. It listens on `port`, or tells where in file `address`.
    pub(in crate::commands) fn spawn(
        name: &'static str,
        mut command: Command,
        address: &str,
        port: u16,
        home: &Home,
    ) -> Result<Self, Failure> {
        let relative = format!("logs/{name}.log");
        let (log, address) = (home.path(&relative), home.path(address));
        if address.exists() {
            fs::remove_file(&address).during(|| format!("cannot delete `{}`", address.display()))?;
        }
        let file = home.open_log(&relative)?;
        let log_from = file.metadata().map_or(0, |meta| meta.len());
        command.env("MCPCTL_HOME", home.root()).env_remove("MCPCTL_TOKEN").current_dir(home.root());
        let child = processes::spawn_detached(&mut command, file)?;
        Ok(Self { name, child, log, log_from, address, port })
    }

    /// The process.
    pub(in crate::commands) fn process(&self) -> ProcessRecord {
        processes::record_of(&self.child)
    }

    /// Waits until it listens and `ask` has an answer.
    pub(in crate::commands) async fn until_ready<T>(
        &mut self,
        deadline: Deadline,
        wait_secs: u64,
        mut ask: impl AsyncFnMut(&Url) -> Option<T>,
    ) -> Result<(Url, T), Failure> {
        loop {
            if let Some(url) = self.url()?
                && let Some(answer) = ask(&url).await
            {
                return Ok((url, answer));
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(
                    self.explained(Failure::failed(format!("{} ended while it was starting ({status})", self.name)))
                );
            }
            if !deadline.step().await {
                let message = format!("{} is not ready after {wait_secs} seconds", self.name);
                return Err(self.explained(Failure::unhealthy(message)));
            }
        }
    }

    fn url(&self) -> Result<Option<Url>, Failure> {
        if self.port != 0 {
            return home::loopback(self.port).map(Some);
        }
        let Ok(text) = fs::read_to_string(&self.address) else { return Ok(None) };
        Ok(Url::parse(&format!("http://{}", text.trim().trim_start_matches("http://"))).ok())
    }

    fn explained(&self, failure: Failure) -> Failure {
        let hint = format!("the whole log is in `{}`; what this start began was stopped again", self.log.display());
        failure.details(log_tail(&self.log, self.log_from)).hint(hint)
    }
}

/// Whether a control plane at `url` says that it is ready.
pub(in crate::commands) async fn answers(url: &Url) -> bool {
    let Ok(client) = http::client(url, Some(PROBE_TIMEOUT)) else { return false };
    let Ok(url) = url.join("readyz") else { return false };
    client.get(url).send().await.is_ok_and(|response| response.status().is_success())
}
