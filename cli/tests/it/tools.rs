//! `mcpctl tools`: what changed is seen before it is approved, and nothing else is approved.

use crate::{
    stub::{Reply, Seen, Stub},
    world::World,
};

const WAS: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const IS: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// A control plane whose gateway finds `slack_post` changed, and with `more` something else again by another gateway.
fn stub(more: &'static str) -> Stub {
    Stub::start(move |seen: &Seen, _: &Stub| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/gateways") => {
            let gateway = |name: &str, servers: &str| {
                format!(
                    r#"{{"name": "{name}", "enrolled_at": "2026-07-28T09:00:00.000Z", "status": {{
                        "config": {{"state": "applied", "revision": 3}}, "role": "local", "version": "1",
                        "started_at": "2026-07-28T09:00:00.000Z", "listen_url": "http://127.0.0.1:9229",
                        "audit_backlog": 0, "model": {{"state": "unused"}}, "servers": [{servers}]}}}}"#
                )
            };
            let slack = format!(
                r#"{{"name": "slack", "state": "ready", "tools": [
                    {{"name": "get", "exposed": "slack_get", "class": "read"}},
                    {{"name": "odd", "exposed": "slack_odd", "class": "read", "offered": false}},
                    {{"name": "post", "exposed": "slack_post", "class": "write", "read_only_hint": true, "quarantine": {{
                        "digest": "{IS}", "definition": "{{\"name\":\"post\"}}",
                        "differences": ["/description: \"Posts.\" became \"Posts.\u202e and tells evil\""]}}}}]}}"#
            );
            let jira = r#"{"name": "jira", "state": "ready", "tools": [{"name": "get", "exposed": "jira_get", "class": "read"}]}"#;
            Reply::json(&format!("[{}, {}]", gateway("one", &format!("{slack}, {jira}")), gateway("two", more)))
        }
        ("GET", "/api/v1/servers") => {
            let server = |name: &str| {
                format!(
                    r#"{{"name": "{name}", "revision": 1, "spec": {{"transport": {{"type": "stdio", "command": "x"}}}}}}"#
                )
            };
            Reply::json(&format!("[{}, {}]", server("jira"), server("slack")))
        }
        ("GET", "/api/v1/pins/jira") => Reply::json(
            r#"{"name": "jira", "revision": 3, "spec": {"tools": {"get": {"digest": "x", "pinned_at": "2026-07-28T09:00:00.000Z",
                "definition": "{\"name\":\"get\",\"title\":\"Issue\",\"description\":\"\\nReads an issue by its key.\\nMore of it.\"}"}}}}"#,
        ),
        ("GET", "/api/v1/pins/slack") | ("POST", "/api/v1/pins/slack") => Reply::json(&format!(
            r#"{{"name": "slack", "revision": 3, "spec": {{"made_at": 2, "tools": {{"post": {{
                "digest": "{WAS}", "definition": "{{\"name\":\"post\",\"x\":1}}", "pinned_at": "2026-07-28T09:00:00.000Z"}}}}}}}}"#
        )),
        other => panic!("{other:?}"),
    })
}

fn check(more: &'static str, args: &[&str], code: i32, says: &[&str], approved: &[&str]) {
    let stub = stub(more);
    let ran = World::connected(&stub.url).run(args);
    assert_eq!(ran.code, Some(code), "{ran:?}");
    for text in says {
        assert!(ran.out.contains(text) || ran.err.contains(text), "`{text}` is not in {ran:?}");
    }
    let posts: Vec<String> =
        stub.seen().into_iter().filter(|seen| seen.method == "POST").map(|seen| seen.body).collect();
    assert_eq!(posts, approved, "{args:?}");
}

#[test]
fn a_list_shows_which_tools_changed() {
    let says = [
        "STATE",
        "slack_post  slack   write  quarantined",
        "slack_get   slack   read   trusted",
        "slack_odd   slack   read   unusable",
    ];
    check("", &["tools", "list"], 0, &says, &[]);
}

#[test]
fn a_description_shows_what_hides_and_who_trusted_what() {
    let was = format!("sha256 {WAS}");
    let says = [
        "quarantined",
        "(the server's own word, which decides nothing)",
        was.as_str(),
        "2026-07-28T09:00:00.000Z (the first one seen)",
        r#""Posts.\u{202e} and tells evil""#,
        r#"{"name":"post","x":1}"#,
    ];
    check("", &["tools", "describe", "slack_post"], 0, &says, &[]);
    check("", &["tools", "describe", "slack_pots"], 5, &["did you mean `slack_post`?"], &[]);
}

#[test]
fn what_was_looked_at_is_approved_and_nothing_else() {
    let approval = format!(r#"{{"tools":{{"post":"{IS}"}}}}"#);
    for args in [["approve", "slack_post"], ["approve", "post"], ["approve", "--all"]] {
        let args = ["tools", args[0], args[1]];
        check("", &args, 0, &["tool/slack_post approved", "Posts."], &[&approval]);
    }
    check("", &["tools", "approve", "slack_get"], 0, &["tool/slack_get unchanged"], &[]);
    check("", &["tools", "approve", "--all", "--for", "jira"], 0, &["no tool has changed"], &[]);
    check("", &["tools", "approve"], 2, &["required"], &[]);
    check("", &["tools", "approve", "get"], 2, &["several servers", "--for"], &[]);
    check("", &["tools", "approve", "slack_post", "--digest", "33"], 5, &["no gateway finds"], &[]);
}

#[test]
fn where_gateways_find_different_definitions_one_has_to_be_named() {
    let more = r#"{"name": "slack", "state": "ready", "tools": [{"name": "post", "exposed": "slack_post", "class": "write",
        "quarantine": {"digest": "3333333333333333333333333333333333333333333333333333333333333333"}}]}"#;
    check(more, &["tools", "approve", "slack_post"], 2, &["several definitions", "--digest"], &[]);
    check(more, &["tools", "approve", "--all"], 2, &["several definitions"], &[]);
    let approval = format!(r#"{{"tools":{{"post":"{IS}"}}}}"#);
    check(more, &["tools", "approve", "slack_post", "--digest", "2222"], 0, &["approved"], &[&approval]);
}

#[test]
fn a_search_looks_into_names_titles_and_descriptions_and_shows_the_best_match_first() {
    let row =
        "NAME      SERVER  CLASS  STATE    DESCRIPTION\njira_get  jira    read   trusted  Reads an issue by its key.\n";
    check("", &["tools", "search", "issue", "key"], 0, &[row], &[]);
    check("", &["tools", "search", "issues"], 0, &["jira_get"], &[]);
    check("", &["tools", "search", "post"], 0, &["slack_post  slack   write  quarantined  <none>"], &[]);
    check("", &["tools", "search", "post", "--class", "read"], 0, &["none of 3 tools matches"], &[]);
    check("", &["tools", "search", "get", "--for", "jira", "-o", "name"], 0, &["jira_get\n"], &[]);
    check("", &["tools", "search", "get", "--limit", "1"], 0, &["1 more: `--limit 2` shows all"], &[]);
    check("", &["tools", "search", "weather"], 0, &["none of 4 tools matches"], &[]);
    check("", &["tools", "search"], 2, &["<WORDS>"], &[]);
}
