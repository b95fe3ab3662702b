use crate::upstream::{
    UpstreamError, open,
    testing::{ask, endpoint, request},
};
use control_plane_api::{gateway::ServerState, limits::Limits};
use protocol::method;
use serde_json::json;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/stdio_server.py");

/// Calls `tool_name` of a server behind `transport` that often; what the last one is told, and what is counted.
async fn check(transport: serde_json::Value, tool_name: &str, times: u32) -> (UpstreamError, ServerState, String) {
    let limits = Limits {
        upstream_failures_max: 2,
        upstream_rest_ms: 60_000,
        upstream_call_timeout_ms: 300,
        restart_backoff_ms: 0,
        ..Limits::default()
    };
    let endpoint = endpoint(transport, &[], limits);
    let (metrics, upstream) = (endpoint.metrics.clone(), open(endpoint));
    // Without a progress token: who tells of progress is there.
    let call = || request("r", method::TOOLS_CALL, &json!({"name": tool_name}));
    for _ in 1..times {
        ask(&*upstream, call()).await.unwrap_err();
    }
    let error = ask(&*upstream, call()).await.unwrap_err();
    (error, upstream.health().state, metrics.render().unwrap())
}

#[tokio::test]
async fn u06_a_dead_server_is_left_alone_and_callers_are_told_when_it_is_tried_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let transport = json!({"type": "http", "url": format!("http://127.0.0.1:{port}/mcp")});
    let (error, state, metrics) = check(transport, "echo", 3).await;
    assert!(error.to_string().contains("it is failing (nothing listens at"), "{error}");
    assert!(error.to_string().contains("it is tried again in"), "{error}");
    assert_eq!(state, ServerState::Failed);
    assert!(metrics.contains("mcpctl_upstream_breaker_open{server=\"x\"} 1"), "{metrics}");
}

#[tokio::test]
async fn u06_a_server_that_answers_nobody_is_left_alone() {
    let transport = json!({"type": "stdio", "command": "python3", "args": [SCRIPT, "modern"]});
    let (error, ..) = check(transport, "hang", 3).await;
    assert!(error.to_string().contains("it is failing (it did not answer within 300 ms)"), "{error}");
}
