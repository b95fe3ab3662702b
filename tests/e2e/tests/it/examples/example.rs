//! What the examples have in common: everything is read once, then what matters, by one client after the other, and the audit
//! log has to know of every call. What is left may differ from one to the next: the gateway reads on between two questions
//! about the same records.

use super::{
    figures,
    played::Script,
    truth::{Counted, Truth},
};
use crate::{messages_api::Step, patience::until, programs::program, world::World};
use e2e::client::{Client, Era};
use serde_json::{Value, json};
use std::fs;

/// A gateway leaves results with fewer records than this as they are.
const FILTERED_FROM: usize = 30;

/// A call that reads, what it is to find, and what is true of the records.
pub(crate) struct Read {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
    pub(crate) context: &'static str,
    pub(crate) truth: Truth,
}

impl Read {
    fn with(&self, context: &str) -> Value {
        let mut arguments = self.arguments.clone();
        arguments["_context"] = json!(context);
        arguments
    }
}

/// An example.
pub(crate) struct Example {
    pub(crate) title: &'static str,
    pub(crate) project: &'static str,
    pub(crate) prompt: &'static str,
    pub(crate) reads: Vec<Read>,
    /// What the model does at last although it may not.
    pub(crate) write: (&'static str, Value),
}

impl Example {
    /// Plays the example by the official Rust client, then by each other one that is installed; what every one of them was
    /// shown by each of the reads.
    pub(crate) async fn play(&self, world: &World) -> Vec<Vec<Counted>> {
        world.mcpctl(&["claude", "add-mcp-project", self.project]).await.done();
        let config = world.path("workspace/.mcp.json");
        let client = world.client(&config, Era::Modern).await;
        let (mut everything, mut first) = (Vec::new(), Vec::new());
        for read in &self.reads {
            everything.push(self.read(&client, read, "all").await);
            first.push(self.read(&client, read, read.context).await);
        }
        let (tool, arguments) = &self.write;
        let refused = client.call(tool, arguments.as_object().unwrap().clone()).await.unwrap_err();
        assert!(refused.refusal().unwrap().contains("permission denied"), "{refused}");
        client.close().await;

        let mut shown = vec![("official SDK", first)];
        let step = |tool: &str, input: Value| Step { tool: tool.to_owned(), input };
        let script = Script {
            project: self.project,
            prompt: self.prompt,
            reads: self.reads.iter().map(|read| step(read.tool, read.with(read.context))).collect(),
            write: step(tool, arguments.clone()),
        };
        let played = script.play(world, &config).await;
        let count = played.len() * self.reads.len();
        for played in &played {
            assert_eq!(played.results.len(), self.reads.len(), "{}", played.client);
            let counted = self.reads.iter().zip(&played.results).map(|(read, text)| read.truth.count(text));
            let counted: Vec<Counted> = counted.collect();
            self.check_audit(world, (count, played.identity), &counted).await;
            shown.push((played.client, counted));
        }
        let calls = self.reads.iter().map(|read| format!("{} {}", read.tool, read.arguments));
        figures::show(self.title, &calls.zip(everything).collect::<Vec<_>>(), &shown);
        shown.into_iter().map(|(_, counted)| counted).collect()
    }

    /// What a call answers, once everything was judged.
    async fn read(&self, client: &Client, read: &Read, context: &str) -> Counted {
        until("the answer is judged to its end", async || {
            let answer = client.call(read.tool, read.with(context).as_object().unwrap().clone()).await.ok()?;
            assert!(!answer.is_error(), "{}: {}", read.tool, answer.result);
            let judged = answer.note().is_none_or(|note| !note.contains("time ran out"));
            let text = answer.texts().collect::<Vec<_>>().join("\n");
            judged.then(|| read.truth.count(&text))
        })
        .await
    }

    /// Every read is in the audit log, among the last `count` calls, with the client, the decision and what was kept.
    async fn check_audit(&self, world: &World, (count, identity): (usize, &str), left: &[Counted]) {
        let events = until("the audit log has the calls of the client", async || {
            let mut events = world.audit(count, &["--project", self.project]).await;
            events.retain(|event| event["client"].as_str().is_some_and(|name| name.starts_with(identity)));
            (events.len() == self.reads.len()).then_some(events)
        })
        .await;
        for ((read, counted), event) in self.reads.iter().zip(left).zip(events.iter().rev()) {
            let told = ["action", "target", "decision", "outcome"].map(|key| event[key].as_str().unwrap());
            assert_eq!(told, ["mcp_call", read.tool, "allow", "ok"], "{event}");
            match event.get("relevance") {
                Some(relevance) => assert_eq!(relevance["kept"], json!(counted.records()), "{event}"),
                None => assert!(counted.records() < FILTERED_FROM, "{event}"),
            }
        }
    }
}

/// Sets a server of the catalogue up with the demo program that stands in for it; a write to it would be in the file that
/// [`writes`] reads.
pub(crate) async fn set_up(world: &World, server: &str, words: &[&str], token: &str) {
    let mock = program(&format!("mock-{server}"));
    let state = format!("--arg={}", world.text_path(&format!("{server}-writes.jsonl")));
    let line = ["setup", server, "--non-interactive", "--token-stdin", "--command", mock.to_str().unwrap()];
    let line = [&line[..], &["--arg=--state-file", &state], words].concat();
    world.mcpctl_with(&line, token).await.done();
}

/// What was written to a server.
pub(crate) fn writes(world: &World, server: &str) -> String {
    fs::read_to_string(world.path(&format!("{server}-writes.jsonl")))
        .expect("the program makes its file when it starts")
}

/// Applies objects, one YAML document each, and waits until the gateway has them.
pub(crate) async fn apply(world: &World, objects: &str) {
    world.mcpctl_with(&["apply", "-f", "-", "--wait"], objects).await.done();
}
