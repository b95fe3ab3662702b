//! What people ask: logs, tests, orders; and child processes, which gateways run and report.

use super::docker::Engine;
use crate::{on_both_stores, stream::Gateway, world::World};
use control_plane_api::timestamp::Timestamp;
use serde_json::{Value, json};

async fn logs_are_the_last_lines_and_what_came_since(world: World) {
    let engine = Engine::start(&world).await;
    world.put_wrapped("slack", "docker").await;
    world.healthy("slack").await;
    for line in ["one", "two xoxb-plain", "three \u{1b}[2J"] {
        engine.says(line);
    }
    let path = "/api/v1/instances/slack/logs";
    let logs = world.done("GET", &format!("{path}?tail=2"), None).await;
    let texts: Vec<&str> = logs[0]["lines"].as_array().unwrap().iter().map(|l| l["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["two [redacted:token]", "three [2J"]);
    let later = world.done("GET", &format!("{path}?since=2026-07-28T09:00:01Z"), None).await;
    assert_eq!(later[0]["lines"], json!([]));
    for bad in ["tail=0", "tail=1001", "tail=x", "since=yesterday", "follow=1"] {
        assert_eq!(world.admin("GET", &format!("{path}?{bad}"), None).await.status, 400, "{bad}");
    }
}

async fn a_test_asks_the_server_itself(world: World) {
    let engine = Engine::start(&world).await;
    world.put_wrapped("slack", "docker").await;
    world.healthy("slack").await;
    let test = world.order("slack", "test").await;
    assert_eq!((&test[0]["passed"], &test[0]["tools"]), (&json!(true), &json!(["echo"])), "{test}");
    world.order("slack", "stop").await;
    world.instance_once("slack", |status| status["state"] == "stopped").await;
    let test = world.order("slack", "test").await;
    assert!(test[0]["error"].as_str().unwrap().contains("mcpctl instance status"), "{test}");
    assert!(engine.all().is_empty());
}

fn report(server: &Value) -> Value {
    json!({
        "config": {"state": "applied", "revision": 1}, "role": "local", "version": "0", "started_at": Timestamp::now(),
        "listen_url": "http://127.0.0.1:1", "audit_backlog": 0, "model": {"state": "unused"}, "servers": [server],
    })
}

async fn child_processes_are_as_their_gateways_report_them(world: World) {
    world.server("slack", None).await;
    let nobody = world.instance("slack").await;
    assert_eq!((&nobody["state"], &nobody["runtime"]), (&json!("pending"), &json!("process")));
    let gateway = Gateway::enrol(&world, "laptop").await;
    let tell = async |server: Value| {
        let path = "/api/v1/gateways/laptop/status";
        assert_eq!(world.call("PUT", path, Some(&gateway.token), Some(report(&server))).await.status, 204);
    };
    let line = |text: &str| json!({"at": "2026-07-28T09:00:00.000Z", "text": text});
    tell(json!({"name": "slack", "state": "failed", "error": "it exited with status 1", "restarts": 4,
        "stderr": [line("bad token")]}))
    .await;
    let failed = world.instance("slack").await;
    assert_eq!((&failed["state"], &failed["restarts"]), (&json!("backing_off"), &json!(4)), "{failed}");
    assert_eq!((&failed["gateway"], &failed["stderr"]), (&json!("laptop"), &json!(["bad token"])));
    let logs = world.done("GET", "/api/v1/instances/slack/logs", None).await;
    assert_eq!(logs, json!([{"gateway": "laptop", "lines": [line("bad token")]}]));

    let tested = async {
        let path = "/api/v1/instances/slack/test";
        world.done("POST", path, None).await
    };
    let told = async {
        let asked = async || world.admin("GET", "/api/v1/status", None).await.json()["revision"].as_u64();
        let before = world.revision().await;
        super::until("the order is configuration", async || (asked().await > Some(before - 1)).then_some(())).await;
        let tool = json!({"name": "post", "exposed": "slack_post", "class": "write"});
        tell(json!({"name": "slack", "state": "ready", "tested": 1, "pid": 7, "tools": [tool]})).await;
    };
    let (test, ()) = tokio::join!(tested, told);
    assert_eq!(
        (&test[0]["passed"], &test[0]["tools"], &test[0]["gateway"]),
        (&json!(true), &json!(["post"]), &json!("laptop"))
    );
    assert_eq!(world.instance("slack").await["runtime_id"], "7");
}

async fn orders_reach_gateways_and_are_nobodys_to_apply(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&world).await;
    let mut snapshot = stream.snapshot().await;
    world.server("slack", None).await;
    let spec = |of: &control_plane_api::snapshot::Snapshot| of.servers().next().unwrap().1.clone();
    for (order, desired, restarts) in [("stop", "stopped", 0), ("start", "running", 0), ("restart", "running", 1)] {
        world.order("slack", order).await;
        stream.follow(&mut snapshot, world.revision().await).await;
        let spec = spec(&snapshot);
        let wanted = serde_json::to_value(spec.desired).unwrap();
        assert_eq!((wanted, spec.orders.restarts), (json!(desired), restarts), "{order}");
    }
    let transport = json!({"type": "stdio", "command": "true"});
    world.put_server("slack", &json!({"transport": transport, "orders": {"restarts": 99, "tests": 0}})).await;
    let kept = world.done("GET", "/api/v1/servers/slack", None).await;
    assert!(kept["spec"].get("orders").is_none(), "{kept}");

    let transport = json!({"type": "http", "url": "http://127.0.0.1:1/mcp"});
    world.put_server("remote", &json!({"transport": transport})).await;
    let refused = world.admin("POST", "/api/v1/instances/remote/stop", None).await;
    assert_eq!((refused.status, refused.text.contains("somebody else")), (409, true), "{}", refused.text);
    assert_eq!(world.admin("POST", "/api/v1/instances/nobody/stop", None).await.status, 404);
    let all = world.done("GET", "/api/v1/instances", None).await;
    assert_eq!(all.as_array().unwrap().len(), 1, "what somebody else runs is no instance");
}

on_both_stores!(
    logs_are_the_last_lines_and_what_came_since,
    a_test_asks_the_server_itself,
    child_processes_are_as_their_gateways_report_them,
    orders_reach_gateways_and_are_nobodys_to_apply,
);
