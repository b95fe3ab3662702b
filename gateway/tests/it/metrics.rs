//! What a gateway counts, read from its admin listener after calls of every kind.

use crate::world::{World, eventually, objects, server, token_of};
use control_plane_api::audit::{AuditEvent, Phase};
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A server whose results are filtered; Ada may call all that reads, Bob is no member.
fn configuration() -> Vec<Value> {
    let mut objects = objects(&[server("web", "modern,fails")]);
    let relevance = json!({"enabled": true, "budget_tokens": 500});
    for object in objects.iter_mut().filter(|object| object["kind"] == "server" || object["kind"] == "project") {
        object["spec"]["relevance"] = relevance.clone();
    }
    objects
}

/// What the admin listener answers to who accepts `accept`: the content type, and the text.
async fn scrape(world: &World, accept: &str) -> (String, String) {
    let address = std::fs::read_to_string(world.home.path().join("gateway/local/admin-addr")).unwrap();
    let request = world.http.get(format!("http://{address}/metrics")).header("accept", accept);
    let answer = request.send().await.unwrap();
    let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (media, answer.text().await.unwrap())
}

/// The value of the sample whose name and labels `line` begins with.
fn value(text: &str, sample: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
    line.split(' ').next()?.parse().ok()
}

fn served(tool: &str, server: &str, error: &str) -> String {
    format!(
        "mcp_server_operation_duration_seconds_count{{mcp_method_name=\"tools/call\",gen_ai_tool_name=\"{tool}\",\
         server=\"{server}\",error_type=\"{error}\"}}"
    )
}

fn asked(error: &str) -> String {
    format!(
        "mcp_client_operation_duration_seconds_count{{mcp_method_name=\"tools/call\",server=\"web\",error_type=\"{error}\"}}"
    )
}

fn decided(decision: &str, reason: &str, server: &str) -> String {
    format!("mcpctl_policy_decisions_total{{decision=\"{decision}\",reason=\"{reason}\",server=\"{server}\"}}")
}

/// Calls that are fine, cut, an error of the tool, denied for three reasons, and given up.
async fn calls(world: &World) {
    let rows: Vec<Value> = (0..300).map(|n| json!({"n": n, "text": "lunch is served"})).collect();
    assert_eq!(world.call("ada", "web_echo", json!({"rows": rows})).await.status, 200);
    let traced = json!({"name": "web_echo", "arguments": {}, "_meta": {"traceparent": format!("00-{TRACE}-00f067aa0ba902b7-01")}});
    assert_eq!(world.modern("weekly", "ada", "tools/call", traced).await.status, 200);
    assert_eq!(world.call("ada", "web_fail", json!({})).await.last()["result"]["isError"], true);
    assert!(world.call("ada", "web_die", json!({})).await.error().1.contains("`die`"));
    assert!(world.call("bob", "web_echo", json!({})).await.error().1.contains("weekly"));
    assert!(world.call("ada", "web_made_up", json!({})).await.error().1.contains("made_up"));
    assert_eq!(world.call("", "web_echo", json!({})).await.status, 401);
    let hanging = world.modern_request("weekly", "ada", "tools/call", json!({"name": "web_hang", "arguments": {}}));
    let hanging = tokio::spawn(hanging.send());
    let begun = async || {
        let of = |event: &AuditEvent| event.target.as_deref() == Some("web_hang") && event.phase == Phase::Intent;
        world.audit().iter().any(of).then_some(())
    };
    eventually("the call to run", begun).await;
    hanging.abort();
    let given_up = async || {
        let (_, text) = scrape(world, "*/*").await;
        let idle = value(&text, "mcpctl_exchanges_in_flight") == Some(0.0);
        (idle && value(&text, &asked("cancelled")).is_some()).then_some(())
    };
    eventually("the call to be given up", given_up).await;
}

#[tokio::test]
async fn every_kind_of_call_is_told_apart() {
    let world = World::start(&configuration(), &[]).await;
    eventually("the tools", async || {
        let list = world.modern("weekly", "ada", "tools/list", json!({})).await;
        list.last().to_string().contains("web_echo").then_some(())
    })
    .await;
    calls(&world).await;
    let (media, text) = scrape(&world, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
    assert_eq!(media, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(text.ends_with("# EOF\n"), "{text}");
    for (sample, expected) in [
        (served("web_echo", "web", ""), 2.0),
        (served("web_fail", "web", "tool_error"), 1.0),
        (served("web_die", "web", "denied"), 1.0),
        (served("web_echo", "web", "denied"), 1.0),
        (served("web_hang", "web", "cancelled"), 1.0),
        (served("", "", "denied"), 2.0),
        (asked(""), 3.0),
        (asked("cancelled"), 1.0),
        (decided("allow", "allowed", "web"), 4.0),
        (decided("deny", "read_only", "web"), 1.0),
        (decided("deny", "no_project", "web"), 1.0),
        (decided("deny", "not_offered", ""), 1.0),
        (decided("deny", "unauthenticated", ""), 1.0),
        ("mcpctl_relevance_duration_seconds_count{tier=\"order\"}".to_owned(), 1.0),
        ("mcpctl_exchanges_in_flight".to_owned(), 0.0),
        ("mcpctl_streams_open".to_owned(), 0.0),
        ("mcpctl_audit_ship_lag_seconds".to_owned(), 0.0),
        ("mcpctl_config_revision".to_owned(), 1.0),
        ("mcpctl_upstream_up{server=\"web\"}".to_owned(), 1.0),
    ] {
        assert_eq!(value(&text, &sample), Some(expected), "{sample} in\n{text}");
    }
    for sample in [
        "mcpctl_filter_items_total{action=\"dropped\",server=\"web\"}",
        "mcpctl_relevance_tokens_saved_total{server=\"web\"}",
        "mcpctl_filter_duration_seconds_count{filter=\"permissions\"}",
        "mcpctl_exchange_phase_duration_seconds_count{phase=\"upstream\"}",
        "mcpctl_exchange_phase_duration_seconds_sum{phase=\"audit_intent\"}",
        "mcpctl_audit_flush_duration_seconds_count",
        "mcpctl_audit_batch_records_sum",
        "mcpctl_audit_spool_bytes",
        "mcpctl_tools_listed{server=\"web\"}",
        "process_resident_memory_bytes",
    ] {
        assert!(value(&text, sample).is_some_and(|value| value > 0.0), "{sample} in\n{text}");
    }
    let exemplar = format!(" # {{trace_id=\"{TRACE}\"}} ");
    let traced = text.lines().find(|line| line.contains(&exemplar)).unwrap_or_else(|| panic!("no exemplar in\n{text}"));
    assert!(traced.starts_with("mcp_server_operation_duration_seconds_bucket{"), "{traced}");
    for secret in ["made_up", "\"ada\"", &token_of("ada")] {
        assert!(!text.contains(secret), "`{secret}` is no label\n{text}");
    }
    let (media, text) = scrape(&world, "text/plain;version=0.0.4").await;
    assert_eq!(media, "text/plain; version=0.0.4; charset=utf-8");
    assert!(text.contains("# TYPE mcpctl_policy_decisions_total counter\n") && !text.contains("# EOF"), "{text}");
}

#[tokio::test]
async fn a_session_its_stream_and_a_refused_configuration_are_counted() {
    let world = World::start(&configuration(), &[]).await;
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params":
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}});
    let opened = world.legacy("ada", None, hello).await;
    let session = opened.session.unwrap();
    let request = world.http.get(world.url("weekly")).header("accept", "text/event-stream");
    let request = request.header("mcp-session-id", &session).header("mcp-protocol-version", "2025-11-25");
    let stream = request.bearer_auth(token_of("ada")).send().await.unwrap();
    assert_eq!(stream.status().as_u16(), 200);
    let counts = async |sample: &str, expected: f64| {
        let counted = async || (value(&scrape(&world, "*/*").await.1, sample) == Some(expected)).then_some(());
        eventually(sample, counted).await;
    };
    counts("mcpctl_sessions_open", 1.0).await;
    counts("mcpctl_streams_open", 1.0).await;
    drop(stream);
    counts("mcpctl_streams_open", 0.0).await;
    let mut broken = configuration();
    let web = broken.iter_mut().find(|object| object["kind"] == "server").unwrap();
    web["spec"]["transport"]["env"] = json!({"TOKEN": {"secret": "nowhere"}});
    world.configure(2, &broken);
    counts("mcpctl_config_rejected_total", 1.0).await;
    counts("mcpctl_config_revision", 1.0).await;
}
