//! Tokens that end: renewed in time, once, and what happens when that fails.

use super::{Scene, connection};
use crate::{on_both_stores, stream::Gateway, world::World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Asks again until the first connection is as wanted.
async fn until(scene: &Scene, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let list = scene.connections().await;
        if wanted(&list[0]) {
            return list[0].clone();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{list}");
        tokio::task::yield_now().await;
    }
}

async fn a_rotating_refresh_token_is_spent_once_by_two_replicas(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let mut replica = scene.world.replica().await;
    let gateway = Gateway::enrol(&scene.world, "laptop").await;
    let mut stream = gateway.connect(&replica).await;
    let mut snapshot = stream.snapshot().await;
    scene.fake.ways(|ways| ways.expires_in = 2);
    scene.connect(&scene.ann).await.says(200, "is connected");
    let first = connection(&mut stream, &mut snapshot, |_| true).await;
    scene.fake.refreshed(3).await;
    scene.fake.ways(|ways| ways.expires_in = 3_600);
    let later = connection(&mut stream, &mut snapshot, |spec| {
        spec.expires_at.unwrap().as_millis() - first.expires_at.unwrap().as_millis() > 1_000_000
    })
    .await;
    assert_ne!(gateway.unseal(&first.sealed), gateway.unseal(&later.sealed));
    assert_eq!(scene.fake.ways(|ways| ways.reuses), 0);
    assert_eq!(until(&scene, |_| true).await["state"], "connected");
    replica.stop().await;
}

async fn a_refused_renewal_needs_consent_and_says_so(world: World) {
    let scene = Scene::new(world, json!({})).await;
    scene.fake.ways(|ways| {
        ways.expires_in = 2;
        ways.refuses_refresh = Some((400, "invalid_grant"));
    });
    scene.connect(&scene.ann).await.says(200, "is connected");
    let found = until(&scene, |found| found["state"] == "needs_consent").await;
    assert!(found["problem"].as_str().unwrap().contains("invalid_grant"), "{found}");
    scene.fake.ways(|ways| {
        ways.expires_in = 3_600;
        ways.refuses_refresh = None;
    });
    scene.connect(&scene.ann).await.says(200, "is connected");
    let found = until(&scene, |_| true).await;
    assert_eq!((found["state"].as_str(), found.get("problem")), (Some("connected"), None));
}

async fn a_connection_of_another_kind_is_not_renewed_and_not_pushed(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let gateway = Gateway::enrol(&scene.world, "laptop").await;
    scene.connect(&scene.ann).await.says(200, "is connected");
    assert_eq!(gateway.connect(&scene.world).await.snapshot().await.connections().count(), 1);
    scene.fake.ways(|ways| ways.expires_in = 2);
    scene.connect(&scene.ann).await.says(200, "is connected");
    scene.server(&scene.fake.url(), json!({"mode": "service"})).await;
    let found = until(&scene, |found| found["state"] == "needs_consent").await;
    assert!(found["problem"].as_str().unwrap().contains("was changed"), "{found}");
    assert_eq!(gateway.connect(&scene.world).await.snapshot().await.connections().count(), 0);
}

async fn an_outage_of_the_authorization_server_is_no_reason_to_ask_anybody(world: World) {
    let scene = Scene::new(world, json!({})).await;
    scene.fake.ways(|ways| {
        ways.expires_in = 2;
        ways.refuses_refresh = Some((503, "nonsense with a secret"));
    });
    scene.connect(&scene.ann).await.says(200, "is connected");
    let found = until(&scene, |found| found.get("problem").is_some()).await;
    assert_eq!(found["state"], "connected");
    assert!(!found["problem"].as_str().unwrap().contains("nonsense"), "{found}");
}

async fn a_clients_own_credentials_need_nobody(world: World) {
    world.done("PUT", "/api/v1/secrets/jira-client", Some(json!({"value": "s3cret"}))).await;
    let own = json!({
        "mode": "service", "grant": "client_credentials", "client_id": "own", "client_secret": "jira-client",
    });
    let scene = Scene::new(world, own).await;
    let gateway = Gateway::enrol(&scene.world, "laptop").await;
    let mut stream = gateway.connect(&scene.world).await;
    let mut snapshot = stream.snapshot().await;
    let spec = connection(&mut stream, &mut snapshot, |_| true).await;
    assert_eq!((spec.user, gateway.unseal(&spec.sealed).as_str()), (None, "access-canary-1"));
    let (_, server) = snapshot.servers().next().unwrap();
    let oauth = server.oauth.as_ref().unwrap();
    assert_eq!((&oauth.client_secret, &oauth.connect_url), (&None, &None));
    let sent = scene.fake.ways(|ways| ways.exchanges[0].clone());
    assert_eq!(
        (sent["grant_type"].as_str(), sent["resource"].as_str()),
        ("client_credentials", scene.fake.url().as_str())
    );
    assert_eq!(sent["authorization"], "Basic b3duOnMzY3JldA==");
    let path = "/api/v1/connections/jira/ticket";
    let refused = scene.world.admin("POST", path, Some(json!({}))).await;
    assert_eq!(refused.status, 422);
    let kept = scene.world.admin("DELETE", "/api/v1/secrets/jira-client", None).await;
    assert_eq!(kept.status, 409, "{}", kept.text);
}

on_both_stores!(
    a_rotating_refresh_token_is_spent_once_by_two_replicas,
    a_refused_renewal_needs_consent_and_says_so,
    a_connection_of_another_kind_is_not_renewed_and_not_pushed,
    an_outage_of_the_authorization_server_is_no_reason_to_ask_anybody,
    a_clients_own_credentials_need_nobody,
);
