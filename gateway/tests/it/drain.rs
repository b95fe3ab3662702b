//! A gateway that is drained takes nothing new, lets what runs end, and serves again when it is resumed.

use crate::{
    client::{Client, Events},
    world::{World, eventually, objects, read, server},
};
use control_plane_api::audit::{AuditEvent, Outcome, Phase};
use serde_json::{Value, json};

const LONG_MS: u64 = 60_000;
const SHORT_MS: u64 = 50;

fn one() -> Vec<Value> {
    objects(&[server("new", "modern")])
}

/// Starts a call that takes its time, and waits until the server has it.
async fn begun(world: &World, tool: &'static str) -> tokio::task::JoinHandle<Value> {
    let params = json!({"name": tool, "arguments": {"n": 2}});
    let request = world.modern_request("weekly", "ada", "tools/call", params);
    let pending = tokio::spawn(async move { read(request.send().await.unwrap()).await.last().clone() });
    let is_it = |event: &AuditEvent| event.target.as_deref() == Some(tool);
    eventually("the intent", async || world.audit().iter().any(is_it).then_some(())).await;
    pending
}

/// Waits until nothing new is taken; what clients are told.
async fn sent_away(world: &World) -> reqwest::Response {
    eventually("the gateway is drained", async || {
        let call = json!({"name": "new_echo", "arguments": {}});
        let response = world.modern_request("weekly", "ada", "tools/call", call).send().await.unwrap();
        (response.status() == 503).then_some(response)
    })
    .await
}

#[tokio::test]
async fn what_runs_ends_and_what_is_new_is_sent_away() {
    let world = World::start(&one(), &[]).await;
    let pending = begun(&world, "new_deaf").await;
    world.drain(2, &one(), LONG_MS);
    let response = sent_away(&world).await;
    assert_eq!(response.headers()["retry-after"], "5");
    let told = read(response).await.error().1;
    assert!(told.contains("being drained") && told.contains("another one"), "{told}");
    let answer = pending.await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");

    world.configure(3, &one());
    eventually("it serves again", async || {
        world.call("ada", "new_echo", json!({})).await.last()["result"].is_object().then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_does_not_end_in_time_is_broken_off_and_written_down() {
    let world = World::start(&one(), &[]).await;
    let pending = begun(&world, "new_hang").await;
    world.drain(2, &one(), SHORT_MS);
    let answer = pending.await.unwrap();
    let told = answer["error"]["message"].as_str().unwrap();
    assert!(told.contains("the time of what ran is over"), "{told}");
    let outcome = eventually("the outcome", async || {
        let is_it = |event: &AuditEvent| event.target.as_deref() == Some("new_hang") && event.phase == Phase::Outcome;
        world.audit().into_iter().find(is_it)
    })
    .await;
    assert_eq!((outcome.outcome, outcome.reason.as_str()), (Outcome::Denied, "broken off: the gateway was drained"));
}

#[tokio::test]
async fn a_session_may_end_what_it_began_and_its_stream_ends_in_time() {
    let world = World::start(&one(), &[]).await;
    let ada = Client::open(&world, "ada", "2025-11-25", json!({})).await;
    let mut own = Events::of(ada.get(None).await);
    let mut call = ada.stream(1, "new_hang", json!({})).await;
    let is_hang = |event: &AuditEvent| event.target.as_deref() == Some("new_hang");
    eventually("the intent", async || world.audit().iter().any(is_hang).then_some(())).await;
    world.drain(2, &one(), LONG_MS);
    sent_away(&world).await;
    assert_eq!(ada.ask(2, "tools/list", json!({})).await.status, 503);
    assert_eq!(ada.get(None).await.status(), 503);
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(ada.send(cancelled).await.status, 202);
    while !call.message().await.is_null() {}

    world.configure(3, &one());
    eventually("it serves again", async || (ada.ask(3, "tools/list", json!({})).await.status == 200).then_some(()))
        .await;
    world.drain(4, &one(), SHORT_MS);
    while own.event().await.is_some() {}
}

#[tokio::test]
async fn who_listens_is_told_to_come_back_and_is_sent_away() {
    let world = World::start(&one(), &[]).await;
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let request = world.modern_request("weekly", "ada", "subscriptions/listen", wanted.clone());
    let mut events = Events::of(request.send().await.unwrap());
    assert_eq!(events.message().await["method"], "notifications/subscriptions/acknowledged");
    world.drain(2, &one(), LONG_MS);
    while !events.message().await.is_null() {}
    let again = world.modern_request("weekly", "ada", "subscriptions/listen", wanted).send().await.unwrap();
    assert_eq!(again.status(), 503);
}
