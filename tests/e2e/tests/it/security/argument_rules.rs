//! Rules about arguments: what `mcpctl policy` says is what the gateway does, and what was done can be asked again.

use crate::{patience::until, programs::program, world::World};
use serde_json::{Value, json};
use std::fs;

const PROJECT: &str = "engineering";
const READ: &str = "policed_slack_get_messages";
const POST: &str = "policed_slack_post_message";

/// A demo Slack of its own, whose two channels are all that the project may touch.
async fn set_up(world: &World) {
    let slack = program("mock-slack");
    let line =
        ["setup", "policed", "--non-interactive", "--command", slack.to_str().unwrap(), "--read-tool", "slack_get_*"];
    let secret = ["--secret-env", "SLACK_BOT_TOKEN", "--token-stdin"];
    world.mcpctl_with(&[&line[..], &secret].concat(), "xoxb-policed").await.done();
    apply(world, "engineering.yaml", "[C0DEMO01, C0DEMO02]", "full").await;
    world.mcpctl(&["project", "create", PROJECT, "--profiles", "policed-engineering"]).await.done();
}

fn write(world: &World, name: &str, channels: &str, access: &str) -> String {
    let file = world.path("workspace").join(name);
    let rule = format!("{{argument: channel, one_of: {channels}}}");
    let spec = format!(
        "{{server: policed, access: {access}, allow: [slack_get_messages, slack_post_message], arguments: [{rule}]}}"
    );
    fs::write(&file, format!("kind: profile\nname: policed-engineering\nspec: {spec}\n")).unwrap();
    file.to_str().unwrap().to_owned()
}

async fn apply(world: &World, name: &str, channels: &str, access: &str) {
    let file = write(world, name, channels, access);
    world.mcpctl(&["apply", "-f", &file]).await.done();
}

/// Whether `mcpctl policy test` allows the call, and why.
async fn said(world: &World, tool: &str, arguments: &Value) -> (bool, String) {
    let arguments = arguments.to_string();
    let line = ["policy", "test", "--project", PROJECT, "--tool", tool, "--arguments", &arguments, "-o", "json"];
    let said = world.mcpctl(&line).await;
    let tested = said.json();
    let allowed = tested["decision"] == "allow";
    if allowed {
        said.done()
    } else {
        said.failed(7, &[])
    };
    (allowed, tested["reason"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_says_the_gateway_does() {
    let world = World::shared().await;
    set_up(world).await;
    let endpoint = world.endpoint(PROJECT, &world.admin_token()).await;
    until("the gateway knows the project", async || {
        endpoint.call(READ, json!({"channel": "C0DEMO01"})).await.text.contains("\"result\"").then_some(())
    })
    .await;
    for (tool, arguments, expected) in [
        (READ, json!({"channel": "C0DEMO02"}), true),
        (READ, json!({"channel": "C0DEMO01", "limit": 2}), true),
        (READ, json!({"channel": "C0DEMO03"}), false),
        (READ, json!({"channel": ["C0DEMO01"]}), false),
        (READ, json!({"channel": "C0DEMO01", "Channel": "C0DEMO03"}), false),
        (READ, json!({}), false),
        (POST, json!({"channel": "C0DEMO01", "text": "hello"}), true),
        (POST, json!({"channel": "C0DEMO03", "text": "hello"}), false),
        ("policed_slack_get_users", json!({}), false),
    ] {
        let (allowed, reason) = said(world, tool, &arguments).await;
        let answer = endpoint.call(tool, arguments.clone()).await;
        assert_eq!(
            (allowed, answer.text.contains("\"result\"")),
            (expected, expected),
            "{tool} {arguments}: {}",
            answer.text
        );
        if !expected {
            let told = answer.error();
            assert!(told.starts_with(&format!("permission denied: {reason} (audit id ")), "{told}\n{reason}");
            let event = until("the refusal is in the audit log", async || {
                let events = world.audit(1, &["--tool", tool, "--project", PROJECT]).await;
                events.into_iter().find(|event| told.contains(event["id"].as_str().unwrap()))
            })
            .await;
            assert_eq!((&event["decision"], &event["reason"]), (&json!("deny"), &json!(reason)));
        }
    }
    let explained =
        world.mcpctl(&["policy", "explain", "--project", PROJECT, "--tool", POST, "-o", "json"]).await.done().json();
    assert_eq!(explained["considered"][0]["profile"], "policed-engineering");
    assert!(
        explained["considered"][0]["because"].as_str().unwrap().contains("`channel` must be one of"),
        "{explained}"
    );

    let narrower = write(world, "narrower.yaml", "[C0DEMO01]", "read-only");
    let line = ["policy", "diff", "-f", &narrower, "--project", PROJECT, "-o", "name"];
    let diff = world.mcpctl(&line).await.done().stdout;
    assert!(diff.lines().any(|line| line.starts_with("lost ") && line.ends_with(POST)), "{diff}");
    assert!(diff.lines().any(|line| line.starts_with("changed ") && line.ends_with(READ)), "{diff}");
    let line = ["policy", "replay", "-f", &narrower, "--project", PROJECT, "--all", "-o", "json"];
    let replayed = world.mcpctl(&line).await.done().json();
    let effects = |tool: &str, was: &str| {
        let of = replayed.as_array().unwrap().iter().filter(|one| one["target"] == tool && one["was"] == was);
        of.map(|one| one["effect"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(effects(POST, "allow").iter().all(|effect| effect == "refused"), "{replayed:#}");
    assert!(
        effects(READ, "allow").iter().all(|effect| effect == "undetermined"),
        "values were not recorded: {replayed:#}"
    );
    assert!(!effects(POST, "allow").is_empty() && !effects(READ, "allow").is_empty());
}
