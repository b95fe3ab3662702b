//! `mcpctl gateway`: what is shown of gateways, what is ordered, and what waiting for them ends with.

use crate::{
    stub::{Reply, Seen, Stub},
    world::{Ran, World},
};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a gateway reports; `more` goes into the report.
fn report(config: &str, version: &str, more: &str) -> String {
    format!(
        r#"{{"config": {config}, "role": "central", "version": "{version}", "started_at": "2026-07-28T09:00:00.000Z",
            "listen_url": "http://10.0.0.7:8080", "audit_backlog": 3, "model": {{"state": "unused"}},
            "servers": [{{"name": "slack", "state": "ready"}}, {{"name": "jira", "state": "failed", "error": "it does not start"}},
                        {{"name": "off", "state": "stopped"}}]{more}}}"#
    )
}

/// A gateway that was seen now; `report` is what it says.
fn gateway(name: &str, report: &str) -> String {
    let now = control_plane_api::timestamp::Timestamp::now();
    format!(
        r#"{{"name": "{name}", "enrolled_at": "2026-07-28T09:00:00.000Z", "seen_at": "{now}", "status": {report}}}"#
    )
}

const REJECTED: &str = r#"{"state": "rejected", "revision": 12, "in_force": 9, "violations": [
    {"object": {"kind": "server", "name": "slack"}, "field": "transport", "message": "is bad"}]}"#;

fn applied(revision: u64) -> String {
    format!(r#"{{"state": "applied", "revision": {revision}}}"#)
}

/// A control plane of version 0.4.0 at revision 12, with the gateways that `gateways` gives for the n-th question.
fn stub(gateways: impl Fn(usize) -> Vec<String> + Send + Sync + 'static) -> Stub {
    let asked = AtomicUsize::new(0);
    Stub::start(move |seen: &Seen, _: &Stub| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/status") => Reply::json(
            r#"{"version": "0.4.0", "store": "sqlite", "revision": 12, "started_at": "2026-07-28T09:00:00.000Z"}"#,
        ),
        ("GET", "/api/v1/gateways") => {
            Reply::json(&format!("[{}]", gateways(asked.fetch_add(1, Ordering::SeqCst)).join(",")))
        }
        ("GET", path) if path.starts_with("/api/v1/gateways/") => {
            let name = format!(r#""name": "{}""#, path.trim_start_matches("/api/v1/gateways/"));
            let all = gateways(asked.fetch_add(1, Ordering::SeqCst));
            all.into_iter().find(|one| one.contains(&name)).map_or(Reply::status(404), |one| Reply::json(&one))
        }
        ("POST", "/api/v1/gateways/one/drain" | "/api/v1/gateways/one/resume") => Reply::json(r#"{"revision": 12}"#),
        ("POST", "/api/v1/apply") => Reply::json(
            r#"{"revision": 12, "objects": [{"object": {"kind": "project", "name": "w"}, "effect": "created"}]}"#,
        ),
        ("POST", "/api/v1/join-tokens") => Reply::json(
            r#"{"gateway": "berlin-1", "token": "mcpctl_join_once", "expires_at": "2026-07-28T09:10:00.000Z"}"#,
        ),
        ("GET", "/api/v1/servers") => Reply::json(
            r#"[{"name": "slack", "revision": 1, "spec": {"transport": {"type": "stdio", "command": "x"}}}]"#,
        ),
        ("DELETE", "/api/v1/gateways/one" | "/api/v1/projects/w") => Reply::status(204),
        ("GET", "/api/v1/projects/w") => Reply::json(r#"{"name": "w", "revision": 3, "spec": {"profiles": []}}"#),
        other => panic!("{other:?}"),
    })
}

fn usual(_: usize) -> Vec<String> {
    vec![
        gateway("one", &report(&applied(12), "0.4.0", "")),
        gateway("two", &report(&applied(10), "0.3.9", "")),
        gateway("three", &report(REJECTED, "0.1.0", "")),
        gateway("four", &report(&applied(12), "0.4.0", r#", "draining": true, "in_flight": 2"#)),
        r#"{"name": "five", "enrolled_at": "2026-07-28T09:00:00.000Z"}"#.to_owned(),
    ]
}

fn run(stub: &Stub, args: &[&str]) -> Ran {
    World::connected(&stub.url).run(args)
}

fn posted(stub: &Stub) -> Vec<(String, String)> {
    let changes = stub.seen().into_iter().filter(|seen| seen.method != "GET");
    changes.map(|seen| (format!("{} {}", seen.method, seen.path), seen.body)).collect()
}

#[test]
fn a_list_says_how_every_gateway_is() {
    let stub = stub(usual);
    let ran = run(&stub, &["gateway", "list"]);
    let rows: Vec<Vec<&str>> = ran.succeeds().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "STATE", "REVISION", "LAG", "VERSION", "SERVERS", "AGE"]);
    let row = |name: &str| rows.iter().find(|row| row[0] == name).unwrap();
    assert_eq!(row("one")[1..3], ["running", "12"]);
    assert!(row("one")[3].starts_with("0/") && row("one")[3].ends_with('s'), "{rows:?}");
    assert_eq!(row("one")[4..6], ["0.4.0", "1/2"], "what is stopped is not to run");
    assert_eq!((row("two")[1], row("two")[4]), ("behind", "0.3.9*"));
    assert!(row("two")[3].starts_with("2/"));
    assert_eq!((row("three")[1], row("three")[2], row("three")[4]), ("rejected", "9", "0.1.0!"));
    assert_eq!(row("four")[1], "draining");
    assert_eq!(row("five")[1..6], ["gone", "<none>", "<none>", "<none>", "<none>"]);

    let listed: serde_json::Value =
        serde_json::from_str(run(&stub, &["gateway", "list", "-o", "json"]).succeeds()).unwrap();
    assert_eq!((&listed[1]["state"], &listed[1]["revisions_behind"]), (&"behind".into(), &2.into()));
    assert_eq!((&listed[1]["version_supported"], &listed[2]["version_supported"]), (&true.into(), &false.into()));
    assert_eq!(run(&stub, &["gateway", "ls", "-o", "name"]).succeeds(), "one\ntwo\nthree\nfour\nfive\n");
    assert!(run(&stub, &["gateway", "list", "-o", "wide"]).succeeds().contains("http://10.0.0.7:8080"));
}

#[test]
fn a_description_says_what_is_wrong() {
    let stub = stub(usual);
    let ran = run(&stub, &["gateway", "describe", "three"]);
    let out = ran.succeeds();
    for text in
        ["rejected", "9 of 12", "revision 12", "server/slack spec.transport: is bad", "it does not start", "0.1.0!"]
    {
        assert!(out.contains(text), "`{text}` is not in {out}");
    }
    assert!(ran.err.contains("0.1.0 and mcpd 0.4.0, which are not tested together"), "{}", ran.err);
    assert!(ran.err.contains("the same minor version as mcpd, or the one before"), "{}", ran.err);
    assert!(run(&stub, &["gateway", "describe", "two"]).err.contains("which go together"));
    assert_eq!(run(&stub, &["gateway", "describe", "one"]).err, "");
    run(&stub, &["gateway", "describe", "thre"]).fails(5, &["gateway `thre` does not exist", "did you mean `three`?"]);
}

#[test]
fn draining_waits_until_nothing_runs() {
    // The order is heard of with the third answer, and everything has ended with the fifth.
    let draining = stub(|asked| {
        let more = match asked {
            0..3 => "",
            3..5 => r#", "draining": true, "in_flight": 2"#,
            _ => r#", "draining": true"#,
        };
        vec![gateway("one", &report(&applied(12), "0.4.0", more))]
    });
    let ran = run(&draining, &["gateway", "drain", "one", "--wait=30s"]);
    assert_eq!(ran.succeeds(), "gateway/one drained\n");
    assert!(ran.err.contains("waiting until nothing runs at one"), "{}", ran.err);
    assert_eq!(posted(&draining), [("POST /api/v1/gateways/one/drain".to_owned(), String::new())]);

    let still =
        |_: usize| vec![gateway("one", &report(&applied(12), "0.4.0", r#", "draining": true, "in_flight": 2"#))];
    run(&stub(still), &["gateway", "drain", "one", "--wait=0s"])
        .fails(6, &["2 exchanges still run at `one` after 0 s", "the order stands"]);
    run(&stub(still), &["gateway", "resume", "one", "--wait=0s"])
        .fails(6, &["`one`, which is draining, has not heard of the order"]);
    let deaf = |_: usize| vec![gateway("one", &report(&applied(11), "0.4.0", ""))];
    run(&stub(deaf), &["gateway", "drain", "one", "--wait=0s"]).fails(6, &["`one`, which is behind, has not heard"]);

    let unwaited = run(&stub(usual), &["gateway", "drain", "one"]);
    assert_eq!(unwaited.succeeds(), "gateway/one draining\n");
    assert_eq!(run(&stub(usual), &["gateway", "resume", "one", "--wait"]).succeeds(), "gateway/one resumed\n");
    run(&stub(usual), &["gateway", "drain", "onne"]).fails(5, &["did you mean `one`?"]);
    run(&stub(usual), &["gateway", "drain", "one", "--wait=soon"]).fails(2, &["`soon` is not a duration"]);
}

#[test]
fn removing_asks_first() {
    let stub = stub(usual);
    run(&stub, &["gateway", "remove", "one"]).fails(2, &["removing gateway `one` needs a confirmation", "--yes"]);
    assert_eq!(posted(&stub), []);
    let ran = run(&stub, &["gateway", "remove", "one", "--yes"]);
    assert_eq!(ran.succeeds(), "gateway/one removed\n");
    assert!(ran.err.contains("replace the secrets"), "{}", ran.err);
    assert_eq!(posted(&stub), [("DELETE /api/v1/gateways/one".to_owned(), String::new())]);
}

#[test]
fn a_join_token_comes_with_its_end_and_what_to_type() {
    let stub = stub(usual);
    let ran = run(&stub, &["gateway", "join-token", "berlin-1", "--role", "central", "--expires", "1h"]);
    let out = ran.succeeds();
    assert!(out.contains("mcpctl_join_once") && out.contains("2026-07-28T09:10:00.000Z"), "{out}");
    let command = out.lines().find(|line| line.starts_with("Command:")).unwrap();
    assert!(command.contains("mcp-gateway --name berlin-1 --role central --mcpd-url"), "{command}");
    assert!(!command.contains("mcpctl_join_once"), "it would be in the shell's history");
    assert!(ran.err.contains("paste the token") && ran.err.contains("replace `http://127.0.0.1"), "{}", ran.err);
    let body = r#"{"gateway":"berlin-1","expires_in_s":3600}"#.to_owned();
    assert_eq!(posted(&stub), [("POST /api/v1/join-tokens".to_owned(), body)]);
    run(&stub, &["gateway", "join-token", "berlin-1", "--expires", "0s"]).fails(2, &["of no use"]);
    assert_eq!(run(&stub, &["gateway", "join-token", "berlin-1", "-o", "name"]).succeeds(), "mcpctl_join_once\n");
}

/// A file with a project.
fn project(world: &World) -> String {
    let file = world.work().join("w.yaml");
    std::fs::write(&file, "kind: project\nname: w\nspec: {profiles: []}\n").unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_change_waits_until_every_gateway_has_it() {
    let all = stub(|asked| vec![gateway("one", &report(&applied(if asked < 2 { 11 } else { 12 }), "0.4.0", ""))]);
    let world = World::connected(&all.url);
    let file = project(&world);
    let ran = world.run(&["apply", "-f", &file, "--wait"]);
    assert_eq!(ran.succeeds(), "project/w created\n");
    assert!(ran.err.contains("revision 12 is in force at all gateways (1)"), "{}", ran.err);
    assert_eq!(all.seen().iter().filter(|seen| seen.path == "/api/v1/gateways").count(), 3);
    assert_eq!(world.run(&["project", "delete", "w", "--yes", "--wait=9s"]).succeeds(), "project/w deleted\n");

    let some = stub(usual);
    let world = World::connected(&some.url);
    let file = project(&world);
    let says = [
        "3 of 5 gateways do not have revision 12",
        "two: behind, at revision 10",
        "three: rejected revision 12",
        "server/slack spec.transport: is bad",
        "five: gone, at revision 0, never seen",
        "mcpctl gateway describe two",
    ];
    world.run(&["apply", "-f", &file, "--wait=0s"]).fails(6, &says);
    let unwaited = world.run(&["apply", "-f", &file]);
    assert_eq!((unwaited.succeeds(), unwaited.err.as_str()), ("project/w created\n", ""));
    world.run(&["apply", "-f", &file, "--dry-run", "--wait"]).fails(2, &["--wait"]);
}

#[test]
fn a_profile_says_what_is_refused_by_who_is_cut_off() {
    let stub = stub(usual);
    let line = ["profile", "create", "p", "--for", "slack", "--replace", "--stale"];
    run(&stub, &[&line[..], &["deny", "--stale-after", "15m"]].concat()).succeeds();
    run(&stub, &[&line[..], &["serve"]].concat()).succeeds();
    run(&stub, &[&line[..], &["deny-writes"]].concat()).succeeds();
    run(&stub, &[&line[..], &["deny", "--stale-after", "-5m"]].concat()).fails(2, &[]);
    let stale: Vec<serde_json::Value> = posted(&stub)
        .iter()
        .map(|(_, body)| {
            serde_json::from_str::<serde_json::Value>(body).unwrap()["objects"][0]["spec"]["stale"].clone()
        })
        .collect();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(stale, [json(r#"{"then": "deny", "after_ms": 900000}"#), json(r#"{"then": "serve"}"#), json("null")]);
}
