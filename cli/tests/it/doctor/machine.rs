//! A machine on which everything is well but what a test says, and what `mcpctl doctor` tells of it.

use crate::{
    stub::{Reply, Seen, Stub},
    world::{Ran, World},
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{self, Command},
    time::{SystemTime, UNIX_EPOCH},
};

const PLANE: &str =
    r#"{"version": "VERSION", "store": "sqlite", "revision": 3, "started_at": "2026-07-28T09:00:00.000Z"}"#;
pub(crate) const SERVER: &str = r#"{"name": "slack", "revision": 1, "spec": {"transport": {"type": "stdio", "command": "npx",
    "env": {"T": {"secret": "slack-token"}}}}}"#;
const PROFILE: &str = r#"{"name": "slack-read-only", "revision": 1, "spec": {"server": "slack", "allow": ["*"]}}"#;
const PROJECT: &str = r#"{"name": "weekly", "revision": 1, "spec": {"profiles": ["slack-read-only"]}}"#;
pub(crate) const GATEWAY: &str = r#"{"name": "local", "enrolled_at": "2026-07-28T09:00:00.000Z", "seen_at": "NOW", "status": {
    "config": {"state": "applied", "revision": 3}, "role": "local", "version": "VERSION",
    "started_at": "2026-07-28T09:00:00.000Z", "listen_url": "http://127.0.0.1:9229", "audit_backlog": 0,
    "model": {"state": "unused"}, "servers": [{"name": "slack", "state": "ready", "tools": [
        {"name": "get", "exposed": "slack_get", "class": "read"}, {"name": "post", "exposed": "slack_post", "class": "write"}]}]}}"#;
pub(crate) const OWN: &str = r#"{"name": "local", "version": "VERSION", "started_at": "2026-07-28T09:00:00.000Z", "revision": 3,
    "contact": {"reached_at": "NOW"}, "audit_backlog": 0, "servers": []}"#;
const TEST: &str =
    r#"[{"name": "slack", "gateway": "local", "passed": true, "tools": ["get", "post"], "elapsed_ms": 12}]"#;

/// RFC 3339, `ago` seconds before now.
fn moment(ago: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - ago;
    let output = Command::new("date").args(["-u", "-d", &format!("@{now}"), "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn filled(text: &str) -> String {
    text.replace("VERSION", env!("CARGO_PKG_VERSION")).replace("NOW", &moment(0))
}

/// What a machine on which everything is well is answered.
fn well(seen: &Seen) -> Reply {
    match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/healthz" | "/readyz") => Reply::status(204),
        ("GET", "/api/v1/whoami") => Reply::json(r#"{"user": "admin", "roles": ["admin"]}"#),
        ("GET", "/api/v1/status") => Reply::json(&filled(PLANE)),
        ("GET", "/api/v1/servers") => Reply::json(&format!("[{SERVER}]")),
        ("GET", "/api/v1/profiles") => Reply::json(&format!("[{PROFILE}]")),
        ("GET", "/api/v1/projects") => Reply::json(&format!("[{PROJECT}]")),
        ("GET", "/api/v1/projects/weekly") => Reply::json(PROJECT),
        ("GET", "/api/v1/connections") => Reply::json("[]"),
        ("GET", "/api/v1/gateways") => Reply::json(&format!("[{}]", filled(GATEWAY))),
        ("GET", "/status") => Reply::json(&filled(OWN)),
        ("POST", "/api/v1/instances/slack/test") => Reply::json(TEST),
        ("POST", "/projects/weekly/mcp") if seen.is("server/discover") => {
            Reply::json(r#"{"jsonrpc": "2.0", "id": 1, "result": {"supportedVersions": ["2026-07-28"]}}"#)
        }
        ("POST", "/projects/weekly/mcp") if seen.is("tools/list") => {
            Reply::json(r#"{"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "slack_get"}]}}"#)
        }
        ("POST", "/projects/weekly/mcp") if seen.is("initialize") => Reply::json(
            r#"{"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "g", "version": "1"}}}"#,
        ),
        _ => Reply::status(404),
    }
}

/// When a process started, as the record of the daemon has it.
pub(crate) fn started(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let tick = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().to_owned();
    format!("{}:{tick}", fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim())
}

/// A machine on which mcpd and a gateway run, both of them the stub: their processes are this very one.
pub(crate) struct Machine {
    pub(crate) world: World,
    pub(crate) stub: Stub,
}

impl Machine {
    /// `odd` answers what is not well.
    pub(crate) fn new(odd: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let stub = Stub::start(move |seen, _| odd(seen).unwrap_or_else(|| well(seen)));
        let world = World::connected(&stub.url);
        let this = Self { world, stub };
        this.record(true, true);
        this.world.private("gateway/local/admin-addr", this.stub.url.strip_prefix("http://").unwrap());
        fs::set_permissions(this.world.home(), fs::Permissions::from_mode(0o700)).unwrap();
        // A client, so that there is one in PATH; the program that is tested, as the client starts it.
        let bin = this.world.script("bin/claude", "#!/bin/sh\n");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mcpctl"), bin.with_file_name("mcpctl")).unwrap();
        this.client_file(
            r#"{"mcpServers": {"mcpctl-proxy": {"command": "mcpctl", "args": ["mcp-stdio", "--project", "weekly"]}}}"#,
        );
        this
    }

    /// Which of the processes run.
    pub(crate) fn record(&self, mcpd: bool, gateway: bool) {
        let of = |runs: bool| {
            let started = if runs { started(process::id()) } else { "never".to_owned() };
            format!(r#"{{"pid": {}, "started": "{started}"}}"#, process::id())
        };
        let url = &self.stub.url;
        let (mcpd, gateway) = (of(mcpd), of(gateway));
        self.world.private(
            "daemon.json",
            &format!(r#"{{"api_url": "{url}", "gateway_url": "{url}", "mcpd": {mcpd}, "gateway": {gateway}}}"#),
        );
    }

    pub(crate) fn client_file(&self, text: &str) {
        fs::write(self.world.work().join(".mcp.json"), text).unwrap();
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.world.command(&[&["doctor"][..], args].concat());
        let path = format!("{}:/usr/bin:/bin", self.world.dir.path().join("bin").display());
        Ran::of(command.env("PATH", path))
    }

    pub(crate) fn json(&self) -> (Option<i32>, Value) {
        let ran = self.run(&["-o", "json"]);
        (ran.code, serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}")))
    }
}

pub(crate) fn nothing(_: &Seen) -> Option<Reply> {
    None
}

/// The check of that name.
pub(crate) fn check_of<'a>(told: &'a Value, name: &str) -> &'a Value {
    let all = told["checks"].as_array().unwrap();
    all.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {told:#}"))
}

/// The first hop that fails, what mends it, and which checks are skipped for it.
pub(crate) fn fails(machine: &Machine, hop: &str, fix: &[&str], skipped: &[&str]) {
    let (code, told) = machine.json();
    assert_eq!((code, &told["healthy"], &told["failing_hop"]), (Some(6), &false.into(), &hop.into()), "{told:#}");
    let home = machine.world.home().display().to_string();
    let fix: Vec<String> = fix.iter().map(|fix| fix.replace("[HOME]", &home)).collect();
    assert_eq!(told["fix"], serde_json::json!(fix), "{told:#}");
    let all = told["checks"].as_array().unwrap().iter();
    let found: Vec<&str> =
        all.filter(|check| check["state"] == "skipped").map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(found, skipped, "{told:#}");
}

/// Nothing fails, and there is one thing to look at.
pub(crate) fn warns(machine: &Machine, name: &str, fix: &[&str]) {
    let (code, told) = machine.json();
    assert_eq!((code, &told["failing_hop"]), (Some(0), &Value::Null), "{told:#}");
    let check = check_of(&told, name);
    assert_eq!((&check["state"], &check["fix"]), (&"warn".into(), &serde_json::json!(fix)), "{told:#}");
}
