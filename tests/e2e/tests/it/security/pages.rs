//! A page in the browser of a developer, also one whose name was made to mean this machine: it reaches neither the gateway nor
//! the control plane, not even with a good token.

use super::raw::Caller;
use crate::{patience::until, world::World};
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_host_reaches_neither_gateway_nor_control_plane() {
    let world = World::shared().await;
    let admin = Caller::new(&world.admin_token());
    let file = world.path("paged.yaml");
    std::fs::write(&file, "kind: project\nname: paged\nspec: {members: [admin]}\n").unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();
    let (gateway, api) = (world.process("gateway").await.url.unwrap(), world.process("mcpd").await.url.unwrap());
    let (endpoint, projects) = (format!("{gateway}/projects/paged/mcp"), format!("{api}/api/v1/projects"));
    until("the gateway knows the project", async || {
        (admin.modern(&endpoint, "tools/list", json!({})).await.status == StatusCode::OK).then_some(())
    })
    .await;

    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).to_string();
    assert_eq!(admin.get(&projects, &[]).await.status, StatusCode::OK);
    for (name, value) in [
        ("host", "evil.test"),
        ("host", "127.0.0.1.evil.test"),
        ("host", "localhost.evil.test:9229"),
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1.evil.test"),
    ] {
        let reply = admin.post(&endpoint, &[(name, value)], &list).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{name}: {value}: {reply:?}");
        assert!(!reply.headers.contains_key("access-control-allow-origin"), "{reply:?}");
        let reply = admin.get(&projects, &[(name, value)]).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{name}: {value}: {reply:?}");
        assert!(!reply.headers.contains_key("access-control-allow-origin"), "{reply:?}");
    }
}
