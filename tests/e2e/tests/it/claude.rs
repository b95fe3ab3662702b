//! Claude Code itself, with a scripted model instead of the real one: no network, no key, a home of its own.

use crate::said::aloud;
use crate::{
    messages_api::{ScriptedModel, Step},
    observed::{CONTEXT, Collection},
    programs::tool,
    world::{World, run},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};
use tokio::process::Command;

const READ: &str = "mcp__mcpctl-proxy__slack_get_messages";
const WRITE: &str = "mcp__mcpctl-proxy__slack_post_message";

/// Lets Claude Code read with `_context` and try to write, and checks what the model was shown. Where Claude Code
/// cannot be installed, says so and returns false.
pub(crate) async fn check(world: &World, config: &Path) -> bool {
    let Some(claude) = tool("E2E_CLAUDE", "bin/claude") else {
        aloud("SKIPPED: Claude Code is not installed (`scripts/setup test` tries to)");
        return false;
    };
    let step = |tool: &str, input: Value| Step { tool: tool.to_owned(), input };
    let post = json!({"channel": "general", "text": "written by a test"});
    let model = ScriptedModel::start(vec![step(READ, json!({"_context": CONTEXT})), step(WRITE, post)]).await;
    let mut command = world.command(&claude);
    command.current_dir(config.parent().unwrap());
    work(command, config, (CONTEXT, &[READ, WRITE]), &model).await;

    let (tools, results) = model.seen();
    let offered = |name: &str| tools.iter().find(|tool| tool["name"] == name);
    let schema = &offered(READ).expect("the reader is offered")["input_schema"];
    assert_eq!(schema["properties"]["_context"]["type"], "string", "{schema}");
    assert!(offered(WRITE).is_none(), "the writer is offered");
    let [read, write] = &results[..] else { panic!("{} results", results.len()) };
    check_read(read);
    assert_eq!(write["is_error"], true, "{write}");
    true
}

/// Lets Claude Code, started by `command`, work on a prompt with tools that it need not ask for, until it says that it is done.
pub(crate) async fn work(mut command: Command, config: &Path, (prompt, tools): (&str, &[&str]), model: &ScriptedModel) {
    command.args(["-p", prompt, "--mcp-config"]).arg(config);
    command.args(["--strict-mcp-config", "--output-format", "json", "--allowedTools"]).args(tools);
    command.env("ANTHROPIC_BASE_URL", &model.url).env("ANTHROPIC_API_KEY", "not-a-key");
    command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").env("DISABLE_AUTOUPDATER", "1");
    // All tools at once, and results whole: what the model is shown is what is looked at.
    command.env("ENABLE_TOOL_SEARCH", "false").env("MAX_MCP_OUTPUT_TOKENS", "200000");
    let said = run(command, "").await.done().json();
    assert_eq!((&said["result"], &said["is_error"]), (&json!("done"), &json!(false)), "{said}");
}

/// The text of a result as Claude Code passed it on.
pub(crate) fn shown(result: &Value) -> String {
    let shown = match &result["content"] {
        Value::String(text) => text.clone(),
        blocks => blocks.as_array().unwrap().iter().filter_map(|block| block["text"].as_str()).collect(),
    };
    // What is long it puts into a file, and shows the model where, and how it begins.
    match shown.split_once("Full output saved to: ") {
        Some((_, rest)) => fs::read_to_string(rest.lines().next().unwrap()).unwrap(),
        None => shown,
    }
}

/// The model was shown few messages, among them the labelled ones.
fn check_read(result: &Value) {
    let shown = shown(result);
    let after = |part: &str| part.split('"').next().map(str::to_owned);
    let shown_ts: BTreeSet<String> = shown.split(r#""ts":""#).skip(1).filter_map(after).collect();
    Collection::slack().check(&shown_ts);
}
