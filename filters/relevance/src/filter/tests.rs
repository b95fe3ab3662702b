//! Tests: offered, taken out, used; and left alone where it is the tool's own or the tool is not filtered.

use super::*;
use crate::relevance::Options;
use filters::testing::{Table, request, snapshot};
use protocol::{Id, Response};
use serde_json::Value;

/// Server `slack` with readers `get` and `own` and the writer `post`.
fn filter() -> RelevanceFilter {
    let objects = json!([{"kind": "server", "name": "slack", "spec": {
        "transport": {"type": "stdio", "command": "x"}, "tools": [{"tool": "post", "class": "write"}]}}]);
    let policy = RelevancePolicy::compile(&snapshot(objects), true);
    let names =
        Table::of(&[("slack_get", "slack", "get"), ("slack_post", "slack", "post"), ("slack_own", "slack", "own")]);
    let options = Options { result_bytes_min: 100, ..Options::new("no/such/directory".into()) };
    RelevanceFilter::new(policy, Arc::new(names), Arc::new(Relevance::start(options)))
}

fn call(tool: &str, arguments: &Value) -> Exchange {
    let params = json!({"name": format!("slack_{tool}"), "arguments": arguments});
    let mut exchange = request("tools/call", &params.to_string());
    exchange.target = Some(Target::new("slack".parse().unwrap(), tool));
    exchange
}

fn response(result: &Value) -> Message {
    Message::Response(Response::ok(Id::Number(1), serde_json::value::to_raw_value(result).unwrap()))
}

fn result(message: &Message) -> Value {
    let Message::Response(Response { payload: Ok(raw), .. }) = message else { panic!("no result") };
    serde_json::from_str(raw.get()).unwrap()
}

/// The arguments as they go to the server, and the intent.
async fn check(filter: &RelevanceFilter, tool: &str, arguments: Value) -> (Value, Option<String>) {
    let mut exchange = call(tool, &arguments);
    assert!(filter.on_request(&mut exchange).await.is_continue());
    (exchange.request.params.read("arguments").unwrap(), exchange.intent)
}

#[tokio::test]
async fn context_is_taken_out_of_calls() {
    let filter = filter();
    let (arguments, intent) = check(&filter, "get", json!({"channel": "c", "_context": "outages"})).await;
    assert_eq!((arguments, intent.as_deref()), (json!({"channel": "c"}), Some("outages")));
    let (arguments, intent) = check(&filter, "get", json!({"_context": 7})).await;
    assert_eq!((arguments, intent), (json!({}), None));
    let (arguments, intent) = check(&filter, "post", json!({"_context": "x"})).await;
    assert_eq!((arguments, intent), (json!({"_context": "x"}), None));
}

#[tokio::test]
async fn context_is_offered_by_filterable_tools_only() {
    let filter = filter();
    let tool = |name: &str, schema: Value| json!({"name": name, "title": "T", "inputSchema": schema});
    let schema = json!({"type": "object", "properties": {"limit": {"type": "integer"}}, "required": ["limit"]});
    let own = json!({"type": "object", "properties": {"_context": {"type": "integer"}}});
    let tools = [
        tool("slack_get", schema.clone()),
        tool("slack_post", schema.clone()),
        tool("slack_own", own.clone()),
        tool("stranger", schema.clone()),
    ];
    let mut message = response(&json!({"tools": tools, "nextCursor": "n"}));
    filter.on_message(&mut request("tools/list", "{}"), &mut message).await;
    let listed = result(&message);
    let offered = &listed["tools"][0]["inputSchema"];
    assert_eq!(offered["properties"]["_context"]["type"], "string");
    assert_eq!(
        (&offered["required"], &offered["properties"]["limit"]),
        (&json!(["limit"]), &json!({"type": "integer"}))
    );
    assert_eq!(listed["tools"].as_array().unwrap()[1..], tools[1..]);
    assert_eq!(listed["nextCursor"], "n");
    let (arguments, intent) = check(&filter, "own", json!({"_context": 3})).await;
    assert_eq!((arguments, intent), (json!({"_context": 3}), None), "the tool's own stays");
}

#[tokio::test]
async fn results_are_pruned_by_the_intent_of_the_call() {
    let filter = filter();
    let rows: Vec<Value> = (0..50).map(|i| json!({"text": if i == 7 { "database outage" } else { "lunch" }})).collect();
    let text = json!({"messages": rows}).to_string();
    let whole = json!({"content": [{"type": "text", "text": text}]});
    let mut exchange = call("get", &json!({"_context": "outages"}));
    assert!(filter.on_request(&mut exchange).await.is_continue());
    assert!(filter.needs_whole(&exchange));
    let mut message = response(&whole);
    assert_eq!(filter.on_message(&mut exchange, &mut message).await, Verdict::Pass);
    assert_eq!(exchange.relevance.as_ref().map(|outcome| (outcome.kept, outcome.total)), Some((5, 50)));
    assert!(result(&message)["content"][0]["text"].as_str().unwrap().contains("database outage"));

    let mut exchange = call("get", &json!({}));
    assert!(filter.on_request(&mut exchange).await.is_continue());
    let mut message = response(&whole);
    filter.on_message(&mut exchange, &mut message).await;
    assert_eq!((result(&message), exchange.relevance.is_none()), (whole, true));
    assert!(!filter.needs_whole(&exchange));

    let mut exchange = call("get", &json!({"_context": "*"}));
    assert!(filter.on_request(&mut exchange).await.is_continue());
    assert!(!filter.needs_whole(&exchange), "who asks for everything gets it as it comes");
}
