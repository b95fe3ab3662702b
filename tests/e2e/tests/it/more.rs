//! What is left out of a result is not lost: the client of somebody who reads a long channel gets the rest in every way
//! the note names, and nobody else does.

use crate::{http::Endpoint, patience::until, programs::program, world::World};
use e2e::client::{Client, Era};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs;

const READ: &str = "archive_slack_get_messages";
const MORE: &str = "mcpctl_more";
/// Claude Code warns of results from so many tokens on.
const WARNING_TOKENS: usize = 10_000;
/// Time the gateway with short bounds keeps a result, in milliseconds.
const LIFETIME_MS: u64 = 500;

/// The demo Slack as `archive`, and the project `reading` of the administrator and Eve; Eve's token.
async fn set_up(world: &World) -> String {
    let slack = program("mock-slack");
    let line =
        ["setup", "archive", "--non-interactive", "--command", slack.to_str().unwrap(), "--read-tool", "slack_*"];
    let secret = ["--secret-env", "SLACK_BOT_TOKEN", "--token-stdin"];
    world.mcpctl_with(&[&line[..], &secret].concat(), "xoxb-archive").await.done();
    world.mcpctl(&["user", "create", "eve"]).await.done();
    let file = world.path("reading.yaml");
    let project = "kind: project\nname: reading\nspec: {profiles: [archive-full], members: [admin, eve]}\n";
    fs::write(&file, project).unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();
    world.mcpctl(&["token", "create", "--user", "eve"]).await.done().stdout.trim().to_owned()
}

async fn call(client: &Client, tool: &str, arguments: Value) -> e2e::client::Answer {
    client.call(tool, arguments.as_object().unwrap().clone()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_result_is_cut_and_all_of_it_can_be_had() {
    let world = World::shared().await;
    let eve = set_up(world).await;
    let config = world.connect("reading").await;
    for era in [Era::Modern, Era::Legacy] {
        let client = world.client(&config, era).await;
        assert!(client.tools().await.unwrap().iter().any(|tool| tool.name == MORE));
        let id = check(&client).await;
        only_for_its_user(world, &id, &eve).await;
        client.close().await;
    }
}

/// Everything a client can do with a result that was cut; its id.
async fn check(client: &Client) -> String {
    let everything = call(client, READ, json!({"_context": "all"})).await;
    let (all, text) = (everything.records("messages"), everything.texts().next().unwrap().to_owned());
    assert!(all.len() > 1_200 && everything.note().is_none(), "{}", all.len());

    let cut = call(client, READ, json!({})).await;
    let first = cut.records("messages");
    assert!(cut.tokens_estimate() < WARNING_TOKENS && all.starts_with(&first) && first.len() > 20, "{}", first.len());
    let report = &cut.result["_meta"]["mcpctl/relevance"];
    let (id, resource) = (report["id"].as_str().unwrap(), report["resource"].as_str().unwrap());
    let note = cut.note().unwrap();
    let count = format!("the first {} of {} records", first.len(), all.len());
    assert!(note.contains(&count) && note.contains(MORE) && note.contains(id) && note.contains(resource), "{note}");

    let next = call(client, MORE, json!({"id": id})).await;
    assert!(next.tokens_estimate() < WARNING_TOKENS);
    assert!(all[first.len()..].starts_with(&next.records("messages")), "those after the first ones");
    let query = call(client, MORE, json!({"id": id, "query": "password phishing"})).await;
    let found = query.records("messages");
    assert!(!found.is_empty() && found.len() < 400 && query.note().unwrap().contains("password phishing"));

    let mut ranges = Vec::new();
    while ranges.len() < all.len() {
        let range = format!("{}-{}", ranges.len() + 1, all.len());
        let answer = call(client, MORE, json!({"id": id, "range": range})).await;
        assert!(!answer.is_error() && answer.tokens_estimate() < WARNING_TOKENS, "{range}");
        ranges.extend(answer.records("messages"));
    }
    assert_eq!(ranges, all, "range by range it is the whole");

    let whole = call(client, MORE, json!({"id": id, "all": true})).await;
    assert_eq!((whole.texts().next(), whole.note()), (Some(text.as_str()), None), "as the server sent it");
    assert_eq!(whole.result["structuredContent"], everything.result["structuredContent"]);
    let read = json!(client.read(resource).await.unwrap());
    assert_eq!((&read["contents"][0]["text"], &read["contents"][0]["uri"]), (&json!(text), &json!(resource)));
    id.to_owned()
}

/// To another member of the project the id is one that never was.
async fn only_for_its_user(world: &World, id: &str, eve: &str) {
    let (ours, eves) = (world.endpoint("reading", &world.admin_token()).await, world.endpoint("reading", eve).await);
    until("Eve's token is known", async || (eves.list().await.status == StatusCode::OK).then_some(())).await;
    for arguments in [json!({}), json!({"all": true}), json!({"range": "1-2"}), json!({"query": "lunch"})] {
        let with = |id: &str| {
            let mut arguments = arguments.clone();
            arguments["id"] = json!(id);
            arguments
        };
        let never = eves.call(MORE, with("AAAAAAAAAAAAAAAAAAAAAA")).await.text;
        assert!(never.contains("no result is kept under this id"), "{never}");
        assert_eq!(eves.call(MORE, with(id)).await.text, never);
        assert!(!ours.call(MORE, with(id)).await.text.contains("no result is kept"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_kept_for_a_time() {
    let world = World::shared().await;
    let token = world.mcpctl(&["token", "create", "--label", "reader"]).await.done().stdout.trim().to_owned();
    let home = world.path("short");
    fs::create_dir(&home).unwrap();
    let config = home.join("gateway.json");
    fs::write(&config, configuration(&token).to_string()).unwrap();
    let mut command = world.command(&program("mcp-gateway"));
    command.args(["--listen", "127.0.0.1:0", "--home"]).arg(&home).arg("--config-file").arg(&config);
    let _gateway = command.stderr(fs::File::create(home.join("log")).unwrap()).spawn().unwrap();
    let endpoint = until("the gateway serves", async || {
        let address = fs::read_to_string(home.join("gateway/local/addr")).ok()?;
        let endpoint = Endpoint::new(&format!("http://{}/projects/reading/mcp", address.trim()), &token);
        (endpoint.try_list().await? == StatusCode::OK).then_some(endpoint)
    })
    .await;
    let cut = endpoint.call(READ, json!({})).await.json();
    let id = cut["result"]["_meta"]["mcpctl/relevance"]["id"].as_str().unwrap().to_owned();
    let expired = until("the result is forgotten", async || {
        let told = endpoint.call(MORE, json!({"id": id, "all": true})).await;
        told.text.contains("no result is kept").then_some(told.text)
    })
    .await;
    assert_eq!(expired, endpoint.call(MORE, json!({"id": "never-was", "all": true})).await.text);
}

/// The demo Slack for one user, at a gateway that keeps results for a moment.
fn configuration(token: &str) -> Value {
    let object = |kind: &str, name: &str, spec: Value| json!({"kind": kind, "name": name, "spec": spec});
    let transport = json!({"type": "stdio", "command": program("mock-slack"), "args": [], "env": {"SLACK_BOT_TOKEN": "xoxb-short"}});
    let grant = json!({"id": "e2e", "digest": hex::encode(Sha256::digest(token))});
    json!({
        "revision": 1, "issued_at": "2026-11-01T09:00:00Z", "limits": {"originals_lifetime_ms": LIFETIME_MS},
        "objects": [
            object("server", "archive", json!({"transport": transport, "tools": [{"tool": "slack_*", "class": "read"}]})),
            object("profile", "archive-read-only", json!({"server": "archive", "access": "read-only"})),
            object("project", "reading", json!({"profiles": ["archive-read-only"], "members": ["reader"]})),
            object("user", "reader", json!({"roles": ["developer"], "tokens": [grant]})),
        ],
    })
}
