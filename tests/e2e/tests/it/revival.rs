//! A machine that was started anew: the first client that needs the gateway gets it started. One that its user stopped stays so.

use crate::{
    outage::end,
    world::{World, run},
};
use e2e::client::Era;
use std::fs;

const PROJECT: &str = "revived";

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_ended_is_started_by_the_bridge_and_one_that_was_stopped_is_not() {
    let world = World::new(None);
    world.start().await;
    let file = world.path("revived.yaml");
    fs::write(&file, format!("kind: project\nname: {PROJECT}\nspec: {{members: [admin]}}\n")).unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();
    let config = world.connect(PROJECT).await;
    world.client(&config, Era::Modern).await.close().await;
    let ports = [world.process("mcpd").await.port(), world.process("gateway").await.port()];

    for era in [Era::Legacy, Era::Modern] {
        end(&world, "gateway").await;
        end(&world, "mcpd").await;
        let client = world.client(&config, era).await;
        client.tools().await.unwrap();
        client.close().await;
        assert_eq!([world.process("mcpd").await.port(), world.process("gateway").await.port()], ports);
    }

    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"e2e","version":"1"}}}"#;
    end(&world, "gateway").await;
    let mut command = world.command(&crate::programs::program("mcpctl"));
    command.env("MCPCTL_HOME", world.path("home")).args(["mcp-stdio", "--project", PROJECT, "--no-start"]);
    let said = run(command, &format!("{ping}\n")).await.done();
    assert!(
        said.stdout.contains("cannot be reached") && said.stdout.contains("mcpctl daemon start"),
        "{}",
        said.stdout
    );
    world.mcpctl(&["daemon", "stop"]).await.done();
    world.mcpctl_with(&["mcp-stdio", "--project", PROJECT], &format!("{ping}\n")).await.done();
    world.mcpctl(&["daemon", "status"]).await.failed(6, &["mcpctl daemon start"]);
}
