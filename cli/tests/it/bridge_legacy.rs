//! The bridge between a legacy client and the gateway.

use crate::{
    client::Bridge,
    stub::{Reply, Seen, Stub},
};
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const SESSION: &str = "mcp-session-id";

/// The answer to `initialize`, whatever id it has, opening `session`.
fn opened(seen: &Seen, session: &str) -> Reply {
    let request: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": {"protocolVersion": "2025-06-18"}});
    Reply::events(&[&answer.to_string()]).with("Mcp-Session-Id", session)
}

/// A gateway with one session and no stream of its own.
fn plain(seen: &Seen) -> Reply {
    match seen.method.as_str() {
        "GET" => Reply::status(405),
        "POST" if seen.is("initialize") => opened(seen, "s1"),
        "POST" if seen.is("tools/list") => Reply::json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#),
        _ => Reply::status(202),
    }
}

#[test]
fn one_session_from_initialize_to_the_end() {
    let stub = Stub::start(|seen, _| plain(seen));
    let mut bridge = Bridge::to(&stub);
    assert_eq!(bridge.ask(INITIALIZE)["result"]["protocolVersion"], "2025-06-18");
    bridge.send(INITIALIZED);
    stub.wait_for(|seen| seen.method == "GET");
    assert_eq!(bridge.ask(LIST)["result"]["tools"], json!([]));
    assert_eq!(bridge.close(), (vec![], String::new()));
    let seen = stub.seen();
    let first = seen.iter().find(|seen| seen.is("initialize")).unwrap();
    assert_eq!((first.header(SESSION), first.header("mcp-protocol-version")), ("", ""));
    for later in seen.iter().filter(|seen| !seen.is("initialize")) {
        assert_eq!((later.header(SESSION), later.header("mcp-protocol-version")), ("s1", "2025-06-18"), "{later:?}");
    }
    assert_eq!(seen.iter().filter(|seen| seen.method == "GET").count(), 1, "405 is a final word");
    assert_eq!(seen.last().unwrap().method, "DELETE");
}

#[test]
fn lines_that_arrive_together_keep_their_order() {
    let stub = Stub::start(|seen, _| plain(seen));
    let mut bridge = Bridge::to(&stub);
    bridge.send(&format!("{INITIALIZE}\n{INITIALIZED}\n{LIST}"));
    assert_eq!(bridge.next()["id"], 0);
    assert_eq!(bridge.next()["id"], 1);
    bridge.close();
    let order = |method| stub.seen().iter().position(|seen| seen.is(method)).unwrap();
    assert!(
        order("initialize") < order("notifications/initialized")
            && order("notifications/initialized") < order("tools/list")
    );
}

#[test]
fn a_forgotten_session_is_opened_again_unnoticed() {
    let opens = AtomicU32::new(0);
    let stub = Stub::start(move |seen, _| match seen.method.as_str() {
        "POST" if seen.is("initialize") => {
            opened(seen, if opens.fetch_add(1, Ordering::SeqCst) == 0 { "s1" } else { "s2" })
        }
        "POST" if seen.is("tools/list") && seen.header(SESSION) == "s1" => Reply::new(
            404,
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"session not found"}}"#,
        ),
        _ => plain(seen),
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(INITIALIZED);
    assert_eq!(bridge.ask(LIST), json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}));
    assert_eq!(bridge.close().0, Vec::<String>::new(), "the client hears of one initialize only");
    let again = |seen: &Seen| seen.is("notifications/initialized") && seen.header(SESSION) == "s2";
    assert!(stub.seen().iter().any(again));
    assert_eq!(stub.seen().last().unwrap().header(SESSION), "s2");
}

#[test]
fn a_project_that_is_gone_is_said_after_one_attempt() {
    let opens = AtomicU32::new(0);
    let stub = Stub::start(move |seen, _| {
        let first = seen.is("initialize") && opens.fetch_add(1, Ordering::SeqCst) == 0;
        if first { opened(seen, "s1") } else { Reply::status(404) }
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    let answer = bridge.ask(LIST);
    assert!(answer["error"]["message"].as_str().unwrap().contains("does not know project"), "{answer}");
    bridge.close();
    assert_eq!(stub.seen().iter().filter(|seen| seen.is("initialize")).count(), 2);
}

#[test]
fn the_servers_own_requests_come_through_and_are_answered() {
    let ping = r#"{"jsonrpc":"2.0","id":"srv-1","method":"ping"}"#;
    let stub =
        Stub::start(move |seen, _| if seen.method == "GET" { Reply::events(&[ping]).hanging() } else { plain(seen) });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(INITIALIZED);
    assert_eq!(bridge.next()["id"], "srv-1");
    bridge.send(r#"{"jsonrpc":"2.0","id":"srv-1","result":{}}"#);
    let answer = stub.wait_for(|seen| seen.body.contains("srv-1"));
    assert_eq!(answer.header(SESSION), "s1");
    bridge.close();
}

#[test]
fn cancelling_is_passed_on() {
    let stub = Stub::start(|seen, _| if seen.is("tools/call") { Reply::events(&[]).hanging() } else { plain(seen) });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"x"}}"#);
    stub.wait_for(|seen| seen.is("tools/call"));
    bridge.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#);
    stub.wait_for(|seen| seen.is("notifications/cancelled"));
    stub.wait_for(|seen| seen.method == "CLOSED");
    assert_eq!(bridge.close().0, Vec::<String>::new());
}
