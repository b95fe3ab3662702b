//! A company: the central gateway runs the servers, and a local gateway has the central one as its upstream. The
//! central one is configured by a file here, which is also how it gets bounds short enough to be seen at work.

use crate::{http::Endpoint, patience::until, programs::program, world::World};
use e2e::client::Era;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Child;

/// Time an upstream of the central gateway gets for a call, in milliseconds.
const CALL_TIMEOUT_MS: u64 = 1_500;

/// The central gateway; it ends with this value.
struct Central {
    url: String,
    _process: Child,
}

impl Central {
    /// Starts it in the folder of `world`, open to the holder of `token`.
    async fn start(world: &World, token: &str) -> Self {
        let home = world.path("central");
        std::fs::create_dir(&home).unwrap();
        let config = home.join("gateway.json");
        std::fs::write(&config, configuration(token).to_string()).unwrap();
        let mut command = world.command(&program("mcp-gateway"));
        command.args(["--role", "central", "--name", "central", "--listen", "127.0.0.1:0"]);
        command.arg("--home").arg(&home).arg("--config-file").arg(&config);
        let log = std::fs::File::create(world.path("central/log")).unwrap();
        let process = command.stderr(log).spawn().unwrap();
        let url = until("the central gateway serves", async || {
            let address = std::fs::read_to_string(home.join("gateway/central/addr")).ok()?;
            let url = format!("http://{}/projects/company/mcp", address.trim());
            let tools = Endpoint::new(&url, token).try_list().await?;
            (tools == StatusCode::OK).then_some(url)
        })
        .await;
        Self { url, _process: process }
    }
}

/// A snapshot: the demo Slack, read-only, and the same with a fault, for one user.
fn configuration(token: &str) -> Value {
    let slack = |args: Value| {
        let transport = json!({
            "type": "stdio", "command": program("mock-slack"), "args": args, "env": {"SLACK_BOT_TOKEN": "xoxb-central"},
        });
        let tools = json!([{"tool": "slack_post_message", "class": "write"}, {"tool": "slack_*", "class": "read"}]);
        json!({"transport": transport, "tools": tools})
    };
    let object = |kind: &str, name: &str, spec: Value| json!({"kind": kind, "name": name, "spec": spec});
    let grant = json!({"id": "e2e", "digest": hex::encode(Sha256::digest(token))});
    json!({
        "revision": 1, "issued_at": "2026-11-01T09:00:00Z",
        "limits": {"upstream_call_timeout_ms": CALL_TIMEOUT_MS},
        "objects": [
            object("server", "slack", slack(json!([]))),
            object("server", "sleeper", slack(json!(["--fault", "hang-on-call"]))),
            object("profile", "slack-read-only", json!({"server": "slack", "access": "read-only"})),
            object("profile", "sleeper-read-only", json!({"server": "sleeper", "access": "read-only"})),
            object("project", "company", json!({
                "profiles": ["slack-read-only", "sleeper-read-only"], "members": ["laptop"],
            })),
            object("user", "laptop", json!({"roles": ["developer"], "tokens": [grant]})),
        ],
    })
}

/// Sets the central gateway up as a server of the local one.
async fn set_up(world: &World, name: &str, url: &str, token: &str) -> crate::said::Said {
    let line = ["setup", name, "--non-interactive", "--url", url, "--bearer-stdin", "--read-tool", "slack_get_*"];
    world.mcpctl_with(&[&line[..], &["slack_list_*", "sleeper_*"]].concat(), token).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_gateway_reaches_the_servers_through_the_central_one() {
    let world = World::shared().await;
    let token = world.mcpctl(&["token", "create", "--label", "laptop"]).await.done().stdout.trim().to_owned();
    let central = Central::start(world, &token).await;
    set_up(world, "stranger", &central.url, "mcpctl_pat_wrong").await.failed(6, &["`stranger`", "401", "hint:"]);
    set_up(world, "company", &central.url, &token).await.done();
    world.mcpctl(&["project", "create", "from_afar", "--profiles", "company-full"]).await.done();

    let config = world.connect("from_afar").await;
    let client = world.client(&config, Era::Modern).await;
    let tools = client.tools().await.unwrap();
    let offered = |name: &str| tools.iter().find(|tool| tool.name == name);
    let schema = json!(offered("company_slack_get_messages").expect("the reader is offered").input_schema);
    assert_eq!(schema["properties"]["_context"]["type"], "string", "{schema}");
    assert!(offered("company_slack_post_message").is_none(), "the central gateway grants no writing");

    let call = async |tool: &str, arguments: Value| client.call(tool, arguments.as_object().unwrap().clone()).await;
    let all = call("company_slack_get_messages", json!({"_context": "all"})).await.unwrap().records("messages");
    let some = call("company_slack_get_messages", json!({"_context": "password phishing"})).await.unwrap();
    assert!(all.len() > 1200 && some.records("messages").len() < all.len() / 2, "{}", some.records("messages").len());
    let note = some.note().unwrap();
    assert!(note.contains("without the encoder") && note.contains("model pull"), "{note}");

    let error = call("company_slack_post_message", json!({"channel": "general", "text": "x"})).await.unwrap_err();
    assert!(error.refusal().unwrap().contains("permission denied"), "{error}");
    let error = call("company_sleeper_slack_list_channels", json!({})).await.unwrap_err();
    let late = format!("did not answer within {CALL_TIMEOUT_MS} ms");
    assert!(error.refusal().unwrap().contains("sleeper") && error.refusal().unwrap().contains(&late), "{error}");
    client.close().await;
    says_no_more_than_it_must(&central.url, &token).await;
}

/// The central gateway tells strangers nothing: what is refused looks like what does not exist, and `_context` is for
/// the local gateway.
async fn says_no_more_than_it_must(url: &str, token: &str) {
    let centre = Endpoint::new(url, token);
    let refused = centre.call("slack_post_message", json!({"channel": "general", "text": "x"})).await.error();
    let unknown = centre.call("slack_nothing", json!({})).await.error();
    let same = |error: &str, tool: &str| error.starts_with(&format!("unknown tool `{tool}`"));
    assert!(same(&refused, "slack_post_message") && same(&unknown, "slack_nothing"), "{refused} {unknown}");
    assert!(!centre.list().await.text.contains("_context"));
    assert_eq!(centre.with_token("").list().await.status, StatusCode::UNAUTHORIZED);
}
