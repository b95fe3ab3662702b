//! `mcpctl daemon`: the control plane and the gateway on this machine, as two background processes.

mod log_level;
pub(super) mod port;
pub(super) mod start;

use super::laptop;
use crate::{
    Invocation,
    args::daemon::Command,
    failure::{During as _, Failure},
    home::{
        Home,
        record::{DaemonRecord, ProcessRecord},
    },
    output::{Change, Report, Table},
    processes,
};
use serde::Serialize;
use std::{fs, io, process::ExitCode};
use url::Url;

/// What is printed and recorded about the two processes.
pub(crate) const MCPD: &str = "mcpd";
/// See [`MCPD`].
pub(crate) const GATEWAY: &str = "gateway";
/// Exit code of `daemon status` when something does not run: [`crate::failure::Status::Unhealthy`].
const NOT_RUNNING: u8 = 6;

/// Runs one of the daemon commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<ExitCode, Failure> {
    match command {
        Command::Start(args) => start::run(args, invocation).await.map(|()| ExitCode::SUCCESS),
        Command::Stop { wait } => stop(wait, invocation).await.map(|()| ExitCode::SUCCESS),
        Command::Status => status(invocation),
        Command::LogLevel { directive } => log_level::run(directive, invocation).await.map(|()| ExitCode::SUCCESS),
    }
}

async fn stop(wait: u64, invocation: &Invocation) -> Result<(), Failure> {
    let _lock = start::lock(&invocation.home)?;
    if let Some(record) = invocation.home.laptop()? {
        return laptop::stop(record, wait, invocation).await;
    }
    let mut changes = Vec::new();
    if let Some(record) = invocation.home.daemon()? {
        // The gateway first: it ships what is left of its audit log to the control plane.
        for (name, process) in processes_of(&record) {
            let stopped = match process {
                Some(process) => processes::stop(process, wait).await?,
                None => false,
            };
            changes.push(change(name, if stopped { "stopped" } else { "unchanged" }));
        }
        forget(&invocation.home)?;
    } else {
        changes.extend([change(GATEWAY, "unchanged"), change(MCPD, "unchanged")]);
    }
    invocation.output.changes(&changes)
}

/// Deletes the record of what was started.
fn forget(home: &Home) -> Result<(), Failure> {
    let path = home.path("daemon.json");
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).during(|| format!("cannot delete `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

fn change(name: &str, change: &str) -> Change {
    Change::new(format!("daemon/{name}"), change)
}

fn processes_of(record: &DaemonRecord) -> [(&'static str, Option<&ProcessRecord>); 2] {
    [(GATEWAY, record.gateway.as_ref()), (MCPD, Some(&record.mcpd))]
}

fn status(invocation: &Invocation) -> Result<ExitCode, Failure> {
    let rows: Vec<ProcessStatus> = match (invocation.home.laptop()?, invocation.home.daemon()?) {
        (Some(record), _) => vec![ProcessStatus::new(GATEWAY, record.process.as_ref(), &record.gateway_url)],
        (None, Some(_)) => processes(&invocation.home)?,
        (None, None) => [MCPD, GATEWAY].map(ProcessStatus::stopped).into(),
    };
    let all = rows.iter().all(|row| row.state == RUNNING);
    invocation.output.report(&DaemonStatus(rows))?;
    if all {
        return Ok(ExitCode::SUCCESS);
    }
    invocation.output.note("next: mcpctl daemon start");
    Ok(ExitCode::from(NOT_RUNNING))
}

const RUNNING: &str = "running";

/// The processes that were started on this machine; none where nothing was, or where a user enrolled it.
pub(super) fn processes(home: &Home) -> Result<Vec<ProcessStatus>, Failure> {
    let Some(record) = home.daemon()? else { return Ok(Vec::new()) };
    let url = |name| if name == MCPD { &record.api_url } else { &record.gateway_url };
    Ok(processes_of(&record).into_iter().rev().map(|(name, p)| ProcessStatus::new(name, p, url(name))).collect())
}

/// One process.
#[derive(Serialize)]
pub(super) struct ProcessStatus {
    pub(super) name: &'static str,
    pub(super) state: &'static str,
    pub(super) pid: Option<u32>,
    url: Option<String>,
}

impl ProcessStatus {
    fn new(name: &'static str, process: Option<&ProcessRecord>, url: &Url) -> Self {
        let Some(process) = process.filter(|process| processes::is_running(process)) else {
            return Self::stopped(name);
        };
        Self { name, state: RUNNING, pid: Some(process.pid), url: Some(url.to_string()) }
    }

    fn stopped(name: &'static str) -> Self {
        Self { name, state: "stopped", pid: None, url: None }
    }
}

#[derive(Serialize)]
struct DaemonStatus(Vec<ProcessStatus>);

impl Report for DaemonStatus {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["NAME", "STATE", "PID", "URL"]);
        for process in &self.0 {
            let pid = process.pid.map(|pid| pid.to_string()).unwrap_or_default();
            let url = process.url.clone().unwrap_or_default();
            table.row([process.name.to_owned(), process.state.to_owned(), pid, url]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|process| process.name.to_owned()).collect()
    }
}
