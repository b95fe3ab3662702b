//! How long a change takes from its answer to three gateways: they say so in their logs, which are read here as they are
//! written. `scripts/propagation` makes more changes, with programs that are optimised.

use super::rig::Fleet;
use crate::postgres::Cluster;
use crate::said::aloud;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStderr},
    sync::watch,
    time::timeout,
};

const GATEWAYS: [&str; 3] = ["one", "two", "three"];
/// For a change that is lost.
const LOST: Duration = Duration::from_secs(30);

/// How many changes are made: a few, or as many as `MCPCTL_TEST_CHANGES` says.
fn changes() -> usize {
    std::env::var("MCPCTL_TEST_CHANGES").ok().and_then(|changes| changes.parse().ok()).unwrap_or(20)
}

/// The newest revision in force at one gateway, and since when.
type InForce = watch::Receiver<(u64, Instant)>;

async fn gateway(fleet: &Fleet, name: &str) -> (Child, InForce) {
    let file = fleet.join_token(name).await;
    let urls = fleet.addresses.each_ref().map(|address| format!("http://{address}"));
    let started = fleet.gateway(name, &urls, |command| {
        command.arg("--join-token-file").arg(file).args(["--log-format", "json"]).stderr(Stdio::piped());
    });
    let (mut process, _) = started.await;
    let (sender, in_force) = watch::channel((0, Instant::now()));
    tokio::spawn(follow(process.stderr.take().unwrap(), sender));
    (process, in_force)
}

async fn follow(log: ChildStderr, in_force: watch::Sender<(u64, Instant)>) {
    let mut lines = BufReader::new(log).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let now = Instant::now();
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        let fields = line.get("fields").unwrap_or(&line);
        if fields["message"] == "configuration in force" {
            in_force.send_replace((fields["revision"].as_u64().unwrap(), now));
        }
    }
}

/// Changes a project at replica `at`. How long the last gateway took from the answer on.
async fn change(fleet: &Fleet, number: usize, gateways: &mut [(Child, InForce)]) -> Duration {
    let body = json!({"name": "moving", "spec": {"description": number.to_string()}});
    let (status, made) = fleet.ask(number % 2, (Method::PUT, "projects/moving"), None, Some(body)).await.unwrap();
    let answered = Instant::now();
    assert!(status.is_success(), "{made}");
    let revision = made["revision"].as_u64().unwrap();
    let mut last = Duration::ZERO;
    for (_, in_force) in gateways {
        let seen =
            timeout(LOST, in_force.wait_for(|(newest, _)| *newest >= revision)).await.expect("it arrives").unwrap();
        last = last.max(seen.1.saturating_duration_since(answered));
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_either_replica_reaches_three_gateways() {
    let cluster = Cluster::start();
    let fleet = Fleet::set_up(&cluster).await;
    let mut gateways = Vec::new();
    for name in GATEWAYS {
        gateways.push(gateway(&fleet, name).await);
    }
    // The first ones wait for what starts: servers that report their tools are changes, too.
    for number in 0..10 {
        change(&fleet, number, &mut gateways).await;
    }
    let mut took = Vec::new();
    for number in 10..10 + changes() {
        took.push(change(&fleet, number, &mut gateways).await);
    }
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100).saturating_sub(1)];
    let (p50, p99, most) = (at(50), at(99), at(100));
    aloud(&format!(
        "propagation: {} changes to 3 gateways: p50 {p50:.1?}, p99 {p99:.1?}, at most {most:.1?}",
        took.len()
    ));
}
