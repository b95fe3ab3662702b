//! The official Python client, in both eras of the protocol.

use crate::{
    observed::{Observed, calls},
    programs::{repository, tool},
    world::{World, run},
};
use serde_json::{Value, json};
use std::path::Path;

/// How the client opens the conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// It asks `server/discover` first.
    Auto,
    /// It says `initialize` at once.
    Legacy,
}

/// Lets the client do the main workflow.
pub(crate) async fn observe(world: &World, config: &Path, mode: Mode) -> Observed {
    let python = tool("E2E_PYTHON", "venv/bin/python").expect("no Python client: run `scripts/setup test`");
    let script = repository().join("tests/e2e/clients/observe.py");
    let calls: Vec<Value> =
        calls().iter().map(|call| json!({"tool": call.tool, "arguments": call.arguments})).collect();
    let file = world.path("calls.json");
    std::fs::write(&file, json!(calls).to_string()).unwrap();
    let (word, version) = match mode {
        Mode::Auto => ("auto", "2026-07-28"),
        Mode::Legacy => ("legacy", "2025-11-25"),
    };
    let mut command = world.command(&python);
    command.arg(script).arg("--config").arg(config).arg("--calls").arg(&file).args(["--mode", word]);
    let seen = run(command, "").await.done().json();
    assert_eq!(seen["protocol_version"], version);
    let answer = |answer: &Value| match answer["error"]["message"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(answer["result"].clone()),
    };
    Observed {
        tools: seen["tools"].as_array().unwrap().clone(),
        answers: seen["answers"].as_array().unwrap().iter().map(answer).collect(),
    }
}
