//! Questions and answers: one, several, over several rounds, by the wrong people.

use super::fake::{Fake, caller, next, only, request, rim, tool};
use crate::upstream::legacy::Rim;
use serde_json::{Value, json};
use std::sync::Arc;

const FILLED: &str = r#"{"action":"accept","content":{"a":1}}"#;

fn filled() -> Value {
    serde_json::from_str(FILLED).unwrap()
}

/// What the retry of the call that `asked` answers has besides, with `answers`.
fn retry(asked: &Value, answers: Value) -> Value {
    json!({"inputResponses": answers, "requestState": asked["result"]["requestState"]})
}

/// What ada gets for the retry.
async fn resume(rim: &Arc<Rim>, asked: &Value, answers: Value) -> Value {
    let again = tool("again", retry(asked, answers));
    only(rim.resume(&again, &caller("ada")).await.unwrap().unwrap()).await
}

#[tokio::test]
async fn a_question_is_put_to_the_caller_and_the_answer_to_the_server() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    assert_eq!(call.params(), json!({"name": "t", "arguments": {"n": 1, "m": {"b": 1, "a": 2}}}));
    call.ask_form(7, "who?").await;
    let asked = only(reply).await;
    assert_eq!(asked["id"], "r");
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert_eq!(
        asked["result"]["inputRequests"],
        json!({"question-1": {
            "method": "elicitation/create",
            "params": {"message": "who?", "requestedSchema": {"required": ["a"]}},
        }})
    );
    let again = tool("r2", retry(&asked, json!({"question-1": filled(), "stranger": {}})));
    let reply = rim.resume(&again, &caller("ada")).await.unwrap().unwrap();
    assert_eq!(server.told().await, json!({"jsonrpc": "2.0", "id": 7, "result": filled()}));
    call.answer(&json!({"content": []})).await;
    let result = json!({"content": [], "resultType": "complete"});
    assert_eq!(only(reply).await, json!({"jsonrpc": "2.0", "id": "r2", "result": result}));
    assert!(rim.park.len() == 0 && server.is_quiet().await);
}

#[tokio::test]
async fn questions_asked_together_are_put_together_and_missing_answers_asked_for_again() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    call.ask_form(1, "a").await;
    call.ask(2, "sampling/createMessage", &json!({"messages": [], "includeContext": "allServers"})).await;
    call.ask(3, "roots/list", &json!({})).await;
    let asked = only(reply).await;
    let requests = asked["result"]["inputRequests"].as_object().unwrap();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests["question-2"]["params"], json!({"messages": []}));
    assert_eq!(requests["question-3"], json!({"method": "roots/list"}));
    // One answer is right, one is not one, one is missing.
    let again = resume(&rim, &asked, json!({"question-3": {"roots": []}, "question-1": {"action": "accept"}})).await;
    let left: Vec<_> = again["result"]["inputRequests"].as_object().unwrap().keys().collect();
    assert_eq!(left, ["question-1", "question-2"]);
    assert_eq!(server.told().await["id"], 3);
    // A state is good for one round.
    assert_ne!(again["result"]["requestState"], asked["result"]["requestState"]);
    assert_eq!(resume(&rim, &asked, json!({})).await["error"]["code"], -32602);
    let none = resume(&rim, &again, json!({})).await;
    call.answer(&json!({})).await;
    let answers = json!({"question-1": filled(), "question-2": {"role": "assistant", "content": {}, "model": "m"}});
    assert_eq!(resume(&rim, &none, answers).await["result"]["resultType"], "complete");
}

#[tokio::test]
async fn a_server_may_ask_round_after_round() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    call.ask_form(0, "0").await;
    let mut asked = only(reply).await;
    for round in 1..12 {
        call.ask_form(round, &round.to_string()).await;
        // It may have been heard while the caller was asked, or is heard now.
        asked = resume(&rim, &asked, json!({format!("question-{round}"): filled()})).await;
        assert_eq!(server.told().await["id"], round - 1);
        let key = format!("question-{}", round + 1);
        assert_eq!(asked["result"]["inputRequests"][&key]["params"]["message"], round.to_string());
    }
    call.answer(&json!({})).await;
    assert_eq!(resume(&rim, &asked, json!({"question-12": filled()})).await["result"]["resultType"], "complete");
}

#[tokio::test]
async fn only_the_same_caller_with_the_same_request_goes_on() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let reply = rim.call(server.clone(), tool("r", json!({})), &caller("ada")).await.unwrap();
    let call = server.call().await;
    call.ask_form(1, "a").await;
    let asked = only(reply).await;
    let good = retry(&asked, json!({"question-1": filled()}));
    let mut other = good.clone();
    other["name"] = json!("t");
    other["arguments"] = json!({"n": 2, "m": {"b": 1, "a": 2}});
    let mut forged = good.clone();
    forged["requestState"] = json!(format!("{}0", asked["result"]["requestState"].as_str().unwrap()));
    for (who, request) in [
        ("bob", tool("r", good.clone())),
        ("ada", request("r", "tools/call", other)),
        ("ada", tool("r", forged)),
        ("ada", request("r", "prompts/get", good.clone())),
    ] {
        let refused = only(rim.resume(&request, &caller(who)).await.unwrap().unwrap()).await;
        assert_eq!(refused["error"]["code"], -32602, "{who}");
    }
    assert!(server.is_quiet().await);
    // The same, written in another order.
    let mut same = good;
    same["name"] = json!("t");
    same["arguments"] = serde_json::from_str(r#"{"m":{"a":2,"b":1},"n":1}"#).unwrap();
    call.answer(&json!({})).await;
    let same = request("r", "tools/call", same);
    let reply = rim.resume(&same, &caller("ada")).await.unwrap().unwrap();
    assert_eq!(only(reply).await["result"]["resultType"], "complete");
}

#[tokio::test]
async fn states_of_others_are_left_to_others_and_refused_by_a_session() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({})));
    let foreign = tool("r", json!({"requestState": "of a modern server"}));
    assert!(rim.resume(&foreign, &caller("ada")).await.is_none());
    assert!(rim.resume(&tool("r", json!({"inputResponses": {}})), &caller("ada")).await.is_none());
    let reply = rim.call(server.clone(), foreign, &caller("ada")).await.unwrap();
    assert_eq!(only(reply).await["error"]["code"], -32602);
    assert!(server.is_quiet().await);
}

#[tokio::test]
async fn what_the_server_says_meanwhile_is_dealt_with_or_kept() {
    let (rim, server) = (rim(|_| {}), Fake::new(&json!({"logging": {}})));
    let log = "io.modelcontextprotocol/logLevel";
    let with = |mut more: Value, token: &str, level: &str| {
        more["_meta"] = json!({"progressToken": token, log: level});
        tool("r", more)
    };
    let first = with(json!({}), "p", "error");
    let ada = caller("ada");
    let calling = rim.call(server.clone(), first, &ada);
    let (reply, _) = tokio::join!(calling, server.grant("logging/setLevel"));
    let call = server.call().await;
    call.ask_form(1, "a").await;
    call.ask_form(2, "b").await;
    let asked = only(reply.unwrap()).await;
    call.note("notifications/progress", &json!({"progressToken": "p", "progress": 1})).await;
    call.note("notifications/message", &json!({"level": "info", "data": "x"})).await;
    call.note("notifications/cancelled", &json!({"requestId": 2})).await;
    call.ask(3, "ping", &json!({})).await;
    assert_eq!(server.told().await, json!({"jsonrpc": "2.0", "id": 3, "result": {}}));
    let answers = json!({"question-1": filled(), "question-2": filled()});
    let again = with(retry(&asked, answers), "q", "debug");
    let mut reply = rim.resume(&again, &caller("ada")).await.unwrap().unwrap();
    assert_eq!(server.told().await["id"], 1);
    assert_eq!(next(&mut reply).await["params"], json!({"progressToken": "q", "progress": 1}));
    assert_eq!(next(&mut reply).await["params"]["data"], "x");
    call.answer(&json!({})).await;
    assert_eq!(only(reply).await["result"]["resultType"], "complete");
    assert!(server.is_quiet().await);
}
