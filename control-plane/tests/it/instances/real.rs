//! Against a real Docker engine, where one is found: nothing of it is assumed here that the fake ones might get wrong.

use super::DIGEST;
use crate::world::World;
use serde_json::json;
use std::path::Path;

/// The engine of this machine.
const SOCKET: &str = "/var/run/docker.sock";

#[tokio::test]
async fn a_real_engine_takes_what_is_sent_to_it() {
    if !Path::new(SOCKET).exists() {
        println!("skipped: there is no Docker engine at {SOCKET}");
        return;
    }
    let host = format!("unix://{SOCKET}");
    let world = World::with(&["--docker-host", &host]).await;
    // An image that no registry has: the engine understands the request for it, and says so.
    let transport = json!({"type": "stdio", "command": "true"});
    let image = format!("localhost:1/mcpctl-test@{DIGEST}");
    let runtime = json!({"type": "docker", "image": image});
    world.put_server("real", &json!({"transport": transport, "runtime": runtime})).await;
    let failed = world.instance_once("real", |status| status["state"] == "backing_off").await;
    assert!(failed["reason"].as_str().unwrap().contains("cannot be fetched"), "{failed}");
    // With an image that is there, all the way.
    let Ok(image) = std::env::var("MCPCTL_TEST_IMAGE") else {
        println!("skipped: MCPCTL_TEST_IMAGE names no image by digest that holds mcp-gateway and a server");
        return;
    };
    let command = std::env::var("MCPCTL_TEST_IMAGE_COMMAND").expect("MCPCTL_TEST_IMAGE_COMMAND names its server");
    let transport = json!({"type": "stdio", "command": command});
    world.put_server("real", &json!({"transport": transport, "runtime": {"type": "docker", "image": image}})).await;
    world.healthy("real").await;
    world.order("real", "stop").await;
    world.instance_once("real", |status| status["state"] == "stopped").await;
}
