//! `mcpctl setup` and `mcpctl catalogue`: what is shown before anything runs, what is stored, what is taken back.

use crate::{
    stub::{Reply, Seen, Stub},
    world::{Ran, World},
};
use control_plane_api::timestamp::Timestamp;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What the one gateway of the control plane says when it is asked to call a tool with the credential.
const GOOD: &str = r#"{"tool": "slack_list_channels"}"#;
const REFUSED: &str = r#"{"tool": "slack_list_channels", "error": "{\"ok\":false,\"error\":\"invalid_auth\"}"}"#;

fn gateways(server: &str, health: &str) -> String {
    let (now, then) = (Timestamp::now(), "2026-07-28T09:00:00.000Z");
    format!(
        r#"[{{"name": "local", "enrolled_at": "{then}", "seen_at": "{now}", "status": {{
            "config": {{"state": "applied", "revision": 99}}, "role": "local", "version": "0.1.0", "started_at": "{then}",
            "listen_url": "http://127.0.0.1:1", "audit_backlog": 0, "model": {{"state": "unused"}},
            "servers": [{{"name": "{server}", {health}}}, {{"name": "{server}-next", {health}}}]}}}}]"#
    )
}

/// A control plane without objects (`spec` none) or with the server `slack`, and a gateway that says `health` of servers and
/// `probed` of credentials.
fn plane(spec: Option<&'static str>, health: &'static str, probed: &'static str) -> Stub {
    let revision = Arc::new(AtomicUsize::new(7));
    Stub::start(move |seen: &Seen, _: &Stub| {
        let path = seen.path.trim_start_matches("/api/v1/");
        match (seen.method.as_str(), path, spec) {
            ("GET", "servers/slack", Some(spec)) => Reply::json(spec),
            ("GET", "secrets", Some(_)) => Reply::json(r#"[{"name": "slack-slack-mcp-xoxb-token", "revision": 5}]"#),
            ("GET", "secrets" | "servers", _) => Reply::json("[]"),
            ("GET", "gateways", _) => Reply::json(&gateways("slack", health)),
            ("GET", _, _) => Reply::status(404),
            ("PUT", path, _) => {
                let revision = revision.fetch_add(1, Ordering::SeqCst) + 1;
                let name = path.trim_start_matches("secrets/");
                Reply::json(&format!(r#"{{"name": "{name}", "revision": {revision}}}"#))
            }
            ("POST", "apply", _) => Reply::json(
                r#"{"revision": 20, "objects": [{"object": {"kind": "server", "name": "slack"}, "effect": "created"}]}"#,
            ),
            ("POST", path, _) if path.ends_with("/test") => Reply::json(&format!(
                r#"[{{"name": "slack", "gateway": "local", "passed": true, "elapsed_ms": 3, "probed": {probed}}}]"#
            )),
            ("DELETE", _, _) => Reply::status(204),
            other => panic!("{other:?}"),
        }
    })
}

const READY: &str = r#""state": "ready", "tools": [
    {"name": "slack_list_channels", "exposed": "slack_list_channels", "class": "read"},
    {"name": "slack_new", "exposed": "slack_new", "class": "unknown"}]"#;

const RUNNING: &str = r#"{"name": "slack", "revision": 4, "spec": {"transport": {"type": "stdio", "command": "slack",
    "env": {"SLACK_MCP_XOXB_TOKEN": {"secret": "slack-slack-mcp-xoxb-token"}}},
    "tools": [{"tool": "slack_list_channels", "class": "read"}], "probes": [{"tool": "slack_list_channels"}]}}"#;

const SETUP: [&str; 5] = ["setup", "slack", "--non-interactive", "--command", "cat"];

fn run(stub: &Stub, args: &[&str]) -> Ran {
    let ran = World::connected(&stub.url).run(args);
    assert!(!ran.out.contains("xoxb-s3cr3t") && !ran.err.contains("xoxb-s3cr3t"), "{ran:?}");
    ran
}

/// What was changed: method and path.
fn changed(stub: &Stub) -> Vec<String> {
    let changes = stub.seen().into_iter().filter(|seen| seen.method != "GET");
    changes.map(|seen| format!("{} {}", seen.method, seen.path.trim_start_matches("/api/v1/"))).collect()
}

#[test]
fn a_server_is_set_up_and_its_credential_tried() {
    let stub = plane(None, READY, GOOD);
    let ran = run(&stub, &[&SETUP[..], &["--token=xoxb-s3cr3t"]].concat());
    assert_eq!(ran.succeeds(), "secret/slack-slack-mcp-xoxb-token set\nserver/slack created\n");
    for says in [
        "slack will run as: cat",
        "warning: the token was given on the command line",
        "slack answers with 2 tools: 1 read, 0 write, 0 destructive, 1 unknown",
        "its credential is good: `slack_list_channels` was called with it",
        "next: mcpctl project create weekly_reports --profiles slack-read-only,slack-read-only-narrowed",
    ] {
        assert!(ran.err.contains(says), "`{says}` is not in {}", ran.err);
    }
    let expected = ["PUT secrets/slack-slack-mcp-xoxb-token", "POST apply", "POST instances/slack/test"];
    assert_eq!(changed(&stub), expected);
    let applied = stub.wait_for(|seen| seen.path.ends_with("/apply")).body;
    assert!(applied.contains(r#""probes":[{"tool":"channels_list""#) && !applied.contains("s3cr3t"), "{applied}");
}

#[test]
fn a_credential_that_is_refused_leaves_nothing_behind() {
    let stub = plane(None, READY, REFUSED);
    let ran = run(&stub, &[&SETUP[..], &["--token=xoxb-s3cr3t"]].concat());
    ran.fails(
        6,
        &["`slack` does not accept the credential", "invalid_auth", "hint: the token needs", "was taken back"],
    );
    let deleted: Vec<String> = changed(&stub).into_iter().filter(|change| change.starts_with("DELETE")).collect();
    let expected = [
        "DELETE profiles/slack-full",
        "DELETE profiles/slack-read-write",
        "DELETE profiles/slack-read-only-narrowed",
        "DELETE profiles/slack-read-only",
        "DELETE servers/slack",
        "DELETE secrets/slack-slack-mcp-xoxb-token",
    ];
    assert_eq!(deleted, expected);
    // Where it was there before, it says what was kept.
    let stub = plane(Some(RUNNING), READY, REFUSED);
    let ran = run(&stub, &[&SETUP[..], &["--token=xoxb-s3cr3t"]].concat());
    ran.fails(6, &["does not accept the credential", "everything was kept", "mcpctl setup slack --rotate"]);
    assert!(changed(&stub).iter().all(|change| !change.starts_with("DELETE")));
}

#[test]
fn a_credential_that_is_refused_at_the_start_leaves_nothing_behind() {
    let stub = plane(None, r#""state": "failed", "error": "exit status 1: invalid_auth""#, GOOD);
    let ran = run(&stub, &[&SETUP[..], &["--token=xoxb-s3cr3t"]].concat());
    ran.fails(6, &["server `slack` does not answer: exit status 1: invalid_auth", "was taken back"]);
    let stub = plane(None, r#""state": "failed", "error": "exit status 127""#, GOOD);
    run(&stub, &[&SETUP[..], &["--token=xoxb-s3cr3t"]].concat()).fails(6, &["the configuration was kept"]);
}

#[test]
fn a_dry_run_prints_a_file_and_changes_nothing() {
    let world = World::new();
    let ran = world.run(&["setup", "jira", "--dry-run"]);
    let out = ran.succeeds().to_owned();
    assert!(out.starts_with("---\nkind: server\nname: jira\n") && out.contains("READ_ONLY_MODE: 'true'"), "{out}");
    assert!(out.contains("secret: jira-jira-personal-token") && out.contains("name: jira-read-only\n"), "{out}");
    assert!(ran.err.contains("secret/jira-jira-personal-token would be set"), "{}", ran.err);
    std::fs::write(world.work().join("jira.yaml"), out).unwrap();
    let stub = plane(None, READY, GOOD);
    run(&stub, &["setup", "jira", "--dry-run", "--format", "name"]).succeeds();
    assert!(stub.seen().is_empty());
    // What was printed can be applied.
    world.connect(&stub.url);
    world.run(&["apply", "-f", "jira.yaml"]).succeeds();
}

#[test]
fn every_server_and_every_variant_of_it_can_be_looked_at() {
    let world = World::new();
    let names = world.run(&["catalogue", "list", "--format", "name"]).succeeds().to_owned();
    assert_eq!(names.lines().count(), 17, "{names}");
    for name in names.lines() {
        let described = world.run(&["catalogue", "describe", name]);
        for says in ["Documentation:", "Grant:", "Profiles:", "Tools that read:"] {
            assert!(described.succeeds().contains(says), "{says}: {described:?}");
        }
        let json = world.run(&["catalogue", "describe", name, "--format", "json"]).succeeds().to_owned();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        for variant in json["variants"].as_array().unwrap() {
            let variant = variant["name"].as_str().unwrap();
            let dry = world.run(&["setup", name, "--variant", variant, "--dry-run"]);
            assert!(dry.succeeds().contains("kind: server"), "{name} {variant}: {dry:?}");
            assert!(dry.out.contains(&format!("name: {name}-read-only\n")), "{name} {variant}");
        }
    }
    world.run(&["catalogue", "describe", "slak"]).fails(5, &["did you mean `slack`?"]);
    world.run(&["setup", "slack", "--variant", "refrence", "--dry-run"]).fails(5, &["did you mean `reference`?"]);
}

#[test]
fn the_list_is_the_same_by_both_names() {
    let world = World::new();
    let list = world.run(&["setup", "--list"]).succeeds().to_owned();
    assert_eq!(list, world.run(&["catalogue", "list"]).succeeds());
    assert!(list.starts_with("NAME") && list.lines().next().unwrap().ends_with("LAUNCH"), "{list}");
    let slack = list.lines().find(|line| line.starts_with("slack")).unwrap();
    for part in ["community,reference,remote", "SLACK_MCP_XOXP_TOKEN", "npx -y slack-mcp-server@1.3.0"] {
        assert!(slack.contains(part), "{slack}");
    }
}

#[test]
fn every_example_can_be_tried_without_doing_anything() {
    let world = World::new();
    let help = world.run(&["setup", "--help"]).succeeds().to_owned();
    let examples = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("mcpctl setup "))
        .filter(|line| !["--list", "--rotate", "--from-registry"].iter().any(|flag| line.contains(flag)));
    std::fs::write(world.work().join("pat.txt"), "t0p").unwrap();
    std::fs::write(world.work().join("token.txt"), "t0p").unwrap();
    let mut tried = 0;
    for example in examples {
        let (line, stdin) = example.split_once('<').map_or((example, ""), |(line, _)| (line, "t0p"));
        let words = line.split_whitespace().filter(|word| *word != "--dry-run");
        let words: Vec<&str> = words.map(|word| word.trim_matches('\'')).collect();
        let stdin = world.script("stdin", stdin);
        let mut command = world.command(&[&["setup"], &words[..], &["--dry-run"]].concat());
        command.stdin(std::fs::File::open(stdin).unwrap());
        Ran::of(&mut command).succeeds();
        tried += 1;
    }
    assert!(tried >= 8, "{help}");
}

#[test]
fn a_rotation_tries_the_new_credential_out_beside_the_old_one() {
    let stub = plane(Some(RUNNING), READY, GOOD);
    let ran = run(&stub, &["setup", "slack", "--rotate", "--non-interactive", "--token=xoxb-s3cr3t"]);
    assert_eq!(ran.succeeds(), "secret/slack-slack-mcp-xoxb-token rotated\n");
    let expected = [
        "PUT secrets/slack-slack-mcp-xoxb-token-next",
        "POST apply",
        "POST instances/slack-next/test",
        "PUT secrets/slack-slack-mcp-xoxb-token",
        "DELETE servers/slack-next",
        "DELETE secrets/slack-slack-mcp-xoxb-token-next",
    ];
    assert_eq!(changed(&stub), expected);
}

#[test]
fn a_rotation_that_fails_leaves_the_old_credential() {
    let stub = plane(Some(RUNNING), READY, REFUSED);
    let rotate = ["setup", "slack", "--rotate", "--non-interactive", "--token=xoxb-s3cr3t"];
    run(&stub, &rotate).fails(6, &["does not accept the credential", "hint: nothing was changed"]);
    let kept = changed(&stub).into_iter().all(|change| change != "PUT secrets/slack-slack-mcp-xoxb-token");
    assert!(kept, "{:?}", changed(&stub));
    assert!(changed(&stub).contains(&"DELETE servers/slack-next".to_owned()));

    let open = r#"{"tool": "slack_list_channels", "error": "no route to host"}"#;
    let stub = plane(Some(RUNNING), READY, open);
    run(&stub, &rotate).fails(6, &["cannot be found out", "no route to host", "`--no-check`"]);
    run(&stub, &[&rotate[..], &["--no-check"]].concat()).succeeds();

    let stub = plane(Some(RUNNING), READY, GOOD);
    run(&stub, &["setup", "slack", "--rotate", "--non-interactive"]).fails(2, &["SLACK_MCP_XOXB_TOKEN"]);
    run(&stub, &["setup", "slack", "--rotate", "--token=xoxp-1"]).fails(2, &["is one for SLACK_MCP_XOXP_TOKEN"]);
    run(&plane(None, READY, GOOD), &rotate).fails(5, &["server `slack` does not exist"]);
}

#[test]
fn a_server_that_wants_consent_says_so() {
    let stub = plane(None, READY, GOOD);
    let ran = run(&stub, &["setup", "slack", "--variant", "remote", "--non-interactive", "--client-id", "1.2"]);
    ran.succeeds();
    assert!(
        ran.err.contains("reached at: https://mcp.slack.com/mcp") && ran.err.contains("next: mcpctl connect slack")
    );
    let applied = stub.wait_for(|seen| seen.path.ends_with("/apply")).body;
    assert!(applied.contains(r#""oauth":{"mode":"per_user","client_id":"1.2"}"#), "{applied}");
    run(&stub, &["setup", "slack", "--variant", "remote", "--non-interactive"]).fails(2, &["needs --client-id"]);
}
