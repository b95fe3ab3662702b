//! The bridge between a modern client and the gateway.

use crate::{
    client::Bridge,
    stub::{Reply, Stub},
    world::{TOKEN, World},
};
use serde_json::json;

fn request(id: u32, method: &str, params: &str) -> String {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}{meta}}}}}"#)
}

fn ok(id: u32) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
}

#[test]
fn headers_come_from_the_body_and_the_body_passes_as_it_is() {
    let stub =
        Stub::start(|_, _| Reply::json("{\n  \"jsonrpc\": \"2.0\",\r\n  \"id\": 1, \"result\": {\"n\": 1.10}\n}"));
    let mut bridge = Bridge::to(&stub);
    let line = request(1, "tools/call", r#""name":"größe","arguments":{"big":18446744073709551616},"#);
    bridge.send(&line);
    assert!(bridge.line().contains(r#""n": 1.10"#), "a reply over several lines becomes one");
    let seen = stub.wait_for(|seen| seen.method == "POST");
    assert_eq!((seen.path.as_str(), seen.body.as_str()), ("/projects/weekly_reports/mcp", line.as_str()));
    assert_eq!(seen.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(seen.header("mcp-protocol-version"), "2026-07-28");
    assert_eq!(seen.header("mcp-method"), "tools/call");
    assert_eq!(seen.header("mcp-name"), "=?base64?Z3LDtsOfZQ==?=");
    assert_eq!(seen.header("accept"), "application/json, text/event-stream");
    assert_eq!(bridge.close(), (vec![], String::new()));
    assert_eq!(stub.seen().len(), 1, "no session, so nothing to end");
}

#[test]
fn an_event_stream_becomes_lines() {
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#;
    let stub = Stub::start(move |_, _| Reply::events(&["", progress, &ok(1)]));
    let mut bridge = Bridge::to(&stub);
    bridge.send(&request(1, "tools/call", r#""name":"a","#));
    assert_eq!((bridge.line(), bridge.line()), (progress.to_owned(), ok(1)));
    bridge.close();
}

#[test]
fn requests_run_side_by_side() {
    let stub = Stub::start(|seen, stub| {
        if seen.header("mcp-name") == "slow" {
            stub.wait_for(|seen| seen.header("mcp-name") == "fast");
            return Reply::json(&ok(1));
        }
        Reply::json(&ok(2))
    });
    let mut bridge = Bridge::to(&stub);
    bridge.send(&request(1, "tools/call", r#""name":"slow","#));
    stub.wait_for(|seen| seen.header("mcp-name") == "slow");
    bridge.send(&request(2, "tools/call", r#""name":"fast","#));
    let mut answers = [bridge.line(), bridge.line()];
    answers.sort();
    assert_eq!(answers, [ok(1), ok(2)]);
    bridge.close();
}

#[test]
fn cancelling_closes_the_stream_and_leaves_the_request_unanswered() {
    let stub = Stub::start(|seen, _| {
        if seen.header("mcp-name") == "endless" { Reply::events(&[]).hanging() } else { Reply::json(&ok(2)) }
    });
    let mut bridge = Bridge::to(&stub);
    bridge.send(&request(1, "tools/call", r#""name":"endless","#));
    stub.wait_for(|seen| seen.header("mcp-name") == "endless");
    bridge.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    stub.wait_for(|seen| seen.method == "CLOSED");
    assert_eq!(bridge.ask(&request(2, "tools/list", "")), json!({"jsonrpc": "2.0", "id": 2, "result": {}}));
    assert_eq!(bridge.close().0, Vec::<String>::new());
    assert!(!stub.seen().iter().any(|seen| seen.is("notifications/cancelled")));
}

#[test]
fn a_subscription_ends_with_the_client() {
    let acknowledged = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{}}"#;
    let stub = Stub::start(move |_, _| Reply::events(&[acknowledged]).hanging());
    let mut bridge = Bridge::to(&stub);
    assert_eq!(
        bridge.ask(&request(1, "subscriptions/listen", ""))["method"],
        "notifications/subscriptions/acknowledged"
    );
    bridge.close();
    stub.wait_for(|seen| seen.method == "CLOSED");
}

#[test]
fn what_is_under_way_when_stdin_closes_is_still_answered() {
    let stub = Stub::start(|_, _| Reply::json(&ok(1)));
    let mut bridge = Bridge::to(&stub);
    bridge.send(&request(1, "tools/list", ""));
    assert_eq!(bridge.close().0, [ok(1)]);
}

#[test]
fn an_unreachable_gateway_is_said_and_found_when_it_is_back() {
    let world = World::connected("http://127.0.0.1:9");
    let mut bridge = Bridge::start(&world);
    let told = bridge.ask(&request(1, "tools/list", ""));
    let message = told["error"]["message"].as_str().unwrap();
    assert_eq!(told["id"], 1);
    assert!(message.contains("http://127.0.0.1:9") && message.contains("`mcpctl daemon start`"), "{message}");
    let stub = Stub::start(|_, _| Reply::json(&ok(2)));
    world.connect(&stub.url);
    assert!(bridge.ask(&request(2, "tools/list", "")).get("result").is_some());
    bridge.close();
}

fn told(reply: fn() -> Reply) -> serde_json::Value {
    let stub = Stub::start(move |_, _| reply());
    let mut bridge = Bridge::to(&stub);
    let answer = bridge.ask(&request(7, "tools/list", ""));
    assert_eq!(answer["id"], 7, "{answer}");
    bridge.close();
    answer["error"].clone()
}

#[test]
fn every_refusal_is_an_error_with_the_id_of_the_request() {
    let check = |error: &serde_json::Value, text: &str| {
        assert!(error["message"].as_str().unwrap().contains(text), "{error}");
    };
    let unauthorized = told(|| {
        Reply::new(401, "application/json", r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"expired"}}"#)
    });
    check(&unauthorized, ".mcpctl/token`: expired");
    check(&told(|| Reply::status(404)), "does not know project `weekly_reports`");
    check(&told(|| Reply::new(503, "text/plain", "busy")), "503 Service Unavailable: busy");
    check(&told(|| Reply::events(&[])), "lost before the answer");
    let own = told(|| {
        Reply::new(400, "application/json", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32020,"message":"header"}}"#)
    });
    assert_eq!((&own["code"], &own["message"]), (&json!(-32020), &json!("header")), "the gateway's own words pass");
    let unknown = told(|| {
        Reply::new(
            404,
            "application/json",
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no such method"}}"#,
        )
    });
    assert_eq!(unknown["code"], -32601);
}

#[test]
fn a_token_that_is_refused_gives_way_to_the_one_kept_meanwhile() {
    let stub = Stub::start(|seen, stub| match seen.header("authorization") == "Bearer newer" {
        true => Reply::json(&ok(u32::try_from(stub.seen().len()).unwrap())),
        false if stub.seen().len() == 1 => Reply::json(&ok(1)),
        false => Reply::status(401),
    });
    let world = World::connected(&stub.url);
    let mut bridge = Bridge::start(&world);
    assert_eq!(bridge.ask(&request(1, "tools/list", ""))["id"], 1);
    std::fs::write(world.home().join("token"), "newer").unwrap();
    bridge.ask(&request(3, "tools/list", ""));
    bridge.ask(&request(4, "tools/list", ""));
    let presented: Vec<String> = stub.seen().iter().map(|seen| seen.header("authorization").to_owned()).collect();
    let older = format!("Bearer {TOKEN}");
    assert_eq!(presented, [older.as_str(), &older, "Bearer newer", "Bearer newer"]);
    bridge.close();
}

#[test]
fn a_missing_token_is_said_to_the_client() {
    let world = World::connected("http://127.0.0.1:9");
    std::fs::remove_file(world.home().join("token")).unwrap();
    let mut bridge = Bridge::start(&world);
    let answer = bridge.ask(&request(1, "tools/list", ""));
    assert!(answer["error"]["message"].as_str().unwrap().contains("there is no token"), "{answer}");
    bridge.close();
}

#[test]
fn what_is_not_a_message_is_refused_and_the_next_line_is_read() {
    let stub = Stub::start(|_, _| Reply::json(&ok(1)));
    let mut bridge = Bridge::to(&stub);
    assert_eq!(bridge.ask("{nonsense")["error"]["code"], -32700);
    let shape = bridge.ask(r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#);
    assert_eq!((&shape["error"]["code"], &shape["id"]), (&json!(-32600), &json!(null)));
    bridge.send("");
    assert!(bridge.ask(&request(1, "tools/list", "")).get("result").is_some());
    bridge.close();
}

#[test]
fn arguments_that_a_tool_wants_mirrored_are_found_out_once() {
    let stub = Stub::start(|seen, _| {
        if seen.is("tools/list") {
            let schema =
                json!({"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}});
            let page = match seen.body.contains(r#""cursor":"2""#) {
                true => json!({"tools": [{"name": "there", "inputSchema": schema}]}),
                false => json!({"tools": [{"name": "here", "inputSchema": {"type": "object"}}], "nextCursor": "2"}),
            };
            let id = if seen.body.contains("mcpctl-list-1") { "mcpctl-list-1" } else { "mcpctl-list-0" };
            return Reply::json(&json!({"jsonrpc": "2.0", "id": id, "result": page}).to_string());
        }
        if seen.header("mcp-param-region").is_empty() {
            let error =
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"header `mcp-param-region` is required"}}"#;
            return Reply::new(400, "application/json", error);
        }
        let id = if seen.body.contains(r#""id":1,"#) { 1 } else { 2 };
        Reply::json(&ok(id))
    });
    let mut bridge = Bridge::to(&stub);
    for id in [1, 2] {
        bridge.send(&request(id, "tools/call", r#""name":"there","arguments":{"region":"eu"},"#));
        assert_eq!(bridge.line(), ok(id));
    }
    bridge.close();
    let seen = stub.seen();
    assert_eq!(seen.iter().filter(|seen| seen.is("tools/list")).count(), 2, "the pages of one list");
    let regions: Vec<&str> =
        seen.iter().filter(|seen| seen.is("tools/call")).map(|seen| seen.header("mcp-param-region")).collect();
    assert_eq!(regions, ["", "eu", "eu"]);
}

#[test]
fn a_refusal_about_headers_that_stays_is_passed_on() {
    let stub = Stub::start(|seen, _| {
        if seen.is("tools/list") {
            return Reply::json(r#"{"jsonrpc":"2.0","id":"mcpctl-list-0","result":{"tools":[]}}"#);
        }
        let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"no"}}"#;
        Reply::new(400, "application/json", error)
    });
    let mut bridge = Bridge::to(&stub);
    assert_eq!(bridge.ask(&request(1, "tools/call", r#""name":"x","#))["error"]["code"], -32020);
    bridge.close();
    assert_eq!(stub.seen().iter().filter(|seen| seen.is("tools/call")).count(), 2);
}

#[test]
fn subscriptions_run_side_by_side_and_are_told_apart_by_their_ids() {
    let stub = Stub::start(|seen, _| {
        let id: u32 = if seen.body.contains(r#""id":1,"#) { 1 } else { 2 };
        let told = |method: &str| {
            let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
            json!({"jsonrpc": "2.0", "method": method, "params": {"_meta": meta}}).to_string()
        };
        let acknowledged = told("notifications/subscriptions/acknowledged");
        Reply::events(&[&acknowledged, &told("notifications/tools/list_changed")]).hanging()
    });
    let mut bridge = Bridge::to(&stub);
    bridge.send(&request(1, "subscriptions/listen", ""));
    bridge.send(&request(2, "subscriptions/listen", ""));
    let mut told: Vec<_> = (0..4).map(|_| bridge.next()).collect();
    told.sort_by_key(|message| message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].as_u64());
    let methods: Vec<&str> = told.iter().map(|message| message["method"].as_str().unwrap()).collect();
    let one = ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed"];
    assert_eq!(methods, [one, one].concat());
    bridge.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#);
    let closed = stub.wait_for(|seen| seen.method == "CLOSED");
    assert!(closed.body.contains(r#""id":2,"#), "only the cancelled one ends");
    assert_eq!(bridge.close().0, Vec::<String>::new());
}
