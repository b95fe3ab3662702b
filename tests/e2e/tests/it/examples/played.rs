//! Claude Code and Codex at work on a prompt, each with a model that calls what the script says: some tools that read, and then
//! one that writes, which they are not even offered.

use crate::{
    claude, codex,
    messages_api::{self, Step},
    programs::tool,
    responses_api,
    said::aloud,
    world::World,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// What somebody asks for, and what a model would do then.
pub(crate) struct Script {
    pub(crate) project: &'static str,
    pub(crate) prompt: &'static str,
    pub(crate) reads: Vec<Step>,
    pub(crate) write: Step,
}

/// What came of it.
pub(crate) struct Played {
    pub(crate) client: &'static str,
    /// How the client calls itself at the gateway.
    pub(crate) identity: &'static str,
    /// The results of the reading calls, as text.
    pub(crate) results: Vec<String>,
}

impl Script {
    /// By each client that is installed.
    pub(crate) async fn play(&self, world: &World, config: &Path) -> Vec<Played> {
        let played = [self.by_claude(world, config).await, self.by_codex(world).await];
        played.into_iter().flatten().collect()
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.reads.iter().chain([&self.write])
    }

    async fn by_claude(&self, world: &World, config: &Path) -> Option<Played> {
        let Some(program) = tool("E2E_CLAUDE", "bin/claude") else {
            aloud("SKIPPED: Claude Code is not installed (`scripts/setup test` tries to)");
            return None;
        };
        let named = |step: &Step| Step { tool: format!("mcp__mcpctl-proxy__{}", step.tool), input: step.input.clone() };
        let steps: Vec<Step> = self.steps().map(named).collect();
        let names: Vec<String> = steps.iter().map(|step| step.tool.clone()).collect();
        let allowed: Vec<&str> = names.iter().map(String::as_str).collect();
        let model = messages_api::ScriptedModel::start(steps).await;
        let command = world.command(&program);
        claude::work(command, config, (self.prompt, &allowed), &model).await;
        let (tools, results) = model.seen();
        let offered: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
        let [reads @ .., write] = &allowed[..] else { panic!("there is nothing to do") };
        assert!(reads.iter().all(|name| offered.contains(name)) && !offered.contains(write), "{offered:?}");
        let [results @ .., refused] = &results[..] else { panic!("no result") };
        assert_eq!(refused["is_error"], true, "{refused}");
        assert!(results.iter().all(|result| result["is_error"] != true), "{results:?}");
        let results = results.iter().map(claude::shown).collect();
        Some(Played { client: "Claude Code", identity: "claude-code", results })
    }

    async fn by_codex(&self, world: &World) -> Option<Played> {
        let Some(program) = tool("E2E_CODEX", "bin/codex") else {
            aloud("SKIPPED: Codex is not installed (`scripts/setup test` tries to)");
            return None;
        };
        let steps: Vec<Step> = self.steps().cloned().collect();
        let model = responses_api::ScriptedModel::start(codex::NAMESPACE, steps).await;
        let config = world.path("user/.codex/config.toml");
        fs::create_dir_all(config.parent().unwrap()).unwrap();
        fs::write(&config, codex::own_config(&model.url)).unwrap();
        world.mcpctl(&["client", "add", self.project, "--client", "codex"]).await.done();
        let calls = codex::work(world, &program, self.prompt).await;
        let (offered, told) = model.seen(codex::NAMESPACE);
        assert!(offered.iter().all(|tool| tool["name"] != self.write.tool.as_str()), "{offered:?}");
        assert!(told.last().unwrap().contains("unsupported call"), "{told:?}");
        let text = |call: &Value| {
            assert_eq!(call["status"], "completed", "{call}");
            let blocks = call["result"]["content"].as_array().unwrap().iter();
            blocks.filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
        };
        let names: Vec<&Value> = calls.iter().map(|call| &call["tool"]).collect();
        assert_eq!(json!(names), json!(self.reads.iter().map(|step| &step.tool).collect::<Vec<_>>()));
        Some(Played { client: "Codex", identity: "codex-mcp-client", results: calls.iter().map(text).collect() })
    }
}
