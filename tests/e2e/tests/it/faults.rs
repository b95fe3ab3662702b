//! Servers that cannot be started, die, or hang: each is named with its reason, to the client, in the status and in
//! the audit log, and none is in the way of the others.

use crate::{patience::until, programs::program, world::World};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

const TOKEN: &str = "xoxb-faulty-server";

/// Sets up a demo Slack of that name, with a fault, as one would a server of one's own.
async fn set_up(world: &World, name: &str, fault: &str) -> crate::said::Said {
    let slack = program("mock-slack");
    let fault = format!("--arg={fault}");
    let line = ["setup", name, "--non-interactive", "--command", slack.to_str().unwrap(), "--arg=--fault", &fault];
    let values = ["--secret-env", "SLACK_BOT_TOKEN", "--token-stdin", "--read-tool", "slack_*"];
    world.mcpctl_with(&[&line[..], &values].concat(), TOKEN).await
}

/// A project with everything of that one server.
async fn project_of(world: &World, server: &str) -> String {
    let project = format!("only_{server}");
    world.mcpctl(&["project", "create", &project, "--profiles", &format!("{server}-full")]).await.done();
    project
}

/// What the gateway reports about a server, once that is so.
async fn reported(world: &World, server: &str, so: impl Fn(&Value) -> bool) -> Value {
    until(&format!("`mcpctl status` shows what is wrong with {server}"), async || {
        let status = world.mcpctl(&["status", "--format", "json"]).await.done().json();
        let servers = status["gateways"][0]["status"]["servers"].as_array()?.clone();
        servers.into_iter().find(|row| row["name"] == server).filter(&so)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_not_there_is_named_everywhere() {
    let world = World::shared().await;
    let line = ["setup", "ghost", "--non-interactive", "--command", "/nowhere/ghost-mcp", "--read-tool", "*"];
    world
        .mcpctl(&line)
        .await
        .failed(6, &["/nowhere/ghost-mcp", "does not exist", "hint:", "the configuration was kept"]);
    let row = reported(world, "ghost", |row| row["state"] == "failed").await;
    assert!(row["error"].as_str().unwrap().contains("/nowhere/ghost-mcp"), "{row}");

    let endpoint = world.endpoint(&project_of(world, "ghost").await, &world.admin_token()).await;
    let error = until("the gateway knows the project", async || {
        Some(endpoint.call("ghost_anything", json!({})).await.error())
            .filter(|error| !error.contains("not open to you"))
    })
    .await;
    assert!(error.contains("ghost_anything"), "{error}");
    let other = ["setup", "phantom", "--non-interactive", "--command", "/nowhere/phantom", "--rollback-on-failure"];
    world.mcpctl(&other).await.failed(6, &["the configuration was taken back"]);
    let profiles = world.mcpctl(&["profile", "list", "--format", "name"]).await.done().stdout;
    assert!(profiles.contains("ghost-full") && !profiles.contains("phantom"), "{profiles}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_at_its_start_is_explained() {
    let world = World::shared().await;
    set_up(world, "stillborn", "exit-at-start").await.failed(6, &["`stillborn`", "exit", "3", "hint:"]);
    let row = reported(world, "stillborn", |row| row["state"] == "failed").await;
    assert!(row["error"].as_str().unwrap().contains('3'), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_explains_its_end_is_quoted_without_its_secret() {
    let world = World::shared().await;
    let slack = program("mock-slack");
    let line = ["setup", "mute", "--non-interactive", "--command", slack.to_str().unwrap(), "--secret-env"];
    let said = world.mcpctl_with(&[&line[..], &["SLACK_BOT_TOKEN", "--token-stdin"]].concat(), "swordfish-4242").await;
    let said = said.failed(6, &["`mute`", "begin with `xoxb-`"]);
    assert!(!said.stderr.contains("swordfish"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_of_a_call_is_reported_and_started_again() {
    let world = World::shared().await;
    set_up(world, "mortal", "exit-on-call").await.done();
    let endpoint = world.endpoint(&project_of(world, "mortal").await, &world.admin_token()).await;
    let tool = "mortal_slack_list_channels";
    let error = until("the gateway knows the project", async || {
        let answer = endpoint.call(tool, json!({})).await;
        (!answer.text.contains("permission denied")).then(|| answer.error())
    })
    .await;
    assert!(error.contains("server `mortal` went away before it answered") && error.contains('3'), "{error}");
    let event = &world.audit(1, &["--tool", tool, "--decision", "allow"]).await[0];
    assert_eq!((&event["decision"], &event["outcome"]), (&json!("allow"), &json!("error")), "{event}");
    let row = reported(world, "mortal", |row| row["state"] == "ready" && row["restarts"] != 0).await;
    assert_ne!(row["pid"], Value::Null, "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_gives_up_on_a_server_that_hangs_leaves_a_trace() {
    let world = World::shared().await;
    set_up(world, "sleeper", "hang-on-call").await.done();
    let endpoint = world.endpoint(&project_of(world, "sleeper").await, &world.admin_token()).await;
    until("the gateway knows the project", async || (endpoint.list().await.status == StatusCode::OK).then_some(()))
        .await;
    let tool = "sleeper_slack_list_channels";
    let answer = endpoint.call_impatiently(tool, Duration::from_millis(500)).await;
    assert!(answer.is_none(), "{}", answer.unwrap().text);
    let event = &world.audit(1, &["--tool", tool]).await[0];
    assert_eq!((&event["decision"], &event["outcome"]), (&json!("allow"), &json!("cancelled")), "{event}");
}
