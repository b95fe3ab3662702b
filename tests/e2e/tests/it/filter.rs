//! Relevance filtering tried and measured by a person: `mcpctl filter` and `mcpctl model`, with the real data plane.

use crate::{model, world::World};
use e2e::slack_messages::Workspace;
use serde_json::{Value, json};
use std::fs;

const CONTEXT: &str = "security incidents";
/// Messages of the synthetic workspace that are looked into: enough for a threshold, few enough to encode in a test.
const MESSAGES: usize = 150;

/// The messages as a tool returns them, and the texts of those about security.
fn messages() -> (Vec<Value>, Vec<String>) {
    let workspace = Workspace::generate().unwrap();
    let security = workspace.labels().security;
    let messages = &workspace.messages[..MESSAGES];
    let about = messages.iter().filter(|message| security.contains(&message.ts)).map(|message| message.text.clone());
    let told = messages.iter().map(|message| json!({"ts": message.ts, "text": message.text})).collect();
    (told, about.collect())
}

/// A file in the workspace of `world`.
fn write(world: &World, name: &str, text: &str) {
    fs::write(world.path("workspace").join(name), text).unwrap();
}

#[tokio::test]
async fn without_a_model_a_file_is_filtered_by_what_is_built_in() {
    let world = World::new(None);
    let (told, _) = messages();
    write(&world, "messages.json", &json!({"messages": told}).to_string());
    let line = ["filter", "test", "messages.json", "--context", CONTEXT];
    let said = world.mcpctl(&[&line[..], &["-o", "json"]].concat()).await.done();
    assert!(said.stderr.contains("judged without the model") && said.stderr.contains("mcpctl model pull"));
    let report = said.json();
    assert_eq!(
        (&report["taken_for"], &report["shape"], &report["total"]),
        (&json!("text"), &json!("json"), &json!(150))
    );
    let (kept, total) = (report["kept"].as_u64().unwrap(), report["records"].as_array().unwrap().len());
    assert!((1..150).contains(&kept) && total == 150, "{report:#}");
    let scores: Vec<f64> = report["records"].as_array().unwrap().iter().map(|r| r["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");

    let left = world.mcpctl(&[&line[..], &["--print-filtered"]].concat()).await.done().json();
    assert_eq!(left["messages"].as_array().unwrap().len() as u64, kept);
    assert!(
        left["messages"].as_array().unwrap().iter().all(|message| told.contains(message)),
        "kept ones are verbatim"
    );

    let table = world.mcpctl(&[&line[..], &["--max-records", "3"]].concat()).await.done();
    assert_eq!(table.stdout.matches('✓').count(), 3, "{}", table.stdout);
    assert!(table.stdout.contains("text, json: kept 3 of 150 records; "), "{}", table.stdout);
}

#[tokio::test]
async fn a_result_from_stdin_comes_back_as_a_gateway_returns_it() {
    let world = World::new(None);
    let (told, _) = messages();
    let result = json!({"content": [{"type": "text", "text": Value::from(told).to_string()}]});
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
    let line = ["filter", "test", "-", "--context", CONTEXT, "--max-records", "5", "--print-filtered"];
    let left = world.mcpctl_with(&line, &response).await.done().json();
    assert_eq!(left["_meta"]["mcpctl/relevance"]["kept"], 5);
    assert!(left["content"][1]["text"].as_str().unwrap().contains("kept 5 of 150 records"), "{left:#}");

    world
        .mcpctl_with(&["filter", "test", "-", "--context", "x", "--tool-result"], "plain")
        .await
        .failed(2, &["this is no result of a tools/call"]);
    world.mcpctl(&["filter", "test", "-", "--context", "*"]).await.failed(2, &["asks for everything"]);
    world
        .mcpctl(&["filter", "test", "nowhere.json", "--context", "x"])
        .await
        .failed(1, &["cannot read `nowhere.json`: no such file"]);
    let plain = world.mcpctl_with(&["filter", "test", "-", "--context", "x"], "one sentence").await.done();
    assert!(plain.stdout.contains("no records recognised"), "{}", plain.stdout);
}

#[tokio::test]
async fn a_labelled_set_is_measured_with_every_scorer_that_runs_here() {
    let world = World::new(None);
    let (told, about) = messages();
    let texts: Vec<&str> = told.iter().map(|message| message["text"].as_str().unwrap()).collect();
    let relevant: Vec<usize> =
        (0..texts.len()).filter(|index| about.iter().any(|text| text == texts[*index])).collect();
    assert!(relevant.len() > 2);
    let case = json!({"intent": CONTEXT, "texts": texts, "relevant": relevant});
    let nothing = json!({"intent": "quantum lattice simulation", "texts_of": 0, "relevant": []});
    write(&world, "slack.jsonl", &format!("{case}\n{nothing}\n"));

    let said = world.mcpctl(&["filter", "eval", "slack.jsonl"]).await.done();
    assert!(said.stdout.contains("slack: 2 cases") && said.stdout.contains("static+bm25"), "{}", said.stdout);
    assert!(said.stderr.contains("not measured, because there is no model: minilm, cascade"), "{}", said.stderr);
    let line = ["filter", "eval", "slack.jsonl", "--scorer", "minilm"];
    world.mcpctl(&line).await.failed(6, &["`mcpctl model pull`"]);
    world.mcpctl(&["filter", "eval", "slack.jsonl", "--scorer", "best"]).await.failed(2, &["`best` is no scorer"]);
    write(&world, "bad.jsonl", &format!("{case}\n{{\"intent\": \"x\"}}\n"));
    world.mcpctl(&["filter", "eval", "bad.jsonl"]).await.failed(2, &["`bad.jsonl`, line 2: this is no case"]);

    let weights = model::folder().await;
    world.mcpctl(&["model", "pull", "--from", weights.to_str().unwrap()]).await.done();
    let line = ["filter", "eval", ".", "slack.jsonl", "--scorer", "minilm,cascade,cascade-2000-warm", "-o", "json"];
    fs::remove_file(world.path("workspace").join("bad.jsonl")).unwrap();
    let report = world.mcpctl(&line).await.done().json();
    let cascade = &report["mean"][1];
    assert_eq!(
        (&cascade["scorer"], &cascade["cases"], report["sets"].as_array().unwrap().len()),
        (&json!("cascade"), &json!(4), 2)
    );
    assert!(
        cascade["recall"].as_f64().unwrap() > 0.5 && cascade["average_precision"].as_f64().unwrap() > 0.5,
        "{report:#}"
    );
    assert!(
        report["oracle_recall"].as_f64().unwrap() >= 0.5
            && report["encoder_messages_per_second"].as_f64().unwrap() > 1.0
    );
}

#[tokio::test]
async fn models_are_listed_with_what_they_are_for_and_measured() {
    let world = World::new(None);
    let bench = ["model", "bench", "--messages", "60", "--rounds", "1", "-o", "json"];
    let without = world.mcpctl(&bench).await.done();
    assert!(without.stderr.contains("measured without the model"), "{}", without.stderr);
    assert_eq!(without.json()["filter"].as_array().unwrap().len(), 1);
    write(&world, "sentences.txt", "One sentence makes no table.\n");
    let distill = ["model", "distill", "sentences.txt", "--to", "table"];
    world.mcpctl(&distill).await.failed(6, &["`mcpctl model pull`"]);
    let weights = model::folder().await;
    world.mcpctl(&["model", "pull", "--from", weights.to_str().unwrap()]).await.done();
    world.mcpctl(&distill).await.failed(2, &["1 sentences are too few to learn from"]);
    let models = world.mcpctl(&["model", "list", "-o", "json"]).await.done().json();
    assert_eq!((&models[0]["state"], models[0]["tiers"].as_array().unwrap().len()), (&json!("ok"), 1), "{models:#}");
    assert!(models[1]["files"][0]["bytes"].as_u64().unwrap() > 100_000, "{models:#}");
    assert_eq!(models[1]["tiers"].as_array().unwrap().len(), 2, "{models:#}");
    let measured = world.mcpctl(&bench).await.done().json();
    let ways: Vec<&str> =
        measured["filter"].as_array().unwrap().iter().map(|way| way["way"].as_str().unwrap()).collect();
    assert_eq!(ways, ["without the model", "cold", "warm"]);
    assert!(measured["encoder_messages_per_second"].as_f64().unwrap() > 1.0, "{measured:#}");
}
