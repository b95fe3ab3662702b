//! What a collector is told of exchanges, and what servers are told of the trace.

use crate::{
    collector::{Collector, texts},
    upstream::Upstream,
    world::{Answer, World, eventually, objects, read, server, token_of},
};
use control_plane_api::audit::Phase;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::net::TcpListener;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Two servers, one of each era, for `collector`.
async fn world(collector: &str, flags: &[&str]) -> World {
    let given = ["--otlp-endpoint", collector, "--otlp-delay-ms", "20"];
    World::start(&objects(&[server("old", ""), server("new", "modern")]), &[&given, flags].concat()).await
}

async fn call(world: &World, tool: &str, arguments: Value, meta: Value) -> Answer {
    world.modern("weekly", "ada", "tools/call", json!({"name": tool, "arguments": arguments, "_meta": meta})).await
}

fn is(span: &Span, kind: SpanKind, name: &str) -> bool {
    span.kind == kind as i32 && span.name == name
}

fn of(span: &Span) -> BTreeMap<String, String> {
    texts(&span.attributes)
}

fn failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
}

#[tokio::test]
async fn an_exchange_is_a_span_and_what_the_server_is_asked_is_its_child() {
    let collector = Collector::start().await;
    let world = world(&collector.url, &["--name", "local"]).await;
    for name in ["old", "new"] {
        let tool = format!("{name}_echo");
        let meta = json!({"traceparent": format!("00-{TRACE}-{PARENT}-01"), "tracestate": "v=1"});
        let answer = call(&world, &tool, json!({"word": "hush-hush"}), meta).await;
        let got = answer.told()["meta"].clone();
        let served =
            collector.span("the exchange", |span| is(span, SpanKind::Server, &format!("tools/call {tool}"))).await;
        let asked = collector
            .span("the question", |span| {
                is(span, SpanKind::Client, "tools/call echo") && of(span)["mcpctl.server"] == name
            })
            .await;
        assert_eq!((hex::encode(&served.trace_id), hex::encode(&served.parent_span_id)), (TRACE.into(), PARENT.into()));
        assert_eq!((&asked.trace_id, &asked.parent_span_id), (&served.trace_id, &served.span_id));
        assert_eq!(got["traceparent"], format!("00-{TRACE}-{}-01", hex::encode(&asked.span_id)), "{got}");
        assert_eq!(got["tracestate"], "v=1");
        let event = world.audit().into_iter().rfind(|event| event.target.as_deref() == Some(&*tool)).unwrap();
        assert_eq!(event.trace_id.as_deref(), Some(TRACE));
        let told = of(&served);
        for (key, value) in [
            ("mcp.method.name", "tools/call"),
            ("gen_ai.operation.name", "execute_tool"),
            ("gen_ai.tool.name", tool.as_str()),
            ("mcp.protocol.version", "2026-07-28"),
            ("jsonrpc.request.id", "7"),
            ("network.transport", "tcp"),
            ("mcpctl.decision", "allow"),
            ("mcpctl.project", "weekly"),
            ("mcpctl.server", name),
            ("mcpctl.audit_id", event.id.as_str()),
        ] {
            assert_eq!(told.get(key).map(String::as_str), Some(value), "{told:?}");
        }
        let told = of(&asked);
        assert_eq!((told["network.transport"].as_str(), told["gen_ai.tool.name"].as_str()), ("pipe", "echo"));
        assert!(!failed(&served) && !failed(&asked) && served.end_time_unix_nano >= asked.end_time_unix_nano);
    }
    assert!(!collector.saw("hush-hush") && !collector.saw("ada"), "neither arguments nor users");
    let resource = collector.resource();
    assert_eq!((resource["service.name"].as_str(), resource["service.instance.id"].as_str()), ("mcp-gateway", "local"));
    assert!(collector.heads()[0].starts_with("POST /v1/traces HTTP/1.1"), "{:?}", collector.heads());
}

#[tokio::test]
async fn an_exchange_without_a_trace_begins_one_that_the_audit_log_has_too() {
    let collector = Collector::start().await;
    let world = world(&collector.url, &[]).await;
    let request = world.modern_request("weekly", "ada", "tools/call", json!({"name": "new_echo", "arguments": {}}));
    let answer = read(request.header("traceparent", format!("00-{TRACE}-{PARENT}-01")).send().await.unwrap()).await;
    let served = collector.span("the exchange", |span| is(span, SpanKind::Server, "tools/call new_echo")).await;
    let trace = hex::encode(&served.trace_id);
    assert!(served.parent_span_id.is_empty() && trace != TRACE, "the HTTP request is no parent");
    assert_eq!(served.links.iter().map(|link| hex::encode(&link.trace_id)).collect::<Vec<_>>(), [TRACE]);
    let given = answer.told()["meta"]["traceparent"].as_str().unwrap().to_owned();
    assert!(given.starts_with(&format!("00-{trace}-")) && given.ends_with("-01"), "{given}");
    let records: Vec<_> =
        world.audit().into_iter().filter(|event| event.target.as_deref() == Some("new_echo")).collect();
    assert_eq!(records.iter().map(|event| event.phase).collect::<Vec<_>>(), [Phase::Intent, Phase::Outcome]);
    assert!(records.iter().all(|event| event.trace_id.as_deref() == Some(&*trace)), "{records:?}");
}

#[tokio::test]
async fn what_went_wrong_is_one_word_and_a_code() {
    let collector = Collector::start().await;
    let world = world(&collector.url, &[]).await;
    let token = token_of("zoe");
    assert_eq!(call(&world, "old_nothing", json!({}), json!({})).await.error().0, -32602);
    assert!(call(&world, &token, json!({}), json!({})).await.last()["error"].is_object());
    assert!(call(&world, "old_die", json!({}), json!({})).await.last()["error"].is_object());
    assert_eq!(
        read(world.modern_request("weekly", "", "tools/list", json!({})).send().await.unwrap()).await.status,
        401
    );
    let check = async |what: &str, wanted: &dyn Fn(&Span) -> bool, error: &str| {
        let span = collector.span(what, wanted).await;
        assert_eq!(of(&span).get("error.type").map(String::as_str), Some(error), "{span:?}");
        assert!(failed(&span));
        of(&span)
    };
    let denied = check("a refusal", &|span| is(span, SpanKind::Server, "tools/call old_nothing"), "denied").await;
    assert_eq!((denied["rpc.response.status_code"].as_str(), denied["mcpctl.decision"].as_str()), ("-32602", "deny"));
    check(
        "a stranger",
        &|span| is(span, SpanKind::Server, "tools/list") && of(span)["mcpctl.decision"] == "deny",
        "denied",
    )
    .await;
    // `die` writes, and the profile reads.
    check("a write", &|span| is(span, SpanKind::Server, "tools/call old_die"), "denied").await;
    collector.span("the token", |span| span.name.starts_with("tools/call [")).await;
    assert!(!collector.saw(&token), "{:?}", collector.spans());
}

#[tokio::test]
async fn a_trace_that_its_client_does_not_sample_goes_on_and_is_not_exported() {
    let collector = Collector::start().await;
    let world = world(&collector.url, &[]).await;
    let quiet = json!({"traceparent": format!("00-{TRACE}-{PARENT}-00")});
    let answer = call(&world, "new_echo", json!({}), quiet).await;
    let given = answer.told()["meta"]["traceparent"].as_str().unwrap().to_owned();
    assert!(given.starts_with(&format!("00-{TRACE}-")) && given.ends_with("-00"), "{given}");
    // What comes after it was exported, so it would have been.
    call(&world, "old_echo", json!({}), json!({})).await;
    collector.span("a later one", |span| is(span, SpanKind::Server, "tools/call old_echo")).await;
    assert!(collector.spans().iter().all(|span| hex::encode(&span.trace_id) != TRACE), "{:?}", collector.spans());
}

#[tokio::test]
async fn a_server_over_http_is_named_by_its_place() {
    let (collector, web) = (Collector::start().await, Upstream::start().await);
    let spec = json!({"transport": {"type": "http", "url": web.url}, "tools": [{"tool": "*", "class": "read"}]});
    let objects = objects(&[json!({"kind": "server", "name": "web", "spec": spec})]);
    let world = World::start(&objects, &["--otlp-endpoint", &collector.url, "--otlp-delay-ms", "20"]).await;
    eventually("the tool", async || {
        (call(&world, "web_echo", json!({}), json!({})).await.last()["error"].is_null()).then_some(())
    })
    .await;
    let asked = collector.span("the question", |span| is(span, SpanKind::Client, "tools/call echo")).await;
    let told = of(&asked);
    assert_eq!((told["network.transport"].as_str(), told["server.address"].as_str()), ("tcp", "127.0.0.1"));
    assert!(web.url.contains(&format!(":{}/", told["server.port"])), "{told:?}");
    assert!(web.seen().contains(&format!("00-{}-{}-01", hex::encode(&asked.trace_id), hex::encode(&asked.span_id))));
}

#[tokio::test]
async fn without_a_collector_a_trace_passes_as_it_came() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let given = json!({"traceparent": format!("00-{TRACE}-{PARENT}-01"), "tracestate": "v=1"});
    let got = call(&world, "new_echo", json!({}), given.clone()).await.told()["meta"].clone();
    assert_eq!((&got["traceparent"], &got["tracestate"]), (&given["traceparent"], &given["tracestate"]));
    let got = call(&world, "new_echo", json!({}), json!({})).await.told()["meta"].clone();
    assert!(got.is_object() && got["traceparent"].is_null(), "{got}");
    assert!(world.audit().iter().any(|event| event.trace_id.as_deref() == Some(TRACE)));
}

#[tokio::test]
async fn a_collector_that_is_away_or_silent_costs_spans_and_no_call() {
    let away = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs = format!("http://{}", silent.local_addr().unwrap());
    for (url, queue, reason) in [(away, "2048", "export_failed"), (hangs, "1", "queue_full")] {
        let world = world(&url, &["--otlp-queue-max", queue, "--otlp-timeout-ms", "300"]).await;
        for _ in 0..20 {
            assert!(call(&world, "new_echo", json!({}), json!({})).await.told()["pid"].is_number());
        }
        let line = format!("mcpctl_spans_dropped_total{{reason=\"{reason}\"}} ");
        let counted = eventually("dropped spans", async || {
            let text = world.admin("/metrics").await;
            let count = text.lines().find_map(|text| text.strip_prefix(&*line))?.parse::<u64>().unwrap();
            (count > 0).then_some(count)
        })
        .await;
        assert!(counted > 0, "{reason}");
    }
}
