//! A scripted HTTP server of either era and with many faults: what callers see, and what the server is sent.

mod eras;
mod fake;
mod http_sse;
mod long;
mod questions;
mod sessions;
mod streams;

use crate::upstream::{
    Caller, Upstream, UpstreamError, open,
    testing::{ask, endpoint, read, request, text, tool},
};
use control_plane_api::{gateway::ServerState, limits::Limits, server::Era};
use fake::{Act, Fake, Seen, chunks, empty, events, json_reply, json_with, stream};
use futures::StreamExt as _;
use protocol::method;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

const TOKEN: &str = "Bearer very-secret";

fn upstream(url: &str, limits: Limits) -> Arc<dyn Upstream> {
    let headers = json!({"Authorization": {"secret": "token", "prefix": "Bearer "}});
    open(endpoint(json!({"type": "http", "url": url, "headers": headers}), &[("Authorization", TOKEN)], limits))
}

fn content(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}], "resultType": "complete"})
}

fn progress(seen: &Seen) -> Value {
    let token = &seen.body["params"]["_meta"]["progressToken"];
    json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})
}

/// A modern server that does `act` on `tools/call`.
async fn modern(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Fake {
    Fake::start(move |seen| match seen.method() {
        method::DISCOVER => json_reply(200, &seen.result(&json!({"supportedVersions": ["2026-07-28"]}))),
        _ => act(seen),
    })
    .await
}

/// A legacy server that does `act` on everything after the opening. Its sessions are called `s1`, `s2`, ….
async fn legacy(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Fake {
    let sessions = AtomicU32::new(0);
    Fake::start(move |seen| match (seen.verb.as_str(), seen.method()) {
        ("GET", _) => empty(405, ""),
        ("DELETE", _) => empty(405, ""),
        (_, method::DISCOVER) => json_reply(400, &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "Bad Request: Server not initialized"}})),
        (_, method::INITIALIZE) => {
            let id = format!("mcp-session-id: s{}\r\n", sessions.fetch_add(1, Ordering::SeqCst) + 1);
            let welcome = json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}});
            json_with(200, &id, &seen.result(&welcome))
        }
        (_, method::INITIALIZED | method::CANCELLED) => empty(202, ""),
        (_, "") if seen.body.get("error").is_some() => empty(202, ""),
        _ => act(seen),
    })
    .await
}

/// What a modern server that does `act` on a call makes of it.
async fn check(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Result<Vec<Value>, UpstreamError> {
    let fake = modern(act).await;
    ask(&*upstream(&fake.url, Limits::default()), tool("echo", json!({}))).await
}

#[tokio::test]
async fn a_modern_server_gets_headers_that_say_what_the_body_says() {
    let fake = modern(|seen| json_reply(200, &seen.result(&content("hi")))).await;
    let upstream = upstream(&fake.url, Limits::default());
    let messages = ask(&*upstream, tool("écho", json!({}))).await.unwrap();
    assert_eq!((text(&messages).as_str(), &messages[0]["id"]), ("hi", &json!("r")));
    assert_eq!((upstream.health().state, upstream.health().era), (ServerState::Ready, Some(Era::Modern)));
    let [probe, call] = &fake.seen()[..] else { panic!("two requests") };
    assert_eq!(probe.header("mcp-method"), Some(method::DISCOVER));
    assert_eq!(call.header("mcp-name"), Some("=?base64?w6ljaG8=?="));
    assert_eq!(call.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(call.header("accept"), Some("application/json, text/event-stream"));
    assert_eq!((call.header("authorization"), call.path.as_str()), (Some(TOKEN), "/mcp?k=1"));
    assert_eq!(call.header("mcp-session-id"), None);
    // One connection does for both: it is kept.
    assert_eq!((probe.connection, call.connection), (0, 0));
    assert_ne!(probe.body["id"], call.body["id"]);
}

#[tokio::test]
async fn a_stream_is_passed_on_as_it_comes() {
    let fake = modern(|seen| stream(&[progress(seen), seen.result(&content("hi"))])).await;
    let upstream = upstream(&fake.url, Limits::default());
    for _ in 0..3 {
        let messages = ask(&*upstream, tool("echo", json!({}))).await.unwrap();
        assert_eq!(messages[0]["params"]["progressToken"], "t");
        assert_eq!(text(&messages), "hi");
    }
}

#[tokio::test]
async fn dropping_a_modern_reply_closes_its_connection() {
    let fake = modern(|seen| Act::Hold(events(&[progress(seen)]))).await;
    let upstream = upstream(&fake.url, Limits::default());
    let mut reply = upstream.call(tool("echo", json!({})), &Caller::GATEWAY).await.unwrap();
    assert!(reply.next().await.unwrap().is_ok());
    drop(reply);
    fake.was_left(1).await;
    assert_eq!(fake.methods(), [method::DISCOVER, method::TOOLS_CALL]);
}

#[tokio::test]
async fn a_legacy_server_gets_a_session_and_its_headers() {
    let fake = legacy(|seen| stream(&[seen.result(&json!({"content": [{"text": "hi"}]}))])).await;
    let upstream = upstream(&fake.url, Limits::default());
    let messages = ask(&*upstream, tool("echo", json!({}))).await.unwrap();
    assert_eq!((text(&messages).as_str(), &messages[0]["result"]["resultType"]), ("hi", &json!("complete")));
    let discovery = ask(&*upstream, request("d", method::DISCOVER, &json!({}))).await.unwrap();
    assert_eq!(discovery[0]["result"]["capabilities"], json!({"tools": {}}));
    assert_eq!(fake.methods(), [method::DISCOVER, method::INITIALIZE, method::INITIALIZED, method::TOOLS_CALL]);
    let seen = fake.seen();
    assert_eq!(seen[1].header("mcp-protocol-version"), None);
    for seen in &seen[2..] {
        assert_eq!(seen.header("mcp-session-id"), Some("s1"));
        assert_eq!(seen.header("mcp-protocol-version"), Some("2025-06-18"));
        assert_eq!(seen.header("mcp-method"), None);
    }
    assert_eq!(seen[3].body["params"]["_meta"].as_object().unwrap().len(), 1);
    upstream.close().await;
    assert_eq!(fake.methods().last().unwrap(), "DELETE");
    assert_eq!(fake.seen().last().unwrap().header("mcp-session-id"), Some("s1"));
}

#[tokio::test]
async fn dropping_a_legacy_reply_takes_the_request_back() {
    let fake = legacy(|seen| Act::Hold(events(&[progress(seen)]))).await;
    let upstream = upstream(&fake.url, Limits::default());
    let mut reply = upstream.call(tool("echo", json!({})), &Caller::GATEWAY).await.unwrap();
    assert!(reply.next().await.unwrap().is_ok());
    drop(reply);
    fake.saw(5).await;
    let (seen, call) = (fake.seen()[4].clone(), fake.seen()[3].clone());
    assert_eq!(seen.method(), method::CANCELLED);
    assert_eq!(seen.body["params"]["requestId"], call.body["id"]);
    assert_eq!(seen.header("mcp-session-id"), Some("s1"));
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", socket.local_addr().unwrap());
    drop(socket);
    let upstream = upstream(&url, Limits::default());
    let error = ask(&*upstream, tool("echo", json!({}))).await.unwrap_err();
    assert!(
        matches!(&error, UpstreamError::Unreachable { reason, .. } if reason.contains("nothing listens")),
        "{error}"
    );
    assert_eq!(upstream.health().state, ServerState::Failed);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = modern(|seen| json_reply(200, &seen.result(&content("stolen")))).await;
    let location = format!("location: {}\r\n", elsewhere.url);
    for status in [301, 302, 307, 308] {
        let location = location.clone();
        let error = check(move |_| empty(status, &location)).await.unwrap_err();
        assert!(error.to_string().contains("not followed"), "{error}");
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_refusal_with_an_error_in_it_is_an_answer() {
    let messages = check(|seen| json_reply(404, &seen.error(-32601))).await.unwrap();
    assert_eq!((&messages[0]["id"], &messages[0]["error"]["code"]), (&json!("r"), &json!(-32601)));
    let messages = check(|seen| json_reply(400, &seen.error(-32021))).await.unwrap();
    assert_eq!((&messages[0]["id"], &messages[0]["error"]["code"]), (&json!("r"), &json!(-32021)));
    let messages =
        check(|_| json_reply(400, &json!({"jsonrpc": "2.0", "error": {"code": -32602, "message": ""}}))).await;
    assert_eq!(messages.unwrap()[0]["id"], "r");
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let unusable = |error: UpstreamError| matches!(error, UpstreamError::Unusable { .. });
    assert!(unusable(check(|_| empty(200, "content-type: text/html\r\n")).await.unwrap_err()));
    assert!(unusable(check(|_| empty(202, "")).await.unwrap_err()));
    assert!(unusable(check(|_| json_reply(200, &json!({"a": 1}))).await.unwrap_err()));
    assert!(unusable(
        check(|_| json_reply(200, &json!({"jsonrpc": "2.0", "id": 9999, "result": {}}))).await.unwrap_err()
    ));
    assert!(unusable(
        check(|seen| json_with(200, "content-encoding: gzip\r\n", &seen.result(&json!({})))).await.unwrap_err()
    ));
    let lost = |error: UpstreamError| matches!(error, UpstreamError::Lost { .. });
    assert!(lost(check(|seen| stream(&[progress(seen)])).await.unwrap_err()));
    assert!(lost(check(|seen| Act::Close(events(&[progress(seen)]))).await.unwrap_err()));
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{".to_owned();
    assert!(lost(check(move |_| Act::Close(cut.clone())).await.unwrap_err()));
}

#[tokio::test]
async fn answers_are_bounded_in_size_and_time() {
    let small = Limits { upstream_message_bytes_max: 10_000, ..Limits::default() };
    let fake = modern(|seen| json_reply(200, &seen.result(&content(&"x".repeat(20_000))))).await;
    let error = ask(&*upstream(&fake.url, small.clone()), tool("echo", json!({}))).await.unwrap_err();
    assert!(error.to_string().contains("10000 bytes"), "{error}");
    let fake = modern(|seen| stream(&[seen.result(&content(&"x".repeat(200_000)))])).await;
    let error = ask(&*upstream(&fake.url, small), tool("echo", json!({}))).await.unwrap_err();
    assert!(error.to_string().contains("10000 bytes"), "{error}");
    let short = Limits { upstream_call_timeout_ms: 200, ..Limits::default() };
    let fake =
        modern(
            |seen| {
                if seen.body["params"]["name"] == "head" { Act::Hold(String::new()) } else { Act::Hold(events(&[])) }
            },
        )
        .await;
    for name in ["head", "body"] {
        let error = ask(&*upstream(&fake.url, short.clone()), tool(name, json!({}))).await.unwrap_err();
        assert!(matches!(error, UpstreamError::TimedOut { .. }), "{error}");
    }
}

#[tokio::test]
async fn u04_a_call_that_may_write_is_never_sent_twice_and_what_only_asks_is() {
    // The second request on a connection is read, and answered by closing.
    let check = async |asked: protocol::Request| {
        let fake = Fake::start(|seen| match (seen.method(), seen.connection) {
            (method::DISCOVER, _) => json_reply(200, &seen.result(&json!({"supportedVersions": ["2026-07-28"]}))),
            (_, 0) => Act::Close(String::new()),
            _ => json_reply(200, &seen.result(&json!({"tools": []}))),
        })
        .await;
        let spec = json!({"transport": {"type": "http", "url": fake.url},
            "tools": [{"tool": "get", "class": "read"}, {"tool": "set", "class": "write"}]});
        let answer = ask(&*open(endpoint(spec, &[], Limits::default())), asked).await;
        (answer.map(|_| ()), fake.methods())
    };
    for harmless in [request("l", method::TOOLS_LIST, &json!({})), tool("get", json!({}))] {
        let name = harmless.method.clone();
        let (answer, methods) = check(harmless).await;
        assert!(answer.is_ok());
        assert_eq!(methods, [method::DISCOVER, &name, &name]);
    }
    for writing in ["set", "nobody classed it"] {
        let (answer, methods) = check(tool(writing, json!({}))).await;
        assert!(matches!(answer, Err(UpstreamError::Lost { .. })), "{answer:?}");
        assert_eq!(methods, [method::DISCOVER, method::TOOLS_CALL]);
    }
}

#[tokio::test]
async fn a_change_of_its_lists_is_told() {
    let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    let (told, capabilities) = (changed.clone(), json!({"tools": {"listChanged": true}}));
    let modern = Fake::start(move |seen| match seen.method() {
        method::DISCOVER => {
            json_reply(200, &seen.result(&json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities})))
        }
        method::LISTEN => Act::Hold(events(std::slice::from_ref(&told))),
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    let capabilities = json!({"tools": {"listChanged": true}});
    let legacy = Fake::start(move |seen| match (seen.verb.as_str(), seen.method()) {
        ("GET", _) => Act::Hold(events(std::slice::from_ref(&changed))),
        (_, method::INITIALIZE) => {
            json_reply(200, &seen.result(&json!({"protocolVersion": "2025-11-25", "capabilities": capabilities})))
        }
        (_, method::INITIALIZED) => empty(202, ""),
        (_, method::DISCOVER) => json_reply(400, &json!({})),
        _ => json_reply(200, &seen.result(&content("hi"))),
    })
    .await;
    for fake in [modern, legacy] {
        let upstream = upstream(&fake.url, Limits::default());
        let mut changes = upstream.changes();
        ask(&*upstream, tool("echo", json!({}))).await.unwrap();
        // One for the start, one for being ready, one for the list.
        changes.wait_for(|count| *count >= 3).await.unwrap();
        drop(upstream);
        fake.was_left(1).await;
    }
}

#[tokio::test]
async fn what_a_server_says_of_itself_holds_none_of_its_values() {
    let error = check(|_| empty(302, "location: /?token=very-secret\r\n")).await.unwrap_err();
    assert!(error.to_string().contains("/?token=[redacted:Authorization]"), "{error}");
}
