//! A developer's morning: a company with its control plane and a central gateway, and a laptop that needs one command. What the
//! developer calls goes through both gateways, is filtered on the laptop, and written down in both; then one thing after the
//! other is away, and in the end the developer is.

use crate::{
    patience::until,
    programs::program,
    said::Said,
    world::{World, run},
};
use e2e::client::{Client, Era};
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, Write as _},
    net::TcpListener,
    process::Stdio,
    time::Duration,
};
use tokio::process::Child;

const PASSWORD: &str = "correct horse battery";
const PROJECT: &str = "weekly";
const TOOL: &str = "slack_get_messages";
const GATEWAY: &str = "laptop-eve-desk";

/// The company, and the laptop with a home folder of its own.
struct Company {
    world: World,
    central: String,
    api_port: String,
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().read_timeout(Duration::from_secs(60)).build().unwrap()
}

impl Company {
    async fn start() -> Self {
        // Another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        // Laptops are told where it is before it is there.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let central = format!("http://127.0.0.1:{port}");
        let mut company = Self { world: World::new(None), central, api_port: "0".to_owned() };
        company.start_control_plane().await;
        company.api_port = company.world.process("mcpd").await.port();
        let world = &company.world;
        world.set_up_slack_and_jira().await;
        world.mcpctl(&["user", "create", "eve"]).await.done();
        world.mcpctl_with(&["user", "passwd", "eve", "--stdin"], PASSWORD).await.done();
        world.mcpctl(&["project", "create", PROJECT, "--profiles", "slack-read-only"]).await.done();
        let file = world.path("members.yaml");
        let spec = "{profiles: [slack-read-only], members: [eve]}";
        fs::write(&file, format!("kind: project\nname: {PROJECT}\nspec: {spec}\n")).unwrap();
        world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();
        company
    }

    /// mcpd, where it was before.
    async fn start_control_plane(&self) {
        let mut command = self.world.command(&program("mcpctl"));
        command.args(["daemon", "start", "--api-port", &self.api_port, "--gateway-port", "0"]);
        command.env("MCPCTL_HOME", self.world.path("home")).env("MCPD_CENTRAL_URL", &self.central);
        run(command, "").await.done();
    }

    fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.api_port)
    }

    /// The central gateway, enrolled by an administrator if it never was. It ends with what is returned.
    async fn start_central(&self) -> Child {
        let home = self.world.path("central");
        let join = self.world.path("join-token");
        if !home.exists() {
            fs::create_dir(&home).unwrap();
            let asked = client().post(format!("{}/api/v1/join-tokens", self.api()));
            let asked = asked.bearer_auth(self.world.admin_token()).body(json!({"gateway": "central"}).to_string());
            let token: Value = serde_json::from_str(&asked.send().await.unwrap().text().await.unwrap()).unwrap();
            fs::write(&join, token["token"].as_str().unwrap()).unwrap();
        }
        let mut command = self.world.command(&program("mcp-gateway"));
        command.args(["--role", "central", "--name", "central", "--mcpd-url", &self.api()]);
        command.args(["--listen", self.central.trim_start_matches("http://")]);
        command.arg("--home").arg(&home).arg("--join-token-file").arg(&join);
        let log = fs::File::create(self.world.path("central/log")).unwrap();
        let process = command.stderr(log).spawn().unwrap();
        until("the central gateway serves", async || {
            client().get(format!("{}/projects/{PROJECT}/mcp", self.central)).send().await.ok()
        })
        .await;
        process
    }

    /// What the developer types.
    async fn laptop(&self, args: &[&str], stdin: &str) -> Said {
        let mut command = self.world.command(&program("mcpctl"));
        command.args(args).env("MCPCTL_HOME", self.world.path("laptop")).env("MCPCTL_CREDENTIAL_STORE", "file");
        run(command, stdin).await
    }

    async fn log_in(&self) -> Said {
        let line = ["login", "--server", &self.api(), "--user", "eve", "--password-stdin", "--host", "desk"];
        self.laptop(&[&line[..], &["--gateway-port", "0"]].concat(), PASSWORD).await
    }

    /// Waits until `mcpctl status`, which never fails, says all of that.
    async fn shows(&self, expected: &[(&str, &str)]) {
        until(&format!("status shows {expected:?}"), async || {
            let said = self.laptop(&["status", "--format", "json"], "").await.done().json();
            let rows = said["rows"].as_array().unwrap().clone();
            let shown =
                |(kind, state): &(&str, &str)| rows.iter().any(|row| row["kind"] == *kind && row["state"] == *state);
            expected.iter().all(shown).then_some(())
        })
        .await;
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        let mut command = std::process::Command::new(program("mcpctl"));
        command.args(["daemon", "stop", "--wait", "3"]).env("MCPCTL_HOME", self.world.path("laptop"));
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
        if std::thread::panicking() {
            for log in ["laptop/logs/gateway.log", "central/log"] {
                let text = fs::read_to_string(self.world.path(log)).unwrap_or_default();
                writeln!(io::stderr(), "--- {log}\n{text}").ok();
            }
        }
    }
}

async fn read(client: &Client, intent: &str) -> Result<usize, String> {
    let arguments = json!({"_context": intent}).as_object().unwrap().clone();
    let answer = client.call(TOOL, arguments).await.map_err(|error| error.to_string())?;
    Ok(answer.records("messages").len())
}

/// The call is in the audit log of both gateways, under one trace, and was filtered by the laptop alone.
async fn is_written_down_twice(world: &World) {
    let events = world.audit(2, &["--user", "eve", "--tool", TOOL]).await;
    let of =
        |gateway: &str| events.iter().find(|event| event["gateway"] == gateway).unwrap_or_else(|| panic!("{events:?}"));
    let (here, there) = (of(GATEWAY), of("central"));
    assert!(here["trace_id"].is_string() && here["trace_id"] == there["trace_id"], "{events:?}");
    assert!(here["relevance"].is_object() && there["relevance"].is_null(), "{events:?}");
    assert_eq!((&here["outcome"], &there["outcome"]), (&json!("ok"), &json!("ok")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laptop_needs_one_command_and_says_what_is_cut_off() {
    let company = Company::start().await;
    let mut central = company.start_central().await;
    let said = company.log_in().await.done();
    assert!(said.stderr.contains("logged in as eve") && said.stderr.contains(GATEWAY), "{}", said.stderr);
    let well =
        [("login", "logged-in"), ("control-plane", "reachable"), ("gateway", "running"), ("central", "reachable")];
    company.shows(&[&well[..], &[("project", "ready")]].concat()).await;

    let dir = company.world.path("work");
    fs::create_dir(&dir).unwrap();
    company.laptop(&["claude", "add-mcp-project", PROJECT, "--dir", dir.to_str().unwrap()], "").await.done();
    let config = dir.join(".mcp.json");
    let client = company.world.client(&config, Era::Modern).await;
    until("the tools are there", async || {
        client.tools().await.ok()?.iter().any(|tool| tool.name == TOOL).then_some(())
    })
    .await;
    let some = read(&client, "password phishing").await.unwrap();
    is_written_down_twice(&company.world).await;
    let all = read(&client, "all").await.unwrap();
    assert!(all > 1_200 && some < all / 2, "{some} of {all}");
    let state = fs::read_to_string(company.world.path(&format!("laptop/gateway/{GATEWAY}/config.jsonl"))).unwrap();
    assert!(!state.contains("xoxb") && !state.contains("jira"), "nothing of the servers is on the laptop");

    // The central gateway is away: it is said what is cut off.
    central.kill().await.unwrap();
    until("it is said what is cut off", async || {
        let error = read(&client, "all").await.unwrap_err();
        assert!(error.contains("central gateway"), "{error}");
        error.contains(&format!("`{PROJECT}` is cut off")).then_some(())
    })
    .await;
    company.shows(&[("gateway", "running"), ("central", "unreachable"), ("project", "cut-off")]).await;
    central = company.start_central().await;
    until("calls go through again", async || read(&client, "all").await.ok()).await;

    // The control plane is away: nothing is missing but news.
    company.world.mcpctl(&["daemon", "stop"]).await.done();
    assert_eq!(read(&client, "all").await, Ok(all));
    company.shows(&[("login", "unchecked"), ("control-plane", "unreachable"), ("gateway", "stale")]).await;
    company.start_control_plane().await;
    company.shows(&well).await;

    // Shut out: nothing goes through, here or there.
    company.world.mcpctl(&["user", "disable", "eve"]).await.done();
    let error = until("the laptop refuses", async || read(&client, "all").await.err()).await;
    assert!(error.contains("mcpctl"), "{error}");
    company.shows(&[("login", "ended")]).await;
    company.log_in().await.failed(4, &["user or password is wrong"]);
    company.world.mcpctl(&["user", "enable", "eve"]).await.done();
    company.log_in().await.done();
    until("calls go through again", async || read(&client, "all").await.ok()).await;

    // In the evening.
    company.laptop(&["logout"], "").await.done();
    assert!(read(&client, "all").await.is_err());
    let left = company.world.mcpctl(&["status", "--format", "name"]).await.done().stdout;
    assert!(left.contains("central") && !left.contains(GATEWAY), "{left}");
    company.laptop(&["whoami", "--server", &company.api()], "").await.failed(4, &["there is no token"]);
    client.close().await;
    central.kill().await.unwrap();
}
