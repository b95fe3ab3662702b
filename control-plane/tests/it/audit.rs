//! The audit log: shipped once or often, kept once, found by what was asked.

use crate::{on_both_stores, stream::Gateway, world::World};
use serde_json::{Value, json};

/// An event of gateway `laptop`, `seq` minutes after nine.
fn event(id: &str, seq: u64, phase: &str, outcome: &str) -> Value {
    json!({
        "id": id, "gateway": "laptop", "seq": seq, "time": format!("2026-07-28T09:{seq:02}:00.000Z"), "phase": phase,
        "action": "mcp_call", "method": "tools/call", "user": "ann", "project": "w", "target": "slack_get_messages",
        "decision": "allow", "outcome": outcome, "revision": 1, "duration_ms": 0, "request_bytes": 0, "reply_bytes": 0,
    })
}

async fn ship(world: &World, gateway: &Gateway, events: &[Value]) -> Value {
    let answer = world
        .call("POST", "/api/v1/gateways/laptop/audit", Some(&gateway.token), Some(json!({"events": events})))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn ids(world: &World, query: &str) -> Vec<String> {
    let page = world.done("GET", &format!("/api/v1/audit?{query}"), None).await;
    page["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

async fn an_outcome_replaces_its_intent_and_never_the_other_way(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let (intent, outcome) = (event("a", 1, "intent", "ok"), event("a", 2, "outcome", "ok"));
    let shown = async || world.done("GET", "/api/v1/audit?action=mcp_call", None).await["events"].clone();

    assert_eq!(ship(&world, &gateway, std::slice::from_ref(&intent)).await, json!({"seq": 1}));
    assert_eq!((&shown().await[0]["phase"], &shown().await[0]["outcome"]), (&json!("intent"), &json!("unknown")));
    for batch in [vec![outcome.clone()], vec![intent.clone()], vec![intent, outcome.clone()], vec![]] {
        ship(&world, &gateway, &batch).await;
        assert_eq!(shown().await, json!([outcome]));
    }
    ship(&world, &gateway, &[event("a", 3, "outcome", "error")]).await;
    assert_eq!(shown().await, json!([outcome]));
    assert_eq!(
        ship(&world, &gateway, &[event("b", 4, "intent", "unknown"), event("c", 5, "outcome", "ok")]).await["seq"],
        5
    );
    assert_eq!(ids(&world, "action=mcp_call").await, ["c", "b", "a"]);
}

async fn a_gateway_ships_its_own_events_only(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut forged = event("a", 1, "outcome", "ok");
    forged["gateway"] = json!("mcpd");
    let body = json!({"events": [event("b", 2, "outcome", "ok"), forged]});
    let refused = world.call("POST", "/api/v1/gateways/laptop/audit", Some(&gateway.token), Some(body)).await;
    assert_eq!(refused.status, 422);
    assert!(ids(&world, "action=mcp_call").await.is_empty());
}

async fn events_are_found_by_what_was_asked(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let change = |mut event: Value, field: &str, value: &str| {
        event[field] = json!(value);
        event
    };
    let events = [
        event("call", 1, "outcome", "ok"),
        change(event("bob", 2, "outcome", "ok"), "user", "bob"),
        change(event("post", 3, "outcome", "denied"), "target", "slack_post_message"),
        change(event("deny", 4, "outcome", "denied"), "decision", "deny"),
        change(event("list", 5, "outcome", "ok"), "action", "mcp_list"),
        change(event("other", 6, "outcome", "ok"), "project", "x"),
    ];
    ship(&world, &gateway, &events).await;
    let mcp = "action=mcp_call&action=mcp_list";
    assert_eq!(ids(&world, mcp).await, ["other", "list", "deny", "post", "bob", "call"]);
    assert_eq!(ids(&world, &format!("{mcp}&limit=2")).await, ["other", "list"]);
    assert_eq!(ids(&world, "user=bob").await, ["bob"]);
    assert_eq!(ids(&world, "tool=slack_post_message").await, ["post"]);
    assert_eq!(ids(&world, "decision=deny").await, ["deny"]);
    assert_eq!(ids(&world, "action=mcp_list").await, ["list"]);
    assert_eq!(ids(&world, "project=x").await, ["other"]);
    assert_eq!(ids(&world, &format!("{mcp}&since=2026-07-28T09:05:00Z")).await, ["other", "list"]);
    assert_eq!(ids(&world, "user=ann&decision=allow&action=mcp_call&project=w").await, ["post", "call"]);
    assert_eq!(ids(&world, "user=ann%27%20OR%201=1--").await, Vec::<String>::new());
    for bad in ["limit=0", "limit=10001", "decision=maybe", "since=yesterday", "action=x", "nonsense=1"] {
        assert_eq!(world.admin("GET", &format!("/api/v1/audit?{bad}"), None).await.status, 400, "{bad}");
    }
}

async fn events_of_one_moment_come_in_the_order_of_their_log(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let at_once: Vec<Value> = (1..=5)
        .map(|seq| {
            let mut event = event(&format!("e{seq}"), seq, "outcome", "ok");
            event["time"] = json!("2026-07-28T09:00:00.000Z");
            event
        })
        .collect();
    ship(&world, &gateway, &at_once).await;
    assert_eq!(ids(&world, "action=mcp_call").await, ["e5", "e4", "e3", "e2", "e1"]);
}

async fn every_change_is_in_the_log_and_what_changes_nothing_is_not(world: World) {
    let body = json!({"name": "w", "spec": {}});
    world.done("PUT", "/api/v1/projects/w", Some(body.clone())).await;
    world.done("PUT", "/api/v1/projects/w", Some(body)).await;
    world.done("PUT", "/api/v1/secrets/s", Some(json!({"value": "v"}))).await;
    world.done("POST", "/api/v1/users/admin/tokens", Some(json!({"label": "x"}))).await;
    Gateway::enrol(&world, "laptop").await;
    world.done("DELETE", "/api/v1/projects/w", None).await;
    let page = world.done("GET", "/api/v1/audit?action=admin&limit=7", None).await;
    let rows: Vec<String> = page["events"].as_array().unwrap().iter().map(row).collect();
    let id = rows[3].rsplit('/').next().unwrap().split(' ').next().unwrap();
    assert_eq!(
        rows,
        [
            "admin DELETE /api/v1/projects/w project/w deleted",
            "- POST /api/v1/gateways/laptop/enrol gateway/laptop enrolled",
            "admin POST /api/v1/join-tokens gateway/laptop join token created",
            &format!("admin POST /api/v1/users/admin/tokens user/admin/tokens/{id} created"),
            "admin PUT /api/v1/secrets/s secret/s created",
            "admin PUT /api/v1/projects/w project/w created",
            &rows[6],
        ]
    );
    assert!(rows[6].starts_with("- mcpd (first start) user/admin/tokens/"), "{}", rows[6]);
}

fn row(event: &Value) -> String {
    assert_eq!(
        (&event["gateway"], &event["phase"], &event["outcome"]),
        (&json!("mcpd"), &json!("outcome"), &json!("ok"))
    );
    let text = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or("-").to_owned();
    [text("user"), text("method"), text("target"), text("reason")].join(" ")
}

on_both_stores!(
    an_outcome_replaces_its_intent_and_never_the_other_way,
    a_gateway_ships_its_own_events_only,
    events_are_found_by_what_was_asked,
    events_of_one_moment_come_in_the_order_of_their_log,
    every_change_is_in_the_log_and_what_changes_nothing_is_not,
);
