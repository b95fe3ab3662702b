//! A server as a child process of the gateway, started, stopped, started anew, looked at and tested from the command line.

use crate::{patience::until, programs::program, world::World};
use serde_json::{Value, json};

const TOKEN: &str = "xoxb-4242-instance";
const READ: &str = "chatty_slack_list_channels";

/// The one instance, once it is as `so` says.
async fn instance(world: &World, so: impl Fn(&Value) -> bool) -> Value {
    until("`mcpctl instance status` shows it", async || {
        let said = world.mcpctl(&["instance", "status", "chatty", "--format", "json"]).await.done().json();
        assert_eq!(said.as_array().unwrap().len(), 1, "{said}");
        Some(said[0].clone()).filter(&so)
    })
    .await
}

fn is_alive(pid: &str) -> bool {
    // A zombie has no command line.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_process_obeys_and_says_how_it_is() {
    let world = World::new(None);
    world.start().await;
    let slack = program("mock-slack");
    let script = format!("echo one >&2; echo my token is $SLACK_BOT_TOKEN >&2; exec {}", slack.display());
    let script = format!("--arg={script}");
    let line = ["setup", "chatty", "--non-interactive", "--command", "sh", "--arg=-c", &script];
    let values = ["--secret-env", "SLACK_BOT_TOKEN", "--token-stdin", "--read-tool", "*"];
    world.mcpctl_with(&[&line[..], &values].concat(), TOKEN).await.done();
    world.mcpctl(&["project", "create", "p", "--profiles", "chatty-full"]).await.done();
    let endpoint = world.endpoint("p", &world.admin_token()).await;
    until("the gateway answers", async || {
        endpoint.call(READ, json!({})).await.json()["result"]["content"].is_array().then_some(())
    })
    .await;

    let first = instance(&world, |one| one["health"] == "healthy").await;
    assert_eq!(
        (&first["runtime"], &first["state"], &first["gateway"]),
        (&json!("process"), &json!("running"), &json!("local"))
    );
    let pid = first["runtime_id"].as_str().unwrap().to_owned();
    let table = world.mcpctl(&["instance", "list"]).await.done().stdout;
    assert!(table.contains("gateway/local") && table.contains("healthy"), "{table}");
    let logs = until("what it wrote was reported", async || {
        let said = world.mcpctl(&["instance", "logs", "chatty", "--tail", "1"]).await.done().stdout;
        said.contains("token").then_some(said)
    })
    .await;
    assert_eq!(logs, "my token is [redacted:chatty-slack-bot-token]\n");
    let tested = world.mcpctl(&["instance", "test", "chatty", "--verbose"]).await.done().stdout;
    assert!(tested.contains("ok") && tested.contains("slack_list_channels"), "{tested}");

    stopped(&world, &endpoint, &pid).await;
    restarted(&world, &endpoint).await;
}

async fn stopped(world: &World, endpoint: &crate::http::Endpoint, pid: &str) {
    let said = world.mcpctl(&["instance", "stop", "chatty"]).await.done().stdout;
    assert_eq!(said, "instance/chatty stopping\n");
    instance(world, |one| one["state"] == "stopped").await;
    until("its process is gone", async || (!is_alive(pid)).then_some(())).await;
    let refused = endpoint.call(READ, json!({})).await.text;
    assert!(refused.contains("it is stopped") && refused.contains("mcpctl instance start chatty"), "{refused}");
    world.mcpctl(&["instance", "status", "chatty", "--wait-healthy"]).await.failed(6, &["is not to run"]);
    world.mcpctl(&["instance", "test", "chatty"]).await.failed(6, &["it is stopped"]);
    let wrong = world.mcpctl(&["instance", "stop", "chaty"]).await;
    wrong.failed(5, &["server/chaty does not exist", "did you mean `chatty`?"]);
}

async fn restarted(world: &World, endpoint: &crate::http::Endpoint) {
    let line = ["instance", "start", "chatty", "--wait-healthy", "--format", "json"];
    let started = world.mcpctl(&line).await.done().json();
    let second = started[0]["runtime_id"].as_str().unwrap().to_owned();
    assert!(endpoint.call(READ, json!({})).await.text.contains("result"));
    let line = ["instance", "restart", "chatty", "--wait-healthy", "--format", "json"];
    let again = world.mcpctl(&line).await.done().json();
    let third = again[0]["runtime_id"].as_str().unwrap();
    assert_ne!(second, third);
    until("the process before is gone", async || (!is_alive(&second)).then_some(())).await;
    let answered = endpoint.call(READ, json!({})).await;
    assert!(answered.json()["result"]["content"].is_array(), "{}", answered.text);
    let audited = world.audit(1, &["--all", "--tool", "instance/chatty"]).await;
    assert_eq!(audited[0]["reason"], "restart");
}
