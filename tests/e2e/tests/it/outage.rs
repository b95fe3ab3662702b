//! The control plane is gone: the gateway goes on with its last-known-good configuration, also after a restart, and
//! what happened meanwhile is in the audit log afterwards.

use crate::{
    http::Endpoint,
    patience::until,
    programs::program,
    world::{World, run},
};
use e2e::client::Era;
use reqwest::StatusCode;
use serde_json::json;
use std::path::Path;
use tokio::process::{Child, Command};

const READ: &str = "slack_list_channels";

pub(crate) async fn check(world: &World, config: &Path, project: &str) {
    let (mcpd, gateway) = (world.process("mcpd").await, world.process("gateway").await);
    let (api_port, gateway_port) = (mcpd.port(), gateway.port());
    let stranger = Endpoint::new(&format!("{}/projects/{project}/mcp", gateway.url.unwrap()), "mcpctl_pat_wrong");

    end(world, "mcpd").await;
    world.mcpctl(&["status"]).await.failed(6, &["mcpctl daemon start"]);
    serves_and_refuses(world, config, &stranger).await;

    end(world, "gateway").await;
    let mut alone = start_gateway(world, &gateway_port, &api_port).await;
    serves_and_refuses(world, config, &stranger).await;
    terminate(alone.id().unwrap().into()).await;
    assert!(alone.wait().await.unwrap().success());

    let ports = ["--api-port", &api_port, "--gateway-port", &gateway_port];
    world.mcpctl(&[&["daemon", "start"], &ports[..]].concat()).await.done();
    let events = world.audit(2, &["--tool", READ, "--decision", "allow"]).await;
    assert!(events.iter().all(|event| event["outcome"] == "ok"), "{events:?}");
    serves_and_refuses(world, config, &stranger).await;
}

/// A reader is answered, a writer refused, and a wrong token still is one.
async fn serves_and_refuses(world: &World, config: &Path, stranger: &Endpoint) {
    let client = world.client(config, Era::Modern).await;
    let answer = client.call(READ, serde_json::Map::new()).await.unwrap();
    assert!(answer.texts().any(|text| text.contains("security")));
    let post = json!({"channel": "general", "text": "written by a test"});
    let error = client.call("slack_post_message", post.as_object().unwrap().clone()).await.unwrap_err();
    assert!(error.refusal().unwrap().contains("permission denied"), "{error}");
    client.close().await;
    assert_eq!(world.slack_writes(), "");
    assert_eq!(stranger.call(READ, json!({})).await.status, StatusCode::UNAUTHORIZED);
}

/// Ends one of the daemon's processes and waits until it is gone.
pub(crate) async fn end(world: &World, name: &str) {
    terminate(world.process(name).await.pid.unwrap()).await;
    until(&format!("{name} has ended"), async || world.process(name).await.pid.is_none().then_some(())).await;
}

pub(crate) async fn terminate(pid: u64) {
    let mut command = Command::new("kill");
    command.arg(pid.to_string());
    run(command, "").await.done();
}

/// The gateway by itself, where it listened before. It is serving when this returns.
pub(crate) async fn start_gateway(world: &World, port: &str, api_port: &str) -> Child {
    let mut command = world.command(&program("mcp-gateway"));
    command.arg("--home").arg(world.path("home")).args(["--name", "local", "--listen", &format!("127.0.0.1:{port}")]);
    command.args(["--mcpd-url", &format!("http://127.0.0.1:{api_port}")]);
    let log = std::fs::File::create(world.path("home/logs/gateway-alone.log")).unwrap();
    let child = command.stderr(log).spawn().unwrap();
    let endpoint = Endpoint::new(&format!("http://127.0.0.1:{port}/mcp"), &world.admin_token());
    let serving = async || (endpoint.try_list().await? == StatusCode::OK).then_some(());
    until("the gateway serves by itself", serving).await;
    child
}
