//! The audit log of a running system: verified by the control plane's word and, as an export, by nobody's but its key's.

use crate::{
    patience::until,
    programs::program,
    world::{SLACK_TOKEN, World},
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_proved_online_and_from_an_export_and_a_change_of_it_is_named() {
    let world = World::new(None);
    world.start().await;
    let slack = program("mock-slack");
    let line = ["setup", "slack", "--non-interactive", "--token-stdin", "--command", slack.to_str().unwrap()];
    world.mcpctl_with(&line, SLACK_TOKEN).await.done();
    world.mcpctl(&["project", "create", "proved", "--profiles", "slack-read-only"]).await.done();
    let endpoint = world.endpoint("proved", &world.admin_token()).await;
    until("the tool is offered", async || {
        endpoint.call("slack_list_channels", json!({})).await.text.contains("\"result\"").then_some(())
    })
    .await;
    world.audit(1, &["--tool", "slack_list_channels", "--outcome", "ok", "--mcp-server", "slack"]).await;

    let verified = world.mcpctl(&["audit", "verify", "--format", "json"]).await.done().json();
    let (chains, key) = (verified["chains"].as_array().unwrap(), verified["key"].as_str().unwrap());
    let names: Vec<&Value> = chains.iter().map(|chain| &chain["gateway"]).collect();
    assert_eq!(names, ["local", "mcpd"]);
    assert!(chains.iter().all(|chain| chain["state"] == "ok" && chain["records"] != 0), "{verified}");

    let dir = world.text_path("export");
    world.mcpctl(&["audit", "export", &dir]).await.done();
    world.mcpctl(&["audit", "verify", &dir, "--key", key]).await.done();
    let chunk: PathBuf = fs::read_dir(world.path("export/local")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&chunk).unwrap();
    fs::write(&chunk, text.replacen("slack_list_channels", "slack_list_nothings", 1)).unwrap();
    world.mcpctl(&["audit", "verify", &dir, "--key", key]).await.failed(1, &["of `local`: it was changed"]);
}
