//! What servers ask: whoever calls is asked where it can be, and the server is answered.

use super::*;
use tokio::sync::broadcast;

const QUESTION: &str = r#"{"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "?", "requestedSchema": {}}}"#;

/// A call by somebody who can be asked in a form.
fn asking(id: &str, more: &Value) -> protocol::Request {
    let mut request = tool("echo", json!({}));
    request.id = protocol::Id::Text(id.to_owned());
    let mut meta = protocol::meta::of(&request.params);
    meta.set(protocol::meta::CLIENT_CAPABILITIES, &json!({"elicitation": {}}));
    request.params.set("_meta", &meta);
    for (name, value) in more.as_object().unwrap() {
        request.params.set(name, value);
    }
    request
}

/// Asks, and declines; gives what the call came to.
async fn declined(upstream: &dyn Upstream) -> Vec<Value> {
    let asked = ask(upstream, asking("a", &json!({}))).await.unwrap();
    let result = &asked.last().unwrap()["result"];
    assert_eq!(result["resultType"], "input_required", "{result}");
    let key = result["inputRequests"].as_object().unwrap().keys().next().unwrap();
    let retry = json!({"requestState": result["requestState"], "inputResponses": {key: {"action": "decline"}}});
    ask(upstream, asking("b", &retry)).await.unwrap()
}

#[tokio::test]
async fn what_a_legacy_server_asks_is_answered_on_a_post_of_its_own() {
    let fake = legacy(|seen| {
        let roots = json!({"jsonrpc": "2.0", "id": "q", "method": "roots/list"});
        let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}});
        stream(&[roots, log, seen.result(&content("hi"))])
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    assert_eq!(ask(&*upstream, tool("echo", json!({}))).await.unwrap().len(), 1);
    fake.saw(5).await;
    assert_eq!((&fake.seen()[4].body["id"], &fake.seen()[4].body["error"]["code"]), (&json!("q"), &json!(-32601)));
}

#[tokio::test]
async fn a_question_on_the_stream_of_a_call_is_put_to_its_caller() {
    let question = json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"message": "?", "requestedSchema": {}}});
    let answered = tokio::sync::watch::channel(false).0;
    let listening = answered.clone();
    let fake = legacy(move |seen| {
        if seen.body.get("result").is_some() {
            answered.send_replace(true);
            return empty(202, "");
        }
        Act::Ask(events(std::slice::from_ref(&question)), listening.subscribe(), chunks(&[seen.result(&content("hi"))]))
    })
    .await;
    let upstream = upstream(&fake.url, Limits::default());
    let asked = ask(&*upstream, asking("a", &json!({}))).await.unwrap();
    let result = &asked.last().unwrap()["result"];
    assert_eq!(result["resultType"], "input_required");
    let key = result["inputRequests"].as_object().unwrap().keys().next().unwrap();
    let retry = json!({"requestState": result["requestState"], "inputResponses": {key: {"action": "decline"}}});
    let told = ask(&*upstream, asking("b", &retry)).await.unwrap();
    assert_eq!((text(&told).as_str(), &told.last().unwrap()["id"]), ("hi", &json!("b")));
    let again = ask(&*upstream, asking("c", &retry)).await.unwrap();
    assert_eq!(again[0]["error"]["code"], -32602, "a state is good for one retry");
}

#[tokio::test]
async fn a_question_on_the_stream_of_the_session_is_put_to_who_calls() {
    let said = broadcast::channel::<String>(16).0;
    let (answered, listening) = tokio::sync::watch::channel(false);
    let fake = Fake::start(move |seen| match (seen.verb.as_str(), seen.method()) {
        ("GET", _) => Act::Follow(String::new(), said.subscribe()),
        ("DELETE", _) => empty(405, ""),
        (_, method::DISCOVER) => json_reply(400, &seen.error(-32601)),
        (_, method::INITIALIZE) => {
            json_reply(200, &seen.result(&json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}})))
        }
        (_, "") => {
            assert_eq!((&seen.body["id"], &seen.body["result"]["action"]), (&json!("q"), &json!("decline")));
            answered.send_replace(true);
            empty(202, "")
        }
        (_, method::TOOLS_CALL) => {
            let _ = said.send(format!("data: {QUESTION}\n\n"));
            Act::Ask(events(&[]), listening.clone(), chunks(&[seen.result(&content("hi"))]))
        }
        _ => empty(202, ""),
    })
    .await;
    assert_eq!(text(&declined(&*upstream(&fake.url, Limits::default())).await), "hi");
}

#[tokio::test]
async fn a_question_over_http_sse_is_put_to_who_calls() {
    let said = broadcast::channel::<String>(16).0;
    let call = std::sync::Mutex::new(json!(null));
    let fake = Fake::start(move |seen| {
        let welcome = json!({"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}});
        let told = match (seen.verb.as_str(), seen.method()) {
            ("GET", _) => return Act::Follow("event: endpoint\r\ndata: /m\r\n\r\n".to_owned(), said.subscribe()),
            (_, method::INITIALIZE) => seen.result(&welcome).to_string(),
            (_, method::TOOLS_CALL) => {
                *call.lock().unwrap() = seen.result(&content("hi"));
                QUESTION.to_owned()
            }
            (_, "") => {
                assert_eq!((&seen.body["id"], &seen.body["result"]["action"]), (&json!("q"), &json!("decline")));
                call.lock().unwrap().to_string()
            }
            _ => return empty(202, ""),
        };
        let _ = said.send(format!("event: message\r\ndata: {told}\r\n\r\n"));
        // Some servers say so with 200.
        empty(200, "")
    })
    .await;
    let spec = json!({"transport": {"type": "http", "url": fake.url, "sse": true}});
    assert_eq!(text(&declined(&*open(endpoint(spec, &[], Limits::default()))).await), "hi");
}
