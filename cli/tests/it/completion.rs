//! Completion as shells use it: by the protocol, and by a real bash.

use crate::{
    stub::{Reply, Stub},
    world::{Ran, World},
};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

fn control_plane() -> Stub {
    Stub::start(|seen, _| match seen.path.as_str() {
        "/api/v1/projects" => Reply::json(r#"[{"name":"weekly_reports"},{"name":"weekly_numbers"},{"name":"triage"}]"#),
        "/api/v1/instances" => Reply::json(r#"[{"name":"slack"},{"name":"slack"},{"name":"jira"}]"#),
        "/api/v1/profiles" => Reply::json(r#"[{"name":"slack-read-only"},{"name":"jira-full"}]"#),
        _ => Reply::status(404),
    })
}

/// What is offered for the last of `words`.
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let line = [&["--"], words].concat();
    let mut command = world.command(&line);
    command
        .env("MCPCTL_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .env("_CLAP_IFS", "\n");
    let ran = Ran::of(&mut command);
    assert_eq!(ran.err, "", "{ran:?}");
    let mut all: Vec<String> = ran.succeeds().lines().map(str::to_owned).collect();
    all.sort();
    all
}

#[test]
fn names_are_those_the_control_plane_has() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    assert_eq!(offered(&world, &["mcpctl", "project", "describe", "week"]), ["weekly_numbers", "weekly_reports"]);
    assert_eq!(
        offered(&world, &["mcpctl", "instance", "logs", ""]).iter().filter(|word| !word.starts_with('-')).count(),
        2
    );
    assert_eq!(offered(&world, &["mcpctl", "mcp-stdio", "--project", "tri"]), ["triage"]);
    assert_eq!(
        offered(&world, &["mcpctl", "project", "create", "x", "--profiles", "slack-read-only,ji"]),
        ["slack-read-only,jira-full"]
    );
    assert!(stub.seen().iter().all(|seen| seen.header("authorization").starts_with("Bearer mcpctl_pat_")));
}

#[test]
fn what_needs_no_control_plane_is_offered_without_one() {
    let world = World::new();
    assert_eq!(offered(&world, &["mcpctl", "setup", "sla"]), ["slack"]);
    assert_eq!(offered(&world, &["mcpctl", "config", "get", "time"]), ["timeout"]);
    assert!(offered(&world, &["mcpctl", "pro"]).contains(&"project".to_owned()));
    assert!(offered(&world, &["mcpctl", "help", "env"]).contains(&"environment".to_owned()));
    world.private("config.yaml", "contexts: {work: {server: https://a.example}}\n");
    assert_eq!(offered(&world, &["mcpctl", "config", "use-context", "w"]), ["work"]);
    assert_eq!(offered(&world, &["mcpctl", "--context", "w"]), ["work"]);
}

#[test]
fn where_nothing_answers_nothing_is_said_and_nobody_waits() {
    let hanging = Stub::start(|_, _| Reply::json("[]").hanging());
    for world in [World::new(), World::connected("http://127.0.0.1:9"), World::connected(&hanging.url)] {
        let began = Instant::now();
        assert_eq!(offered(&world, &["mcpctl", "project", "describe", "w"]), [""; 0]);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn every_shell_is_told_how_to_ask() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish", "pwsh"] {
        let script = world.run(&["completion", shell]);
        assert!(script.succeeds().contains("MCPCTL_COMPLETE"), "{shell}: {script:?}");
    }
    world.run(&["completion", "csh"]).fails(2, &["csh"]);
}

#[test]
fn a_real_bash_completes_a_live_name() {
    if !Path::new("/bin/bash").exists() {
        return;
    }
    let stub = control_plane();
    let world = World::connected(&stub.url);
    let folder = Path::new(env!("CARGO_BIN_EXE_mcpctl")).parent().unwrap().display().to_string();
    let script = r#"
        source <(mcpctl completion bash)
        COMP_WORDS=(mcpctl project describe weekly_r); COMP_CWORD=3; COMP_TYPE=9
        _clap_complete_mcpctl mcpctl weekly_r describe 2>/dev/null
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("/bin/bash");
    bash.args(["--norc", "-c", script]).env_clear().env("HOME", world.dir.path().join("home"));
    bash.env("PATH", format!("{folder}:/usr/bin:/bin")).current_dir(world.work());
    assert_eq!(Ran::of(&mut bash).succeeds(), "weekly_reports\n");
}
