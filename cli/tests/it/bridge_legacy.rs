//! The bridge between a legacy client and the gateway.

use crate::{
    client::Bridge,
    stub::{Reply, Seen, Stub},
};
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
pub(crate) const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
pub(crate) const SESSION: &str = "mcp-session-id";

/// The answer to `initialize`, whatever id it has, opening `session`.
pub(crate) fn opened(seen: &Seen, session: &str) -> Reply {
    let request: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": {"protocolVersion": "2025-06-18"}});
    Reply::events(&[&answer.to_string()]).with("Mcp-Session-Id", session)
}

/// A gateway with one session and no stream of its own.
pub(crate) fn plain(seen: &Seen) -> Reply {
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

#[test]
fn a_cancellation_that_overtakes_its_request_is_said_again() {
    let stub = Stub::start(|seen, stub| {
        if seen.is("tools/call") {
            // The request is only read once the cancellation was there.
            stub.wait_for(|seen| seen.is("notifications/cancelled"));
            return Reply::events(&[]).hanging();
        }
        plain(seen)
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"x"}}"#);
    stub.wait_for(|seen| seen.is("tools/call"));
    bridge.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a","reason":"enough"}}"#);
    stub.wait_for(|seen| seen.body.ends_with(r#""params":{"requestId":"a"}}"#));
    assert_eq!(bridge.close().0, Vec::<String>::new());
}

#[test]
fn questions_on_the_stream_of_a_call_are_answered_while_it_runs() {
    let question = r#"{"jsonrpc":"2.0","id":"q1","method":"elicitation/create","params":{"message":"who?"}}"#;
    let stub = Stub::start(move |seen, stub| {
        if seen.method == "GET" {
            // The call goes on once the answer is there.
            stub.wait_for(|seen| seen.body.contains(r#""action":"accept""#));
            return Reply::stream(&format!(
                "id: 1-2\ndata: {}\n\n",
                r#"{"jsonrpc":"2.0","id":5,"result":{"content":[]}}"#
            ));
        }
        if seen.is("tools/call") { Reply::stream(&format!("id: 1-1\ndata: {question}\n\n")) } else { plain(seen) }
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    assert_eq!(bridge.ask(r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"x"}}"#)["id"], "q1");
    bridge.send(r#"{"jsonrpc":"2.0","id":"q1","result":{"action":"accept","content":{}}}"#);
    assert_eq!(bridge.next(), json!({"jsonrpc": "2.0", "id": 5, "result": {"content": []}}));
    let answer = stub.wait_for(|seen| seen.method == "POST" && seen.body.contains("accept"));
    assert_eq!(answer.header(SESSION), "s1");
    bridge.close();
}

#[test]
fn initialize_decides_for_the_whole_process() {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let modern = |id: u32| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"server/discover","params":{{{meta}}}}}"#);
    let discovered = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let stub =
        Stub::start(move |seen, _| if seen.is("server/discover") { Reply::json(discovered) } else { plain(seen) });
    let mut bridge = Bridge::to(&stub);
    assert_eq!(bridge.ask(&modern(1))["id"], 1, "who has asked what there is may still initialize");
    bridge.ask(INITIALIZE);
    let refused = bridge.ask(&modern(2));
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(2), &json!(-32600)));
    assert!(refused["error"]["message"].as_str().unwrap().contains("2025-06-18"), "{refused}");
    assert_eq!(bridge.ask(LIST)["result"]["tools"], json!([]));
    bridge.close();
    assert_eq!(stub.seen().iter().filter(|seen| seen.is("server/discover")).count(), 1);
}

#[test]
fn a_second_initialize_takes_the_place_of_the_first() {
    let opens = AtomicU32::new(0);
    let stub = Stub::start(move |seen, _| {
        let id = ["s1", "s2"];
        if seen.is("initialize") {
            opened(seen, id[opens.fetch_add(1, Ordering::SeqCst) as usize])
        } else {
            plain(seen)
        }
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.ask(&INITIALIZE.replace(r#""id":0"#, r#""id":9"#));
    stub.wait_for(|seen| seen.method == "DELETE" && seen.header(SESSION) == "s1");
    bridge.ask(LIST);
    assert_eq!(stub.wait_for(|seen| seen.is("tools/list")).header(SESSION), "s2");
    bridge.close();
}

#[test]
fn an_id_in_use_is_refused() {
    let stub = Stub::start(|seen, _| if seen.is("tools/call") { Reply::events(&[]).hanging() } else { plain(seen) });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    let call = r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"x"}}"#;
    bridge.send(call);
    stub.wait_for(|seen| seen.is("tools/call"));
    assert_eq!(bridge.ask(call)["error"]["code"], -32600);
    bridge.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#);
    stub.wait_for(|seen| seen.method == "CLOSED");
    bridge.close();
}
