//! A whole gateway in this process, on port 0, configured by a file; a scripted server behind it; an HTTP client in
//! front of it.

use clap::Parser as _;
use control_plane_api::{
    audit::{AuditEvent, chain::Entry},
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use gateway::settings::{Settings, StateDir};
use scrubber::Scrubber;
use serde_json::{Value, json};
use std::{
    fs::File,
    future::Future,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    sync::Once,
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const MODERN: &str = "2026-07-28";
/// The program under test, which confines the servers of gateways in this process.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mcp-gateway");

pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) address: String,
    pub(crate) http: reqwest::Client,
    flags: Vec<String>,
    stop: Option<oneshot::Sender<()>>,
}

/// A gateway that does not run, and what it left.
pub(crate) struct Stopped {
    home: TempDir,
    flags: Vec<String>,
}

/// A reply: status, session id if one was given, the messages in it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) session: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) messages: Vec<Value>,
}

impl Answer {
    pub(crate) fn last(&self) -> &Value {
        self.messages.last().unwrap_or(&Value::Null)
    }

    pub(crate) fn error(&self) -> (i64, String) {
        let error = &self.last()["error"];
        (error["code"].as_i64().unwrap_or_default(), error["message"].as_str().unwrap_or_default().to_owned())
    }

    /// The JSON in the first text block of a tool's result.
    pub(crate) fn told(&self) -> Value {
        let text = self.last()["result"]["content"][0]["text"].as_str().unwrap_or_default();
        serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
    }
}

/// The token of user `name`: the same in every test.
pub(crate) fn token_of(name: &str) -> String {
    let mut random = [0_u8; 32];
    for (byte, letter) in random.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    token::format(TokenKind::Personal, &random)
}

pub(crate) fn user(name: &str, roles: &[&str], expires_at: Option<Timestamp>) -> Value {
    let grant = json!({"id": name, "digest": token::digest(&token_of(name)), "expires_at": expires_at});
    json!({"kind": "user", "name": name, "spec": {"roles": roles, "tokens": [grant]}})
}

/// What TLS is made with, in all tests of this process.
pub(crate) fn provide_tls() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
}

/// A scripted server: read tools by default, `die` counts as writing.
pub(crate) fn server(name: &str, traits: &str) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stdio_server.py");
    json!({"kind": "server", "name": name, "spec": {
        "transport": {"type": "stdio", "command": "python3", "args": [script, traits]},
        "tools": [{"tool": "die", "class": "write"}, {"tool": "*", "class": "read"}]}})
}

/// The same with this in the relevance settings of its projects.
pub(crate) fn with_relevance(mut objects: Vec<Value>, relevance: &Value) -> Vec<Value> {
    for project in objects.iter_mut().filter(|object| object["kind"] == "project") {
        project["spec"]["relevance"] = relevance.clone();
    }
    objects
}

/// The `servers`, a profile for each, and a project with all of them. Results pass as they come, so that the gateway has no
/// tool of its own for more of them.
pub(crate) fn objects(servers: &[Value]) -> Vec<Value> {
    let mut objects = vec![
        user("ada", &["developer"], None),
        user("bob", &["developer"], None),
        user("late", &["developer"], Some(Timestamp::from_millis(1_000))),
    ];
    let mut profiles = Vec::new();
    for server in servers {
        let profile = format!("{}-read-only", server["name"].as_str().unwrap());
        let mut server = server.clone();
        server["spec"]["relevance"] = json!({"enabled": false, "budget_tokens": 0});
        objects.push(server.clone());
        objects.push(json!({"kind": "profile", "name": profile, "spec": {"server": server["name"]}}));
        profiles.push(profile);
    }
    objects
        .push(json!({"kind": "project", "name": "weekly", "spec": {"profiles": profiles, "members": ["ada", "late"]}}));
    objects
}

impl World {
    pub(crate) async fn start(objects: &[Value], flags: &[&str]) -> Self {
        Self::start_within(&json!({}), objects, flags).await
    }

    /// The same within other `limits`.
    pub(crate) async fn start_within(limits: &Value, objects: &[Value], flags: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        write_snapshot(&home, 1, objects, (limits, false));
        let file = home.path().join("snapshot.json");
        let flags = [&["--config-file", file.to_str().unwrap()], flags].concat();
        Self::run(home, &flags).await
    }

    /// A gateway in `home`, configured by whatever `flags` say; its first configuration is about the project `weekly`.
    pub(crate) async fn run(home: TempDir, flags: &[&str]) -> Self {
        provide_tls();
        let home_path = home.path().to_str().unwrap();
        let base = ["mcp-gateway", "--listen", "127.0.0.1:0", "--home", home_path, "--confiner", PROGRAM];
        let settings = Settings::try_parse_from([&base, flags].concat());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            if let Err(error) = gateway::server::run(settings.unwrap(), Scrubber::default(), stop).await {
                panic!("the gateway ended: {error:#}");
            }
        });
        let path = home.path().join("gateway/local/addr");
        let address = eventually("the gateway's address", async || std::fs::read_to_string(&path).ok()).await;
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let world = Self { home, address, http, flags, stop: Some(stop) };
        eventually("a configuration in force", async || {
            (world.modern("weekly", "ada", "tools/list", json!({})).await.status != 503).then_some(())
        })
        .await;
        world
    }

    /// Stops the gateway.
    pub(crate) async fn stopped(mut self) -> Stopped {
        let home = std::mem::replace(&mut self.home, tempfile::tempdir().unwrap());
        let flags = std::mem::take(&mut self.flags);
        drop(self);
        let state = home.path().join("gateway/local");
        // Whoever may have the directory for itself is alone.
        eventually("the gateway's end", async || StateDir::open(&state).ok()).await;
        std::fs::remove_file(state.join("addr")).unwrap();
        Stopped { home, flags }
    }

    /// Another gateway that begins with the state of this one, as if its process had ended: what follows a control plane
    /// ends with the process only.
    pub(crate) async fn moved(self) -> Self {
        self.moved_with(&[]).await
    }

    /// The same with other `files` in its state.
    pub(crate) async fn moved_with(mut self, files: &[(&str, String)]) -> Self {
        let (home, flags) = (tempfile::tempdir().unwrap(), std::mem::take(&mut self.flags));
        let state = home.path().join("gateway/local");
        std::fs::create_dir_all(&state).unwrap();
        for file in ["identity.json", "config.jsonl", "pins.json"] {
            std::fs::copy(self.home.path().join("gateway/local").join(file), state.join(file)).unwrap();
        }
        for (file, text) in files {
            std::fs::write(state.join(file), text).unwrap();
        }
        Stopped { home, flags }.started().await
    }

    /// Stops the gateway and starts it again.
    pub(crate) async fn restart(self) -> Self {
        self.stopped().await.started().await
    }

    /// Puts another configuration into force.
    pub(crate) fn configure(&self, revision: u64, objects: &[Value]) {
        write_snapshot(&self.home, revision, objects, (&json!({}), false));
    }

    /// The same, and the gateway is to be drained within `timeout_ms`.
    pub(crate) fn drain(&self, revision: u64, objects: &[Value], timeout_ms: u64) {
        write_snapshot(&self.home, revision, objects, (&json!({"drain_timeout_ms": timeout_ms}), true));
    }

    /// Where the clients of `project` go; without one, those of all that are open to them.
    pub(crate) fn url(&self, project: &str) -> String {
        match project {
            "" => format!("http://{}/mcp", self.address),
            project => format!("http://{}/projects/{project}/mcp", self.address),
        }
    }

    /// A modern request of `who`.
    pub(crate) async fn modern(&self, project: &str, who: &str, method: &str, params: Value) -> Answer {
        read(self.modern_request(project, who, method, params).send().await.unwrap()).await
    }

    pub(crate) fn modern_request(
        &self,
        project: &str,
        who: &str,
        method: &str,
        params: Value,
    ) -> reqwest::RequestBuilder {
        self.modern_message(project, who, &json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}))
    }

    /// The legacy request `message` as a modern client sends it.
    pub(crate) fn modern_message(&self, project: &str, who: &str, message: &Value) -> reqwest::RequestBuilder {
        let mut message = message.clone();
        let meta = &mut message["params"]["_meta"];
        meta["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "it", "version": "1"});
        let request = self.post(project, who, &message).header("mcp-protocol-version", MODERN);
        let request = request.header("mcp-method", message["method"].as_str().unwrap());
        match message["params"]["name"].as_str().or(message["params"]["uri"].as_str()) {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    }

    /// A legacy message of `who`.
    pub(crate) async fn legacy(&self, who: &str, session: Option<&str>, message: Value) -> Answer {
        let mut request = self.post("weekly", who, &message);
        if let Some(session) = session {
            request = request.header("mcp-session-id", session).header("mcp-protocol-version", "2025-11-25");
        }
        read(request.send().await.unwrap()).await
    }

    pub(crate) fn post(&self, project: &str, who: &str, body: &Value) -> reqwest::RequestBuilder {
        let request =
            self.http.post(self.url(project)).header("accept", "application/json, text/event-stream").json(body);
        if who.is_empty() { request } else { request.bearer_auth(token_of(who)) }
    }

    pub(crate) async fn call(&self, who: &str, tool: &str, arguments: Value) -> Answer {
        self.modern("weekly", who, "tools/call", json!({"name": tool, "arguments": arguments})).await
    }

    /// What the admin listener answers at `path`.
    pub(crate) async fn admin(&self, path: &str) -> String {
        let address = std::fs::read_to_string(self.home.path().join("gateway/local/admin-addr")).unwrap();
        self.http.get(format!("http://{address}{path}")).send().await.unwrap().text().await.unwrap()
    }

    /// Every audit record so far, in the order of writing.
    pub(crate) fn audit(&self) -> Vec<AuditEvent> {
        audit_in(self.home.path())
    }
}

impl Stopped {
    /// Starts it again.
    pub(crate) async fn started(self) -> World {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        World::run(self.home, &flags).await
    }
}

/// Every audit record in `home` so far, in the order of writing.
pub(crate) fn audit_in(home: &Path) -> Vec<AuditEvent> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(home.join("gateway/local/audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let written: Vec<u8> = files.iter().flat_map(|path| written_in(path)).collect();
    let entries = written.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Entry>(line).ok());
    entries.filter_map(|entry| entry.event().cloned()).collect()
}

/// What is written of an audit segment: its room is reserved, so that megabytes of zeros follow, which are not to be read.
fn written_in(segment: &Path) -> Vec<u8> {
    let mut written = Vec::new();
    BufReader::new(File::open(segment).unwrap()).read_until(0, &mut written).unwrap();
    if written.last() == Some(&0) {
        written.pop();
    }
    written
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

fn write_snapshot(home: &TempDir, revision: u64, objects: &[Value], (limits, draining): (&Value, bool)) {
    let mut snapshot = json!({"revision": revision, "issued_at": Timestamp::now(), "objects": objects,
        "limits": {"upstream_call_timeout_ms": 20_000}, "draining": draining});
    for (name, limit) in limits.as_object().unwrap() {
        snapshot["limits"][name] = limit.clone();
    }
    let fresh = home.path().join("snapshot.new");
    std::fs::write(&fresh, snapshot.to_string()).unwrap();
    std::fs::rename(fresh, home.path().join("snapshot.json")).unwrap();
}

pub(crate) async fn read(response: reqwest::Response) -> Answer {
    let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let (status, session, challenge) =
        (response.status().as_u16(), header("mcp-session-id"), header("www-authenticate"));
    let is_stream = header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
    let text = response.text().await.unwrap();
    let messages = if is_stream {
        text.lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter_map(|data| serde_json::from_str(data).ok())
            .collect()
    } else {
        serde_json::from_str(&text).into_iter().collect()
    };
    Answer { status, session, challenge, messages }
}

/// Tries until `attempt` gives something; the time in between is no part of any assertion.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut attempt: impl FnMut() -> F) -> T {
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    let search = async {
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            pause.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
