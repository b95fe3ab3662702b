//! One installation: a fresh home folder, the daemon in it, a workspace, and the commands a user types.
//!
//! It belongs to a shell that waits for the end of its standard input: when the test ends, however it ends, the shell
//! stops the daemon and removes the folder.

use crate::{http::Endpoint, model, patience::until, programs::program, said::Said};
use e2e::client::{Client, Entry, Era};
use serde_json::Value;
use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{self, Stdio},
    time::Duration,
};
use tokio::{io::AsyncWriteExt as _, process::Command, sync::OnceCell, time::timeout};

/// Everything a program may inherit: nothing of the developer's own settings reaches a test.
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// No command takes longer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
pub(crate) const SLACK_TOKEN: &str = "xoxb-4242424242-whole-system-test";
pub(crate) const JIRA_TOKEN: &str = "ATATT-whole-system-test-4242";

const GUARD: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
MCPCTL_HOME="$2/home" "$1" daemon stop --wait 3 >/dev/null 2>&1
rm -rf "$2"
"#;

pub(crate) struct World {
    folder: PathBuf,
    database_url: Option<String>,
    guard: process::Child,
}

impl World {
    /// A folder in which nothing was started yet; on SQLite unless there is a URL.
    pub(crate) fn new(database_url: Option<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("mcpctl-e2e-").tempdir().unwrap().keep();
        for name in ["user", "workspace"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let guard = process::Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .arg(program("mcpctl"))
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { folder, database_url, guard }
    }

    /// A running daemon that judges relevance by the model.
    pub(crate) async fn with_model(database_url: Option<String>) -> Self {
        let world = Self::new(database_url);
        let weights = model::folder().await;
        world.mcpctl(&["model", "pull", "--from", weights.to_str().unwrap()]).await.done();
        world.start().await;
        world
    }

    /// A running daemon without a model, shared by all tests that need no more than that. Each of them brings servers
    /// and projects of its own.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<World> = OnceCell::const_new();
        let start = async || {
            let world = Self::new(None);
            let said = world.start().await;
            assert!(
                said.stderr.contains("no local model") && said.stderr.contains("mcpctl model pull"),
                "{}",
                said.stderr
            );
            world
        };
        SHARED.get_or_init(start).await
    }

    pub(crate) async fn start(&self) -> Said {
        self.mcpctl(&["daemon", "start", "--api-port", "0", "--gateway-port", "0"]).await.done()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The same as text.
    pub(crate) fn text_path(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Runs `mcpctl` in the workspace.
    pub(crate) async fn mcpctl(&self, args: &[&str]) -> Said {
        self.mcpctl_with(args, "").await
    }

    /// The same, with something on standard input.
    pub(crate) async fn mcpctl_with(&self, args: &[&str], stdin: &str) -> Said {
        let mut command = self.command(&program("mcpctl"));
        command.args(args).env("MCPCTL_HOME", self.path("home"));
        if let Some(url) = &self.database_url {
            command.env("DATABASE_URL", url);
        }
        run(command, stdin).await
    }

    /// A program in the workspace, with next to nothing in its environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", PATH).env("HOME", self.path("user"));
        command.current_dir(self.path("workspace")).kill_on_drop(true);
        command
    }

    /// Sets up the demo Slack as `slack`, and the demo Jira as `jira`, as one would the real ones.
    pub(crate) async fn set_up_slack_and_jira(&self) {
        let (slack, jira) = (program("mock-slack"), program("mock-jira"));
        let state = format!("--arg={}", self.text_path("slack-writes.jsonl"));
        let line = ["setup", "slack", "--non-interactive", "--token-stdin", "--command", slack.to_str().unwrap()];
        self.mcpctl_with(&[&line[..], &["--arg=--state-file", &state]].concat(), SLACK_TOKEN).await.done();
        let line = ["setup", "jira", "--non-interactive", "--token-stdin", "--command", jira.to_str().unwrap()];
        let url = ["--set", "JIRA_URL=https://jira.example.test"];
        self.mcpctl_with(&[&line[..], &url].concat(), JIRA_TOKEN).await.done();
    }

    /// What was written to the demo Slack.
    pub(crate) fn slack_writes(&self) -> String {
        fs::read_to_string(self.path("slack-writes.jsonl")).expect("the demo Slack makes its file when it starts")
    }

    /// Connects a folder of its own to `project`; the `.mcp.json` that was written.
    pub(crate) async fn connect(&self, project: &str) -> PathBuf {
        let dir = self.path(&format!("connected-{project}"));
        fs::create_dir(&dir).unwrap();
        self.mcpctl(&["claude", "add-mcp-project", project, "--dir", dir.to_str().unwrap()]).await.done();
        dir.join(".mcp.json")
    }

    /// The official Rust client, started from that file alone, once the gateway knows the project.
    pub(crate) async fn client(&self, config: &Path, era: Era) -> Client {
        let entry = Entry::read(config).unwrap();
        until("the gateway lets the client in", async || {
            let mut command = self.command(Path::new(&entry.command));
            command.args(&entry.args).envs(&entry.env);
            Client::start(command, era, "e2e-rust").await.ok()
        })
        .await
    }

    /// Address of `mcpd` or `gateway`, and its process.
    pub(crate) async fn process(&self, name: &str) -> Process {
        let said = self.mcpctl(&["daemon", "status", "--format", "json"]).await.json();
        let row = said.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
        let url = row["url"].as_str().map(|url| url.trim_end_matches('/').to_owned());
        Process { pid: row["pid"].as_u64(), url }
    }

    /// A project's endpoint at the gateway, without the bridge.
    pub(crate) async fn endpoint(&self, project: &str, token: &str) -> Endpoint {
        let gateway = self.process("gateway").await.url.expect("the gateway runs");
        Endpoint::new(&format!("{gateway}/projects/{project}/mcp"), token)
    }

    /// The first administrator's token.
    pub(crate) fn admin_token(&self) -> String {
        fs::read_to_string(self.path("home/admin-token")).unwrap().trim().to_owned()
    }

    /// The newest events of the audit log that match, once there are `count` of them.
    pub(crate) async fn audit(&self, count: usize, filter: &[&str]) -> Vec<Value> {
        let limit = count.to_string();
        let line = [&["audit", "--limit", &limit, "--format", "json"], filter].concat();
        until(&format!("`{}` shows {count}", line.join(" ")), async || {
            let said = self.mcpctl(&line).await.done().json();
            let events = said.as_array().unwrap().clone();
            (events.len() == count && events.iter().all(|event| event["phase"] == "outcome")).then_some(events)
        })
        .await
    }
}

/// A process of the daemon.
pub(crate) struct Process {
    pub(crate) pid: Option<u64>,
    pub(crate) url: Option<String>,
}

impl Process {
    /// The port it listens on.
    pub(crate) fn port(&self) -> String {
        self.url.as_ref().expect("it runs").rsplit(':').next().unwrap_or_default().to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in ["mcpd", "gateway"] {
                let text = fs::read_to_string(self.path(&format!("home/logs/{log}.log"))).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let tail = lines.iter().skip(lines.len().saturating_sub(40)).copied().collect::<Vec<_>>().join("\n");
                writeln!(io::stderr(), "--- the end of {log}'s log\n{tail}").ok();
            }
        }
        drop(self.guard.stdin.take());
        self.guard.wait().ok();
    }
}

/// Runs a command to its end.
pub(crate) async fn run(mut command: Command, stdin: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let std = command.as_std();
    let words = std::iter::once(std.get_program()).chain(std.get_args());
    let line = words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    let mut child = command.spawn().unwrap_or_else(|error| panic!("`{line}` does not start: {error}"));
    let mut pipe = child.stdin.take().unwrap();
    // A program that does not read its input may be gone already.
    pipe.write_all(stdin.as_bytes()).await.ok();
    drop(pipe);
    let ended = timeout(COMMAND_TIMEOUT, child.wait_with_output()).await;
    Said::new(line.clone(), ended.unwrap_or_else(|_| panic!("`{line}` does not end")).unwrap())
}
