//! Whether there is a newer version: looked for when asked, and unasked only where somebody wants that and reads it.

use crate::{
    stub::{Reply, Stub},
    world::World,
};

fn published(manifest: &'static str) -> Stub {
    Stub::start(move |_, _| Reply::json(manifest))
}

#[test]
fn a_newer_version_is_told_in_every_form_of_manifest() {
    for manifest in [
        r#"{"tag_name":"v99.1.0","html_url":"https://releases.example/v99.1.0"}"#,
        r#"{"dist-tags":{"latest":"99.1.0"},"homepage":"https://releases.example/"}"#,
        r#"[{"tag_name":"v98.0.0"},{"tag_name":"v99.1.0"},{"tag_name":"v100.0.0","prerelease":true}]"#,
        r#"{"version":"99.1.0"}"#,
    ] {
        let stub = published(manifest);
        let world = World::new();
        world.run(&["config", "set", "update-url", &stub.url]).succeeds();
        let ran = world.run(&["upgrade", "--check"]);
        assert!(ran.succeeds().contains("99.1.0") && ran.out.contains("outdated"), "{ran:?}");
        assert!(ran.err.contains("mcpctl was not changed"), "{ran:?}");
    }
}

#[test]
fn what_is_no_manifest_is_told() {
    let stub = published("<html>");
    let world = World::new();
    world.run(&["upgrade", "--check"]).fails(2, &["mcpctl config set update-url"]);
    world.run(&["upgrade"]).fails(2, &["--check"]);
    world.run(&["config", "set", "update-url", &stub.url]).succeeds();
    world.run(&["upgrade", "--check"]).fails(1, &["names no version"]);
    world.run(&["config", "set", "update-url", "http://127.0.0.1:9"]).succeeds();
    world.run(&["upgrade", "--check"]).fails(6, &["cannot read what is published"]);
}

#[test]
fn the_newest_is_the_newest() {
    let stub = published(r#"{"version":"0.0.1"}"#);
    let world = World::new();
    world.run(&["config", "set", "update-url", &stub.url]).succeeds();
    let ran = world.run(&["upgrade", "--check", "-o", "json"]);
    let told: serde_json::Value = serde_json::from_str(ran.succeeds()).unwrap();
    assert_eq!((told["state"].as_str(), ran.err.as_str()), (Some("newest"), ""));
}

#[test]
fn nobody_is_told_unasked_where_nobody_reads() {
    let stub = published(r#"{"version":"99.1.0"}"#);
    let world = World::new();
    world.private("config.yaml", &format!("update-check: true\nupdate-url: {}\n", stub.url));
    world.run(&["config", "view"]).succeeds();
    assert!(stub.seen().is_empty(), "stderr is no terminal");
}
