//! A child process with every fault, from outside: what callers, health and the process table see.

use crate::upstream::{
    Caller, Upstream, UpstreamError, open,
    testing::{ask, endpoint, read, request, text, tool},
};
use control_plane_api::{gateway::ServerState, limits::Limits, server::Era};
use futures::StreamExt as _;
use protocol::method;
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/stdio_server.py");
const TOKEN: &str = "xoxb-very-secret";

fn limits() -> Limits {
    // No wait between restarts, unless a test is about it.
    Limits { restart_backoff_ms: 0, ..Limits::default() }
}

/// The scripted server with `traits`.
fn start(traits: &str, limits: Limits) -> Arc<dyn Upstream> {
    let transport = json!({
        "type": "stdio", "command": "python3", "args": [SERVER, traits], "env": {"TOKEN": {"secret": "token"}}
    });
    open(endpoint(transport, &[("TOKEN", TOKEN)], limits))
}

/// What the scripted server with `traits` answers to `request`.
async fn check(traits: &str, request: protocol::Request) -> Result<Vec<Value>, UpstreamError> {
    ask(&*start(traits, limits()), request).await
}

/// What the tool `echo` of a running server says about itself.
async fn echo(upstream: &dyn Upstream) -> Value {
    serde_json::from_str(&text(&ask(upstream, tool("echo", json!({}))).await.unwrap())).unwrap()
}

fn is_running(pid: u64) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn both_eras_look_alike() {
    for (traits, era) in [("modern", Era::Modern), ("", Era::Legacy), ("noisy", Era::Legacy)] {
        let upstream = start(traits, limits());
        assert_eq!(upstream.health().state, ServerState::Idle);
        let messages = ask(&*upstream, tool("progress", json!({}))).await.unwrap();
        assert_eq!(messages.len(), 4, "{traits}");
        assert_eq!(messages[0]["params"], json!({"progressToken": "t", "progress": 0}));
        assert_eq!((&messages[3]["id"], &messages[3]["result"]["resultType"]), (&json!("r"), &json!("complete")));
        let health = upstream.health();
        assert_eq!((health.state, health.era, health.restarts), (ServerState::Ready, Some(era), 0));
        assert!(health.pid.is_some());
        let discovery = ask(&*upstream, request("d", method::DISCOVER, &json!({}))).await.unwrap();
        assert_eq!(discovery[0]["result"]["supportedVersions"], json!(["2026-07-28"]));
        upstream.close().await;
    }
}

#[tokio::test]
async fn what_is_no_message_is_dropped_and_counted() {
    let transport = json!({"type": "stdio", "command": "python3", "args": [SERVER, "noisy,modern"]});
    let endpoint = endpoint(transport, &[], limits());
    let (metrics, upstream) = (endpoint.metrics.clone(), open(endpoint));
    ask(&*upstream, tool("echo", json!({}))).await.unwrap();
    // Three before the answer to the probe, and three before that to the call.
    assert!(metrics.render().unwrap().contains("mcpctl_upstream_messages_dropped_total{server=\"x\"} 6"));
}

#[tokio::test]
async fn a_legacy_server_sees_nothing_modern_and_a_modern_one_everything() {
    let meta = |said: &Value| said["meta"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let legacy = start("", limits());
    assert_eq!(meta(&echo(&*legacy).await), ["progressToken"]);
    let modern = start("modern", limits());
    assert_eq!(meta(&echo(&*modern).await).len(), 3);
    let discovery = ask(&*legacy, request("d", method::DISCOVER, &json!({}))).await.unwrap();
    assert_eq!(discovery[0]["result"]["instructions"], "be nice");
    let read = ask(&*legacy, request("r", method::RESOURCES_READ, &json!({"uri": "a:b"}))).await.unwrap();
    assert_eq!((&read[0]["error"]["code"], &read[0]["error"]["data"]["uri"]), (&json!(-32602), &json!("a:b")));
}

#[tokio::test]
async fn a_server_that_dies_of_the_probe_is_opened_without_it() {
    let upstream = start("dies-on-probe", limits());
    let first = echo(&*upstream).await["pid"].as_u64().unwrap();
    // What died was never in service: that is no restart.
    assert_eq!((upstream.health().era, upstream.health().restarts), (Some(Era::Legacy), 0));
    // It is remembered: the next start is not probed.
    assert!(ask(&*upstream, tool("die", json!({}))).await.is_err());
    assert_ne!(echo(&*upstream).await["pid"].as_u64().unwrap(), first);
    assert_eq!(upstream.health().restarts, 1);
}

#[tokio::test]
async fn a_death_of_the_probe_holds_no_later_process_back() {
    let upstream = start("dies-on-probe", Limits { restart_backoff_ms: 60_000, ..limits() });
    let common = echo(&*upstream).await["pid"].as_u64().unwrap();
    // A client that can be asked something gets a process of its own, at once.
    let mut request = tool("echo", json!({}));
    let mut meta = protocol::meta::of(&request.params);
    meta.set(protocol::meta::CLIENT_CAPABILITIES, &json!({"roots": {}}));
    request.params.set("_meta", &meta);
    let said: Value = serde_json::from_str(&text(&ask(&*upstream, request).await.unwrap())).unwrap();
    assert_ne!(said["pid"].as_u64().unwrap(), common);
}

#[tokio::test]
async fn silence_on_the_probe_means_legacy() {
    // Long enough for an interpreter to start on a busy machine.
    let limits = Limits { upstream_open_timeout_ms: 3_000, ..limits() };
    for traits in ["mute-on-probe", "stuck-on-probe"] {
        let upstream = start(traits, limits.clone());
        echo(&*upstream).await;
        assert_eq!((upstream.health().era, upstream.health().restarts), (Some(Era::Legacy), 0), "{traits}");
    }
}

#[tokio::test]
async fn who_listens_at_a_modern_server_is_not_timed_out() {
    let upstream = start("modern,listens", Limits { upstream_call_timeout_ms: 300, ..limits() });
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let mut listen = upstream.call(request("l", method::LISTEN, &wanted), &Caller::GATEWAY).await.unwrap();
    assert!(listen.next().await.unwrap().is_ok());
    // By now the time for a call is over.
    assert!(matches!(ask(&*upstream, tool("hang", json!({}))).await, Err(UpstreamError::TimedOut { .. })));
    assert!(futures::FutureExt::now_or_never(listen.next()).is_none(), "it is still open");
}

#[tokio::test]
async fn a_pinned_era_is_not_probed() {
    let transport = json!({"type": "stdio", "command": "python3", "args": [SERVER, "dies-on-probe"]});
    let upstream = open(endpoint(json!({"transport": transport, "era": "legacy"}), &[], limits()));
    echo(&*upstream).await;
    assert_eq!(upstream.health().restarts, 0);
    let upstream = open(endpoint(
        json!({"transport": {"type": "stdio", "command": "python3", "args": [SERVER]}, "era": "modern"}),
        &[],
        limits(),
    ));
    let error = ask(&*upstream, tool("echo", json!({}))).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Unusable { .. }), "{error}");
}

#[tokio::test]
async fn a_command_that_is_not_there_is_said_so() {
    let upstream = open(endpoint(json!({"type": "stdio", "command": "no-such-command"}), &[], limits()));
    let error = upstream.call(tool("echo", json!({})), &Caller::GATEWAY).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "server `x` cannot be reached: command `no-such-command` was not found in PATH; install it, or give the absolute path"
    );
    assert_eq!(upstream.health().state, ServerState::Failed);
}

#[tokio::test]
async fn a_server_that_dies_at_its_start_says_why_and_not_its_secret() {
    let error = check("dies-at-start", tool("echo", json!({}))).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Unreachable { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("status 3") && text.contains("TOKEN is wrong: [redacted:TOKEN]") && !text.contains(TOKEN),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_dies_of_a_call_is_lost_and_started_again() {
    let upstream = start("", limits());
    let first = echo(&*upstream).await["pid"].as_u64().unwrap();
    let other = upstream.call(tool("hang", json!({})), &Caller::GATEWAY).await.unwrap();
    let error = ask(&*upstream, tool("die", json!({}))).await.unwrap_err();
    assert!(matches!(&error, UpstreamError::Lost { reason, .. } if reason.contains("status 7")), "{error}");
    assert!(error.to_string().contains("about to die of [redacted:TOKEN]"), "{error}");
    assert!(matches!(read(other).await.unwrap_err(), UpstreamError::Lost { .. }));
    let second = echo(&*upstream).await["pid"].as_u64().unwrap();
    assert!(first != second && !is_running(first));
    assert_eq!((upstream.health().state, upstream.health().restarts), (ServerState::Ready, 1));
}

#[tokio::test]
async fn a_crash_loop_is_slowed_down_and_callers_are_told() {
    let upstream = start("dies-at-start", Limits { restart_backoff_ms: 60_000, ..limits() });
    ask(&*upstream, tool("echo", json!({}))).await.unwrap_err();
    let restarts = upstream.health().restarts;
    let error = ask(&*upstream, tool("echo", json!({}))).await.unwrap_err();
    assert!(error.to_string().contains("it is started again in"), "{error}");
    assert_eq!(upstream.health().restarts, restarts);
}

#[tokio::test]
async fn many_first_calls_start_one_process() {
    let upstream = start("", limits());
    let said = futures::future::join_all((0..20).map(|_| echo(&*upstream))).await;
    assert!(said.iter().all(|one| one["pid"] == said[0]["pid"]));
}

#[tokio::test]
async fn a_dropped_reply_cancels_its_call_alone() {
    let upstream = start("", limits());
    let mut hanging = upstream.call(tool("hang", json!({})), &Caller::GATEWAY).await.unwrap();
    let mut other = upstream.call(tool("hang", json!({})), &Caller::GATEWAY).await.unwrap();
    // The progress tells that both were received.
    hanging.next().await.unwrap().unwrap();
    other.next().await.unwrap().unwrap();
    drop(hanging);
    assert_eq!(echo(&*upstream).await["cancelled"].as_array().unwrap().len(), 1);
    drop(other);
    assert_eq!(echo(&*upstream).await["cancelled"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_late_answer_reaches_nobody() {
    let upstream = start("", limits());
    drop(upstream.call(tool("late", json!({})), &Caller::GATEWAY).await.unwrap());
    let messages = ask(&*upstream, tool("progress", json!({}))).await.unwrap();
    assert_eq!(text(&messages), "done");
}

#[tokio::test]
async fn a_call_has_an_end() {
    let upstream = start("", Limits { upstream_call_timeout_ms: 300, ..limits() });
    let error = ask(&*upstream, tool("hang", json!({}))).await.unwrap_err();
    assert_eq!(error.to_string(), "server `x` did not answer within 300 ms");
    assert_eq!(echo(&*upstream).await["cancelled"].as_array().unwrap().len(), 1);
    let upstream = start("hangs-at-start", Limits { upstream_open_timeout_ms: 100, ..limits() });
    let error = ask(&*upstream, tool("echo", json!({}))).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TimedOut { .. }));
}

#[tokio::test]
async fn a_message_that_is_too_large_fails_its_call_alone() {
    let upstream = start("", Limits { upstream_message_bytes_max: 100_000, ..limits() });
    let other = upstream.call(tool("hang", json!({})), &Caller::GATEWAY).await.unwrap();
    let error = ask(&*upstream, tool("big", json!({"n": 3_000_000}))).await.unwrap_err();
    assert!(matches!(&error, UpstreamError::Unusable { reason, .. } if reason.contains("100000 bytes")), "{error}");
    assert_eq!(text(&ask(&*upstream, tool("big", json!({"n": 90_000}))).await.unwrap()).len(), 90_000);
    drop(other);
    assert_eq!(upstream.health().restarts, 0);
}

#[tokio::test]
async fn a_flood_of_progress_ends_with_the_answer() {
    let messages = check("", tool("flood", json!({"n": 20_000}))).await.unwrap();
    assert_eq!(text(&messages), "done");
}

#[tokio::test]
async fn a_server_that_does_not_read_blocks_neither_itself_nor_others_for_good() {
    let upstream = start("", limits());
    let deaf = upstream.call(tool("deaf", json!({"n": 1})), &Caller::GATEWAY).await.unwrap();
    let large = "x".repeat(1 << 20);
    let calls = (0..4).map(|_| ask(&*upstream, tool("echo", json!({"s": large}))));
    let (deaf, said) = tokio::join!(read(deaf), futures::future::join_all(calls));
    assert_eq!(text(&deaf.unwrap()), "done");
    assert!(said.iter().all(|said| text(said.as_ref().unwrap()).len() > large.len()));
}

#[tokio::test]
async fn the_last_answer_of_an_exiting_server_arrives() {
    assert_eq!(text(&check("", tool("last", json!({}))).await.unwrap()), "good-bye");
}

#[tokio::test]
async fn a_server_that_closes_its_output_is_given_up() {
    let upstream = start("", limits());
    let error = ask(&*upstream, tool("mute", json!({}))).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Lost { .. }), "{error}");
    echo(&*upstream).await;
}

#[tokio::test]
async fn the_environment_is_the_listed_one() {
    let all = text(&check("", tool("env", json!({}))).await.unwrap());
    let all: serde_json::Map<String, Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(all["TOKEN"], TOKEN);
    assert!(all.contains_key("PATH"));
    // Cargo gives its tests variables that are on no list. Others may be there: `python3` can be a shell script.
    assert!(!all.keys().any(|key| key.starts_with("CARGO")), "{:?}", all.keys());
}

#[tokio::test]
async fn questions_to_the_client_are_answered_by_the_gateway() {
    let upstream = start("asks", limits());
    // The questions are read before the first answer, and answered before the second call is written.
    echo(&*upstream).await;
    let said = echo(&*upstream).await;
    let answers = said["answers"].as_array().unwrap();
    assert_eq!((answers[0]["id"].as_str(), &answers[0]["error"]["code"]), (Some("q1"), &json!(-32601)));
    assert_eq!((answers[1]["id"].as_str(), &answers[1]["result"]), (Some("q2"), &json!({})));
}

#[tokio::test]
async fn a_change_of_its_lists_is_told() {
    for (traits, told) in [("", true), ("modern", false), ("modern,listens", true)] {
        let upstream = start(traits, limits());
        echo(&*upstream).await;
        let mut changes = upstream.changes();
        changes.mark_unchanged();
        let messages = ask(&*upstream, tool("changed", json!({}))).await.unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(changes.has_changed().unwrap(), told, "{traits}");
    }
}

#[tokio::test]
async fn log_messages_reach_who_asked_for_them() {
    let asked = |level: Option<&str>| {
        let meta = level.map_or(json!({}), |level| json!({"io.modelcontextprotocol/logLevel": level}));
        request("r", method::TOOLS_CALL, &json!({"name": "log", "_meta": meta}))
    };
    assert_eq!(check("modern", asked(Some("info"))).await.unwrap().len(), 2);
    assert_eq!(check("modern,listens", asked(Some("info"))).await.unwrap().len(), 2);
    assert_eq!(check("modern", asked(None)).await.unwrap().len(), 1);
    assert_eq!(check("", asked(Some("info"))).await.unwrap().len(), 2);
    assert_eq!(check("", asked(Some("error"))).await.unwrap().len(), 1);
}

#[tokio::test]
async fn closing_ends_the_process_and_later_calls() {
    let upstream = start("", limits());
    let pid = echo(&*upstream).await["pid"].as_u64().unwrap();
    upstream.close().await;
    assert!(!is_running(pid));
    assert!(upstream.call(tool("echo", json!({})), &Caller::GATEWAY).await.is_err());
}

#[tokio::test]
async fn dropping_it_lets_the_last_reply_end_first() {
    let upstream = start("", limits());
    let pid = echo(&*upstream).await["pid"].as_u64().unwrap();
    let mut changes = upstream.changes();
    let reply = upstream.call(tool("deaf", json!({"n": 0})), &Caller::GATEWAY).await.unwrap();
    drop(upstream);
    assert_eq!(text(&read(reply).await.unwrap()), "done");
    // The sender goes with the last task of the upstream.
    while changes.changed().await.is_ok() {}
    assert!(!is_running(pid));
}
