//! Tokens that their server refuses: replaced once, given up if that does not help.

use super::{Scene, connection};
use crate::{on_both_stores, stream::Gateway, world::World};
use control_plane_api::{snapshot::Snapshot, token};
use futures::future::join_all;
use serde_json::{Value, json};

/// What `gateway` is told when the server refused `text`, a token of the only connection.
async fn refuse(scene: &Scene, gateway: &Gateway, text: &str, again: bool) -> String {
    let list = scene.connections().await;
    let refusal = json!({"connection": list[0]["id"], "digest": token::digest(text), "again": again});
    let path = format!("/api/v1/gateways/{}/refused-token", gateway.name);
    let answer = scene.world.call("POST", &path, Some(&gateway.token), Some(refusal)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["replacement"].as_str().unwrap().to_owned()
}

/// The token in force as `gateway` gets it, if there is one.
async fn in_force(scene: &Scene, gateway: &Gateway) -> Option<String> {
    let snapshot: Snapshot = gateway.connect(&scene.world).await.snapshot().await;
    snapshot.connections().next().map(|(_, spec)| gateway.unseal(&spec.sealed))
}

async fn connected(world: World) -> (Scene, Gateway) {
    let scene = Scene::new(world, json!({})).await;
    let gateway = Gateway::enrol(&scene.world, "laptop").await;
    scene.connect(&scene.ann).await.says(200, "is connected");
    (scene, gateway)
}

fn refreshes(scene: &Scene) -> usize {
    scene.fake.ways(|ways| ways.exchanges.iter().filter(|form| form["grant_type"] == "refresh_token").count())
}

async fn needs_consent(scene: &Scene, gateway: &Gateway, why: &str) {
    let list = scene.connections().await;
    assert_eq!(list[0]["state"], "needs_consent");
    assert!(list[0]["problem"].as_str().unwrap().contains(why), "{list}");
    assert_eq!(in_force(scene, gateway).await, None, "it is not to be sent any more");
}

async fn a_refused_token_is_replaced_once_whoever_says_so(world: World) {
    let (scene, gateway) = connected(world).await;
    let other = Gateway::enrol(&scene.world, "desktop").await;
    let mut stream = gateway.connect(&scene.world).await;
    let mut snapshot = stream.snapshot().await;
    let told = join_all([&gateway, &other, &gateway, &other].map(|who| refuse(&scene, who, "access-canary-1", false)));
    assert_eq!(told.await, ["renewed"; 4]);
    connection(&mut stream, &mut snapshot, |spec| gateway.unseal(&spec.sealed) == "access-canary-2").await;
    assert_eq!(refuse(&scene, &other, "access-canary-1", true).await, "renewed", "a late word about an old one");
    assert_eq!((refreshes(&scene), scene.fake.ways(|ways| ways.reuses)), (1, 0));
    assert_eq!(scene.connections().await[0]["state"], "connected");
}

async fn a_replacement_that_is_refused_too_needs_consent(world: World) {
    let (scene, gateway) = connected(world).await;
    assert_eq!(refuse(&scene, &gateway, "access-canary-1", false).await, "renewed");
    assert_eq!(refuse(&scene, &gateway, "access-canary-2", true).await, "needs_consent");
    assert_eq!(refuse(&scene, &gateway, "access-canary-2", false).await, "needs_consent", "and stays so");
    assert_eq!(refreshes(&scene), 1);
    needs_consent(&scene, &gateway, "refuses its tokens").await;
    scene.connect(&scene.ann).await.says(200, "is connected");
    let list = scene.connections().await;
    assert_eq!((list[0]["state"].as_str(), list[0].get("problem")), (Some("connected"), None));
    assert_eq!(in_force(&scene, &gateway).await.as_deref(), Some("access-canary-3"));
}

async fn a_refused_token_whose_grant_is_gone_needs_consent_at_once(world: World) {
    let (scene, gateway) = connected(world).await;
    scene.fake.ways(|ways| ways.refuses_refresh = Some((400, "invalid_grant")));
    assert_eq!(refuse(&scene, &gateway, "access-canary-1", false).await, "needs_consent");
    needs_consent(&scene, &gateway, "invalid_grant").await;
}

async fn an_outage_leaves_a_refused_token_and_is_not_asked_again_by_every_call(world: World) {
    let (scene, gateway) = connected(world).await;
    scene.fake.ways(|ways| ways.refuses_refresh = Some((503, "down")));
    for _ in 0..3 {
        assert_eq!(refuse(&scene, &gateway, "access-canary-1", false).await, "unavailable");
    }
    assert_eq!(refreshes(&scene), 1);
    assert_eq!(scene.connections().await[0]["state"], "connected");
    assert_eq!(in_force(&scene, &gateway).await.as_deref(), Some("access-canary-1"));
}

async fn a_clients_own_credentials_are_not_traded_again_and_again(world: World) {
    world.done("PUT", "/api/v1/secrets/jira-client", Some(json!({"value": "s3cret"}))).await;
    let own = json!({
        "mode": "service", "grant": "client_credentials", "client_id": "own", "client_secret": "jira-client",
    });
    let scene = Scene::new(world, own).await;
    let gateway = Gateway::enrol(&scene.world, "laptop").await;
    let mut stream = gateway.connect(&scene.world).await;
    let mut snapshot = stream.snapshot().await;
    connection(&mut stream, &mut snapshot, |_| true).await;
    assert_eq!(refuse(&scene, &gateway, "access-canary-1", false).await, "renewed");
    assert_eq!(refuse(&scene, &gateway, "access-canary-2", true).await, "unavailable");
    assert_eq!(refuse(&scene, &gateway, "access-canary-2", false).await, "unavailable");
    assert_eq!(scene.fake.ways(|ways| ways.exchanges.len()), 2);
    assert_eq!(scene.connections().await[0]["state"], "connected", "nobody's consent would help");
}

async fn a_token_is_refused_by_gateways_that_have_it_only(world: World) {
    let (scene, gateway) = connected(world).await;
    assert_eq!(refuse(&scene, &gateway, "guessed", true).await, "renewed");
    let path = "/api/v1/gateways/laptop/refused-token";
    let body = |connection: &Value| json!({"connection": connection, "digest": token::digest("access-canary-1")});
    let list = scene.connections().await;
    for token in [&scene.ann, &Gateway::enrol(&scene.world, "desktop").await.token] {
        let answer = scene.world.call("POST", path, Some(token), Some(body(&list[0]["id"]))).await;
        assert!(matches!(answer.status, 401 | 403), "{}", answer.text);
    }
    let unknown = scene.world.call("POST", path, Some(&gateway.token), Some(body(&json!("nothing")))).await;
    assert_eq!(unknown.json(), json!({"replacement": "needs_consent"}));
    assert_eq!((refreshes(&scene), &scene.connections().await[0]["state"]), (0, &json!("connected")));
}

on_both_stores!(
    a_refused_token_is_replaced_once_whoever_says_so,
    a_replacement_that_is_refused_too_needs_consent,
    a_refused_token_whose_grant_is_gone_needs_consent_at_once,
    an_outage_leaves_a_refused_token_and_is_not_asked_again_by_every_call,
    a_clients_own_credentials_are_not_traded_again_and_again,
    a_token_is_refused_by_gateways_that_have_it_only,
);
