//! Tokens of users.

use crate::{on_both_stores, world::World};
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

on_both_stores!(
    a_token_is_shown_once_and_ends_when_deleted,
    a_deleted_users_tokens_do_not_come_back_with_the_name,
    a_token_needs_a_user_and_a_short_label,
);
