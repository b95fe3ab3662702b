//! Who presents no token, or one that is not valid, gets nothing: at the gateway and at the control plane.

use crate::{http::Endpoint, patience::until, world::World};
use reqwest::StatusCode;
use serde_json::json;

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
        let mut command = world.command(&crate::programs::program("mcpctl"));
        command.env("MCPCTL_HOME", world.path("home")).env("MCPCTL_TOKEN", token).arg("status");
        crate::world::run(command, "").await
    };
    with("garbage").await.failed(4, &["MCPCTL_TOKEN", "hint:"]);
    let issued = world.mcpctl(&["token", "create", "--expires-in", "0s"]).await.done();
    with(issued.stdout.trim()).await.failed(4, &["hint:"]);
}
