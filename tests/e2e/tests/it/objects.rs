//! Objects as files, against a real control plane: what `export` prints, `apply` takes back and finds unchanged; and the way to a
//! project and a server measured.

use crate::{patience::until, programs::program, world::World};
use serde_json::json;
use std::fs;

const SERVER: &str = "filed";
const PROJECT: &str = "filed_reports";

/// A server with a secret, its profiles, and a project.
async fn set_up(world: &World) {
    let slack = program("mock-slack");
    let line = ["setup", SERVER, "--non-interactive", "--token-stdin", "--command", slack.to_str().unwrap()];
    let values = ["--secret-env", "SLACK_BOT_TOKEN", "--env", "NOTE=a: b # c", "--read-tool", "*"];
    world.mcpctl_with(&[&line[..], &values].concat(), "xoxb-4242-filed").await.done();
    world.mcpctl(&["project", "create", PROJECT, "--profiles", "filed-read-only", "--members", "admin"]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_applied_again_and_nothing_changes() {
    let world = World::shared().await;
    set_up(world).await;
    let export = ["export", "--project", PROJECT];
    let text = world.mcpctl(&export).await.done().stdout;
    assert!(text.contains("#   filed-slack-bot-token\n") && !text.contains("xoxb-4242"), "{text}");
    let same = "server/filed unchanged\nprofile/filed-read-only unchanged\nproject/filed_reports unchanged\n";
    assert_eq!(world.mcpctl_with(&["apply", "-f", "-"], &text).await.done().stdout, same);
    assert_eq!(world.mcpctl_with(&["diff", "-f", "-"], &text).await.done().stdout, "");
    let json = world.mcpctl(&[&export[..], &["-o", "json"]].concat()).await.done().stdout;
    assert_eq!(world.mcpctl_with(&["apply", "-f", "-"], &json).await.done().stdout, same);

    // Everything there is, as an administrator sees it.
    let all = world.mcpctl(&["export"]).await.done().stdout;
    let applied = world.mcpctl_with(&["apply", "-f", "-", "--dry-run"], &all).await.done().stdout;
    assert!(applied.lines().all(|line| line.ends_with(" unchanged (dry run)")), "{applied}");

    let dir = world.text_path("filed");
    let written = world.mcpctl(&[&export[..], &["--dir", &dir]].concat()).await.done().stdout;
    assert_eq!(written.lines().count(), 3, "{written}");

    let gone = "project/filed_reports deleted\nprofile/filed-read-only deleted\nserver/filed deleted\n";
    world.mcpctl(&["delete", "-f", &dir, "--yes"]).await.failed(1, &["server/filed is in use by profile/filed-full"]);
    world.mcpctl(&["delete", "profile", "filed-full", "filed-read-write", "--yes"]).await.done();
    world.mcpctl(&["delete", "-f", &dir]).await.failed(2, &["needs a confirmation", "--yes"]);
    assert_eq!(world.mcpctl(&["delete", "-f", &dir, "--yes"]).await.done().stdout, gone);
    world.mcpctl(&["get", "project", PROJECT]).await.failed(5, &["project `filed_reports` does not exist"]);
    world.mcpctl(&["diff", "-f", &dir]).await.failed(1, &[]);

    let made = same.replace("unchanged", "created");
    let applied = world.mcpctl(&["apply", "-f", &dir, "--wait"]).await.done().stdout;
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&applied), sorted(&made));
    assert_eq!(world.mcpctl(&export).await.done().stdout, text, "byte for byte");
    fs::remove_dir_all(dir).unwrap();

    measured(world).await;
}

/// The way to the project and to the server, once the gateway has both again.
async fn measured(world: &World) {
    let line = ["test-connection", "--project", PROJECT, "--count", "3", "-o", "json"];
    let hops = until("the project offers tools", async || {
        let said = world.mcpctl(&line).await;
        let hops = said.is_done().then(|| said.json())?;
        (hops[2]["tools"].as_u64()? > 0).then_some(hops)
    })
    .await;
    assert_eq!((&hops[2]["protocol"], &hops[2]["identity"]), (&json!("2026-07-28"), &json!("admin")), "{hops:#}");
    assert!(hops[2]["latency"]["min_ms"].as_f64().unwrap() > 0.0, "{hops:#}");
    let hops = world.mcpctl(&["test-connection", SERVER, "--count", "1", "-o", "json"]).await.done().json();
    assert_eq!(hops[1]["identity"], "secret/filed-slack-bot-token", "{hops:#}");
    assert!(hops[1]["tools"].as_u64().unwrap() > 0, "{hops:#}");

    let found =
        world.mcpctl(&["tools", "search", "send", "message", "--for", SERVER, "-o", "json"]).await.done().json();
    assert!(found[0]["name"].as_str().unwrap().contains("message"), "{found:#}");
    assert!(found[0]["description"].is_string(), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_given_and_taken_and_the_last_administrator_stays() {
    let world = World::shared().await;
    world.mcpctl(&["user", "create", "roland"]).await.done();
    let granted = world.mcpctl(&["role", "grant", "auditor", "roland"]).await.done().stdout;
    assert_eq!(granted, "user/roland changed\n");
    let auditors = world.mcpctl(&["role", "describe", "auditor", "-o", "json"]).await.done().json();
    assert!(auditors["users"].as_array().unwrap().contains(&json!("roland")), "{auditors:#}");
    let may = |path: &str| auditors["may"].as_array().unwrap().iter().any(|route| route["path"] == path);
    assert!(may("/api/v1/audit") && !may("/api/v1/apply"), "{auditors:#}");
    let taken = world.mcpctl(&["role", "revoke", "auditor", "roland", "--dry-run"]).await.done().stdout;
    assert_eq!(taken, "user/roland changed (dry run)\n");
    world.mcpctl(&["role", "revoke", "auditor", "roland"]).await.done();
    world.mcpctl(&["role", "revoke", "admin", "admin"]).await.failed(1, &["nobody who is not disabled would be left"]);
    world.mcpctl(&["delete", "user", "roland", "--yes"]).await.done();
}
