//! Gemini CLI itself, which says whether it reaches what `mcpctl client add` wrote into its settings.

use crate::{
    programs::tool,
    said::aloud,
    world::{World, run},
};
use serde_json::json;
use std::{env, fs};

const SETTINGS: &str = "{\n  // mine\n  \"ui\": {\"hideTips\": true}\n}\n";

#[tokio::test(flavor = "multi_thread")]
async fn gemini_connects_from_the_file_that_was_written() {
    let Some(gemini) = tool("E2E_GEMINI", "bin/gemini") else {
        return aloud("SKIPPED: Gemini CLI is not installed (`scripts/setup test` tries to)");
    };
    let world = World::shared().await;
    let file = world.path("gemini.yaml");
    fs::write(&file, "kind: project\nname: gemini_sees\nspec: {members: [admin]}\n").unwrap();
    world.mcpctl(&["apply", "-f", file.to_str().unwrap()]).await.done();

    let dir = world.path("gemini");
    let settings = dir.join(".gemini/settings.json");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::write(&settings, SETTINGS).unwrap();
    let line = ["client", "add", "gemini_sees", "--client", "gemini", "--dir", dir.to_str().unwrap()];
    let said = world.mcpctl(&line).await.done();
    assert!(said.stderr.contains("trust the folder"), "{}", said.stderr);

    let list = async || {
        let mut command = world.command(&gemini);
        // It is a script for Node, which lies where the tests' tools do.
        command.current_dir(&dir).env("PATH", env::var_os("PATH").unwrap()).args(["mcp", "list"]);
        let said = run(command, "").await.done();
        said.stdout + &said.stderr
    };
    let told = list().await;
    assert!(told.contains("mcpctl-proxy") && told.contains("Disabled"), "{told}");
    let trusted = world.path("user/.gemini/trustedFolders.json");
    fs::create_dir_all(trusted.parent().unwrap()).unwrap();
    fs::write(&trusted, json!({dir.to_str().unwrap(): "TRUST_FOLDER"}).to_string()).unwrap();
    let told = list().await;
    assert!(told.contains("mcpctl-proxy") && told.contains("Connected"), "{told}");

    world
        .mcpctl(&["client", "remove", "gemini_sees", "--client", "gemini", "--dir", dir.to_str().unwrap()])
        .await
        .done();
    assert_eq!(fs::read_to_string(&settings).unwrap(), SETTINGS);
}
