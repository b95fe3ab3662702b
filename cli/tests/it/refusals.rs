//! What is said of a wrong command line and of what is not there: in JSON for programs, with the name that was meant.

use crate::{
    stub::{Reply, Stub},
    world::{Ran, World},
};
use std::process::Stdio;

fn error(ran: &Ran) -> serde_json::Value {
    assert_eq!(ran.out, "", "{ran:?}");
    serde_json::from_str::<serde_json::Value>(&ran.err).unwrap_or_else(|error| panic!("{error}: {ran:?}"))["error"]
        .clone()
}

#[test]
fn with_json_a_wrong_command_line_is_json_too() {
    let world = World::new();
    for args in [
        &["deamon", "-o", "json"][..],
        &["-ojson", "deamon"],
        &["--format=json", "deamon"],
        &["audit", "--limt", "2", "--format", "json"],
    ] {
        let ran = world.run(args);
        let error = error(&ran);
        assert_eq!((ran.code, error["code"].as_str()), (Some(2), Some("usage")), "{ran:?}");
        assert!(error["hint"].as_str().unwrap().contains("exists"), "{error}");
        assert!(error["message"].as_str().unwrap().len() > 5 && error["request_id"].is_null(), "{error}");
    }
    let missing = world.run(&["project", "create", "w", "-o", "json"]);
    assert!(error(&missing)["message"].as_str().unwrap().contains("--profiles"), "{missing:?}");
    let bare = Ran::of(world.command(&["config"]).env("MCPCTL_FORMAT", "json"));
    assert_eq!(error(&bare)["message"], "a command is missing");
    let by_variable = Ran::of(world.command(&["deamon"]).env("MCPCTL_FORMAT", "json"));
    assert_eq!(error(&by_variable)["code"], "usage");
    assert!(world.run(&["audit", "-o", "json", "--help"]).succeeds().contains("Usage:"));
}

/// Knows `slack` of everything, and has nothing else.
fn control_plane() -> Stub {
    Stub::start(|seen, _| match seen.path.matches('/').count() {
        _ if seen.path.ends_with("/whoami") => Reply::json(r#"{"user":"ann","roles":["admin"]}"#),
        3 if seen.method == "GET" => {
            Reply::json(r#"[{"name":"slack","server":"slack","revision":1,"desired":"running","state":"running"}]"#)
        }
        _ => Reply::new(
            404,
            "application/problem+json",
            r#"{"type":"about:blank","title":"x","status":404,"detail":"it does not exist"}"#,
        ),
    })
}

#[test]
fn whatever_is_not_there_the_name_that_was_meant_is_suggested() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    for args in [
        &["instance", "restart", "slak"][..],
        &["instance", "stop", "slak"],
        &["instance", "test", "slak"],
        &["user", "passwd", "slak", "--remove"],
        &["token", "list", "--user", "slak"],
        &["token", "create", "--user", "slak"],
        &["secrets", "delete", "slak", "--yes"],
        &["connect", "slak", "--timeout", "0"],
    ] {
        let ran = world.run(args);
        ran.fails(5, &["did you mean `slack`?"]);
    }
    world.run(&["instance", "stop", "quite-another"]).fails(5, &["there are: slack"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let rows: Vec<String> =
        (0..20_000).map(|n| format!(r#"{{"name":"project-{n}","revision":1,"spec":{{}}}}"#)).collect();
    let body = format!("[{}]", rows.join(","));
    let stub = Stub::start(move |_, _| Reply::json(&body));
    let world = World::connected(&stub.url);
    for args in [&["project", "list"][..], &["project", "list", "-o", "json"], &["--help"]] {
        let mut child = world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]), "{ended:?}");
    }
}

#[test]
fn a_trial_deletes_nothing_and_says_what_would_go() {
    let stub = Stub::start(|seen, _| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/projects/w") => Reply::json(r#"{"name":"w","revision":3,"spec":{}}"#),
        ("DELETE", path) if path.contains("dry_run=true") => Reply::status(204),
        _ => Reply::status(500),
    });
    let world = World::connected(&stub.url);
    assert_eq!(world.run(&["project", "delete", "w", "--dry-run"]).succeeds(), "project/w deleted (dry run)\n");
    let asked = stub.seen().into_iter().find(|seen| seen.method == "DELETE").unwrap();
    // One that does not know the question refuses by this.
    assert_eq!(asked.header("if-match"), "\"0\"");
    world.run(&["project", "delete", "w"]).fails(2, &["needs a confirmation", "--yes"]);
}
