//! Calls without rounds: what is answered at once, refused, filtered and translated.

use super::fake::{Fake, caller, next, only, request, rim, tool};
use crate::upstream::{Caller, UpstreamError, testing};
use futures::StreamExt as _;
use serde_json::{Value, json};

#[tokio::test]
async fn what_the_server_is_was_said_in_the_handshake() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({"tools": {}, "tasks": {"list": {}}})));
    let discover = request("d", "server/discover", json!({}));
    let message = only(rim.call(server.clone(), discover, &Caller::GATEWAY).await.unwrap()).await;
    assert_eq!(message["result"]["capabilities"], json!({"tools": {}, "tasks": {"list": {}}}));
    assert!(server.is_quiet().await);
}

#[tokio::test]
async fn an_answer_that_ends_early_is_a_loss() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let mut reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    drop(server.call().await);
    assert!(matches!(reply.next().await, Some(Err(UpstreamError::Lost { .. }))));
    assert!(reply.next().await.is_none());
}

#[tokio::test]
async fn where_nobody_can_be_asked_the_server_is_answered_at_once() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let list = request("r", "tools/list", json!({}));
    let reply = rim.call(server.clone(), list, &caller("ada")).await.unwrap();
    let call = server.call().await;
    call.ask(1, "roots/list", &json!({})).await;
    call.ask_form(2, "a").await;
    call.answer(&json!({"tools": []})).await;
    assert_eq!(only(reply).await["result"]["cacheScope"], "private");
    assert_eq!(server.told().await["result"], json!({"roots": []}));
    assert_eq!(server.told().await["error"]["code"], -32601);
}

#[tokio::test]
async fn who_declared_nothing_is_asked_nothing() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let reply = rim.call(server.clone(), testing::tool("t", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    call.ask_form(1, "a").await;
    call.answer(&json!({})).await;
    assert_eq!(only(reply).await["result"]["resultType"], "complete");
    assert_eq!(server.told().await["error"]["code"], -32601);
}

#[tokio::test]
async fn the_server_is_told_the_lowest_level_once_and_messages_are_filtered() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({"logging": {}})));
    let with = |level: &str| tool("r", json!({"_meta": {"io.modelcontextprotocol/logLevel": level}}));
    for (level, told) in [("error", true), ("emergency", false), ("info", true), ("warning", false)] {
        let ada = caller("ada");
        let calling = rim.call(server.clone(), with(level), &ada);
        let serving = async {
            if told {
                assert_eq!(server.grant("logging/setLevel").await, json!({"level": level}));
            }
            server.call().await
        };
        let (reply, call) = tokio::join!(calling, serving);
        assert_eq!(call.request.method, "tools/call");
        call.note("notifications/message", &json!({"level": "alert", "data": level})).await;
        call.note("notifications/message", &json!({"level": "debug", "data": level})).await;
        call.answer(&json!({})).await;
        let mut reply = reply.unwrap();
        if level != "emergency" {
            assert_eq!(next(&mut reply).await["params"]["data"], level);
        }
        assert_eq!(only(reply).await["result"]["resultType"], "complete");
    }
}

#[tokio::test]
async fn a_server_that_does_not_log_is_told_no_level() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let logging = tool("r", json!({"_meta": {"io.modelcontextprotocol/logLevel": "debug"}}));
    let _reply = rim.call(server.clone(), logging, &caller("ada")).await.unwrap();
    assert_eq!(server.call().await.request.method, "tools/call");
}

#[tokio::test]
async fn an_address_to_visit_is_asked_for_and_the_retry_is_the_call_again() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    let data = json!({"elicitations": [{"mode": "url", "url": "https://x", "message": "m", "elicitationId": "e"}]});
    call.fail(-32042, &data).await;
    let asked = only(reply).await;
    let params = json!({"mode": "url", "url": "https://x", "message": "m"});
    assert_eq!(asked["result"]["inputRequests"]["visit-1"]["params"], params);
    assert_eq!(asked["result"]["requestState"], Value::Null);
    let answer = |action: &str| tool("r", json!({"inputResponses": {"visit-1": {"action": action}}}));
    let reply = rim.call(server.clone(), answer("accept"), &caller("ada")).await.unwrap();
    let call = server.call().await;
    assert_eq!(call.params(), json!({"name": "t", "arguments": {"n": 1, "m": {"b": 1, "a": 2}}}));
    call.answer(&json!({})).await;
    assert_eq!(only(reply).await["result"]["resultType"], "complete");
    let declined = only(rim.call(server.clone(), answer("decline"), &caller("ada")).await.unwrap()).await;
    assert!(declined["result"]["isError"] == true && server.is_quiet().await);
}
