//! Who has a profile that only reads writes nothing, by whatever name, revision or detour. The truth is what the server wrote
//! down: nothing, until somebody who may write does so.

use super::raw::{Caller, Session};
use crate::{patience::until, programs::program, world::World};
use serde_json::{Value, json};
use std::fs;

const READ: &str = "bounded_slack_get_users";
const WRITE: &str = "bounded_slack_post_message";

/// Names that look like the tool that writes, or might be taken for it.
const NAMES: [&str; 16] = [
    WRITE,
    "slack_post_message",
    "bounded_slack_add_reaction",
    "BOUNDED_SLACK_POST_MESSAGE",
    "Bounded_Slack_Post_Message",
    "bounded_slack_post_message ",
    " bounded_slack_post_message",
    "bounded_slack_post_message\t",
    "bounded_slack_post_message\u{0}",
    "bounded_slack_post_message\u{200b}",
    "bounded_\u{455}lack_post_message",
    "bounded_slack_post_messag\u{ff45}",
    "bounded__slack_post_message",
    "bounded/slack_post_message",
    "bounded_bounded_slack_post_message",
    "../bounded_full/bounded_slack_post_message",
];

fn arguments() -> Value {
    json!({"channel": "general", "text": "written past a boundary"})
}

/// A server, a project that reads it and one that may everything; the token of somebody who is a member of the first one.
async fn set_up(world: &World) -> String {
    let slack = program("mock-slack");
    let state = format!("--arg={}", world.text_path("bounded.jsonl"));
    let line = ["setup", "bounded", "--non-interactive", "--command", slack.to_str().unwrap(), "--arg=--state-file"];
    let classes = ["--read-tool", "slack_get_*", "--access", "read-write"];
    let secret = ["--secret-env", "SLACK_BOT_TOKEN", "--token-stdin"];
    world.mcpctl_with(&[&line[..], &[&state], &classes, &secret].concat(), "xoxb-bounded").await.done();
    world.mcpctl(&["user", "create", "reader"]).await.done();
    for (project, profile, member) in
        [("bounded", "bounded-read-only", "reader"), ("bounded_full", "bounded-full", "admin")]
    {
        world
            .mcpctl(&["project", "create", project, "--profiles", profile, "--members", member, "--wait"])
            .await
            .done();
    }
    world.mcpctl(&["token", "create", "--user", "reader"]).await.done().stdout.trim().to_owned()
}

/// By every name in the newest revision, as a task, as an answer to a question that nobody asked, and by other methods.
async fn by_name(reader: &Caller, url: &str) -> usize {
    let mut attempts = 0;
    for name in NAMES {
        for extra in [json!({}), json!({"task": {"ttl": 1_000}}), json!({"requestState": "s", "inputResponses": {}})] {
            let mut params = json!({"name": name, "arguments": arguments()});
            params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let reply = reader.modern(url, "tools/call", params).await;
            assert!(!reply.did(), "{name:?} {extra}: {reply:?}");
            attempts += 1;
        }
        for (method, params) in [
            ("prompts/get", json!({"name": name, "arguments": arguments()})),
            ("resources/read", json!({"uri": name})),
            ("resources/read", json!({"uri": format!("mcpctl://tools/{name}")})),
            ("tasks/result", json!({"taskId": name})),
            (name, arguments()),
        ] {
            let reply = reader.modern(url, method.trim_matches(|c: char| !c.is_ascii_graphic()), params).await;
            assert!(!reply.did(), "{method:?} {name:?}: {reply:?}");
            attempts += 1;
        }
    }
    attempts
}

/// By every name in every older revision; in the one that has batches, between two calls that are allowed.
async fn by_revision(reader: &Caller, url: &str) -> usize {
    let mut attempts = 0;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = reader.open(url, revision).await;
        for name in NAMES {
            let reply = session.ask("tools/call", json!({"name": name, "arguments": arguments()})).await;
            assert!(!reply.did(), "{revision} {name:?}: {reply:?}");
            attempts += 1;
        }
        attempts += by_spelling(&session).await;
    }
    let session = reader.open(url, "2025-03-26").await;
    let call = |id: u32, name: &str, arguments: Value| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": arguments}});
    let batch = json!([call(1, READ, json!({})), call(2, WRITE, arguments()), call(3, READ, json!({}))]);
    let reply = session.send(&batch.to_string()).await;
    let answers = reply.json();
    let of = |id: u32| answers.as_array().unwrap().iter().find(|answer| answer["id"] == id).unwrap().clone();
    assert!(of(1)["result"].is_object() && of(3)["result"].is_object(), "{answers}");
    assert!(of(2)["error"]["message"].as_str().unwrap().contains("permission denied"), "{answers}");
    attempts + 1
}

/// By texts that readers of JSON may read in two ways.
async fn by_spelling(session: &Session<'_>) -> usize {
    let texts = [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"READ","name":"WRITE","arguments":ARGS}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"WRITE","name":"READ","arguments":ARGS}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"READ","n\u0061me":"WRITE","arguments":ARGS}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"READ","Name":"WRITE","arguments":ARGS}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["WRITE"],"arguments":ARGS}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["WRITE",ARGS]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"WRITE","arguments":ARGS}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"WRITE","arguments":ARGS}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"READ","arguments":{"name":"WRITE","tool":"slack_post_message"}}}"#,
    ];
    for text in texts {
        let body = text.replace("READ", READ).replace("WRITE", WRITE).replace("ARGS", &arguments().to_string());
        let reply = session.send(&body).await;
        assert!(!reply.did(), "{body}: {reply:?}");
    }
    texts.len()
}

/// By addresses at which the tool might be had without the profile.
async fn by_address(reader: &Caller, gateway: &str) -> usize {
    let paths = [
        "/projects/bounded_full/mcp",
        "/projects/BOUNDED_FULL/mcp",
        "/projects/bounded%5ffull/mcp",
        "/projects/bounded/../bounded_full/mcp",
        "/projects/bounded/%2e%2e/bounded_full/mcp",
        "/projects//mcp",
        "/servers/bounded/mcp",
        "/bounded/mcp",
        "/mcp",
    ];
    for path in paths {
        let params = json!({"name": WRITE, "arguments": arguments()});
        let reply = reader.modern(&format!("{gateway}{path}"), "tools/call", params).await;
        assert!(!reply.did(), "{path}: {reply:?}");
    }
    paths.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_only_reads_writes_by_no_name_revision_batch_or_detour() {
    let world = World::shared().await;
    let reader = Caller::new(&set_up(world).await);
    let gateway = world.process("gateway").await.url.unwrap();
    let url = format!("{gateway}/projects/bounded/mcp");
    let reads =
        async || reader.modern(&url, "tools/call", json!({"name": READ, "arguments": {}})).await.did().then_some(());
    until("the reader reads", reads).await;

    let mut attempts = by_name(&reader, &url).await;
    attempts += by_revision(&reader, &url).await;
    attempts += by_address(&reader, &gateway).await;
    let written = || fs::read_to_string(world.path("bounded.jsonl")).unwrap();
    assert_eq!(written(), "", "after {attempts} attempts");
    reads().await.expect("who may read still reads");
    let denied = world.audit(50, &["--user", "reader", "--decision", "deny"]).await;
    assert!(denied.iter().all(|event| event["outcome"] == "denied"), "{denied:?}");

    let params = json!({"name": WRITE, "arguments": arguments()});
    let admin = Caller::new(&world.admin_token());
    let full = format!("{gateway}/projects/bounded_full/mcp");
    assert!(admin.modern(&full, "tools/call", params).await.did(), "who may write does");
    assert_eq!(written().lines().count(), 1, "{}", written());
}
