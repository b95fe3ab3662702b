//! Codex itself, started from the `config.toml` that `mcpctl client add` wrote into, with a scripted model instead of the real
//! one: no network, no key, a home of its own.

use crate::{
    messages_api::Step,
    patience::until,
    programs::{program, tool},
    responses_api::ScriptedModel,
    said::aloud,
    world::{World, run},
};
use serde_json::{Value, json};
use std::{fs, path::Path};

const PROJECT: &str = "codex_reads";
/// What Codex makes of the entry's name.
pub(crate) const NAMESPACE: &str = "mcp__mcpctl_proxy";
const READ: &str = "desk_slack_get_users";
const WRITE: &str = "desk_slack_post_message";

/// The demo Slack as `desk`, and a project that reads it, once the gateway serves it.
async fn set_up(world: &World) {
    let slack = program("mock-slack");
    let line = ["setup", "desk", "--non-interactive", "--command", slack.to_str().unwrap()];
    let reads = ["--read-tool", "slack_get_*", "--secret-env", "SLACK_BOT_TOKEN", "--token-stdin"];
    world.mcpctl_with(&[&line[..], &reads].concat(), "xoxb-desk").await.done();
    world.mcpctl(&["project", "create", PROJECT, "--profiles", "desk-read-only"]).await.done();
    let endpoint = world.endpoint(PROJECT, &world.admin_token()).await;
    until("the tool is served", async || {
        endpoint.call(READ, json!({})).await.text.contains("\"result\"").then_some(())
    })
    .await;
}

/// What a user has in the file before: their model, and notes of their own.
pub(crate) fn own_config(model: &str) -> String {
    format!(
        "# mine\nmodel = \"scripted\"\nmodel_provider = \"scripted\"   # no network\ncheck_for_update_on_startup = false\n\n\
         [model_providers.scripted]\nname = \"scripted\"\nbase_url = \"{model}/v1\"\nwire_api = \"responses\"\n\n\
         [analytics]\nenabled = false\n"
    )
}

/// Lets Codex work until it says that it is done; the calls it made.
pub(crate) async fn work(world: &World, codex: &Path, prompt: &str) -> Vec<Value> {
    let mut command = world.command(codex);
    command.args(["exec", "--json", "--skip-git-repo-check", prompt]);
    let said = run(command, "").await.done();
    let events = said.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let items: Vec<Value> =
        events.filter(|event| event["type"] == "item.completed").map(|event| event["item"].clone()).collect();
    assert!(items.iter().any(|item| item["text"] == "done"), "{}", said.stdout);
    items.into_iter().filter(|item| item["type"] == "mcp_tool_call").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_calls_a_tool_from_the_file_that_was_written() {
    let Some(codex) = tool("E2E_CODEX", "bin/codex") else {
        return aloud("SKIPPED: Codex is not installed (`scripts/setup test` tries to)");
    };
    let world = World::shared().await;
    set_up(world).await;
    let config = world.path("user/.codex/config.toml");
    fs::create_dir_all(config.parent().unwrap()).unwrap();

    for transport in ["stdio", "http"] {
        let steps = [READ, WRITE].map(|tool| Step { tool: tool.to_owned(), input: json!({}) });
        let model = ScriptedModel::start(NAMESPACE, steps.to_vec()).await;
        let before = own_config(&model.url);
        fs::write(&config, &before).unwrap();
        let line = ["client", "add", PROJECT, "--client", "codex", "--transport", transport];
        let said = world.mcpctl(&line).await.done();
        assert_eq!(said.stdout, "~/.codex/config.toml/mcpctl-proxy created\n");
        let written = fs::read_to_string(&config).unwrap();
        assert!(written.starts_with(&before) && !written.contains("mcpctl_pat_"), "{written}");

        let calls = work(world, &codex, "Who is there?").await;
        let [read] = &calls[..] else { panic!("{calls:?}") };
        assert_eq!((&read["server"], &read["tool"]), (&json!("mcpctl-proxy"), &json!(READ)));
        assert_eq!(read["status"], "completed", "{transport}: {read}");
        let (offered, told) = model.seen(NAMESPACE);
        let names: Vec<&str> = offered.iter().filter_map(|tool| tool["name"].as_str()).collect();
        assert!(names.contains(&READ) && !names.contains(&WRITE), "{names:?}");
        assert!(told[0].contains("members") && told[0].contains("real_name"), "{}", told[0]);
        assert!(told[1].contains("unsupported call"), "{}", told[1]);
        until("the call is in the audit log", async || {
            let said = world.mcpctl(&["audit", "--tool", READ, "--format", "json"]).await.done().json();
            let by_codex =
                |event: &Value| event["client"].as_str().is_some_and(|name| name.starts_with("codex-mcp-client"));
            said.as_array().unwrap().iter().any(by_codex).then_some(())
        })
        .await;

        world.mcpctl(&["client", "remove", PROJECT, "--client", "codex"]).await.done();
        assert_eq!(fs::read_to_string(&config).unwrap(), before);
    }
}
