//! The gateway of this machine, for who is logged in at a company's control plane: enrolled with the user's own authority, started,
//! stopped, and given up at logout.

pub(super) mod status;

use crate::{
    Invocation,
    client::{Client, http},
    commands::{daemon::start, daemon::start::ready::Starting},
    credentials::Credentials,
    failure::{During as _, Failure, Status},
    home::{self, GATEWAY_PORT, Home, LAPTOP_DIR, record::LaptopRecord},
    output::Change,
    pause::Deadline,
    processes::{self, find_program},
};
use control_plane_api::{gateway::OwnStatus, name::Name, secret::Secret, timestamp::Timestamp};
use std::{fs, io, path::Path, process::Command, time::Duration};
use url::Url;

/// The record of it in the home directory.
const RECORD: &str = "laptop.json";
/// What it is called where a process is meant.
const GATEWAY: &str = "gateway";
/// Time for the gateway to say how it is.
const STATUS_TIMEOUT: Duration = Duration::from_secs(2);
/// Seconds it gets to end before it is enrolled anew.
const STOP_WAIT_SECS: u64 = 15;

/// How the gateway is to be enrolled and started.
pub(super) struct Wanted {
    /// What the machine is called; absent: what it calls itself.
    pub(super) host: Option<String>,
    /// Port of the gateway, if it matters.
    pub(super) port: Option<u16>,
    /// Seconds until it has to be ready.
    pub(super) wait_secs: u64,
}

/// Enrols and starts the gateway of `user`, who is logged in as `client` says.
pub(super) async fn enrol(
    client: &Client,
    user: &Name,
    wanted: &Wanted,
    invocation: &Invocation,
) -> Result<(), Failure> {
    let home = &invocation.home;
    let _lock = start::lock(home)?;
    let program = find_program("mcp-gateway")?;
    let host = wanted.host.clone().unwrap_or_else(own_host);
    let grant = client.allow_laptop(host).await?;
    let before = home.laptop()?;
    if let Some(before) = &before {
        stop_process(before, STOP_WAIT_SECS).await?;
    }
    let folder = home.ensure(LAPTOP_DIR)?;
    Credentials::of(&folder).set(&Secret::new(grant.session.token), None, invocation.output)?;
    let gateway = grant.join.gateway;
    let file = format!("gateway/{gateway}/join-token");
    home.write_private(&file, grant.join.token.as_bytes())?;
    let port = wanted.port.or(before.and_then(|before| before.gateway_url.port())).unwrap_or(GATEWAY_PORT);
    let record = LaptopRecord {
        server: client.base().clone(),
        user: user.clone(),
        gateway,
        gateway_url: home::loopback(port)?,
        central_url: grant.central_url,
        expires_at: grant.session.summary.expires_at,
        process: None,
    };
    keep(home, &record)?;
    let launch = Launch { program: &program, port, wait_secs: wanted.wait_secs, join: Some(home.path(&file)) };
    let record = launch.run(record, invocation).await?;
    tell(&record, invocation);
    Ok(())
}

/// `daemon start` where a user enrolled a gateway: starts it, if it does not run.
pub(super) async fn start(
    record: LaptopRecord,
    port: Option<u16>,
    wait_secs: u64,
    invocation: &Invocation,
) -> Result<(), Failure> {
    let word = if is_running(&record) {
        "unchanged"
    } else {
        let program = find_program("mcp-gateway")?;
        let port = port.or(record.gateway_url.port()).unwrap_or(GATEWAY_PORT);
        let launch = Launch { program: &program, port, wait_secs, join: None };
        tell(&launch.run(record, invocation).await?, invocation);
        "started"
    };
    invocation.output.changes(&[change(word)])
}

/// `daemon stop` where a user enrolled a gateway: stops it, and leaves it enrolled.
pub(super) async fn stop(record: LaptopRecord, wait_secs: u64, invocation: &Invocation) -> Result<(), Failure> {
    let stopped = stop_process(&record, wait_secs).await?;
    keep(&invocation.home, &LaptopRecord { process: None, ..record })?;
    invocation.output.changes(&[change(if stopped { "stopped" } else { "unchanged" })])
}

/// Stops the gateway and gives it up: it is enrolled no more, and nothing it could show is left on this machine. Records of its
/// audit log that did not reach the control plane stay where they are.
pub(super) async fn give_up(record: &LaptopRecord, client: &Client, invocation: &Invocation) -> Result<(), Failure> {
    let home = &invocation.home;
    let _lock = start::lock(home)?;
    stop_process(record, STOP_WAIT_SECS).await?;
    keep(home, &LaptopRecord { process: None, ..record.clone() })?;
    match client.end_laptop(&record.gateway).await {
        // Whoever is not logged in any more has no gateway either.
        Ok(_) => {}
        Err(failure) if failure.status == Status::Unauthenticated => {
            invocation.output.note("the login had ended; the gateway of this machine ends with it");
        }
        Err(failure) => return Err(failure),
    }
    let folder = home.path(LAPTOP_DIR);
    Credentials::of(&folder).delete()?;
    let state = home.path("gateway").join(record.gateway.as_str());
    for file in ["identity.json", "config.jsonl", "join-token", "addr", "admin-addr"] {
        remove(&state.join(file))?;
    }
    remove(&home.path(RECORD))?;
    invocation.output.note(format!("the gateway of this machine, {}, is stopped and enrolled no more", record.gateway));
    Ok(())
}

/// Whether its very process runs.
pub(super) fn is_running(record: &LaptopRecord) -> bool {
    record.process.as_ref().is_some_and(processes::is_running)
}

/// What the gateway says of itself; none where it says nothing.
pub(super) async fn own_status(home: &Home, record: &LaptopRecord) -> Option<OwnStatus> {
    own_status_of(home, &record.gateway).await
}

/// The same of the gateway on this machine that is called `name`.
pub(super) async fn own_status_of(home: &Home, name: &Name) -> Option<OwnStatus> {
    let state = home.path("gateway").join(name.as_str());
    let address = fs::read_to_string(state.join("admin-addr")).ok()?;
    let url = Url::parse(&format!("http://{}/status", address.trim())).ok()?;
    let client = http::client(&url, Some(STATUS_TIMEOUT)).ok()?;
    let body = client.get(url).send().await.ok()?.bytes().await.ok()?;
    // Another program may have the port by now.
    serde_json::from_slice::<OwnStatus>(&body).ok().filter(|status| status.name == *name)
}

/// One start of the gateway.
struct Launch<'a> {
    program: &'a Path,
    port: u16,
    wait_secs: u64,
    /// The file with what it enrols with; absent: it is enrolled.
    join: Option<std::path::PathBuf>,
}

impl Launch<'_> {
    /// Starts it, and waits until it serves: without the control plane, what it last had.
    async fn run(&self, record: LaptopRecord, invocation: &Invocation) -> Result<LaptopRecord, Failure> {
        let home = &invocation.home;
        if self.port != 0 {
            super::daemon::port::check_free(self.port, "--gateway-port")?;
        }
        let state = format!("gateway/{}", record.gateway);
        remove(&home.path(&state).join("admin-addr"))?;
        let mut command = Command::new(self.program);
        command
            .env("MCP_GATEWAY_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("MCP_GATEWAY_ADMIN_LISTEN", "127.0.0.1:0")
            .env("MCP_GATEWAY_ROLE", "local")
            .env("MCP_GATEWAY_NAME", record.gateway.as_str())
            .env("MCPD_URL", record.server.as_str());
        if let Some(file) = &self.join {
            command.env("MCP_GATEWAY_JOIN_TOKEN_FILE", file);
        }
        let began = Timestamp::now();
        let mut starting = Starting::spawn(GATEWAY, command, &format!("{state}/addr"), self.port, home)?;
        let record = LaptopRecord { process: Some(starting.process()), ..record };
        keep(home, &record)?;
        let serves = async |_: &Url| {
            let status = own_status(home, &record).await?;
            (status.started_at >= began && status.revision.is_some()).then_some(())
        };
        let ready = starting.until_ready(Deadline::after_secs(self.wait_secs), self.wait_secs, serves).await;
        match ready {
            Ok((gateway_url, ())) => {
                let record = LaptopRecord { gateway_url, ..record };
                keep(home, &record)?;
                Ok(record)
            }
            Err(failure) => {
                stop_process(&record, STOP_WAIT_SECS).await?;
                keep(home, &LaptopRecord { process: None, ..record })?;
                Err(failure)
            }
        }
    }
}

async fn stop_process(record: &LaptopRecord, wait_secs: u64) -> Result<bool, Failure> {
    match &record.process {
        Some(process) => processes::stop(process, wait_secs).await,
        None => Ok(false),
    }
}

fn keep(home: &Home, record: &LaptopRecord) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(record).map_err(|error| Failure::failed(error.to_string()))?;
    home.write_private(RECORD, &text)
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).during(|| format!("cannot delete `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

fn change(word: &str) -> Change {
    Change::new(format!("daemon/{GATEWAY}"), word)
}

fn tell(record: &LaptopRecord, invocation: &Invocation) {
    invocation.output.note(format!("gateway {} serves at {}", record.gateway, record.gateway_url));
    invocation.output.note(format!("central gateway {}; see `mcpctl status`", record.central_url));
}

/// What this machine calls itself.
fn own_host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
