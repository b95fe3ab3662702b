//! A session that the gateway has forgotten, and all that was set up in it.

use crate::{
    bridge_legacy::{INITIALIZE, INITIALIZED, LIST, SESSION, plain},
    client::Bridge,
    stub::{Reply, Seen, Stub},
};
use serde_json::{Value, json};

/// The gateway is started anew after a resource was read, and knows session `s2` only from then on.
fn forgetful(seen: &Seen, stub: &Stub) -> Reply {
    let restarted = stub.seen().iter().any(|seen| seen.is("resources/read"));
    let gone = || {
        let error = r#"{"jsonrpc":"2.0","error":{"code":-32001,"message":"session not found"}}"#;
        Reply::new(404, "application/json", error)
    };
    let id = || serde_json::from_str::<Value>(&seen.body).unwrap()["id"].clone();
    let done = || Reply::json(&json!({"jsonrpc": "2.0", "id": id(), "result": {}}).to_string());
    if seen.is("resources/read") {
        return done();
    }
    if restarted && seen.header(SESSION) == "s1" {
        return gone();
    }
    match seen.method.as_str() {
        "GET" => Reply::events(&[]).hanging(),
        "POST" if seen.is("initialize") => {
            let capabilities = json!({"tools": {"listChanged": true}, "resources": {"subscribe": true}});
            let result = json!({"protocolVersion": "2025-06-18", "capabilities": capabilities});
            let answer = json!({"jsonrpc": "2.0", "id": id(), "result": result});
            Reply::json(&answer.to_string()).with("Mcp-Session-Id", if restarted { "s2" } else { "s1" })
        }
        "POST" if seen.is("logging/setLevel") || seen.is("resources/subscribe") || seen.is("resources/unsubscribe") => {
            done()
        }
        _ => plain(seen),
    }
}

#[test]
fn a_new_session_has_what_the_old_one_had() {
    let stub = Stub::start(forgetful);
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(INITIALIZED);
    for line in [
        r#"{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"debug"}}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"resources/subscribe","params":{"uri":"mem://a"}}"#,
        r#"{"jsonrpc":"2.0","id":4,"method":"resources/subscribe","params":{"uri":"mem://b"}}"#,
        r#"{"jsonrpc":"2.0","id":5,"method":"resources/unsubscribe","params":{"uri":"mem://a"}}"#,
        r#"{"jsonrpc":"2.0","id":6,"method":"resources/read","params":{"uri":"mem://b"}}"#,
    ] {
        assert!(bridge.ask(line)["result"].is_object());
    }
    // Answered by the old gateway, so whatever comes now is the new one's doing.
    bridge.send(LIST);
    let told = [bridge.next(), bridge.next(), bridge.next()];
    let (changed, answers): (Vec<&Value>, Vec<&Value>) = told.iter().partition(|message| message["id"].is_null());
    let changes = [
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}),
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "mem://b"}}),
    ];
    assert_eq!(changed, changes.iter().collect::<Vec<_>>(), "what may have changed meanwhile");
    assert_eq!(answers[0]["result"]["tools"], json!([]));
    let again = |seen: &&Seen| seen.header(SESSION) == "s2" && seen.method == "POST";
    let bodies: Vec<Value> =
        stub.seen().iter().filter(again).map(|seen| serde_json::from_str(&seen.body).unwrap()).collect();
    let said = |method: &str| bodies.iter().filter(|body| body["method"] == method).collect::<Vec<_>>();
    assert_eq!(said("logging/setLevel")[0]["params"], json!({"level": "debug"}));
    let watched: Vec<&Value> = said("resources/subscribe").iter().map(|body| &body["params"]["uri"]).collect();
    assert_eq!(watched, ["mem://b"]);
    stub.wait_for(|seen| seen.method == "GET" && seen.header(SESSION) == "s2");
    bridge.close();
}

#[test]
fn a_client_that_only_listens_gets_a_new_session_too() {
    let stub = Stub::start(|seen, stub| {
        let opens = stub.seen().iter().filter(|seen| seen.is("initialize")).count();
        match seen.method.as_str() {
            "GET" if seen.header(SESSION) == "s1" => Reply::status(404),
            "GET" => Reply::events(&[]).hanging(),
            "POST" if seen.is("initialize") => {
                let id = serde_json::from_str::<Value>(&seen.body).unwrap()["id"].clone();
                let result =
                    json!({"protocolVersion": "2025-11-25", "capabilities": {"prompts": {"listChanged": true}}});
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
                Reply::json(&answer).with("Mcp-Session-Id", if opens == 1 { "s1" } else { "s2" })
            }
            _ => plain(seen),
        }
    });
    let mut bridge = Bridge::to(&stub);
    bridge.ask(INITIALIZE);
    bridge.send(INITIALIZED);
    assert_eq!(bridge.next(), json!({"jsonrpc": "2.0", "method": "notifications/prompts/list_changed"}));
    stub.wait_for(|seen| seen.method == "GET" && seen.header(SESSION) == "s2");
    bridge.close();
}
