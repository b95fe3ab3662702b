//! `@modelcontextprotocol/server-memory` with a file of its own: a graph as text, and once more in `structuredContent`.

use super::{
    fakes::texts,
    installed::Installed,
    records::of_json,
    rig::{Driven, Setup, folder},
};
use serde_json::{Value, json};
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn server_memory() {
    let Some(installed) = Installed::npm("@modelcontextprotocol/server-memory", "dist/index.js") else { return };
    let file = folder("memory-file").await.join("memory.jsonl");
    let entity = |(index, text): (usize, &String)| {
        json!({"type": "entity", "name": format!("note-{index}"), "entityType": "note", "observations": [text]})
            .to_string()
            + "\n"
    };
    fs::write(&file, texts(300, 99).iter().enumerate().map(entity).collect::<String>()).unwrap();
    let before = fs::read(&file).unwrap();
    let setup = Setup::of("memory", &installed, &[]).env("MEMORY_FILE_PATH", file.to_str().unwrap()).words(&[
        "--read-tool",
        "read_graph",
        "search_nodes",
        "open_nodes",
    ]);
    let memory = Driven::start("memory", installed, setup).await;

    memory.read("open_nodes", json!({"names": ["note-7"]}), "note-7").await;
    let made = json!({"entities": [{"name": "made", "entityType": "note", "observations": ["hello"]}]});
    memory.refused("create_entities", made.clone()).await;
    memory.refused("delete_entities", json!({"entityNames": ["note-7"]})).await;
    let graph = memory.filtered("read_graph", json!({}), "JSON, twice", |text| of_json(text, "entities")).await;
    for answer in [&graph.all, &graph.kept] {
        let text: Value = serde_json::from_str(super::rig::first(answer)).unwrap();
        assert_eq!(answer.result["structuredContent"], text, "both say the same");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    memory.allowed("create_entities", made).await;
    assert_ne!(fs::read(&file).unwrap(), before);
    memory.finish(&[]).await;
}
