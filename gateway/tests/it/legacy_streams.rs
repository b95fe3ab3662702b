//! Streams of legacy sessions: resumed, bound to their owner, told of changes.

use crate::{
    client::{Client, Events},
    world::{World, eventually, objects, read, server},
};
use control_plane_api::audit::{Outcome, Phase};
use serde_json::json;

#[tokio::test]
async fn a_lost_connection_loses_nothing() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let ada = Client::open(&world, "ada", "2025-11-25", json!({})).await;
    let mut stream = ada.stream(1, "new_deaf", json!({"n": 2})).await;
    let priming = stream.event().await.unwrap();
    assert!(priming.data.is_empty() && priming.retry_ms.is_some());
    let id = priming.id.unwrap();
    drop(stream);
    let bob = Client::open(&world, "ada", "2025-11-25", json!({})).await;
    assert_eq!(bob.get(Some(&id)).await.status(), 400, "another session has no such event");
    let mut resumed = Events::of(ada.get(Some(&id)).await);
    assert_eq!(resumed.event().await.unwrap().id.as_deref(), Some(id.as_str()));
    assert_eq!(resumed.told().await, "done");
    assert!(resumed.message().await.is_null(), "the stream ends with its answer");
    let mut again = Events::of(ada.get(Some(&id)).await);
    assert_eq!(again.told().await, "done", "a client may lose the answer as well");
    let outcome = world.audit().into_iter().rfind(|e| e.target.as_deref() == Some("new_deaf")).unwrap();
    assert_eq!((outcome.phase, outcome.outcome), (Phase::Outcome, Outcome::Ok), "disconnecting is not cancelling");
}

#[tokio::test]
async fn a_stream_is_only_its_owners() {
    let mut all = objects(&[server("new", "modern")]);
    for object in &mut all {
        if object["kind"] == "project" {
            object["spec"]["members"] = json!(["ada", "bob"]);
        }
    }
    let world = World::start(&all, &[]).await;
    let ada = Client::open(&world, "ada", "2025-11-25", json!({})).await;
    let mut bob = Client::open(&world, "bob", "2025-11-25", json!({})).await;
    let mut stream = ada.stream(1, "new_deaf", json!({"n": 1})).await;
    let id = stream.event().await.unwrap().id.unwrap();
    assert_eq!(bob.get(Some(&id)).await.status(), 400);
    bob.session.clone_from(&ada.session);
    assert_eq!(bob.get(Some(&id)).await.status(), 404, "a stolen session id is of no use");
    assert_eq!(bob.get(None).await.status(), 404);
    assert_eq!(bob.ask(1, "tools/list", json!({})).await.status, 404);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(bob.send(cancel).await.status, 404);
    assert_eq!(stream.told().await, "done");
}

#[tokio::test]
async fn clients_with_the_same_ids_are_kept_apart() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let one = Client::open(&world, "ada", "2025-06-18", json!({})).await;
    let two = Client::open(&world, "ada", "2025-06-18", json!({})).await;
    let (mut first, mut second) = tokio::join!(
        one.stream(1, "new_progress", json!({"who": 1})),
        two.stream(1, "new_progress", json!({"who": 2}))
    );
    for stream in [&mut first, &mut second] {
        for step in 0..3 {
            let progress = stream.message().await;
            assert_eq!(
                (&progress["params"]["progressToken"], &progress["params"]["progress"]),
                (&json!(1), &json!(step))
            );
        }
        let answer = stream.message().await;
        assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(1), &json!("done")));
    }
    let hanging = one.stream(7, "new_hang", json!({})).await;
    let refused = one.ask(7, "tools/list", json!({})).await;
    assert_eq!((refused.status, refused.error().0), (400, -32600), "an id names one running request");
    assert_eq!(two.ask(7, "ping", json!({})).await.last()["result"], json!({}));
    drop(hanging);
}

#[tokio::test]
async fn a_cancelled_request_ends_at_the_server_and_on_its_stream() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let ada = Client::open(&world, "ada", "2025-03-26", json!({})).await;
    let mut stream = ada.stream(3, "new_hang", json!({})).await;
    assert_eq!(stream.message().await["method"], "notifications/progress");
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}});
    assert_eq!(ada.send(cancel).await.status, 202);
    assert!(stream.message().await.is_null());
    eventually("the cancellation at the server", async || {
        let told = ada.ask(4, "tools/call", json!({"name": "new_echo", "arguments": {}})).await.told();
        told["cancelled"].as_array().is_some_and(|c| !c.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_that_ends_ends_what_runs_for_it() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let ada = Client::open(&world, "ada", "2025-11-25", json!({})).await;
    let mut call = ada.stream(3, "new_hang", json!({})).await;
    let mut standalone = Events::of(ada.get(None).await);
    let delete = world.http.delete(world.url("weekly")).bearer_auth(crate::world::token_of("ada"));
    assert_eq!(delete.header("mcp-session-id", &ada.session).send().await.unwrap().status(), 204);
    while call.event().await.is_some() {}
    while standalone.event().await.is_some() {}
    eventually("the cancellation in the audit log", async || {
        let cancelled = |e: &control_plane_api::audit::AuditEvent| e.outcome == Outcome::Cancelled;
        world.audit().iter().any(|e| e.target.as_deref() == Some("new_hang") && cancelled(e)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_stream_of_its_own_outlives_configurations() {
    let world = World::start(&objects(&[server("one", "modern")]), &[]).await;
    let ada = Client::open(&world, "ada", "2025-06-18", json!({})).await;
    let mut stream = Events::of(ada.get(None).await);
    let listens =
        |e: &control_plane_api::audit::AuditEvent| e.method == "subscriptions/listen" && e.phase == Phase::Intent;
    eventually("the subscription", async || world.audit().iter().any(listens).then_some(())).await;
    world.configure(2, &objects(&[server("one", "modern"), server("two", "")]));
    let mut told = Vec::new();
    while told.len() < 3 {
        let event = stream.event().await.unwrap();
        assert!(event.id.is_some());
        let message: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        assert!(message["params"].get("_meta").is_none(), "{message}");
        let method = message["method"].as_str().unwrap().to_owned();
        if !told.contains(&method) {
            told.push(method);
        }
    }
    assert!(told.contains(&"notifications/tools/list_changed".to_owned()), "{told:?}");
    world.configure(3, &objects(&[server("one", "modern")]));
    assert!(stream.message().await["method"].as_str().unwrap().ends_with("list_changed"), "the same stream goes on");
}

#[tokio::test]
async fn a_client_without_streams_gets_the_answer_alone() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let ada = Client::open(&world, "ada", "2025-03-26", json!({})).await;
    let params = json!({"name": "new_progress", "arguments": {}, "_meta": {"progressToken": "p"}});
    let call = json!({"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": params});
    let answer = read(ada.post(&call, "application/json").await).await;
    assert_eq!((answer.messages.len(), answer.told()), (1, json!("done")));
    let none = world.http.get(world.url("weekly")).bearer_auth(crate::world::token_of("ada"));
    let refused = none.header("mcp-session-id", &ada.session).header("accept", "application/json").send().await;
    assert_eq!(refused.unwrap().status(), 406);
}

#[tokio::test]
async fn a_client_without_streams_that_goes_away_cannot_come_back_for_its_answer() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let ada = Client::open(&world, "ada", "2025-03-26", json!({})).await;
    let call =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "new_hang", "arguments": {}}});
    let hanging = |e: &control_plane_api::audit::AuditEvent| e.target.as_deref() == Some("new_hang");
    let asked = ada.post(&call, "application/json");
    let sent = eventually("the intent", async || world.audit().iter().any(hanging).then_some(()));
    tokio::select! {
        _ = asked => panic!("there is no answer"),
        () = sent => {}
    }
    eventually("the cancellation", async || {
        world.audit().iter().any(|e| hanging(e) && e.outcome == Outcome::Cancelled).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_level_is_remembered_and_sent_with_every_request() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let ada = Client::open(&world, "ada", "2025-06-18", json!({"roots": {"listChanged": true}})).await;
    let level = "io.modelcontextprotocol/logLevel";
    let echo = async || ada.ask(1, "tools/call", json!({"name": "new_echo", "arguments": {}})).await.told();
    let before = echo().await;
    assert!(before["meta"].get(level).is_none());
    assert_eq!(before["meta"]["io.modelcontextprotocol/clientCapabilities"], json!({"roots": {}}));
    assert_eq!(ada.ask(2, "logging/setLevel", json!({"level": "loud"})).await.error().0, -32602);
    assert_eq!(ada.ask(3, "logging/setLevel", json!({"level": "warning"})).await.last()["result"], json!({}));
    assert_eq!(echo().await["meta"][level], "warning");
    assert!(ada.initialized["capabilities"]["tools"].is_object());
}

#[tokio::test]
async fn a_resource_that_cannot_be_watched_is_not_subscribed_to() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let ada = Client::open(&world, "ada", "2025-06-18", json!({})).await;
    let refused = ada.ask(1, "resources/subscribe", json!({"uri": "file:///nowhere"})).await;
    assert_eq!((refused.status, refused.error().0), (200, -32002));
    assert_eq!(refused.last()["error"]["data"], json!({"uri": "file:///nowhere"}));
    assert_eq!(ada.ask(2, "resources/subscribe", json!({})).await.error().0, -32602);
    assert_eq!(
        ada.ask(3, "resources/unsubscribe", json!({"uri": "file:///nowhere"})).await.last()["result"],
        json!({})
    );
    assert_eq!(ada.ask(4, "subscriptions/listen", json!({})).await.error().0, -32601);
}
