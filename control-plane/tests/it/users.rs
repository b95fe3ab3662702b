//! Tokens of users.

use crate::{on_both_stores, stream::Gateway, world::World};
use control_plane::server;
use control_plane_api::{pepper::Peppers, snapshot::Snapshot};
use serde_json::json;

async fn a_token_is_shown_once_and_ends_when_deleted(world: World) {
    let token = world.user("ann", &["developer"], Some(3_600)).await;
    let list = world.admin("GET", "/api/v1/users/ann/tokens", None).await;
    let summary = &list.json()[0];
    assert_eq!((&summary["label"], &summary["user"]), (&json!("test"), &json!("ann")));
    assert!(summary["expires_at"].is_string());
    assert!(!list.text.contains(&token) && !list.text.contains(&control_plane_api::token::digest(&token)));
    assert_eq!(world.done("GET", "/api/v1/users/ann", None).await["spec"], json!({"roles": ["developer"]}));

    assert_eq!(world.call("GET", "/api/v1/whoami", Some(&token), None).await.status, 200);
    let path = format!("/api/v1/users/ann/tokens/{}", summary["id"].as_str().unwrap());
    assert_eq!(world.admin("DELETE", &path.replace("ann", "admin"), None).await.status, 404);
    assert_eq!(world.admin("DELETE", &path, None).await.status, 204);
    assert_eq!(world.call("GET", "/api/v1/whoami", Some(&token), None).await.status, 401);
    assert_eq!(world.admin("DELETE", &path, None).await.status, 404);
}

async fn a_deleted_users_tokens_do_not_come_back_with_the_name(world: World) {
    let token = world.user("ann", &["admin"], None).await;
    world.done("DELETE", "/api/v1/users/ann", None).await;
    assert_eq!(world.call("GET", "/api/v1/whoami", Some(&token), None).await.status, 401);
    world.user("ann", &["admin"], None).await;
    assert_eq!(world.call("GET", "/api/v1/whoami", Some(&token), None).await.status, 401);
}

async fn a_token_needs_a_user_and_a_short_label(world: World) {
    let body = json!({"label": "x"});
    assert_eq!(world.admin("POST", "/api/v1/users/nobody/tokens", Some(body)).await.status, 404);
    assert_eq!(world.admin("GET", "/api/v1/users/nobody/tokens", None).await.status, 404);
    let body = json!({"label": "x".repeat(201)});
    assert_eq!(world.admin("POST", "/api/v1/users/admin/tokens", Some(body)).await.status, 422);
}

async fn the_last_use_of_a_token_is_shown_and_so_are_its_last_characters(world: World) {
    let token = world.user("ann", &["developer"], None).await;
    let listed = async || world.done("GET", "/api/v1/users/ann/tokens", None).await[0].clone();
    let fresh = listed().await;
    assert!(fresh.get("used_at").is_none());
    assert!(token.ends_with(fresh["last_four"].as_str().unwrap()));
    let revision = world.revision().await;
    assert_eq!(world.call("GET", "/api/v1/whoami", Some(&token), None).await.status, 200);
    assert!(listed().await["used_at"].is_string());
    assert_eq!(world.revision().await, revision, "a use changes no configuration");
}

async fn a_new_pepper_takes_over_while_tokens_are_used(world: World) {
    let token = world.user("ann", &["developer"], None).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&world).await;
    let mut have = stream.snapshot().await;
    let digest = |have: &Snapshot| {
        have.users().find(|(name, _)| name.as_str() == "ann").map(|(_, spec)| spec.tokens[0].digest.clone()).unwrap()
    };
    let before = digest(&have);
    server::rotate_pepper(&world.settings).await.unwrap();
    stream.follow(&mut have, world.revision().await).await;
    let peppers = Peppers::read(&gateway.unseal(&have.peppers.as_ref().unwrap().sealed)).unwrap();
    assert_eq!((digest(&have), peppers.digests(&token)[1].clone()), (before.clone(), before.clone()));
    assert_eq!(world.call("GET", "/api/v1/whoami", Some(&token), None).await.status, 200);
    stream.follow(&mut have, world.revision().await).await;
    assert_eq!(digest(&have), peppers.digest(&token), "moved at its first use");
    assert_ne!(digest(&have), before);
    assert_eq!(world.call("GET", "/api/v1/whoami", Some(&token), None).await.status, 200);
}

on_both_stores!(
    the_last_use_of_a_token_is_shown_and_so_are_its_last_characters,
    a_new_pepper_takes_over_while_tokens_are_used,
    a_token_is_shown_once_and_ends_when_deleted,
    a_deleted_users_tokens_do_not_come_back_with_the_name,
    a_token_needs_a_user_and_a_short_label,
);
