//! Gateways as an operator handles them with `mcpctl gateway`: one joins, is drained while calls run, and is turned away; and one
//! that was cut off from its control plane for long refuses what its profiles say, until it hears from it again.

use crate::{
    http::Endpoint,
    outage::{end, start_gateway},
    patience::until,
    programs::program,
    world::World,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::process::Child;

const READ: &str = "slack_list_channels";
const WRITE: &str = "slack_post_message";
const PROJECT: &str = "steady";

/// A daemon with the demo Slack, and a project that reads and writes.
async fn set_up(stale: &[&str]) -> World {
    let world = World::new(None);
    world.start().await;
    world.set_up_slack_and_jira().await;
    let profile = ["profile", "create", "rw", "--for", "slack", "--access", "read-write", "--wait"];
    world.mcpctl(&[&profile[..], stale].concat()).await.done();
    world.mcpctl(&["project", "create", PROJECT, "--profiles", "rw", "--wait"]).await.done();
    world
}

/// A second gateway, which joins as an operator would have it join. Its URL.
pub(crate) async fn join(world: &World, name: &str) -> (Child, String) {
    let issued = world.mcpctl(&["gateway", "join-token", name, "--format", "json"]).await.done().json();
    let told = issued["command"].as_str().unwrap();
    assert!(told.contains(&format!("mcp-gateway --name {name}")), "{told}");
    let home = world.path(name);
    fs::create_dir(&home).unwrap();
    fs::write(home.join("join-token"), issued["token"].as_str().unwrap()).unwrap();
    let mcpd = world.process("mcpd").await.url.unwrap();
    let mut command = world.command(&program("mcp-gateway"));
    command.args(["--name", name, "--listen", "127.0.0.1:0", "--mcpd-url", &mcpd, "--home"]).arg(&home);
    command.arg("--join-token-file").arg(home.join("join-token"));
    let child = command.stderr(fs::File::create(home.join("log")).unwrap()).spawn().unwrap();
    let url = until("the second gateway listens", async || {
        Some(format!("http://{}", fs::read_to_string(home.join(format!("gateway/{name}/addr"))).ok()?.trim()))
    })
    .await;
    (child, url)
}

/// The state that `mcpctl gateway list` shows.
async fn state(world: &World, name: &str) -> Value {
    let listed = world.mcpctl(&["gateway", "list", "--format", "json"]).await.done().json();
    let row = listed.as_array().unwrap().iter().find(|row| row["name"] == name);
    row.map_or(Value::Null, |row| row["state"].clone())
}

/// Calls a tool all the time at the first of `endpoints` that does not send it away, as a load balancer does.
async fn call_on(endpoints: [Endpoint; 2], stop: Arc<AtomicBool>, answered: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Relaxed) {
        let mut answer = endpoints[0].call(READ, json!({})).await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            answer = endpoints[1].call(READ, json!({})).await;
        }
        assert!(answer.status == StatusCode::OK && answer.text.contains("security"), "{}", answer.text);
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_joins_is_drained_while_calls_run_and_is_turned_away() {
    let world = set_up(&[]).await;
    let (mut process, second) = join(&world, "second").await;
    let first = world.process("gateway").await.url.unwrap();
    let at = |url: &str, project: &str| Endpoint::new(&format!("{url}/projects/{project}/mcp"), &world.admin_token());
    for url in [&first, &second] {
        until("a gateway serves", async || {
            at(url, PROJECT).call(READ, json!({})).await.text.contains("security").then_some(())
        })
        .await;
    }
    until("the second one is up to date", async || (state(&world, "second").await == "running").then_some(())).await;

    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let calling: Vec<_> = (0..4)
        .map(|_| tokio::spawn(call_on([at(&second, PROJECT), at(&first, PROJECT)], stop.clone(), answered.clone())))
        .collect();
    let more = async |count: usize| {
        let before = answered.load(Ordering::Relaxed);
        until("calls go on", async || (answered.load(Ordering::Relaxed) > before + count).then_some(())).await;
    };
    more(20).await;
    let said = world.mcpctl(&["gateway", "drain", "second", "--wait"]).await.done();
    assert_eq!(said.stdout, "gateway/second drained\n");
    more(20).await;
    assert_eq!(at(&second, PROJECT).list().await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(state(&world, "second").await, "draining");
    world.mcpctl(&["gateway", "resume", "second", "--wait"]).await.done();
    more(20).await;
    assert_eq!(at(&second, PROJECT).list().await.status, StatusCode::OK);
    stop.store(true, Ordering::Relaxed);
    for call in calling {
        call.await.expect("no call failed");
    }

    world.mcpctl(&["gateway", "remove", "second"]).await.failed(2, &["needs a confirmation"]);
    world.mcpctl(&["gateway", "remove", "second", "--yes"]).await.done();
    world.mcpctl(&["gateway", "describe", "second"]).await.failed(5, &["gateway `second` does not exist"]);
    let log = world.path("second/log");
    until("the control plane refuses the gateway", async || {
        fs::read_to_string(&log).unwrap().contains("the control plane refused (401)").then_some(())
    })
    .await;
    // Nothing reaches it any more, and nobody waits for it.
    world.mcpctl(&["project", "create", "later", "--profiles", "rw", "--wait"]).await.done();
    assert_eq!(at(&first, "later").list().await.status, StatusCode::OK);
    assert_eq!(at(&second, "later").list().await.status, StatusCode::NOT_FOUND);
    process.kill().await.unwrap();
}

/// Makes what the gateway knows of its configuration older by two hours.
fn age(world: &World) {
    let path = world.path("home/gateway/local/confirmed.json");
    let mut stamp: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    stamp["age_ms"] = json!(7_200_000);
    fs::write(&path, stamp.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p05_a_gateway_that_was_cut_off_refuses_to_write_until_it_hears_from_mcpd() {
    let world = set_up(&["--stale", "deny-writes", "--stale-after", "15m"]).await;
    let test = ["policy", "test", "--project", PROJECT, "--tool", WRITE];
    world.mcpctl(&test).await.done();
    world.mcpctl(&[&test[..], &["--stale", "2h"]].concat()).await.failed(7, &[]);
    let (api_port, gateway_port) = (world.process("mcpd").await.port(), world.process("gateway").await.port());
    let endpoint = world.endpoint(PROJECT, &world.admin_token()).await;
    let post = json!({"channel": "general", "text": "written by a test"});
    until("the tool is there", async || {
        endpoint.call(WRITE, post.clone()).await.text.contains("\"result\"").then_some(())
    })
    .await;

    end(&world, "mcpd").await;
    end(&world, "gateway").await;
    age(&world);
    let mut gateway = start_gateway(&world, &gateway_port, &api_port).await;
    let told = until("the write is refused", async || {
        let answer = endpoint.call(WRITE, post.clone()).await;
        answer.text.contains("last confirmed").then(|| answer.error())
    })
    .await;
    let reason =
        "the configuration was last confirmed 120 minutes ago, and profile `rw` denies writes after 15 minutes";
    assert!(told.contains(reason) && told.contains("is mcpd reachable?"), "{told}");
    let read = endpoint.call(READ, json!({})).await;
    assert!(read.text.contains("security"), "{}", read.text);

    let mut command = world.command(&program("mcpd"));
    command.args(["--listen", &format!("127.0.0.1:{api_port}"), "--home"]).arg(world.path("home"));
    let mut mcpd = command.stderr(fs::File::create(world.path("home/logs/mcpd-alone.log")).unwrap()).spawn().unwrap();
    until("the write is served again", async || {
        endpoint.call(WRITE, post.clone()).await.text.contains("\"result\"").then_some(())
    })
    .await;
    let refused = world.audit(1, &["--tool", WRITE, "--decision", "deny"]).await;
    assert!(refused[0]["stale_s"].as_u64().unwrap() >= 7_200, "{refused:?}");
    assert!(refused[0]["reason"].as_str().unwrap().contains(reason), "{refused:?}");
    let served = world.audit(1, &["--tool", WRITE, "--decision", "allow"]).await;
    assert!(served[0].get("stale_s").is_none(), "{served:?}");
    gateway.kill().await.unwrap();
    mcpd.kill().await.unwrap();
}
