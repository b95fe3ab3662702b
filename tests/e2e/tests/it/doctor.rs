//! `mcpctl doctor` against what is really broken: each hop once. It names the hop, and what it prints to mend it, run as it is
//! printed, mends it.

use crate::{
    model,
    patience::until,
    programs::program,
    world::{World, run},
};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

const PROJECT: &str = "doctored";

async fn told(world: &World) -> Value {
    world.mcpctl(&["doctor", "--project", PROJECT, "--format", "json"]).await.json()
}

async fn until_well(world: &World) {
    let well = async || (told(world).await["healthy"] == true).then_some(());
    until("doctor finds nothing that fails", well).await;
}

/// Runs what was printed as it was printed, where a person would.
async fn mend(world: &World, fix: &Value) {
    let program = program("mcpctl");
    for line in fix.as_array().unwrap() {
        // Not by PATH: with mcpctl in it, other lines are written into clients' files.
        let line = format!("mcpctl() {{ '{}' \"$@\"; }}; {}", program.display(), line.as_str().unwrap());
        let mut command = world.command(Path::new("sh"));
        command.args(["-ec", &line]).env("MCPCTL_HOME", world.path("home"));
        run(command, "").await.done();
    }
}

/// The first hop that fails is `hop`, and what is printed mends it.
async fn fails(world: &World, hop: &str, name: &str) {
    let told = until(&format!("{hop} fails"), async || {
        let told = told(world).await;
        (told["failing_hop"] == hop).then_some(told)
    })
    .await;
    let checks = told["checks"].as_array().unwrap();
    let first = checks.iter().find(|check| check["state"] == "fail").unwrap();
    assert_eq!(first["name"], name, "{told:#}");
    let failing = checks.iter().filter(|check| check["state"] == "fail").count();
    assert_eq!(failing, 1, "what depends on it is skipped: {told:#}");
    mend(world, &told["fix"]).await;
    until_well(world).await;
}

/// Ends a process at once, as a crash would.
fn kill(pid: u64) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hop_that_is_broken_is_named_and_what_is_printed_mends_it() {
    let world = World::with_model(None).await;
    let slack = program("mock-slack");
    let line = ["setup", "slack", "--non-interactive", "--token-stdin", "--command", slack.to_str().unwrap()];
    let state = format!("--arg={}", world.text_path("slack-writes.jsonl"));
    world.mcpctl_with(&[&line[..], &["--arg=--state-file", &state]].concat(), crate::world::SLACK_TOKEN).await.done();
    world.mcpctl(&["project", "create", PROJECT, "--profiles", "slack-read-only"]).await.done();
    world.mcpctl(&["claude", "add-mcp-project", PROJECT]).await.done();
    until_well(&world).await;

    let file = world.path("workspace/.mcp.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(PROJECT, "docktored")).unwrap();
    fails(&world, "client", "client-file").await;
    fs::write(&file, "{").unwrap();
    fails(&world, "client", "client-file").await;
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "it is what it was");

    let wrong = world.path("home/token");
    fs::write(&wrong, "mcpctl_pat_wrong").unwrap();
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).unwrap();
    fails(&world, "bridge", "token").await;

    let (mcpd, gateway) = (world.process("mcpd").await, world.process("gateway").await);
    kill(gateway.pid.unwrap());
    fails(&world, "gateway", "gateway-process").await;
    assert_eq!(world.process("gateway").await.url, gateway.url, "clients find it where it was");
    let before = world.process("gateway").await.pid;
    kill(mcpd.pid.unwrap());
    fails(&world, "control-plane", "control-plane").await;
    let after = (world.process("mcpd").await.url, world.process("gateway").await.pid);
    assert_eq!(after, (mcpd.url, before), "where it was, and the gateway has served all the time");

    world.mcpctl(&["instance", "stop", "slack"]).await.done();
    fails(&world, "upstream", "server").await;

    model_is_mended(&world).await;
}

/// The model is fetched from a folder, because a test fetches nothing from elsewhere.
async fn model_is_mended(world: &World) {
    let folder = fs::read_dir(world.path("home/models")).unwrap().next().unwrap().unwrap().path();
    let weights = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let one = weights.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "safetensors")).unwrap();
    fs::write(&one, "damaged").unwrap();
    let check = async || {
        let told = told(world).await;
        told["checks"].as_array().unwrap().iter().find(|check| check["name"] == "model").unwrap().clone()
    };
    let damaged = check().await;
    assert_eq!((&damaged["state"], &damaged["fix"]), (&json!("warn"), &json!(["mcpctl model pull"])), "{damaged}");
    let from = model::folder().await;
    mend(world, &json!([format!("mcpctl model pull --from {}", from.display())])).await;
    assert_eq!(check().await["state"], "ok");
}
