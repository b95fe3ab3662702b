//! `mcpctl daemon start`: mcpd, then a gateway enrolled with it; each is recorded as soon as it runs, and what was
//! started is stopped again when the rest fails.

pub(in crate::commands) mod ready;

use super::{GATEWAY, MCPD, change, port};
use crate::{
    Invocation,
    args::daemon::Start,
    client::Client,
    commands::laptop,
    failure::{During as _, Failure},
    home::{
        self, API_PORT, GATEWAY_PORT, Home,
        record::{DaemonRecord, ProcessRecord},
    },
    output::Change,
    pause::Deadline,
    processes::{self, find_program},
};
use control_plane_api::{
    gateway::{ConfigState, GatewayStatus, ModelState},
    name::Name,
    timestamp::Timestamp,
};
use ready::Starting;
use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
};
use url::Url;

/// What the gateway on this machine is called, in the control plane and in its own folder.
const NAME: &str = "local";
/// Seconds the token is good by which the gateway that is being started enrols.
const JOIN_TOKEN_LIFETIME_S: i64 = 600;
/// Seconds a process gets to end when the start failed.
const STOP_WAIT_SECS: u64 = 5;

/// Starts what does not run yet.
pub(crate) async fn run(args: Start, invocation: &Invocation) -> Result<(), Failure> {
    let home = &invocation.home;
    let _lock = lock(home)?;
    if let Some(record) = home.laptop()? {
        return laptop::start(record, args.gateway_port, args.wait, invocation).await;
    }
    let before = home.daemon()?;
    let mut launch = Launch {
        invocation,
        deadline: Deadline::after_secs(args.wait),
        wait_secs: args.wait,
        record: before.clone().filter(|record| processes::is_running(&record.mcpd)),
        before,
        started: Vec::new(),
    };
    let result = launch.all(&args).await;
    match result {
        Ok(changes) => {
            invocation.output.changes(&changes)?;
            launch.tell();
            Ok(())
        }
        Err(failure) => {
            launch.undo().await;
            Err(failure)
        }
    }
}

/// One start or stop at a time; ends with the file.
pub(crate) fn lock(home: &Home) -> Result<File, Failure> {
    home.ensure("")?;
    let path = home.path("daemon.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .during(|| format!("cannot open `{}`", path.display()))?;
    file.try_lock().map_err(|_| {
        Failure::failed("another `mcpctl daemon start` or `stop` is under way").hint("wait until it is done")
    })?;
    Ok(file)
}

struct Launch<'a> {
    invocation: &'a Invocation,
    deadline: Deadline,
    wait_secs: u64,
    /// What was recorded before; a part of it may have ended.
    before: Option<DaemonRecord>,
    /// What runs; none until mcpd does.
    record: Option<DaemonRecord>,
    /// What this start started.
    started: Vec<&'static str>,
}

impl Launch<'_> {
    async fn all(&mut self, args: &Start) -> Result<Vec<Change>, Failure> {
        let (mcpd, gateway) = (find_program("mcpd")?, find_program("mcp-gateway")?);
        self.refuse_other_ports(args)?;
        let api_url = match &self.record {
            Some(record) => record.api_url.clone(),
            None => self.mcpd(mcpd, args.api_port.or(self.port_before(MCPD)).unwrap_or(API_PORT)).await?,
        };
        if !self.gateway_runs() {
            let port = args.gateway_port.or(self.port_before(GATEWAY)).unwrap_or(GATEWAY_PORT);
            self.gateway(gateway, port, api_url).await?;
        }
        let word = |name| if self.started.contains(&name) { "started" } else { "unchanged" };
        Ok([MCPD, GATEWAY].map(|name| change(name, word(name))).into())
    }

    /// Where one of the two listened that has ended since: there it is looked for.
    fn port_before(&self, name: &str) -> Option<u16> {
        let record = self.before.as_ref()?;
        let url = if name == MCPD { &record.api_url } else { &record.gateway_url };
        url.port_or_known_default()
    }

    /// A gateway whose mcpd ended without it. It serves on, and goes on with another mcpd at the same place; from any other place
    /// it would never hear.
    async fn gateway_left(&self, port: u16) -> Result<Option<ProcessRecord>, Failure> {
        let left = self.before.as_ref().and_then(|record| record.gateway.clone()).filter(processes::is_running);
        match left {
            Some(process) if self.port_before(MCPD) != Some(port) => {
                processes::stop(&process, STOP_WAIT_SECS).await?;
                Ok(None)
            }
            left => Ok(left),
        }
    }

    fn gateway_runs(&self) -> bool {
        let gateway = self.record.as_ref().and_then(|record| record.gateway.as_ref());
        gateway.is_some_and(processes::is_running)
    }

    /// A port that was asked for but is not the one in use is not silently ignored.
    fn refuse_other_ports(&self, args: &Start) -> Result<(), Failure> {
        let Some(record) = &self.record else { return Ok(()) };
        let pairs = [(MCPD, args.api_port, &record.api_url), (GATEWAY, args.gateway_port, &record.gateway_url)];
        for (name, wanted, url) in pairs {
            let runs = name == MCPD || self.gateway_runs();
            if runs && wanted.is_some_and(|port| port != 0 && Some(port) != url.port_or_known_default()) {
                return Err(Failure::failed(format!("{name} already runs, at {url}"))
                    .hint("`mcpctl daemon stop` first, then start it at the other port"));
            }
        }
        Ok(())
    }

    async fn mcpd(&mut self, program: PathBuf, port: u16) -> Result<Url, Failure> {
        if port != 0 {
            port::check_free(port, "--api-port")?;
        }
        let home = &self.invocation.home;
        let mut command = Command::new(program);
        command.env("MCPD_LISTEN", format!("127.0.0.1:{port}"));
        let gateway = self.gateway_left(port).await?;
        let gateway_url = match &self.before {
            Some(record) => record.gateway_url.clone(),
            None => home::loopback(GATEWAY_PORT)?,
        };
        let mut starting = Starting::spawn("mcpd", command, "mcpd.addr", port, home)?;
        let expected = home::loopback(port)?;
        let mcpd = starting.process();
        self.started.push(MCPD);
        self.keep(DaemonRecord { api_url: expected, gateway_url, mcpd, gateway })?;
        let api_url = starting
            .until_ready(self.deadline, self.wait_secs, async |url: &Url| ready::answers(url).await.then_some(()))
            .await?
            .0;
        if let Some(record) = self.record.clone() {
            self.keep(DaemonRecord { api_url: api_url.clone(), ..record })?;
        }
        Ok(api_url)
    }

    async fn gateway(&mut self, program: PathBuf, port: u16, api_url: Url) -> Result<(), Failure> {
        if port != 0 {
            port::check_free(port, "--gateway-port")?;
        }
        let home = &self.invocation.home;
        let client = Client::new(home, api_url.clone(), &self.invocation.wire)?;
        let mut command = Command::new(program);
        command
            .env("MCP_GATEWAY_LISTEN", format!("127.0.0.1:{port}"))
            .env("MCP_GATEWAY_ADMIN_LISTEN", "127.0.0.1:0")
            .env("MCP_GATEWAY_ROLE", "local")
            .env("MCP_GATEWAY_NAME", NAME)
            .env("MCPD_URL", api_url.as_str());
        let join_token = self.join_token(&client).await?;
        if let Some(file) = &join_token {
            command.env("MCP_GATEWAY_JOIN_TOKEN_FILE", file);
        }
        let began = Timestamp::now();
        let mut starting = Starting::spawn("gateway", command, "gateway/local/addr", port, home)?;
        self.started.push(GATEWAY);
        let process = starting.process();
        if let Some(record) = self.record.clone() {
            self.keep(DaemonRecord { gateway: Some(process), ..record })?;
        }
        let reported = async |_: &Url| reported(&client, began).await;
        let (gateway_url, status) = starting.until_ready(self.deadline, self.wait_secs, reported).await?;
        if let Some(file) = join_token {
            // The gateway deletes it; what is left here is good for nothing.
            let _ = fs::remove_file(file);
        }
        if let Some(record) = self.record.clone() {
            self.keep(DaemonRecord { gateway_url, ..record })?;
        }
        self.judge(&status);
        Ok(())
    }

    /// A file with a token to enrol with, when the gateway has no identity that this control plane knows.
    async fn join_token(&self, client: &Client) -> Result<Option<PathBuf>, Failure> {
        let home = &self.invocation.home;
        let identity = home.path("gateway/local/identity.json");
        let known = client.gateway(NAME).await?.is_some();
        if identity.exists() && known {
            return Ok(None);
        }
        if identity.exists() {
            self.invocation.output.warn("the control plane does not know this gateway: it enrols again");
            fs::remove_file(&identity).during(|| format!("cannot delete `{}`", identity.display()))?;
        }
        let name: Name = NAME.parse().map_err(|error| Failure::failed(format!("{error}")))?;
        let token = client.join_token(name, JOIN_TOKEN_LIFETIME_S).await?.token;
        home.write_private("gateway/local/join-token", token.as_bytes())?;
        Ok(Some(home.path("gateway/local/join-token")))
    }

    fn judge(&self, status: &GatewayStatus) {
        let output = self.invocation.output;
        if let ConfigState::Rejected { revision, violations, .. } = &status.config {
            output.warn(format!("the gateway refused revision {revision} of the configuration"));
            violations.iter().for_each(|violation| output.note(format!("  {violation}")));
        }
        if let ModelState::Missing { reason } = &status.model {
            output.note(format!(
                "no local model ({reason}): results are filtered by words alone; get it with `mcpctl model pull`"
            ));
        }
    }

    fn keep(&mut self, record: DaemonRecord) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(&record).map_err(|error| Failure::failed(error.to_string()))?;
        self.invocation.home.write_private("daemon.json", &text)?;
        self.record = Some(record);
        Ok(())
    }

    fn tell(&self) {
        if let Some(record) = &self.record {
            self.invocation.output.note(format!("control plane {}", record.api_url));
            self.invocation.output.note(format!("gateway       {}", record.gateway_url));
        }
    }

    /// Stops what this start started, and nothing else.
    async fn undo(&mut self) {
        let Some(record) = self.record.clone() else { return };
        for name in self.started.iter().rev() {
            let process = if *name == MCPD { Some(&record.mcpd) } else { record.gateway.as_ref() };
            if let Some(process) = process
                && let Err(failure) = processes::stop(process, STOP_WAIT_SECS).await
            {
                self.invocation.output.warn(failure);
            }
        }
        let left = record.gateway.as_ref().is_some_and(processes::is_running);
        let kept = match self.started.first() {
            None => Ok(()),
            // A gateway that ran before is still there to be stopped.
            Some(first) if *first == MCPD && left => self.keep(record),
            Some(first) if *first == MCPD => super::forget(&self.invocation.home),
            Some(_) => self.keep(DaemonRecord { gateway: None, ..record }),
        };
        if let Err(failure) = kept {
            self.invocation.output.warn(failure);
        }
    }
}

/// What the gateway that began after `began` reports; none until it does.
async fn reported(client: &Client, began: Timestamp) -> Option<GatewayStatus> {
    let status = client.gateway(NAME).await.ok()??.status?;
    (status.started_at >= began).then_some(status)
}
