//! Batches of 2025-03-26: every element by itself, one answer for all.

use crate::{
    client::Client,
    world::{World, objects, server},
};
use control_plane_api::audit::{Decision, Phase};
use serde_json::json;

#[tokio::test]
async fn every_element_is_judged_and_written_down_alone() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let ada = Client::open(&world, "ada", "2025-03-26", json!({})).await;
    let call = |id: u32, tool: &str| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {}}});
    let batch = json!([
        call(1, "new_echo"),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        call(2, "new_die"),
        {"jsonrpc": "2.0", "id": 3, "method": "ping"},
    ]);
    let answer = ada.send(batch).await;
    assert_eq!(answer.status, 200);
    let answers = answer.last().as_array().unwrap();
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3]);
    assert!(answers[0]["result"]["content"].is_array());
    assert_eq!(answers[1]["error"]["code"], -32602, "what may not be called is refused, whatever comes with it");
    assert_eq!(answers[2]["result"], json!({}));
    let audit = world.audit();
    let of = |tool: &str| audit.iter().filter(|e| e.target.as_deref() == Some(tool)).collect::<Vec<_>>();
    assert_eq!(of("new_echo").iter().map(|e| e.phase).collect::<Vec<_>>(), [Phase::Intent, Phase::Outcome]);
    assert_eq!(of("new_die").iter().map(|e| e.decision).collect::<Vec<_>>(), [Decision::Deny]);
}

#[tokio::test]
async fn only_its_revision_has_batches() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let batch = json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]);
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let ada = Client::open(&world, "ada", revision, json!({})).await;
        let refused = ada.send(batch.clone()).await;
        assert_eq!((refused.status, refused.error().0), (400, -32600), "{revision}");
    }
    let ada = Client::open(&world, "ada", "2025-03-26", json!({})).await;
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let taken = ada.send(json!([note, note])).await;
    assert_eq!((taken.status, taken.messages.len()), (202, 0));
    let twice =
        json!([{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, {"jsonrpc": "2.0", "id": 1, "method": "ping"}]);
    let initialize = json!([{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}]);
    for refused in [json!([]), json!([batch]), twice, initialize] {
        let answer = ada.send(refused.clone()).await;
        assert_eq!((answer.status, answer.error().0), (400, -32600), "{refused}");
    }
    assert_eq!(ada.send(batch.clone()).await.last(), &json!([{"jsonrpc": "2.0", "id": 1, "result": {}}]));
    assert_eq!(world.legacy("ada", None, batch).await.status, 400, "without a session there is nothing");
}
