//! Event streams that break off.

use crate::{
    bridge_legacy::{INITIALIZE, INITIALIZED, plain},
    client::Bridge,
    stub::{Reply, Seen, Stub},
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

const CALL: &str = r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"x"}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":5,"result":{"content":[]}}"#;
const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#;

/// What the client gets for [`CALL`] from a gateway that answers it with `call`, and resumptions with `rest`.
fn told(call: &'static str, rest: impl Fn(&Seen, u32) -> Reply + Send + Sync + 'static) -> (Vec<Value>, Vec<Seen>) {
    let attempts = AtomicU32::new(0);
    let stub = Stub::start(move |seen, _| match seen.method.as_str() {
        "GET" => rest(seen, attempts.fetch_add(1, Ordering::SeqCst)),
        _ if seen.is("tools/call") => Reply::stream(call),
        _ => plain(seen),
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(CALL);
    let mut told = vec![bridge.next()];
    while told.last().unwrap()["id"] != 5 {
        told.push(bridge.next());
    }
    assert_eq!(bridge.close().0, Vec::<String>::new(), "nothing comes after the answer");
    (told, stub.seen().into_iter().filter(|seen| seen.method == "GET").collect())
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_call_goes_on_where_its_stream_broke_off() {
    let call = "id: 7-0\nretry: 10\ndata:\n\nid: 7-1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\n\n";
    let (told, seen) = told(call, |seen, attempt| match attempt {
        // Closed again before there was anything to say.
        0 => Reply::stream("retry: 20\n\n"),
        _ => {
            assert_eq!(seen.header("last-event-id"), "7-1");
            Reply::stream(&format!("id: 7-2\ndata: {ANSWER}\n\n"))
        }
    });
    assert_eq!(told, [json_of(PROGRESS), json_of(ANSWER)]);
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.header("mcp-session-id") == "s1"));
}

#[test]
fn without_an_event_id_there_is_nothing_to_go_on_from() {
    let call = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\n\n";
    let (told, seen) = told(call, |_, _| Reply::status(405));
    assert_eq!((&told[0], told[1]["error"]["code"].as_i64()), (&json_of(PROGRESS), Some(-32603)));
    assert!(seen.is_empty());
}

#[test]
fn events_that_are_not_kept_any_more_end_the_call() {
    let (told, seen) = told("id: 7-0\nretry: 10\ndata:\n\n", |_, _| {
        let refusal = r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"not kept any more"}}"#;
        Reply::new(400, "application/json", refusal)
    });
    let message = told[0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("lost before the answer") && message.contains("not kept any more"), "{message}");
    assert_eq!(seen.len(), 1);
}

#[test]
fn cancelling_ends_the_resumption_too() {
    let stub = Stub::start(move |seen, _| match seen.method.as_str() {
        "GET" => Reply::stream("").hanging(),
        _ if seen.is("tools/call") => Reply::stream("id: 7-0\nretry: 10\ndata:\n\n"),
        _ => plain(seen),
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(CALL);
    stub.wait_for(|seen| seen.method == "GET");
    bridge.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#);
    stub.wait_for(|seen| seen.method == "CLOSED");
    stub.wait_for(|seen| seen.is("notifications/cancelled"));
    assert_eq!(bridge.close().0, Vec::<String>::new());
}

#[test]
fn the_stream_for_everything_else_is_followed_from_where_it_broke_off() {
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let stub = Stub::start(move |seen, _| match (seen.method.as_str(), seen.header("last-event-id")) {
        ("GET", "") => Reply::stream("id: 0-0\nretry: 10\ndata:\n\n"),
        ("GET", "0-0") => Reply::new(503, "text/plain", "busy"),
        ("GET", _) => Reply::stream("").hanging(),
        _ => plain(seen),
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(INITIALIZED);
    let again = stub.wait_for(|seen| seen.header("last-event-id") == "0-0");
    assert_eq!(again.header("mcp-session-id"), "s1");
    bridge.close();
    // Being too busy is nothing that lasts.
    let stub = Stub::start(move |seen, stub| match seen.method.as_str() {
        "GET" if stub.seen().iter().filter(|seen| seen.method == "GET").count() < 2 => Reply::status(503),
        "GET" => Reply::events(&[changed]).hanging(),
        _ => plain(seen),
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(INITIALIZED);
    assert_eq!(bridge.next(), json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
    bridge.close();
}
