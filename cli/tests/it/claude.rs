//! `.mcp.json` on disk: written whole, only our own key, never a secret.

use crate::{
    stub::{Reply, Stub},
    world::{World, mode},
};
use std::{fs, os::unix::fs::PermissionsExt as _};

const ADD: [&str; 3] = ["claude", "add-mcp-project", "weekly_reports"];
const REMOVE: [&str; 2] = ["claude", "remove-mcp-project"];

fn text(world: &World) -> String {
    fs::read_to_string(world.work().join(".mcp.json")).unwrap()
}

fn put(world: &World, text: &str) {
    fs::write(world.work().join(".mcp.json"), text).unwrap();
}

#[test]
fn a_new_file_is_written_once_and_then_unchanged() {
    let world = World::new();
    let ran = world.run(&ADD);
    assert_eq!(ran.succeeds(), ".mcp.json/mcpctl-proxy created\n");
    assert!(ran.err.contains("could not be checked") && ran.err.contains("approve mcpctl-proxy"), "{ran:?}");
    let first = text(&world);
    let file: serde_json::Value = serde_json::from_str(&first).unwrap();
    let entry = &file["mcpServers"]["mcpctl-proxy"];
    assert_eq!(
        entry["command"],
        env!("CARGO_BIN_EXE_mcpctl"),
        "PATH does not find this program, so its path is written"
    );
    assert_eq!(entry["args"], serde_json::json!(["mcp-stdio", "--project", "weekly_reports"]));
    assert!(entry.get("env").is_none());
    assert_eq!(mode(&world.work().join(".mcp.json")), 0o644);
    assert_eq!(world.run(&ADD).succeeds(), ".mcp.json/mcpctl-proxy unchanged\n");
    assert_eq!(text(&world), first);
}

#[test]
fn another_home_is_named_and_a_program_in_path_is_not_spelled_out() {
    let world = World::new();
    let bin = world.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mcpctl"), bin.join("mcpctl")).unwrap();
    let mut command = world.command(&ADD);
    command.env("PATH", &bin).env("MCPCTL_HOME", "/srv/mcpctl");
    assert!(command.status().unwrap().success());
    let file: serde_json::Value = serde_json::from_str(&text(&world)).unwrap();
    let entry = &file["mcpServers"]["mcpctl-proxy"];
    assert_eq!(entry["command"], "mcpctl");
    assert_eq!(entry["args"].as_array().unwrap()[3..], ["--home", "/srv/mcpctl"]);
}

#[test]
fn other_servers_and_the_mode_of_the_file_survive_adding_and_removing() {
    let world = World::new();
    let before = "{\n    \"mcpServers\": {\n        \"b\": {\"command\": \"b\", \"args\": [1.50]},\n        \"a\": {}\n    },\n    \"x\": 1\n}\n";
    put(&world, before);
    fs::set_permissions(world.work().join(".mcp.json"), fs::Permissions::from_mode(0o600)).unwrap();
    world.run(&ADD).succeeds();
    assert!(
        text(&world)
            .contains("\"b\": {\"command\": \"b\", \"args\": [1.50]},\n        \"a\": {},\n        \"mcpctl-proxy\"")
    );
    assert_eq!(mode(&world.work().join(".mcp.json")), 0o600);
    assert_eq!(world.run(&REMOVE).succeeds(), ".mcp.json/mcpctl-proxy removed\n");
    assert_eq!(text(&world), before);
    assert_eq!(world.run(&REMOVE).succeeds(), ".mcp.json/mcpctl-proxy unchanged\n");
    assert_eq!(fs::read_dir(world.work()).unwrap().count(), 1, "no draft is left behind");
}

#[test]
fn a_broken_file_is_refused_and_not_touched() {
    let world = World::new();
    for broken in ["{\"mcpServers\": {", "[]", "{\"mcpServers\": 1}", ""] {
        put(&world, broken);
        world.run(&ADD).fails(2, &[".mcp.json", "it was not touched"]);
        assert_eq!(text(&world), broken);
    }
}

#[test]
fn a_secret_in_the_file_is_named_but_not_repeated() {
    let world = World::new();
    let before = r#"{"mcpServers": {"slack": {"command": "x", "env": {"SLACK_TOKEN": "xoxb-12345678"}}}}"#;
    put(&world, before);
    let ran = world.run(&ADD);
    ran.fails(1, &["looks like a secret", "mcpServers.slack.env.SLACK_TOKEN"]);
    assert!(!ran.err.contains("xoxb"), "{ran:?}");
    assert_eq!(text(&world), before);
}

#[test]
fn a_dry_run_shows_and_writes_nothing() {
    let world = World::new();
    let ran = world.run(&[&ADD[..], &["--dry-run"]].concat());
    assert!(ran.succeeds().contains("+    \"mcpctl-proxy\": {"), "{ran:?}");
    assert!(!world.work().join(".mcp.json").exists());
}

#[test]
fn only_the_named_projects_entry_is_removed() {
    let world = World::new();
    world.run(&ADD).succeeds();
    let before = text(&world);
    world.run(&["claude", "remove-mcp-project", "daily"]).fails(1, &["is for project `weekly_reports`"]);
    assert_eq!(text(&world), before);
    world.run(&["claude", "remove-mcp-project", "weekly_reports"]).succeeds();
}

#[test]
fn a_project_that_does_not_exist_is_refused_with_a_suggestion() {
    let stub = Stub::start(|seen, _| {
        if seen.path.ends_with("/projects") {
            return Reply::json(r#"[{"name":"weekly_report","revision":1,"spec":{"profiles":[]}}]"#);
        }
        Reply::status(404)
    });
    let world = World::connected(&stub.url);
    world.run(&ADD).fails(5, &["project `weekly_reports` does not exist", "did you mean `weekly_report`?"]);
    assert!(!world.work().join(".mcp.json").exists());
}

#[test]
fn a_link_stays_a_link() {
    let world = World::new();
    fs::write(world.dir.path().join("shared.json"), "{}").unwrap();
    std::os::unix::fs::symlink(world.dir.path().join("shared.json"), world.work().join(".mcp.json")).unwrap();
    world.run(&ADD).succeeds();
    assert!(fs::symlink_metadata(world.work().join(".mcp.json")).unwrap().is_symlink());
    assert!(text(&world).contains("mcpctl-proxy"));
}
