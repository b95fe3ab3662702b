//! Two control planes on one PostgreSQL, and all of it killed: the data path does not notice, and what is changed
//! afterwards reaches the gateway by whichever replica is left.

mod propagation;
pub(crate) mod rig;

use crate::{http::Endpoint, patience::until, postgres::Cluster, world::World};
use reqwest::StatusCode;
use rig::Fleet;
use serde_json::json;
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// From the end of a fault to the next change in force.
const RECOVERY: Duration = Duration::from_secs(5);
const READ: &str = "slack_list_channels";

/// Makes a project at replica `at`, and waits until the gateway serves it. How long that took.
async fn change(fleet: &Fleet, at: usize, project: &str, gateway: &str) -> Duration {
    let server = format!("http://{}", fleet.addresses[at]);
    let line = ["--server", &server, "project", "create", project, "--profiles", "slack-read-only"];
    let endpoint = Endpoint::new(&format!("{gateway}/projects/{project}/mcp"), &fleet.world.admin_token());
    let began = Instant::now();
    until("the change is accepted", async || fleet.world.mcpctl(&line).await.is_done().then_some(())).await;
    until("the gateway serves the new project", async || (endpoint.try_list().await? == StatusCode::OK).then_some(()))
        .await;
    began.elapsed()
}

/// Calls a tool all the time. How many calls were answered.
fn call_on(endpoint: Endpoint, stop: &Arc<AtomicBool>, answered: &Arc<AtomicUsize>) -> JoinHandle<()> {
    let (stop, answered) = (Arc::clone(stop), Arc::clone(answered));
    tokio::spawn(async move {
        // One user may not call more often than 6,000 times in a minute.
        let mut pace = interval(Duration::from_millis(20));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.load(Ordering::Relaxed) {
            pace.tick().await;
            let answer = endpoint.call(READ, json!({})).await;
            assert!(answer.status == StatusCode::OK && answer.text.contains("security"), "{}", answer.text);
            answered.fetch_add(1, Ordering::Relaxed);
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn d_01_replicas_and_postgres_die_and_no_call_fails() {
    let cluster = Cluster::start();
    let mut fleet = Fleet::set_up(&cluster).await;
    let urls = fleet.addresses.each_ref().map(|address| format!("http://{address}"));
    let (mut process, gateway) = fleet.gateway("local", &urls, |_| {}).await;
    let endpoint = Endpoint::new(&format!("{gateway}/projects/steady/mcp"), &fleet.world.admin_token());
    until("the gateway serves", async || (endpoint.try_list().await? == StatusCode::OK).then_some(())).await;
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let calling = call_on(endpoint, &stop, &answered);
    let mut recoveries = Vec::new();

    for at in [0, 1] {
        fleet.kill(at).await;
        recoveries.push((format!("replica {at} killed"), change(&fleet, 1 - at, &format!("by-{at}"), &gateway).await));
        fleet.start(at).await;
    }
    for cause in ["stop fast", "kill"] {
        cluster.tell(cause);
        let before = answered.load(Ordering::Relaxed);
        let refused =
            fleet.world.mcpctl(&["--server", &format!("http://{}", fleet.addresses[0]), "project", "list"]).await;
        assert!(!refused.is_done(), "the control plane has no database");
        until("calls go on", async || (answered.load(Ordering::Relaxed) > before + 20).then_some(())).await;
        assert_eq!(cluster.tell("start"), "started");
        let word = cause.split(' ').next().unwrap();
        recoveries.push((format!("PostgreSQL {cause}"), change(&fleet, 0, &format!("after-{word}"), &gateway).await));
    }

    stop.store(true, Ordering::Relaxed);
    calling.await.expect("no call failed");
    for (cause, took) in &recoveries {
        assert!(*took < RECOVERY, "{cause}: {took:?} until the next change was in force");
    }
    process.kill().await.unwrap();
}

/// Makes an empty project.
async fn project(world: &World, name: &str) {
    let file = world.path(&format!("{name}.yaml"));
    fs::write(&file, format!("kind: project\nname: {name}\nspec: {{}}\n")).unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_backs_up_restores_and_moves_with_mcpctl() {
    let world = World::new(None);
    world.start().await;
    project(&world, "kept").await;
    let backup = world.text_path("mcpd.backup");
    let said = world.mcpctl(&["db", "backup", &backup]).await.done();
    assert!(said.stdout.contains("backed up") && said.stdout.contains("audit"), "{}", said.stdout);
    world.mcpctl(&["db", "backup", &backup]).await.failed(1, &["is there already", "hint:"]);
    world.mcpctl(&["db", "restore", &backup, "--replace"]).await.failed(1, &["in use", "stop every mcpd"]);
    project(&world, "lost").await;
    world.mcpctl(&["daemon", "stop"]).await.done();
    world.mcpctl(&["db", "restore", &backup]).await.failed(1, &["not empty", "--replace"]);
    world.mcpctl(&["db", "restore", &backup, "--replace"]).await.done();
    world.mcpctl(&["db", "migrate", "--dry-run"]).await.done();

    world.start().await;
    let projects = world.mcpctl(&["project", "list", "--format", "name"]).await.done().stdout;
    assert!(projects.contains("kept") && !projects.contains("lost"), "{projects}");
    // The gateway had a higher revision than the backup, and has taken the restored configuration nevertheless.
    until("the gateway is up to date", async || {
        let said = world.mcpctl(&["status", "--format", "json"]).await.done().json();
        let revision = said["control_plane"]["revision"].as_u64()?;
        let config = &said["gateways"][0]["status"]["config"];
        (revision > 1_000_000 && config["revision"].as_u64() == Some(revision)).then_some(())
    })
    .await;
    world.mcpctl(&["daemon", "stop"]).await.done();
    world.mcpctl(&["db", "move"]).await.failed(2, &["MCPD_DATABASE_URL_TO"]);
    let to = crate::postgres::database();
    let moved = world.mcpctl(&["db", "move", "--to", &to]).await.done();
    assert!(moved.stdout.contains("moved") && !moved.stdout.contains("only-for-tests"), "{}", moved.stdout);
    world.mcpctl(&["daemon", "start", "--api-port", "0", "--gateway-port", "0"]).await.failed(1, &["moved to"]);
}
