//! `@modelcontextprotocol/server-filesystem` with a real folder: text, and the same text once more in `structuredContent`.

use super::{
    fakes::texts,
    installed::Installed,
    records::of_lines,
    rig::{Driven, Setup, first, folder},
};
use serde_json::json;
use std::fs;

const READS: [&str; 4] = ["read_text_file", "list_directory", "search_files", "list_allowed_directories"];

#[tokio::test(flavor = "multi_thread")]
async fn server_filesystem() {
    let Some(installed) = Installed::npm("@modelcontextprotocol/server-filesystem", "dist/index.js") else { return };
    let folder = folder("files").await;
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let line = |(index, text): (usize, &String)| {
        format!("2026-11-20T09:{:02}:{:02}Z INFO {}\n", index / 60, index % 60, text.replace('\n', " "))
    };
    fs::write(path("shop.log"), texts(500, 333).iter().enumerate().map(line).collect::<String>()).unwrap();
    fs::write(path("note.txt"), "under the third stone\n").unwrap();
    let setup = Setup::of("filesystem", &installed, &[folder.to_str().unwrap()]).words(&["--read-tool"]).words(&READS);
    let files = Driven::start("filesystem", installed, setup).await;

    files.read("read_text_file", json!({"path": path("note.txt")}), "under the third stone").await;
    files.read("list_directory", json!({"path": folder}), "[FILE] note.txt").await;
    let write = json!({"path": path("made.txt"), "content": "hello"});
    files.refused("write_file", write.clone()).await;
    assert!(!folder.join("made.txt").exists());
    let log = json!({"path": path("shop.log")});
    let found = files.filtered("read_text_file", log, "log, twice", |text| of_lines(text, 0)).await;
    for answer in [&found.all, &found.kept] {
        assert_eq!(answer.result["structuredContent"]["content"], first(answer), "both say the same");
    }
    files.allowed("write_file", write).await;
    assert!(folder.join("made.txt").exists());
    files.finish(&[]).await;
}
