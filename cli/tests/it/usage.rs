//! Help, wrong command lines, and what is said without a token or a control plane.

use crate::world::{Ran, World};
use std::{fs, os::unix::fs::PermissionsExt as _};

#[test]
fn bare_and_help_show_examples_first() {
    for args in [&[][..], &["--help"], &["-h"]] {
        let ran = World::new().run(args);
        let out = ran.succeeds();
        assert!(out.find("Examples:").unwrap() < out.find("Usage:").unwrap(), "{out}");
        assert!(out.contains("Exit codes:") && out.contains("MCPCTL_HOME"));
    }
    assert!(World::new().run(&["--version"]).succeeds().starts_with("mcpctl "));
    assert!(World::new().run(&["setup", "--help"]).succeeds().contains("mcpctl setup slack"));
}

#[test]
fn a_wrong_command_line_is_exit_2_with_a_suggestion() {
    let world = World::new();
    world.run(&["deamon"]).fails(2, &["daemon"]);
    world.run(&["audit", "--limt", "2"]).fails(2, &["--limit"]);
    world.run(&["audit", "--limit", "0"]).fails(2, &["--limit"]);
    world
        .run(&["project", "create", "Weekly Reports", "--profiles", "a"])
        .fails(2, &["`Weekly Reports` is not a valid name"]);
    world.run(&["project", "create", "w"]).fails(2, &["--profiles"]);
    world.run(&["project"]).fails(2, &[]);
}

#[test]
fn an_unknown_server_is_exit_5_with_a_suggestion() {
    World::new().run(&["setup", "slak"]).fails(5, &["`slak` is not in the catalogue", "hint: did you mean `slack`?"]);
    World::new().run(&["setup", "wiki"]).fails(5, &["--command CMD"]);
}

#[test]
fn everything_a_setup_misses_is_named_and_nothing_is_asked() {
    let world = World::new();
    world
        .run(&["setup", "jira", "--non-interactive"])
        .fails(2, &["JIRA_URL", "JIRA_API_TOKEN", "--secret JIRA_API_TOKEN=@FILE"]);
    // Without a terminal nothing is asked either.
    world.run(&["setup", "slack"]).fails(2, &["SLACK_MCP_XOXP_TOKEN", "--token-stdin"]);
}

#[test]
fn a_secret_is_never_printed() {
    let world = World::connected("http://127.0.0.1:9");
    let mut command = world.command(&["setup", "slack", "--non-interactive", "--command", "cat", "-vv"]);
    let ran = Ran::of(command.env("SLACK_BOT_TOKEN", "xoxb-very-secret"));
    ran.fails(6, &["slack will run as: cat", "SLACK_MCP_XOXB_TOKEN = secret/slack-slack-mcp-xoxb-token"]);
    assert!(!ran.err.contains("very-secret") && !ran.err.contains("mcpctl_pat_test"), "{ran:?}");
}

#[test]
fn without_a_token_it_is_exit_4_and_without_a_control_plane_exit_6() {
    World::new().run(&["status"]).fails(4, &["there is no token", "mcpctl daemon start"]);
    let world = World::connected("http://127.0.0.1:9");
    world
        .run(&["status"])
        .fails(6, &["cannot reach the control plane at `http://127.0.0.1:9/`", "mcpctl daemon start"]);
    let mut elsewhere = world.command(&["--server", "http://127.0.0.1:8", "status"]);
    Ran::of(elsewhere.env("MCPCTL_TOKEN", "mcpctl_pat_other")).fails(6, &["http://127.0.0.1:8/"]);
    fs::set_permissions(world.home().join("token"), fs::Permissions::from_mode(0o644)).unwrap();
    world.run(&["status"]).fails(4, &["can be read by other users", "chmod 600"]);
}

#[test]
fn with_json_an_error_is_json_too() {
    let ran = World::new().run(&["audit", "--format", "json"]);
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["code"], "unauthenticated");
    assert_eq!((ran.code, ran.out.as_str()), (Some(4), ""));
}

#[test]
fn version_and_completion_need_nothing_and_doctor_says_what_is_missing() {
    let world = World::new();
    let versions: serde_json::Value =
        serde_json::from_str(world.run(&["version", "--format", "json"]).succeeds()).unwrap();
    assert_eq!(versions["client"], env!("CARGO_PKG_VERSION"));
    assert_eq!(versions["protocol"][0], "2026-07-28");
    assert!(world.run(&["completion", "bash"]).succeeds().contains("complete"));
    let ran = world.run(&["doctor", "--format", "json"]);
    assert_eq!(ran.code, Some(6), "{ran:?}");
    let checks: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let failed = checks["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "fail");
    assert!(failed.clone().all(|check| check["fix"] == serde_json::json!(["mcpctl daemon start"])), "{checks:#}");
    assert!(failed.map(|check| check["name"].as_str().unwrap()).any(|name| name == "gateway-process"));
}
