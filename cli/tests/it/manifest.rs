//! `apply -f`: what is wrong with a file is told before anything is sent.

use crate::{
    stub::{Reply, Stub},
    world::{Ran, World},
};
use std::{fs, io::Write as _, process::Stdio};

#[test]
fn bad_yaml_is_told_by_file_line_and_column() {
    let world = World::new();
    fs::write(world.work().join("p.yaml"), "kind: profile\nname: p\nspec:\n  server: slack\n  access: most\n").unwrap();
    world
        .run(&["profile", "apply", "-f", "p.yaml"])
        .fails(2, &["error: p.yaml:5:11: ", "`most`", "nothing was applied"]);
    fs::write(world.work().join("q.yaml"), "kind: [profile\n").unwrap();
    world.run(&["apply", "-f", "q.yaml"]).fails(2, &["error: q.yaml:"]);
    world.run(&["apply", "-f", "none.yaml"]).fails(2, &["cannot read `none.yaml`: no such file"]);
}

#[test]
fn profile_apply_takes_only_profiles() {
    let world = World::new();
    fs::write(world.work().join("w.yaml"), "kind: project\nname: w\nspec: {profiles: []}\n").unwrap();
    world.run(&["profile", "apply", "-f", "w.yaml"]).fails(2, &["project/w", "mcpctl apply -f w.yaml"]);
}

#[test]
fn documents_from_stdin_are_applied_together() {
    let stub = Stub::start(|_, _| {
        Reply::json(
            r#"{"revision":3,"objects":[{"object":{"kind":"profile","name":"p"},"effect":"created"},
                {"object":{"kind":"profile","name":"q"},"effect":"unchanged"}]}"#,
        )
    });
    let world = World::connected(&stub.url);
    let mut child = world
        .command(&["profile", "apply", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = "kind: profile\nname: p\nspec: {server: s}\n---\n{\"kind\":\"profile\",\"name\":\"q\",\"spec\":{\"server\":\"s\"}}\n";
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out, "profile/p created\nprofile/q unchanged\n");
    let sent: serde_json::Value = serde_json::from_str(&stub.seen()[0].body).unwrap();
    assert_eq!((stub.seen()[0].path.as_str(), sent["objects"].as_array().unwrap().len()), ("/api/v1/apply", 2));
}

#[test]
fn what_the_control_plane_refuses_is_shown_field_by_field() {
    let stub = Stub::start(|_, _| {
        Reply::new(
            422,
            "application/problem+json",
            r#"{"type":"about:blank","title":"x","status":422,"detail":"the configuration would not be valid","hint":"correct it",
                "violations":[{"object":{"kind":"profile","name":"p"},"field":"server","message":"server `s` does not exist"}]}"#,
        )
    });
    let world = World::connected(&stub.url);
    fs::write(world.work().join("p.yaml"), "kind: profile\nname: p\nspec: {server: s}\n").unwrap();
    let ran: Ran = world.run(&["apply", "-f", "p.yaml"]);
    ran.fails(1, &["error: the configuration would not be valid\n  profile/p spec.server: server `s` does not exist\nhint: correct it"]);
}
