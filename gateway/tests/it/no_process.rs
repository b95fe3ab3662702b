//! Nothing that a client sends starts a process, whatever it calls the fields.

use crate::{
    confinement::{marked, probe},
    process::Gateway,
    world::{PROGRAM, objects, token_of},
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

/// Requests under way at the same time.
const AT_ONCE: usize = 16;
/// Longest wait for an answer to one of them.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a command hides in.
const FIELDS: [&str; 9] =
    ["command", "args", "env", "image", "volumes", "transport", "server", "sandbox", "--privileged"];
const METHODS: [&str; 9] = [
    "tools/call",
    "tools/list",
    "prompts/get",
    "resources/read",
    "server/discover",
    "initialize",
    "subscriptions/listen",
    "servers/start",
    "confine",
];

/// Ways to say "run this".
fn commands(file: &Path) -> Vec<Value> {
    let touch = format!("touch {}", file.display());
    vec![
        json!(touch),
        json!(["sh", "-c", touch]),
        json!({"type": "stdio", "command": "sh", "args": ["-c", touch], "env": {"X": touch}}),
        json!({"command": "touch", "args": [file]}),
        json!(format!("; {touch}")),
        json!(format!("$({touch})")),
        json!(format!("x\n{touch}\n")),
        json!(format!("--{touch}")),
        json!(format!("\u{0}{touch}")),
    ]
}

#[tokio::test]
async fn c01_no_field_of_a_request_starts_a_process() {
    let (home, mark) = (tempfile::tempdir().unwrap(), "c01-no-process");
    let gateway = Gateway::start(&[PROGRAM], home.path(), &objects(&[probe(mark, &json!({}))]), &json!({})).await;
    gateway.call("probe_echo", json!({})).await;
    let (file, running) = (home.path().join("started"), marked(mark));
    let mut requests = Vec::new();
    for (method, field) in METHODS.iter().flat_map(|method| FIELDS.map(|field| (method, field))) {
        for command in commands(&file) {
            let mut inside = json!({"name": "probe_echo", "arguments": {field: command}, "_meta": {field: command}});
            inside[field] = command.clone();
            inside["arguments"]["_context"] = json!({field: command});
            requests.push(gateway.request(method, inside).header("x-command", "touch").timeout(PATIENCE));
        }
    }
    assert!(requests.len() > 700);
    // What they are answered is not the question; a listen is left after a while.
    let sent = stream::iter(requests).map(|request| async { drop(request.send().await) });
    sent.buffer_unordered(AT_ONCE).collect::<()>().await;
    // Outside of a message, and as names.
    for command in commands(&file) {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": command, "params": command, "command": command});
        let request = gateway.http.post(format!("http://{}/mcp", gateway.address)).json(&body);
        let _ =
            request.bearer_auth(token_of("ada")).header("accept", "application/json, text/event-stream").send().await;
        gateway.call(command.as_str().unwrap_or("sh"), command.clone()).await;
    }
    assert!(!file.exists());
    // The server is the same one, and there is no other.
    assert_eq!(marked(mark), running);
    assert_eq!(gateway.call("probe_echo", json!({})).await.told(), "done");
}
