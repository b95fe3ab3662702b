//! The main workflow, from an empty machine to a refused write: with the real CLI, both databases, and clients that
//! know nothing of us but the `.mcp.json` they were given.

use crate::{
    claude,
    observed::{Call, Observed, calls},
    outage,
    patience::until,
    postgres,
    python::{self, Mode},
    world::{JIRA_TOKEN, SLACK_TOKEN, World},
};
use e2e::client::{ClientError, Era};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio::sync::Mutex;

const PROJECT: &str = "weekly_reports";

/// Judging 1,200 messages for the first time takes all processors for seconds: one world at a time.
static JUDGING: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_on_sqlite_with_every_client() {
    let world = World::with_model(None).await;
    let config = set_up(&world, "sqlite").await;
    for mode in [Mode::Auto, Mode::Legacy] {
        python::observe(&world, &config, mode).await.check();
        check_traces(&world, "mcp ").await;
    }
    if claude::check(&world, &config).await {
        let event = &world.audit(1, &[]).await[0];
        assert_eq!((&event["target"], &event["decision"]), (&json!("slack_get_messages"), &json!("allow")));
        assert!(event["client"].as_str().unwrap().starts_with("claude-code"), "{event}");
        assert_eq!(world.slack_writes(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_on_postgres_and_through_an_outage() {
    let world = World::with_model(Some(postgres::database())).await;
    let config = set_up(&world, "postgres").await;
    for era in [Era::Modern, Era::Legacy] {
        observe(&world, &config, era).await.check();
        check_traces(&world, "e2e-rust").await;
    }
    outage::check(&world, &config, PROJECT).await;
}

/// From nothing to a `.mcp.json`.
async fn set_up(world: &World, store: &str) -> PathBuf {
    world.set_up_slack_and_jira().await;
    let line = ["project", "create", PROJECT, "--profiles", "slack-read-only", "jira-read-only"];
    world.mcpctl(&line).await.done();
    // What is measured is how much of what matters is found: the budget is not to decide about it.
    let file = world.path("project.yaml");
    let profiles = "profiles: [slack-read-only, jira-read-only], relevance: {budget_tokens: 50000}";
    fs::write(&file, format!("kind: project\nname: {PROJECT}\nspec: {{{profiles}}}\n")).unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();
    let status = world.mcpctl(&["project", "status", PROJECT, "--format", "json"]).await.done().json();
    let profiles = status["profiles"].as_array().unwrap();
    let names: Vec<&Value> = profiles.iter().map(|profile| &profile["name"]).collect();
    assert_eq!(names, ["slack-read-only", "jira-read-only"]);
    assert!(profiles.iter().all(|profile| profile["state"] == "ready" && profile["tools_granted"] != 0), "{status}");

    let status = world.mcpctl(&["status", "--format", "json"]).await.done().json();
    assert_eq!(status["control_plane"]["store"], store);
    let gateway = &status["gateways"][0]["status"];
    assert_eq!((&gateway["role"], &gateway["model"]["state"]), (&json!("local"), &json!("loaded")), "{status}");

    world.mcpctl(&["claude", "add-mcp-project", PROJECT]).await.done();
    let config = world.path("workspace/.mcp.json");
    check_config(world, &fs::read_to_string(&config).unwrap());
    let turn = JUDGING.lock().await;
    warm_up(world, &config).await;
    drop(turn);
    config
}

/// On a machine that is busy the model may not be through when its time is up. Then it says so, and goes on the next
/// time where it stopped.
async fn warm_up(world: &World, config: &Path) {
    let client = world.client(config, Era::Modern).await;
    let judged = |call: &&Call| call.arguments.get("_context").is_some_and(|context| context != "all");
    for call in calls().iter().filter(judged) {
        until("the model has read everything", async || {
            let answer = client.call(call.tool, call.arguments.as_object().unwrap().clone()).await.unwrap();
            let note = answer.note().expect("what was filtered has a note");
            assert!(note.contains(" of "), "{note}");
            (!note.contains("time ran out")).then_some(())
        })
        .await;
    }
    client.close().await;
}

/// The file names the bridge, and holds neither a secret nor anything that looks like one.
fn check_config(world: &World, text: &str) {
    let file: Value = serde_json::from_str(text).unwrap();
    let entry = file["mcpServers"]["mcpctl-proxy"].as_object().unwrap();
    assert_eq!(entry.keys().collect::<Vec<_>>(), ["type", "command", "args"]);
    assert_eq!((&entry["type"], &entry["args"][0]), (&json!("stdio"), &json!("mcp-stdio")));
    let admin = world.admin_token();
    for secret in [SLACK_TOKEN, JIRA_TOKEN, admin.as_str(), "xoxb-", "xoxp-", "mcpctl_", "Bearer", "://"] {
        assert!(!text.contains(secret), "{text}");
    }
    let looks_random = |word: &str| {
        let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
        word.len() >= 20 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
    };
    assert!(!text.split(|c: char| !c.is_ascii_alphanumeric()).any(looks_random), "{text}");
}

/// Lets the official Rust client do the main workflow.
async fn observe(world: &World, config: &Path, era: Era) -> Observed {
    let client = world.client(config, era).await;
    let tools = client.tools().await.unwrap().iter().map(|tool| json!(tool)).collect();
    let mut answers = Vec::new();
    for call in calls() {
        let answer = client.call(call.tool, call.arguments.as_object().unwrap().clone()).await;
        let refused = |error: ClientError| error.refusal().unwrap_or_else(|| panic!("{error}")).to_owned();
        answers.push(answer.map(|answer| answer.result).map_err(refused));
    }
    client.close().await;
    Observed { tools, answers }
}

/// Nothing was written upstream, and the audit log shows the last two calls.
async fn check_traces(world: &World, client: &str) {
    assert_eq!(world.slack_writes(), "");
    let events = world.audit(2, &[]).await;
    let [refused, filtered] = &events[..] else { panic!("{} events", events.len()) };
    let (keys, denied) =
        (["action", "target", "decision", "outcome"], ["mcp_call", "slack_post_message", "deny", "denied"]);
    assert_eq!(keys.map(|key| refused[key].as_str().unwrap()), denied);
    assert_eq!(keys.map(|key| filtered[key].as_str().unwrap()), ["mcp_call", "slack_get_messages", "allow", "ok"]);
    assert!(refused["reason"].as_str().unwrap().contains("read-only"), "{refused}");
    let relevance = &filtered["relevance"];
    let [kept, total] = ["kept", "total"].map(|count| relevance[count].as_u64().unwrap());
    assert!(kept < total / 4 + 2 && total > 1200, "{filtered}");
    for event in &events {
        assert_eq!((&event["user"], &event["project"]), (&json!("admin"), &json!(PROJECT)), "{event}");
        assert!(event["client"].as_str().unwrap().starts_with(client), "{event}");
    }
}
