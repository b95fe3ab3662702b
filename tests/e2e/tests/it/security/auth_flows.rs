//! Who presents no token, or one that is not valid, gets nothing: at the gateway, through the bridge and at the control plane.
//! And who presents a good one of a developer administers nothing.

use super::raw::Caller;
use crate::{
    http::Endpoint,
    patience::until,
    programs::program,
    said::Said,
    world::{World, run},
};
use e2e::client::{Client, Entry, Era};
use reqwest::StatusCode;
use serde_json::{Value, json};

const PROJECT: &str = "guarded";

/// Once the gateway has heard of a change, the answer says `told`.
async fn refused(endpoint: &Endpoint, told: &str) {
    let answer = until(&format!("the gateway says `{told}`"), async || {
        let answer = endpoint.call("anything", json!({})).await;
        answer.text.contains(told).then_some(answer)
    })
    .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);
    assert!(answer.challenge.starts_with("Bearer"), "{}", answer.challenge);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_expired_and_revoked_tokens_get_401() {
    let world = World::shared().await;
    let file = world.path("guarded.yaml");
    std::fs::write(&file, format!("kind: project\nname: {PROJECT}\nspec: {{members: [admin]}}\n")).unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();

    let create = ["token", "create", "--label", "e2e", "--format", "json", "--expires-in"];
    let created = async |lifetime: &str| world.mcpctl(&[&create[..], &[lifetime]].concat()).await.done().json();
    let (valid, expired) = (created("1h").await, created("0s").await);
    let token = |issued: &serde_json::Value| issued["token"].as_str().unwrap().to_owned();

    let endpoint = world.endpoint(PROJECT, &token(&valid)).await;
    until("the gateway knows the new token", async || (endpoint.list().await.status == StatusCode::OK).then_some(()))
        .await;
    refused(&endpoint.with_token(""), "authentication required").await;
    for wrong in ["garbage", "mcpctl_pat_", &format!("{}x", token(&valid)), &token(&valid).replace("_pat_", "_gw_")] {
        refused(&endpoint.with_token(wrong), "not valid").await;
    }
    refused(&endpoint.with_token(&token(&expired)), "expired").await;

    world.mcpctl(&["token", "revoke", valid["id"].as_str().unwrap()]).await.done();
    refused(&endpoint, "not valid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cli_says_what_is_wrong_with_its_token() {
    let world = World::shared().await;
    let with = async |token: &str| {
        let mut command = world.command(&program("mcpctl"));
        command.env("MCPCTL_HOME", world.path("home")).env("MCPCTL_TOKEN", token).arg("status");
        run(command, "").await
    };
    with("garbage").await.failed(4, &["MCPCTL_TOKEN", "hint:"]);
    let issued = world.mcpctl(&["token", "create", "--expires-in", "0s"]).await.done();
    with(issued.stdout.trim()).await.failed(4, &["hint:"]);
}

/// A token that lives as long as that: its id, and it.
async fn create(world: &World, lifetime: &str) -> (String, String) {
    let line = ["token", "create", "--label", "flows", "--format", "json", "--expires-in", lifetime];
    let issued = world.mcpctl(&line).await.done().json();
    let field = |name: &str| issued[name].as_str().unwrap().to_owned();
    (field("id"), field("token"))
}

/// A project of that name which the administrator may use.
async fn project(world: &World, name: &str) {
    let file = world.path(&format!("{name}.yaml"));
    std::fs::write(&file, format!("kind: project\nname: {name}\nspec: {{members: [admin]}}\n")).unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap(), "--wait"]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_says_that_its_token_is_refused_and_never_which_it_is() {
    let world = World::shared().await;
    project(world, "bridged").await;
    let (id, valid) = create(world, "1h").await;
    let (_, expired) = create(world, "0s").await;
    let config = world.connect("bridged").await;
    let entry = Entry::read(&config).unwrap();
    let bridge = |token: &str| {
        let mut command = world.command(std::path::Path::new(&entry.command));
        command.args(&entry.args).env("MCPCTL_TOKEN", token);
        command
    };
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "e2e", "version": "1"}}});
    let hello = format!("{hello}\n");
    for wrong in ["garbage-not-a-token", "mcpctl_pat_wrong", &expired, &valid.replace("_pat_", "_gw_")] {
        let said = run(bridge(wrong), &hello).await;
        let told = said.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(told.contains("refused the token from MCPCTL_TOKEN") && told.contains("mcpctl login"), "{told}");
        assert!(!said.stdout.contains(wrong) && !said.stderr.contains(wrong), "it is repeated");
    }

    // One that is taken back while the client is connected.
    let client = until("the gateway knows the token", async || {
        Client::start(bridge(&valid), Era::Modern, "e2e-rust").await.ok()
    })
    .await;
    let call = async || client.call("anything", serde_json::Map::new()).await.unwrap_err().to_string();
    let told = call().await;
    assert!(told.contains("anything") && !told.contains("refused the token"), "the token is good: {told}");
    world.mcpctl(&["token", "revoke", &id]).await.done();
    let told = until("the bridge is refused", async || {
        let told = call().await;
        told.contains("refused the token").then_some(told)
    })
    .await;
    assert!(told.contains("mcpctl login") && !told.contains(&valid), "{told}");
    client.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_refuses_tokens_that_are_unknown_expired_or_revoked_alike() {
    let world = World::shared().await;
    let url = format!("{}/api/v1/projects", world.process("mcpd").await.url.unwrap());
    let ask = async |token: &str| Caller::new(token).get(&url, &[]).await;
    let ((_, expired), (id, revoked)) = (create(world, "0s").await, create(world, "1h").await);
    assert_eq!(ask(&revoked).await.status, StatusCode::OK);
    world.mcpctl(&["token", "revoke", &id]).await.done();

    let unknown = ask("mcpctl_pat_wrong").await;
    for token in [&expired, &revoked, &format!("{revoked}x"), &revoked.replace("_pat_", "_gw_")] {
        let reply = ask(token).await;
        assert_eq!((reply.status, &reply.text), (StatusCode::UNAUTHORIZED, &unknown.text));
        assert!(reply.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"), "{reply:?}");
        assert!(!reply.text.contains(token.as_str()));
    }
    let nothing = ask("").await;
    assert_eq!(nothing.status, StatusCode::UNAUTHORIZED);
    assert!(nothing.text.contains("this needs a token"), "{}", nothing.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_administers_nothing_and_sees_own_projects_alone() {
    let world = World::shared().await;
    project(world, "not_hers").await;
    world.mcpctl(&["user", "create", "dora"]).await.done();
    let token = world.mcpctl(&["token", "create", "--user", "dora"]).await.done().stdout.trim().to_owned();
    let file = world.path("doras.yaml");
    std::fs::write(&file, "kind: project\nname: doras\nspec: {members: [dora]}\n").unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();
    let as_dora = async |line: &[&str]| -> Said {
        let mut command = world.command(&program("mcpctl"));
        command.env("MCPCTL_HOME", world.path("home")).env("MCPCTL_TOKEN", &token).args(line);
        run(command, "value").await
    };
    let seen = as_dora(&["project", "list", "--format", "json"]).await.done().json();
    let names: Vec<&Value> = seen.as_array().unwrap().iter().map(|project| &project["name"]).collect();
    assert_eq!(names, ["doras"]);
    for line in [
        &["apply", "-f", file.to_str().unwrap()][..],
        &["user", "create", "mallory"],
        &["role", "grant", "admin", "dora"],
        &["token", "create", "--user", "admin"],
        &["secrets", "set", "planted", "-"],
        &["secrets", "list"],
        &["audit"],
        &["gateway", "join-token", "hers"],
        &["delete", "project", "not_hers", "--yes"],
    ] {
        as_dora(line).await.failed(7, &["user `dora` may not do this"]);
    }
    let roles = world.mcpctl(&["get", "user", "dora", "--format", "json"]).await.done().json();
    assert_eq!(roles["spec"]["roles"], json!(["developer"]), "{roles}");
    assert!(!world.mcpctl(&["user", "list", "--format", "name"]).await.done().stdout.contains("mallory"));
    world.mcpctl(&["project", "describe", "not_hers"]).await.done();
}
