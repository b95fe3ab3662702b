//! Pins: kept from the first report on, told to every gateway, changed by approval only, and gone with their server.

use crate::{on_both_stores, stream::Gateway, world::World};
use serde_json::{Value, json};

const FIRST: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222222222222222222222222222";

fn pin(digest: &str) -> Value {
    json!({"digest": digest, "definition": format!("{{\"of\":\"{digest}\"}}"), "pinned_at": "2026-07-28T09:00:00.000Z"})
}

/// A gateway reports what it saw first.
async fn reports(world: &World, gateway: &Gateway, made_at: u64, tools: Value) -> u16 {
    let path = format!("/api/v1/gateways/{}/pins", gateway.name);
    let body = json!({"server": "slack", "made_at": made_at, "tools": tools});
    world.call("POST", &path, Some(&gateway.token), Some(body)).await.status
}

/// A gateway reports that it finds `digest` as the definition of `tool`.
async fn finds(world: &World, gateway: &Gateway, tool: &str, digest: &str) {
    let quarantine = json!({"digest": digest, "definition": "{}", "differences": ["/description: \"a\" became \"b\""]});
    let tool = json!({"name": tool, "exposed": format!("slack_{tool}"), "class": "read", "quarantine": quarantine});
    let report = json!({
        "config": {"state": "applied", "revision": 2}, "role": "local", "version": "0.1.0",
        "started_at": "2026-07-28T09:00:00.000Z", "listen_url": "http://127.0.0.1:9229", "audit_backlog": 0,
        "model": {"state": "unused"}, "servers": [{"name": "slack", "state": "ready", "tools": [tool]}],
    });
    let path = format!("/api/v1/gateways/{}/status", gateway.name);
    assert_eq!(world.call("PUT", &path, Some(&gateway.token), Some(report)).await.status, 204);
}

async fn approves(world: &World, token: &str, tools: Value) -> u16 {
    world.call("POST", "/api/v1/pins/slack", Some(token), Some(json!({"tools": tools}))).await.status
}

async fn pins(world: &World) -> Value {
    world.done("GET", "/api/v1/pins/slack", None).await["spec"].clone()
}

/// What was done to the pins, newest first: who, and what.
async fn told(world: &World) -> Vec<(String, String)> {
    let page = world.done("GET", "/api/v1/audit?action=admin", None).await;
    let events =
        page["events"].as_array().unwrap().iter().filter(|event| event["reason"].as_str().unwrap().contains("p"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let about = events.filter(|event| event["method"].as_str().unwrap().contains("pins"));
    about.map(|event| (text(&event["user"]), text(&event["reason"]))).collect()
}

async fn the_first_definition_reported_stays_the_trusted_one(world: World) {
    world.server("slack", None).await;
    let made_at = pins(&world).await["made_at"].as_u64().unwrap();
    let (one, two) = (Gateway::enrol(&world, "one").await, Gateway::enrol(&world, "two").await);
    let mut stream = two.connect(&world).await;
    let mut have = stream.snapshot().await;
    assert_eq!(
        have.pins().map(|(server, spec)| (server.as_str(), spec.made_at)).collect::<Vec<_>>(),
        [("slack", made_at)]
    );
    assert_eq!(reports(&world, &one, made_at, json!({"post": pin(FIRST)})).await, 204);
    assert_eq!(reports(&world, &two, made_at, json!({"post": pin(OTHER), "get": pin(OTHER)})).await, 204);
    let kept = pins(&world).await;
    assert_eq!((&kept["tools"]["post"], &kept["tools"]["get"]), (&pin(FIRST), &pin(OTHER)));
    let before = world.revision().await;
    assert_eq!(reports(&world, &two, made_at, json!({"post": pin(OTHER)})).await, 204);
    assert_eq!(world.revision().await, before, "nothing new");
    stream.follow(&mut have, before).await;
    let (_, spec) = have.pins().next().unwrap();
    assert_eq!((spec.tools["post"].digest.as_str(), spec.tools["get"].digest.as_str()), (FIRST, OTHER));
    let told = told(&world).await;
    let pinned = |tool: &str| (String::new(), format!("pinned at first use: {tool}"));
    assert_eq!(told, [pinned("get"), pinned("post")]);
    // A gateway approves nothing, and reports what can be a pin only.
    let own = json!({"digest": OTHER, "pinned_at": "2026-07-28T09:00:00.000Z", "approved_by": "ann"});
    assert_eq!(reports(&world, &one, made_at, json!({"new": own})).await, 204);
    assert!(pins(&world).await["tools"]["new"].get("approved_by").is_none());
    for bad in [json!({"x": {"digest": "short", "pinned_at": "2026-07-28T09:00:00.000Z"}}), json!({"a\nb": pin(FIRST)})]
    {
        assert_eq!(reports(&world, &one, made_at, bad).await, 422);
    }
    assert_eq!(approves(&world, &one.token, json!({"post": OTHER})).await, 401);
}

async fn only_what_a_gateway_finds_is_approved_and_only_by_operators(world: World) {
    world.server("slack", None).await;
    let made_at = pins(&world).await["made_at"].as_u64().unwrap();
    let gateway = Gateway::enrol(&world, "one").await;
    reports(&world, &gateway, made_at, json!({"post": pin(FIRST)})).await;
    let operator = world.user("olga", &["operator"], None).await;
    assert_eq!(approves(&world, &operator, json!({"post": OTHER})).await, 422, "nobody finds it");
    finds(&world, &gateway, "post", OTHER).await;
    for role in ["developer", "auditor"] {
        let token = world.user(role, &[role], None).await;
        assert_eq!(approves(&world, &token, json!({"post": OTHER})).await, 403, "{role}");
    }
    assert_eq!(approves(&world, &operator, json!({"post": OTHER, "get": OTHER})).await, 422, "all or none");
    assert_eq!(pins(&world).await["tools"]["post"]["digest"], FIRST);
    assert_eq!(approves(&world, &operator, json!({"post": OTHER})).await, 200);
    let kept = pins(&world).await["tools"]["post"].clone();
    assert_eq!(
        (&kept["digest"], &kept["approved_by"], &kept["definition"]),
        (&json!(OTHER), &json!("olga"), &json!("{}"))
    );
    let (user, reason) = told(&world).await.remove(0);
    assert_eq!(user, "olga");
    assert_eq!(reason, format!("approved sha256 {OTHER} in place of {FIRST}: /description: \"a\" became \"b\""));
    let before = world.revision().await;
    assert_eq!(approves(&world, &operator, json!({"post": OTHER})).await, 200);
    assert_eq!(world.revision().await, before, "it is approved already");
    assert_eq!(world.admin("GET", "/api/v1/pins/jira", None).await.status, 404);
    let applied = json!({"objects": [{"kind": "pin", "name": "slack", "spec": {"tools": {}}}]});
    assert_eq!(world.admin("POST", "/api/v1/apply", Some(applied)).await.status, 422, "pins are not applied");
}

async fn a_server_made_again_under_the_same_name_inherits_nothing(world: World) {
    world.server("slack", None).await;
    let gateway = Gateway::enrol(&world, "one").await;
    let first = pins(&world).await["made_at"].as_u64().unwrap();
    reports(&world, &gateway, first, json!({"post": pin(FIRST)})).await;
    finds(&world, &gateway, "post", OTHER).await;
    let admin = world.admin.clone();
    assert_eq!(approves(&world, &admin, json!({"post": OTHER})).await, 200);
    let changed = json!({"name": "slack", "spec": {"transport": {"type": "stdio", "command": "false"}}});
    world.done("PUT", "/api/v1/servers/slack", Some(changed)).await;
    assert_eq!(pins(&world).await["tools"]["post"]["digest"], OTHER, "a changed server is the same one");
    world.done("DELETE", "/api/v1/servers/slack", None).await;
    assert_eq!(world.admin("GET", "/api/v1/pins/slack", None).await.status, 404);
    world.server("slack", None).await;
    let second = pins(&world).await;
    assert_eq!(second["tools"], json!({}));
    assert!(second["made_at"].as_u64().unwrap() > first);
    // What a gateway still has to say of the first one is of no use.
    assert_eq!(reports(&world, &gateway, first, json!({"post": pin(OTHER)})).await, 204);
    assert_eq!(pins(&world).await["tools"], json!({}));
}

on_both_stores!(
    the_first_definition_reported_stays_the_trusted_one,
    only_what_a_gateway_finds_is_approved_and_only_by_operators,
    a_server_made_again_under_the_same_name_inherits_nothing,
);
