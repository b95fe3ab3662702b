//! `mcpctl test-connection`: each hop with what it took, and the one that does not answer by name.

use crate::{
    stub::{Reply, Seen, Stub},
    world::{TOKEN, World},
};
use serde_json::Value;

fn answer(seen: &Seen) -> Reply {
    match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/whoami") => Reply::json(r#"{"user": "alice", "roles": ["operator", "developer"]}"#),
        ("GET", "/api/v1/projects") => Reply::json(r#"[{"name": "weekly", "revision": 1, "spec": {}}]"#),
        ("GET", "/api/v1/projects/weekly") => Reply::json(r#"{"name": "weekly", "revision": 1, "spec": {}}"#),
        ("GET", "/api/v1/servers/slack") => Reply::json(
            r#"{"name": "slack", "revision": 1, "spec": {"transport": {"type": "http", "url": "https://slack.example/mcp",
                "headers": {"Authorization": {"secret": "slack-token"}}}}}"#,
        ),
        ("POST", "/api/v1/instances/slack/test") => Reply::json(
            r#"[{"name": "slack", "gateway": "local", "passed": true, "tools": ["a", "b"], "elapsed_ms": 12}]"#,
        ),
        ("GET", "/api/v1/gateways") => Reply::json("[]"),
        ("POST", "/projects/weekly/mcp") if seen.is("server/discover") => Reply::events(&[
            r#"{"jsonrpc": "2.0", "id": 1, "result": {"supportedVersions": ["2025-11-25", "2026-07-28", "2099-01-01"]}}"#,
        ]),
        ("POST", "/projects/weekly/mcp") if seen.is("tools/list") && !seen.body.contains("cursor") => {
            Reply::json(r#"{"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "a"}], "nextCursor": "2"}}"#)
        }
        ("POST", "/projects/weekly/mcp") if seen.is("tools/list") => {
            Reply::json(r#"{"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "b"}]}}"#)
        }
        _ => Reply::status(404),
    }
}

fn world(odd: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> (Stub, World) {
    let stub = Stub::start(move |seen, _| odd(seen).unwrap_or_else(|| answer(seen)));
    let world = World::connected(&stub.url);
    (stub, world)
}

#[test]
fn a_project_is_asked_as_a_client_asks_it() {
    let (stub, world) = world(|_| None);
    let ran = world.run(&["test-connection", "--project", "weekly", "--count", "3", "-o", "json"]);
    let hops: Value = serde_json::from_str(ran.succeeds()).unwrap();
    let names: Vec<&str> = hops.as_array().unwrap().iter().map(|hop| hop["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["control-plane", "gateway", "project/weekly"]);
    let project = &hops[2];
    assert_eq!((&project["protocol"], &project["tools"]), (&"2026-07-28".into(), &2.into()), "{hops:#}");
    assert_eq!((&project["identity"], &project["tls"]), (&"alice".into(), &false.into()));
    assert_eq!((&project["latency"]["asked"], &hops[0]["roles"][0]), (&3.into(), &"operator".into()));
    let (min, median) = (&project["latency"]["min_ms"], &project["latency"]["median_ms"]);
    assert!(min.as_f64().unwrap() > 0.0 && min.as_f64() <= median.as_f64(), "{hops:#}");
    let asked: Vec<Seen> = stub.seen().into_iter().filter(|seen| seen.is("server/discover")).collect();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(asked[0].header("mcp-protocol-version"), "2026-07-28");
}

#[test]
fn the_table_has_a_row_for_each_hop_without_spaces_in_its_cells() {
    let (_stub, world) = world(|_| None);
    let out = world.run(&["test-connection", "slack"]).succeeds().to_owned();
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "STATE", "MIN", "MEDIAN", "PROTOCOL", "TOOLS", "TLS", "AS"]);
    assert!(rows.iter().all(|row| row.len() == 8), "{out}");
    assert_eq!((rows[1][0], rows[1][7]), ("control-plane", "alice"), "{out}");
    assert_eq!(rows[2], ["server/slack", "ok", "12ms", "12ms", "-", "2", "yes", "secret/slack-token"], "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
}

#[test]
fn what_does_not_answer_is_named_and_ends_with_6() {
    let (_stub, refusing) = world(|seen| (seen.path == "/projects/weekly/mcp").then(|| Reply::status(401)));
    let ran = refusing.run(&["test-connection", "--project", "weekly"]);
    ran.fails(6, &["error: project/weekly: the mcpctl gateway refused the token", "hint: log in again"]);
    assert!(ran.out.contains("gateway"), "the hops before it are shown: {ran:?}");
    let (_stub, failing) = world(|seen| {
        let body = r#"[{"name": "slack", "gateway": "local", "passed": false, "error": "it ended", "elapsed_ms": 1}]"#;
        (seen.path == "/api/v1/instances/slack/test").then(|| Reply::json(body))
    });
    failing.run(&["test-connection", "slack"]).fails(6, &["error: server/slack: asked by gateway local: it ended"]);
    let world = World::connected("http://127.0.0.1:9");
    world.run(&["test-connection"]).fails(6, &["error: control-plane: cannot reach"]);
    world.run(&["test-connection", "--gateway"]).fails(6, &["error: gateway: nothing answers", "mcpctl daemon start"]);
}

#[test]
fn a_mistyped_name_is_no_hop_that_does_not_answer() {
    let (_stub, world) = world(|_| None);
    world.run(&["test-connection", "--project", "wekly"]).fails(5, &["did you mean `weekly`?"]);
    world.run(&["test-connection", "slack", "--project", "weekly"]).fails(2, &["cannot be used with"]);
    world.run(&["test-connection", "--count", "0"]).fails(2, &["--count"]);
}
