//! `mcpctl connect`: a link, a browser without a shell, and waiting for the consent.

use crate::{
    stub::{Reply, Seen, Stub},
    world::{Ran, World},
};
use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

fn stub(url: &'static str, mode: &'static str) -> Stub {
    let looks = AtomicUsize::new(0);
    Stub::start(move |seen: &Seen, _: &Stub| match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/api/v1/connections/jira/ticket") => Reply::json(&format!(
            r#"{{"url": "{url}", "user": "ann", "mode": "{mode}", "expires_at": "2026-07-28T09:00:00.000Z"}}"#
        )),
        ("GET", "/api/v1/connections") => {
            let state = if looks.fetch_add(1, Ordering::SeqCst) < 2 { "needs_consent" } else { "connected" };
            let at = if state == "connected" { "2026-07-28T09:00:01.000Z" } else { "2026-07-28T08:00:00.000Z" };
            let user = if mode == "per_user" { r#""user": "ann","# } else { "" };
            Reply::json(&format!(
                r#"[{{"id": "c1", "server": "jira", {user} "issuer": "https://as.example", "state": "{state}",
                    "problem": "the token has ended", "scopes": ["read"], "connected_at": "{at}"}}]"#
            ))
        }
        ("GET", "/api/v1/whoami") => Reply::json(r#"{"user": "ann", "roles": ["developer"]}"#),
        ("DELETE", "/api/v1/connections/c1") => Reply::new(204, "text/plain", ""),
        other => panic!("{other:?}"),
    })
}

const LINK: &str = "https://mcpd.example/connect/jira?ticket=mcpctl_connect_x";

#[test]
fn a_link_is_printed_and_the_consent_waited_for() {
    let stub = stub(LINK, "per_user");
    let world = World::connected(&stub.url);
    let ran = world.run(&["connect", "jira", "--no-browser", "--scope", "write:issues"]);
    assert_eq!(ran.succeeds(), format!("{LINK}\nconnection/jira connected\n"));
    let asked = stub.wait_for(|seen| seen.method == "POST");
    assert_eq!(asked.body, r#"{"scopes":["write:issues"]}"#);
}

#[test]
fn a_browser_gets_the_link_as_one_argument_and_no_shell_of_the_environment() {
    let stub = stub(LINK, "per_user");
    let world = World::connected(&stub.url);
    let file = world.work().join("opened");
    world.script(
        "bin/xdg-open",
        &format!("#!/bin/sh\nprintf '%s|%s|%s' \"$#\" \"$1\" \"$BROWSER\" > '{}'\n", file.display()),
    );
    let mut command = world.command(&["connect", "jira"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", world.dir.path().join("bin").display()));
    let ran = Ran::of(command.env("BROWSER", "sh -c"));
    assert_eq!(ran.succeeds(), "connection/jira connected\n");
    assert_eq!(fs::read_to_string(file).unwrap(), format!("1|{LINK}|"));
}

#[test]
fn a_link_that_is_none_is_not_opened() {
    for bad in ["javascript:alert(1)", "http://mcpd.example/", "https://$(id).x/", "file:///etc/passwd"] {
        let stub = stub(bad, "per_user");
        World::connected(&stub.url).run(&["connect", "jira"]).fails(1, &["no plain web address"]);
    }
}

#[test]
fn whose_connection_it_is_has_to_be_meant() {
    let own = stub(LINK, "service");
    World::connected(&own.url).run(&["connect", "jira", "--no-browser"]).fails(2, &["--service"]);
    let each = stub(LINK, "per_user");
    World::connected(&each.url).run(&["connect", "jira", "--service"]).fails(2, &["alone"]);
}

#[test]
fn connections_are_listed_and_ended() {
    let stub = stub(LINK, "per_user");
    let world = World::connected(&stub.url);
    let ran = world.run(&["connection", "list"]);
    let out = ran.succeeds();
    assert!(out.contains("jira") && out.contains("needs_consent") && out.contains("the token has ended"), "{out}");
    let ran = world.run(&["connection", "delete", "jira", "--yes"]);
    assert_eq!(ran.succeeds(), "connection/jira deleted\n");
    world.run(&["connection", "delete", "jira", "--service", "--yes"]).fails(5, &["mcpctl connection list"]);
}

#[test]
fn a_server_that_wants_oauth_is_set_up_and_the_next_step_named() {
    let stub = Stub::start(|seen: &Seen, _: &Stub| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", _) => Reply::status(404),
        ("POST", "/api/v1/apply") => Reply::json(
            r#"{"revision": 7, "objects": [{"object": {"kind": "server", "name": "search"}, "effect": "created"}]}"#,
        ),
        other => panic!("{other:?}"),
    });
    let world = World::connected(&stub.url);
    let url = ["setup", "search", "--url", "https://mcp.example/mcp", "--non-interactive", "--oauth"];
    let ran = world.run(&[&url[..], &["service"]].concat());
    assert_eq!(ran.succeeds(), "server/search created\n");
    assert!(ran.err.contains("next: mcpctl connect search --service"), "{ran:?}");
    let applied = stub.wait_for(|seen| seen.method == "POST").body;
    assert!(applied.contains(r#""oauth":{"mode":"service"}"#), "{applied}");
    world.run(&[&url[..], &["service", "--bearer-stdin"]].concat()).fails(2, &["--bearer-stdin"]);
}
