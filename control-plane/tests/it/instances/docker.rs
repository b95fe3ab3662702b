//! A Docker engine that speaks the real HTTP API on a unix socket, with faults on request. What it is told to run is a
//! small MCP server of this process.

mod containers;
mod engine;

pub(crate) use engine::{Engine, Fault};

use super::{DIGEST, until};
use crate::{on_both_stores, stream::Gateway, world::World};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

async fn a_server_runs_in_a_container_that_may_do_next_to_nothing(world: World) {
    let engine = Engine::start(&world).await;
    world.put_wrapped("slack", "docker").await;
    let status = world.healthy("slack").await;
    assert_eq!((&status["state"], &status["tools"]), (&json!("running"), &json!(1)), "{status}");
    let container = engine.only();
    assert_eq!(status["runtime_id"].as_str().unwrap(), &container.id[..12]);
    assert_eq!(status["endpoint"], format!("http://127.0.0.1:{}/mcp", container.port));

    let body = &container.body;
    let command = ["mcp-gateway", "wrap", "--listen", "0.0.0.0:8080", "--", "server", "--flag", "; reboot"];
    assert_eq!((&body["Entrypoint"], &body["Cmd"]), (&json!(command), &json!([])));
    assert_eq!(body["Image"], format!("ghcr.io/x/y@{DIGEST}"));
    assert_eq!(body["User"], "65532:65532");
    assert_eq!(body["Env"], json!(["PLAIN=x", "TOKEN=xoxb-plain"]));
    let host = &body["HostConfig"];
    for (field, expected) in [
        ("ReadonlyRootfs", json!(true)),
        ("Privileged", json!(false)),
        ("CapDrop", json!(["ALL"])),
        ("SecurityOpt", json!(["no-new-privileges"])),
        ("Memory", json!(536_870_912)),
        ("MemorySwap", json!(536_870_912)),
        ("NanoCpus", json!(1_000_000_000)),
        ("PidsLimit", json!(128)),
        ("Mounts", json!([])),
        ("RestartPolicy", json!({"Name": "no"})),
    ] {
        assert_eq!(host[field], expected, "{field}");
    }
    assert_eq!(host["PortBindings"]["8080/tcp"][0]["HostIp"], "127.0.0.1");
    assert!(host.get("Binds").is_none() && host.get("CapAdd").is_none() && host.get("Devices").is_none(), "{host}");
    let network = engine.network(host["NetworkMode"].as_str().unwrap()).expect("a network of its own");
    assert_eq!(network["Internal"], false);
    // Of the secret there is nothing but the variable.
    assert_eq!(body.to_string().matches("xoxb-plain").count(), 1);
    assert!(!network.to_string().contains("xoxb"));
}

async fn without_a_way_out_the_network_leads_nowhere_and_nothing_is_published(world: World) {
    let engine = Engine::start(&world).await;
    let server = super::mcp::McpServer::start().await;
    let transport = json!({"type": "http", "url": format!("http://instance:{}/mcp", server.port)});
    let image = format!("ghcr.io/x/y@{DIGEST}");
    let volumes = json!([{"name": "memory", "path": "/data"}]);
    let runtime = json!({"type": "docker", "image": image, "env": {"A": "b"}, "volumes": volumes});
    world.put_server("memory", &json!({"transport": transport, "runtime": runtime})).await;
    let status = world.healthy("memory").await;
    assert_eq!(status["endpoint"], format!("http://127.0.0.1:{}/mcp", server.port));
    let body = engine.only().body;
    assert!(body.get("Entrypoint").is_none() && body["Env"] == json!(["A=b"]), "{body}");
    assert!(body["HostConfig"].get("PortBindings").is_none(), "{body}");
    assert_eq!(engine.network(body["HostConfig"]["NetworkMode"].as_str().unwrap()).unwrap()["Internal"], true);
    let mount = json!({"Target": "/data", "Source": "memory", "Type": "volume", "ReadOnly": true});
    assert_eq!(body["HostConfig"]["Mounts"], json!([mount]));
}

async fn gateways_are_told_where_it_runs_and_get_none_of_its_secrets(world: World) {
    let _engine = Engine::start(&world).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&world).await;
    let mut snapshot = stream.snapshot().await;
    world.put_wrapped("slack", "docker").await;
    let endpoint = world.healthy("slack").await["endpoint"].as_str().unwrap().to_owned();
    stream.follow(&mut snapshot, world.revision().await).await;
    let spec = serde_json::to_value(snapshot.servers().next().unwrap().1).unwrap();
    assert_eq!(spec, json!({"transport": {"type": "http", "url": endpoint}}));
    assert_eq!(snapshot.secrets().count(), 0);

    world.order("slack", "stop").await;
    world.instance_once("slack", |status| status["state"] == "stopped").await;
    stream.follow(&mut snapshot, world.revision().await).await;
    let spec = serde_json::to_value(snapshot.servers().next().unwrap().1).unwrap();
    assert_eq!((&spec["desired"], &spec["transport"]["type"]), (&json!("stopped"), &json!("stdio")));
    assert!(!stream.text.contains("TOKEN"), "the environment of a container is no gateway's business");
}

async fn a_changed_configuration_or_secret_replaces_the_container(world: World) {
    let engine = Engine::start(&world).await;
    world.put_wrapped("slack", "docker").await;
    world.healthy("slack").await;
    let mut before = engine.only().id;
    for change in ["limits", "secret", "restart"] {
        match change {
            "limits" => {
                let more = json!({"limits": {"pids_max": 64}});
                world.put_server("slack", &super::wrapped("docker", &more)).await;
            }
            "secret" => {
                world.done("PUT", "/api/v1/secrets/token", Some(json!({"value": "xoxb-other"}))).await;
            }
            _ => {
                world.order("slack", "restart").await;
            }
        }
        let next = until(change, async || engine.all().pop().filter(|container| container.id != before)).await;
        assert_eq!(engine.all().len(), 1);
        before = next.id;
    }
    world.healthy("slack").await;
    let body = engine.only().body;
    assert_eq!(body["HostConfig"]["PidsLimit"], 64);
    assert_eq!(body["Env"][1], "TOKEN=xoxb-other");
    assert_eq!(engine.peak(), 1, "never were there two at once");
}

async fn what_is_stopped_or_deleted_leaves_nothing_behind(world: World) {
    let engine = Engine::start(&world).await;
    world.put_wrapped("slack", "docker").await;
    world.healthy("slack").await;
    world.order("slack", "stop").await;
    let stopped = world.instance_once("slack", |status| status["state"] == "stopped").await;
    assert!(stopped.get("endpoint").is_none() && stopped["desired"] == "stopped", "{stopped}");
    assert!(engine.all().is_empty() && engine.networks().is_empty());
    world.order("slack", "start").await;
    world.healthy("slack").await;
    world.done("DELETE", "/api/v1/servers/slack", None).await;
    until("the container is gone", async || engine.all().is_empty().then_some(())).await;
    until("its network is gone", async || engine.networks().is_empty().then_some(())).await;
    assert_eq!(world.admin("GET", "/api/v1/instances/slack", None).await.status, 404);
}

async fn orphans_of_this_installation_are_removed_and_nothing_else(world: World) {
    let engine = Engine::start(&world).await;
    world.put_wrapped("slack", "docker").await;
    world.healthy("slack").await;
    let own = engine.only().body["Labels"].clone();
    let mut orphan = own.clone();
    orphan["io.mcpctl.server"] = json!("gone");
    let id = |labels: &Value| labels["io.mcpctl.installation"].as_str().unwrap()[..8].to_owned();
    let mut foreign = orphan.clone();
    foreign["io.mcpctl.installation"] = json!("ffffffffffffffffffffffffffffffff");
    engine.put("mcpctl-ffffffff-gone-00000000", &foreign);
    engine.put("postgres", &json!({}));
    let hash = hex::encode(Sha256::digest("gone"));
    let name = format!("mcpctl-{}-gone-{}", id(&own), &hash[..8]);
    engine.put(&name, &orphan);
    // A new process looks at once.
    let _replica = world.replica().await;
    until("the orphan is gone", async || engine.get(&name).is_none().then_some(())).await;
    assert!(engine.get("postgres").is_some() && engine.get("mcpctl-ffffffff-gone-00000000").is_some());
    assert_eq!(engine.all().len(), 3);
}

async fn two_replicas_make_one_instance(world: World) {
    let engine = Engine::start(&world).await;
    let replicas = [world.replica().await, world.replica().await];
    engine.fault(Fault::SlowCreate);
    for server in ["a", "b", "c"] {
        world.put_wrapped(server, "docker").await;
    }
    for server in ["a", "b", "c"] {
        world.healthy(server).await;
        replicas[1].healthy(server).await;
    }
    assert_eq!(engine.all().len(), 3);
    assert_eq!(engine.created(), 3, "nothing was made twice");
    for (replica, order) in [(&replicas[0], "restart"), (&replicas[1], "restart")] {
        replica.order("a", order).await;
    }
    until("it was made anew", async || (engine.created() >= 4).then_some(())).await;
    world.healthy("a").await;
    assert_eq!((engine.all().len(), engine.peak()), (3, 3));
}

async fn a_replica_that_is_killed_in_the_middle_is_followed_by_another(mut world: World) {
    let engine = Engine::start(&world).await;
    engine.fault(Fault::PullHangs);
    world.put_wrapped("slack", "docker").await;
    until("the image is being fetched", async || engine.pulling().then_some(())).await;
    let replica = world.replica().await;
    world.kill().await;
    engine.heal();
    replica.healthy("slack").await;
    assert_eq!((engine.all().len(), engine.created()), (1, 1));
}

on_both_stores!(
    a_server_runs_in_a_container_that_may_do_next_to_nothing,
    without_a_way_out_the_network_leads_nowhere_and_nothing_is_published,
    gateways_are_told_where_it_runs_and_get_none_of_its_secrets,
    a_changed_configuration_or_secret_replaces_the_container,
    what_is_stopped_or_deleted_leaves_nothing_behind,
    orphans_of_this_installation_are_removed_and_nothing_else,
    two_replicas_make_one_instance,
    a_replica_that_is_killed_in_the_middle_is_followed_by_another,
);
