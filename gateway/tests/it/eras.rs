//! Both eras in front, both eras behind: the same answers.

use crate::world::{World, objects, server, with_relevance};
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<&str> {
    list["result"]["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect()
}

#[tokio::test]
async fn a_modern_client_reaches_servers_of_both_eras() {
    let objects = with_relevance(objects(&[server("new", "modern"), server("old", "")]), &json!({"enabled": true}));
    let world = World::start(&objects, &[]).await;
    let list = world.modern("weekly", "ada", "tools/list", json!({})).await;
    let result = &list.last()["result"];
    assert_eq!((&result["resultType"], &result["cacheScope"]), (&json!("complete"), &json!("private")));
    assert!(names(list.last()).contains(&"new_echo") && names(list.last()).contains(&"old_echo"));
    assert!(!names(list.last()).contains(&"new_die"), "what may not be called is not listed");
    for tool in ["new_echo", "old_echo"] {
        let told =
            world.call("ada", tool, json!({"n": 18_446_744_073_709_551_615_u64, "_context": "anything"})).await.told();
        assert_eq!(
            told["arguments"],
            json!({"n": 18_446_744_073_709_551_615_u64}),
            "{tool}: `_context` goes no further"
        );
    }
    let discovered = world.modern("weekly", "ada", "server/discover", json!({})).await;
    assert_eq!(discovered.last()["result"]["supportedVersions"], json!(["2026-07-28"]));
}

#[tokio::test]
async fn a_legacy_client_opens_a_session_and_uses_it() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let opened = initialize(&world).await;
    let session = opened.session.clone().unwrap();
    let result = &opened.last()["result"];
    assert_eq!(result["protocolVersion"], "2025-06-18");
    assert_eq!(result["serverInfo"]["name"], "mcp-gateway");
    assert!(result.get("resultType").is_none());
    let note =
        world.legacy("ada", Some(&session), json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    assert_eq!((note.status, note.messages.len()), (202, 0));
    let list = world.legacy("ada", Some(&session), json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await;
    assert!(names(list.last()).contains(&"new_echo"));
    assert!(list.last()["result"].get("ttlMs").is_none());
    let call = json!({"jsonrpc": "2.0", "id": "c", "method": "tools/call", "params": {"name": "new_echo", "arguments": {"a": 1}}});
    assert_eq!(world.legacy("ada", Some(&session), call.clone()).await.told()["arguments"], json!({"a": 1}));
    let ping = world.legacy("ada", Some(&session), json!({"jsonrpc": "2.0", "id": 2, "method": "ping"})).await;
    assert_eq!(ping.last()["result"], json!({}));
    assert_eq!(world.legacy("bob", Some(&session), call.clone()).await.status, 404, "a session is only its owner's");
    let ended = world.http.delete(world.url("weekly")).bearer_auth(crate::world::token_of("ada"));
    assert_eq!(ended.header("mcp-session-id", &session).send().await.unwrap().status(), 204);
    assert_eq!(world.legacy("ada", Some(&session), call.clone()).await.status, 404);
    assert_eq!(world.legacy("ada", None, call).await.status, 400);
}

#[tokio::test]
async fn progress_comes_before_the_answer_on_one_stream() {
    let world = World::start(&objects(&[server("old", "")]), &[]).await;
    let params = json!({"name": "old_progress", "arguments": {}});
    let mut request = world.modern_request("weekly", "ada", "tools/call", params.clone());
    let mut body: Value =
        serde_json::from_slice(request.try_clone().unwrap().build().unwrap().body().unwrap().as_bytes().unwrap())
            .unwrap();
    body["params"]["_meta"]["progressToken"] = json!("mine");
    request = request.json(&body);
    let answer = crate::world::read(request.send().await.unwrap()).await;
    let tokens: Vec<_> = answer.messages.iter().filter_map(|m| m["params"]["progressToken"].as_str()).collect();
    assert_eq!(tokens, ["mine"; 3]);
    assert_eq!((answer.last()["id"].clone(), answer.told()), (json!(7), json!("done")));
}

pub(crate) async fn initialize(world: &World) -> crate::world::Answer {
    let params =
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}});
    world.legacy("ada", None, json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})).await
}
