//! `mcpctl policy`: who may call what and why, and what a change would do, over a control plane that answers from a table.

use crate::{
    stub::{Reply, Stub},
    world::{Ran, World},
};
use serde_json::{Value, json};
use std::fs;

fn objects(kind: &str) -> Value {
    let named = |name: &str, spec: Value| json!({"name": name, "revision": 1, "spec": spec});
    let transport = json!({"type": "stdio", "command": "x"});
    match kind {
        "servers" => json!([
            named(
                "slack",
                json!({"transport": transport, "tools": [
                {"tool": "get_*", "class": "read"}, {"tool": "post_*", "class": "write"}]})
            ),
            named("files", json!({"transport": transport, "tools": [{"tool": "read", "class": "read"}]})),
        ]),
        "profiles" => json!([
            named("slack-read", json!({"server": "slack"})),
            named(
                "slack-eng",
                json!({"server": "slack", "access": "read-write", "allow": ["post_message"],
                "arguments": [{"argument": "channel", "one_of": ["C1", "C2"]}]})
            ),
            named("quiet", json!({"server": "slack", "allow": [], "deny": ["get_dms"]})),
            named("files-read", json!({"server": "files", "resources": ["file:///srv/*"]})),
        ]),
        "projects" => json!([
            named("weekly", json!({"profiles": ["slack-read", "slack-eng", "quiet"], "members": ["ada"]})),
            named("all", json!({"profiles": ["slack-read", "files-read"], "members": ["ada", "bob"]})),
        ]),
        _ => json!([
            named("ada", json!({"roles": ["developer"]})),
            named("bob", json!({"roles": ["developer"]})),
            named("root", json!({"roles": ["admin"]})),
        ]),
    }
}

fn gateways() -> Value {
    let tool = |name: &str, prefix: &str, class: &str, arguments: Value| {
        json!({"name": name, "exposed": format!("{prefix}_{name}"), "class": class,
            "arguments": {"members": arguments}})
    };
    let server = |name: &str, tools: Value| json!({"name": name, "state": "ready", "tools": tools});
    let text = json!({"channel": {}, "text": {}});
    json!([{"name": "local", "enrolled_at": "2026-07-28T00:00:00Z", "status": {
    "config": {"state": "applied", "revision": 1}, "role": "local", "version": "1", "started_at": "2026-07-28T00:00:00Z",
    "listen_url": "http://x", "audit_backlog": 0, "model": {"state": "unused"}, "servers": [
        server("slack", json!([tool("get_users", "slack", "read", json!({})), tool("get_dms", "slack", "read", json!({})),
            tool("post_message", "slack", "write", text.clone()), tool("post_file", "slack", "write", text)])),
        server("files", json!([tool("read", "files", "read", json!({"path": {}}))])),
    ]}}])
}

fn event(id: &str, user: &str, tool: &str, decision: &str, arguments: &Value) -> Value {
    let server = tool.split('_').next().unwrap();
    let digest = (!arguments.is_null()).then_some("00");
    let mut event = json!({"id": id, "gateway": "local", "seq": 1, "time": "2026-07-28T00:00:00Z", "phase": "outcome",
        "action": "mcp_call", "method": "tools/call", "user": user, "project": "weekly", "server": server, "target": tool,
        "decision": decision, "outcome": "ok", "revision": 1, "arguments_digest": digest});
    if arguments.is_object() {
        event["arguments"] = arguments.clone();
    }
    event
}

fn audit() -> Value {
    json!({"events": [
        event("read", "ada", "slack_get_users", "allow", &json!({})),
        event("in", "ada", "slack_post_message", "allow", &json!({"channel": "C1", "text": "x"})),
        event("out", "ada", "slack_post_message", "allow", &json!({"channel": "C2", "text": "x"})),
        event("unknown", "ada", "slack_post_message", "allow", &json!("not recorded")),
        event("hidden", "ada", "slack_post_message", "allow", &json!({"channel": {"hmac": "1", "type": "string"}})),
        event("denied", "ada", "slack_post_file", "deny", &json!({"channel": "C1"})),
        event("gone", "eve", "slack_get_users", "deny", &json!({})),
    ]})
}

fn world() -> World {
    let stub = Stub::start(|seen, _| {
        let path = seen.path.split('?').next().unwrap().trim_start_matches("/api/v1/").to_owned();
        let answer = match path.as_str() {
            "gateways" => gateways(),
            "audit" => audit(),
            "whoami" => json!({"user": "ada", "roles": ["developer"]}),
            kind => objects(kind),
        };
        Reply::json(&answer.to_string())
    });
    World::connected(&stub.url)
}

fn check(line: &[&str], code: i32, says: &[&str]) {
    let ran: Ran = world().run(&[&["policy"], line].concat());
    assert_eq!(ran.code, Some(code), "{ran:?}");
    for text in says {
        assert!(ran.out.contains(text), "`{text}` is not in {ran:?}");
    }
}

#[test]
fn test_decides_as_a_gateway_would_and_ends_with_7_for_no() {
    let post = ["test", "--user", "ada", "--project", "weekly", "--tool", "slack_post_message"];
    let with = |arguments: &'static str| [&post[..], &["--arguments", arguments]].concat();
    check(&with(r#"{"channel":"C1","text":"x"}"#), 0, &["allow", "profile `slack-eng` grants it"]);
    check(
        &with(r#"{"channel":"C9"}"#),
        7,
        &["deny", "argument `channel` has a value that is not allowed (it must be one of"],
    );
    check(&with(r#"{"channel":"C1","chanel":"C9"}"#), 7, &["argument `chanel` is none of the tool's"]);
    check(&with("{}"), 7, &["argument `channel` is missing"]);
    check(&post, 0, &["with arguments of which `channel` must be one of `\"C1\"`, `\"C2\"`"]);
    check(&["test", "--user", "bob", "--project", "weekly", "--tool", "slack_get_users"], 7, &["not open to you"]);
    check(&["test", "--user", "root", "--project", "weekly", "--tool", "slack_get_users"], 0, &["slack-read"]);
    let stale = [&post[..], &["--stale", "2h"]].concat();
    check(&stale, 7, &["last confirmed 120 minutes ago, and profile `slack-eng` denies writes after 60 minutes"]);
    let stale = ["test", "--user", "ada", "--project", "weekly", "--tool", "slack_get_users", "--stale", "7d"];
    check(&stale, 0, &["slack-read"]);
    check(&["test", "--project", "weekly", "--tool", "get_users"], 0, &["ada", "slack-read"]);
    check(
        &["test", "--user", "ada", "--project", "weekly", "--tool", "get_dms"],
        7,
        &["profile `quiet` denies `get_dms`"],
    );
    check(&["test", "--user", "ada", "--project", "weekly", "--tool", "slack_post_file"], 7, &["is read-only"]);
    check(
        &["test", "--user", "ada", "--project", "nowhere", "--tool", "slack_get_users"],
        7,
        &["`nowhere` is not open to you"],
    );
    check(&["test", "--user", "bob", "--tool", "files_read"], 0, &["files-read"]);
    let resource = ["test", "--user", "bob", "--for", "files", "--resource"];
    check(&[&resource[..], &["file:///srv/x"]].concat(), 0, &["allow"]);
    check(&[&resource[..], &["file:///etc/shadow"]].concat(), 7, &["does not grant `file:///etc/shadow`"]);
}

#[test]
fn a_question_that_cannot_be_made_out_is_a_wrong_command_line() {
    let world = world();
    world.run(&["policy", "test", "--user", "bob"]).fails(2, &["--tool"]);
    world.run(&["policy", "test", "--tool", "slack_get_users", "--arguments", "{"]).fails(2, &["not JSON", "hint:"]);
    world.run(&["policy", "test", "--user", "adda", "--tool", "x"]).fails(5, &["did you mean `ada`?"]);
    world.run(&["policy", "test", "--resource", "file:///x"]).fails(2, &["files, slack", "--for SERVER"]);
    world.run(&["policy", "test", "--tool", "x", "--for", "slak"]).fails(5, &["did you mean `slack`?"]);
}

#[test]
fn results_are_for_people_and_for_programs() {
    let line = ["policy", "test", "--user", "ada", "--project", "weekly", "--tool", "slack_post_message"];
    let json: Value = serde_json::from_str(world().run(&[&line[..], &["-o", "json"]].concat()).succeeds()).unwrap();
    assert_eq!(
        (&json["decision"], &json["profile"], &json["own_name"]),
        (&json!("allow"), &json!("slack-eng"), &json!("post_message"))
    );
    assert!(world().run(&[&line[..], &["-o", "yaml"]].concat()).succeeds().contains("decision: allow"));
    assert_eq!(world().run(&[&line[..], &["-o", "name"]].concat()).succeeds(), "allow\n");
}

#[test]
fn explain_names_every_profile_that_was_considered() {
    let line = ["policy", "explain", "--user", "ada", "--tool", "slack_get_users"];
    let ran = world().run(&line);
    let rows: Vec<Vec<&str>> = ran.succeeds().lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(
        rows,
        [
            ["PROJECT", "PROFILE", "GRANTS"],
            ["all", "slack-read", "yes"],
            ["weekly", "slack-read", "yes"],
            ["weekly", "slack-eng", "no"],
            ["weekly", "quiet", "no"],
        ]
    );
    assert!(
        ran.out.contains("does not grant `get_users`") && ran.err.contains("allow: profile `slack-read` grants it")
    );
    let json: Value = serde_json::from_str(world().run(&[&line[..], &["-o", "json"]].concat()).succeeds()).unwrap();
    assert_eq!((json["considered"].as_array().unwrap().len(), &json["decision"]), (4, &json!("allow")));
}

fn changed(world: &World, profiles: &Value) {
    let object = |(name, spec): (&String, &Value)| json!({"kind": "profile", "name": name, "spec": spec}).to_string();
    let text: Vec<String> = profiles.as_object().unwrap().iter().map(object).collect();
    fs::write(world.work().join("p.yaml"), text.join("\n---\n")).unwrap();
}

#[test]
fn diff_tells_who_gains_and_loses_what() {
    let world = world();
    changed(
        &world,
        &json!({
            "slack-eng": {"server": "slack", "access": "read-write", "allow": ["post_message", "post_file"],
                "arguments": [{"argument": "channel", "one_of": ["C1"]}]},
            "files-read": {"server": "files", "deny": ["read"]},
        }),
    );
    let ran = world.run(&["policy", "diff", "-f", "p.yaml", "-o", "name"]);
    let mut lines: Vec<&str> = ran.succeeds().lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "changed ada/weekly/slack_post_message",
            "changed root/weekly/slack_post_message",
            "gained ada/weekly/slack_post_file",
            "gained root/weekly/slack_post_file",
            "lost ada/all/files_read",
            "lost bob/all/files_read",
            "lost root/all/files_read",
        ]
    );
    let table = world.run(&["policy", "diff", "-f", "p.yaml", "--user", "ada", "-o", "wide"]);
    assert!(table.succeeds().contains("`channel` must be one of `\"C1\"`, `\"C2\"`"), "{table:?}");
    changed(&world, &json!({"slack-read": {"server": "slack"}}));
    let same = world.run(&["policy", "diff", "-f", "p.yaml"]);
    assert_eq!((same.succeeds(), same.err.contains("nobody gains or loses")), ("", true));
    changed(&world, &json!({"slack-read": {"server": "slack", "arguments": [{"argument": "a"}]}}));
    world
        .run(&["policy", "diff", "-f", "p.yaml"])
        .fails(2, &["profile/slack-read spec.arguments[0]: give exactly one"]);
}

#[test]
fn replay_asks_what_was_recorded_again() {
    let world = world();
    changed(
        &world,
        &json!({"slack-eng": {"server": "slack", "access": "read-write",
        "arguments": [{"argument": "channel", "one_of": ["C1"]}]}}),
    );
    let ran = world.run(&["policy", "replay", "-f", "p.yaml", "--all", "-o", "json"]);
    let replayed: Value = serde_json::from_str(ran.succeeds()).unwrap();
    let effects: Vec<(&str, &str)> = replayed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["effect"].as_str().unwrap()))
        .collect();
    assert_eq!(
        effects,
        [
            ("read", "unchanged"),
            ("in", "unchanged"),
            ("out", "refused"),
            ("unknown", "undetermined"),
            ("hidden", "undetermined"),
            ("denied", "allowed"),
            ("gone", "unchanged"),
        ]
    );
    assert!(
        ran.err.contains("7 calls: 1 would be refused, 1 newly allowed, 2 undetermined, 3 as they were"),
        "{ran:?}"
    );
    let table = world.run(&["policy", "replay", "-f", "p.yaml", "--since", "7d"]);
    assert!(
        table.succeeds().contains("values are not recorded") && !table.out.contains("slack_get_users"),
        "{table:?}"
    );
}
