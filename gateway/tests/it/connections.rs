//! Whose access token a server is sent. The tokens here are variables of the environment, as a configuration file names
//! them.

use crate::{
    upstream::Upstream,
    world::{Answer, World, eventually, objects},
};
use serde_json::{Value, json};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

fn configuration(upstream: &Upstream, mode: &str, connections: &[(&str, Option<&str>, &str)]) -> Vec<Value> {
    let mut objects = objects(&[json!({"kind": "server", "name": "web", "spec": {"era": "modern",
        "transport": {"type": "http", "url": upstream.url}, "oauth": {"mode": mode},
        "tools": [{"tool": "*", "class": "read"}]}})]);
    for project in objects.iter_mut().filter(|object| object["kind"] == "project") {
        project["spec"]["members"] = json!(["ada", "bob"]);
    }
    for (id, user, variable) in connections {
        objects.push(json!({"kind": "connection", "name": id, "spec": {"server": "web", "user": user,
            "url": upstream.url, "sealed": format!("env:{variable}")}}));
    }
    objects
}

async fn call(world: &World, who: &str) -> Answer {
    world.call(who, "web_echo", json!({})).await
}

/// Waits until the tool is listed, which takes a token.
async fn listed(world: &World) {
    eventually("the tool of the server", async || {
        let list = world.modern("weekly", "ada", "tools/list", json!({})).await;
        list.last().to_string().contains("web_echo").then_some(())
    })
    .await;
}

/// The bearer tokens of the calls that the server took, in order.
fn sent(upstream: &Upstream) -> Vec<String> {
    let seen = upstream.seen();
    let calls = seen.split("post /mcp").filter(|request| request.contains("mcp-method: tools/call"));
    let token = |request: &str| {
        let value = request.lines().find_map(|line| line.strip_prefix("authorization: bearer ")).unwrap_or("none");
        value.to_owned()
    };
    calls.map(token).collect()
}

#[tokio::test]
async fn every_user_is_served_with_an_own_token_or_told_to_connect() {
    let (path, cargo) = (variable("PATH").to_ascii_lowercase(), variable("CARGO_PKG_NAME").to_ascii_lowercase());
    let upstream = Upstream::start().await;
    let world = World::start(&configuration(&upstream, "per_user", &[]), &[]).await;
    // Nobody is connected: nothing can be asked, not even what tools there are.
    assert!(!world.modern("weekly", "ada", "tools/list", json!({})).await.last().to_string().contains("web_echo"));
    assert_eq!(upstream.seen(), "");

    world.configure(2, &configuration(&upstream, "per_user", &[("c1", Some("ada"), "PATH")]));
    listed(&world).await;
    assert!(call(&world, "ada").await.last()["result"]["isError"].is_null());
    let refused = call(&world, "bob").await;
    assert_eq!((refused.status, &refused.last()["result"]["isError"]), (200, &json!(true)));
    assert!(refused.told().as_str().unwrap().contains("server `web` is not connected"), "{refused:?}");
    assert_eq!(sent(&upstream), [path.as_str()], "nobody is served with another's token");

    // A new connection is in use at once, and the old one goes on.
    let both = [("c1", Some("ada"), "PATH"), ("c2", Some("bob"), "CARGO_PKG_NAME")];
    world.configure(3, &configuration(&upstream, "per_user", &both));
    eventually("bob's token to be in use", async || {
        call(&world, "bob").await.last()["result"]["isError"].is_null().then_some(())
    })
    .await;
    call(&world, "ada").await;
    assert_eq!(sent(&upstream), [path.as_str(), cargo.as_str(), path.as_str()]);

    // What the server does not take any more is for its owner to renew; others are not concerned.
    upstream.refuse(&cargo);
    let refused = call(&world, "bob").await;
    assert_eq!(refused.last()["result"]["isError"], json!(true), "{refused:?}");
    assert!(call(&world, "ada").await.last()["result"]["isError"].is_null());
}

#[tokio::test]
async fn a_service_token_serves_everybody() {
    let upstream = Upstream::start().await;
    let world = World::start(&configuration(&upstream, "service", &[("c1", None, "CARGO_PKG_NAME")]), &[]).await;
    listed(&world).await;
    for who in ["ada", "bob"] {
        assert!(call(&world, who).await.last()["result"]["isError"].is_null());
    }
    let token = variable("CARGO_PKG_NAME");
    assert_eq!(sent(&upstream), [token.clone(), token]);
}
