//! Wrong input on the command line: said with a way out, and nothing is changed by it.

use crate::world::World;
use std::net::TcpListener;

/// Applies a file with that text.
async fn apply(world: &World, name: &str, text: &str) -> crate::said::Said {
    let file = world.path(name);
    std::fs::write(&file, text).unwrap();
    world.mcpctl(&["profile", "apply", "-f", file.to_str().unwrap()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_applied_is_explained_and_changes_nothing() {
    let world = World::shared().await;
    apply(world, "broken.yaml", "kind: profile\nname: [\n").await.failed(2, &["broken.yaml:3:1", "hint:"]);
    let unknown_field = "kind: profile\nname: p\nspec: {server: s, acces: full}\n";
    apply(world, "field.yaml", unknown_field).await.failed(2, &["field.yaml", "acces"]);
    let other = "kind: project\nname: p\nspec: {}\n";
    apply(world, "other.yaml", other).await.failed(2, &["project/p", "mcpctl apply -f"]);
    let dangling = "kind: profile\nname: dangling\nspec: {server: nobody}\n";
    let said = apply(world, "dangling.yaml", dangling).await;
    assert!(!said.is_done() && said.stderr.contains("nobody"), "{}", said.stderr);
    let missing = world.text_path("missing.yaml");
    world.mcpctl(&["profile", "apply", "-f", &missing]).await.failed(2, &["missing.yaml", "no such file"]);
    world.mcpctl(&["profile", "describe", "dangling"]).await.failed(5, &["dangling"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_named() {
    let world = World::shared().await;
    world.mcpctl(&["setup", "slak", "--non-interactive"]).await.failed(5, &["`slak`", "did you mean `slack`?"]);
    world.mcpctl(&["setup", "wiki", "--non-interactive"]).await.failed(5, &["--command", "--url"]);
    world.mcpctl(&["setup", "jira", "--non-interactive"]).await.failed(2, &["JIRA_URL", "JIRA_API_TOKEN"]);
    let create = ["project", "create", "p", "--profiles", "nothing-read-only"];
    let said = world.mcpctl(&create).await;
    assert!(!said.is_done() && said.stderr.contains("nothing-read-only"), "{}", said.stderr);
    world.mcpctl(&["claude", "add-mcp-project", "nobody"]).await.failed(5, &["nobody"]);
    assert!(!world.path("workspace/.mcp.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_and_nothing_is_left_running() {
    let world = World::new(None);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let start = ["daemon", "start", "--api-port"];
    let says = format!("port {port} on 127.0.0.1 is taken");
    let line = [&start[..], &[&port, "--gateway-port", "0"]].concat();
    world.mcpctl(&line).await.failed(1, &[&says, "--api-port PORT"]);
    let line = [&start[..], &["0", "--gateway-port", &port]].concat();
    world.mcpctl(&line).await.failed(1, &[&says, "--gateway-port PORT"]);
    let status = world.mcpctl(&["daemon", "status"]).await.failed(6, &["mcpctl daemon start"]);
    assert!(!status.stdout.contains("running"), "{}", status.stdout);
    drop(taken);
    let nobody = format!("http://127.0.0.1:{port}");
    world.mcpctl(&["status", "--server", &nobody]).await.failed(6, &[&nobody, "mcpctl daemon start"]);
}
