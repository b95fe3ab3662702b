//! Batches through the bridge (2025-03-26).

use crate::{
    bridge_legacy::{INITIALIZE, INITIALIZED, plain},
    client::Bridge,
    stub::{Reply, Stub},
};
use serde_json::{Value, json};

const CALLS: &str = r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#;

/// What comes back for [`CALLS`] from a gateway that answers them with `reply`.
fn told(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Value {
    let stub = Stub::start(move |seen, _| if seen.body.starts_with('[') { reply() } else { plain(seen) });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    let told = bridge.ask(CALLS);
    let seen = stub.wait_for(|seen| seen.body.starts_with('['));
    assert_eq!((seen.body.as_str(), seen.header("mcp-session-id")), (CALLS, "s1"));
    bridge.close();
    told
}

#[test]
fn an_array_goes_as_it_is_and_an_array_comes_back() {
    let answers = r#"[{"jsonrpc":"2.0","id":2,"result":{}},{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}]"#;
    assert_eq!(told(move || Reply::json(answers)), serde_json::from_str::<Value>(answers).unwrap());
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
    let first = told(move || Reply::events(&[progress, answers]));
    assert_eq!(first["method"], "notifications/message");
}

#[test]
fn the_answers_of_a_broken_reply_are_fetched_from_where_it_broke() {
    let answers = r#"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{}}]"#;
    let stub = Stub::start(move |seen, _| match seen.method.as_str() {
        "GET" if seen.header("last-event-id") == "3-0" => Reply::stream(&format!("id: 3-1\ndata: {answers}\n\n")),
        "POST" if seen.body.starts_with('[') => Reply::stream("id: 3-0\nretry: 10\ndata:\n\n"),
        _ => plain(seen),
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    assert_eq!(bridge.ask(CALLS), serde_json::from_str::<Value>(answers).unwrap());
    bridge.close();
}

#[test]
fn a_refused_batch_is_an_error_for_each_of_its_requests() {
    let refusal = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches here"}}"#;
    let told = told(move || Reply::new(400, "application/json", refusal));
    let errors = told.as_array().unwrap();
    let of = |answer: &Value| (answer["id"].clone(), answer["error"]["message"].clone());
    assert_eq!(errors.iter().map(of).collect::<Vec<_>>(), [1, 2].map(|id| (json!(id), json!("no batches here"))));
}

#[test]
fn a_batch_without_requests_has_no_answer() {
    let stub = Stub::start(|seen, _| plain(seen));
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    let line = format!("[{INITIALIZED}]");
    bridge.send(&line);
    stub.wait_for(|seen| seen.body == line);
    assert_eq!(bridge.close().0, Vec::<String>::new());
}

#[test]
fn a_batch_of_cancelled_requests_has_no_answer() {
    let stub =
        Stub::start(|seen, _| if seen.body.starts_with('[') { Reply::events(&[]).hanging() } else { plain(seen) });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(CALLS);
    stub.wait_for(|seen| seen.body.starts_with('['));
    for id in [1, 2] {
        bridge
            .send(&format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#));
    }
    stub.wait_for(|seen| seen.method == "CLOSED");
    assert_eq!(bridge.close().0, Vec::<String>::new());
}

#[test]
fn what_is_no_batch_is_refused() {
    let stub = Stub::start(|seen, _| plain(seen));
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    for (line, code) in [("[]", -32600), ("[1]", -32600), ("[{", -32700)] {
        let told = bridge.ask(line);
        assert_eq!((&told["id"], &told["error"]["code"]), (&Value::Null, &json!(code)), "{line}");
    }
    bridge.close();
}
