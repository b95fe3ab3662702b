//! Tests: offered, taken out, used; and left alone where it is the tool's own or the tool is not filtered.

use super::*;
use crate::relevance::Options;
use filters::testing::{MORE, Shelf, Table, request, snapshot, user};
use protocol::{Id, Response};
use serde_json::Value;

/// Server `slack` with readers `get` and `own` and the writer `post`.
fn filter() -> RelevanceFilter {
    keeping_on(Arc::default())
}

fn keeping_on(shelf: Arc<Shelf>) -> RelevanceFilter {
    let objects = json!([{"kind": "server", "name": "slack", "spec": {
        "transport": {"type": "stdio", "command": "x"}, "tools": [{"tool": "post", "class": "write"},
            {"tool": "flow", "class": "read", "relevance": {"budget_tokens": 0}}]}}]);
    let policy = RelevancePolicy::compile(&snapshot(objects), true);
    let names =
        Table::of(&[("slack_get", "slack", "get"), ("slack_post", "slack", "post"), ("slack_own", "slack", "own")]);
    let options = Options { result_bytes_min: 100, ..Options::new("no/such/directory".into()) };
    RelevanceFilter::new(Arc::new(policy), Arc::new(names), Arc::new(Relevance::start(options)), shelf)
}

fn call(tool: &str, arguments: &Value) -> Exchange {
    let params = json!({"name": format!("slack_{tool}"), "arguments": arguments});
    let mut exchange = request("tools/call", &params.to_string());
    exchange.target = Some(Target::new("slack".parse().unwrap(), tool));
    exchange.principal = user("ada", &[]);
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
}

#[tokio::test]
async fn a_result_is_held_only_where_it_may_be_cut() {
    let filter = filter();
    let held = async |tool: &str, arguments: Value| {
        let mut exchange = call(tool, &arguments);
        assert!(filter.on_request(&mut exchange).await.is_continue());
        filter.needs_whole(&exchange)
    };
    assert!(
        held("get", json!({})).await && held("post", json!({})).await && held("get", json!({"_context": ""})).await
    );
    assert!(!held("get", json!({"_context": "*"})).await, "who asks for everything gets it as it comes");
    assert!(!held("get", json!({"_context": "all"})).await);
    assert!(!held("flow", json!({})).await, "it has no budget");
    assert!(held("flow", json!({"_context": "outages"})).await);
    let mut exchange = call("get", &json!({}));
    exchange.target = None;
    assert!(!filter.needs_whole(&exchange), "the gateway's own tools have none");
}

#[tokio::test]
async fn what_a_tool_answers_is_held_to_its_budget_and_the_whole_is_kept() {
    let shelf = Arc::new(Shelf::default());
    let filter = keeping_on(shelf.clone());
    let rows: Vec<Value> = (0..2_000).map(|i| json!({"n": i, "text": "lunch is served"})).collect();
    let whole = json!({"content": [{"type": "text", "text": json!({"rows": rows}).to_string()}]});
    for (tool, arguments) in [("get", json!({})), ("post", json!({})), ("own", json!({}))] {
        let mut exchange = call(tool, &arguments);
        assert!(filter.on_request(&mut exchange).await.is_continue());
        let mut message = response(&whole);
        filter.on_message(&mut exchange, &mut message).await;
        let cut = result(&message);
        let outcome = exchange.relevance.unwrap();
        assert!(
            (500..1_100).contains(&outcome.kept) && outcome.total == 2_000 && outcome.tier == "order",
            "{outcome:?}"
        );
        let read: usize = (0..2).map(|block| cut["content"][block]["text"].as_str().unwrap().len()).sum();
        assert!((30_000..=36_000).contains(&read), "{read}");
        let report = &cut["_meta"][crate::result::META_KEY];
        let (owner, origin, original, rest) = shelf.get(report["id"].as_str().unwrap()).unwrap();
        assert_eq!((owner.principal.as_str(), origin.target.name.as_str()), ("ada", tool));
        assert_eq!(serde_json::from_str::<Value>(&original).unwrap(), whole);
        assert_eq!(rest.indices.len() as u64, outcome.total - outcome.kept);
        let note = cut["content"][1]["text"].as_str().unwrap();
        assert!(note.contains(MORE) && note.contains(report["resource"].as_str().unwrap()), "{note}");
    }
    let mut exchange = call("get", &json!({"_context": "all"}));
    assert!(filter.on_request(&mut exchange).await.is_continue());
    let mut message = response(&whole);
    filter.on_message(&mut exchange, &mut message).await;
    assert_eq!((result(&message), exchange.relevance), (whole, None));
}
