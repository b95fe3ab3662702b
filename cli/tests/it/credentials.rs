//! mcpctl's own token: kept encrypted where there is no keyring, and found again.

use crate::{
    stub::{Reply, Stub},
    world::{TOKEN, World, mode},
};
use std::{fs, path::Path, process::Stdio};

fn control_plane() -> Stub {
    Stub::start(|_, _| Reply::json("[]"))
}

fn keep(world: &World, token: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    fs::write(world.work().join("given"), token).unwrap();
    let line = [&["credentials", "set", "@given"], args].concat();
    let mut command = world.command(&line);
    command.envs(env.iter().copied()).stdin(Stdio::null());
    let ran = crate::world::Ran::of(&mut command);
    ran.succeeds();
    ran.err
}

/// Whether a file of `folder` has `text` in the clear.
pub(crate) fn anywhere(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        fs::read(entry.unwrap().path())
            .is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    })
}

#[test]
fn a_token_is_kept_encrypted_and_presented() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    fs::remove_file(world.home().join("token")).unwrap();
    let said = keep(&world, TOKEN, &[], &[]);
    assert!(said.contains("the key lies beside the file") && said.contains("encrypted file"), "{said}");
    assert!(!anywhere(&world.home(), TOKEN));
    assert_eq!(mode(&world.home().join("credentials.json")), 0o600);
    world.run(&["secrets", "list"]).succeeds();
    assert_eq!(stub.wait_for(|seen| seen.path == "/api/v1/secrets").header("authorization"), format!("Bearer {TOKEN}"));
    assert!(world.run(&["credentials", "status"]).succeeds().contains("encrypted file"));
    assert_eq!(world.run(&["credentials", "show"]).succeeds(), format!("{TOKEN}\n"));
    assert!(world.run(&["credentials", "delete"]).succeeds().contains("deleted"));
    world.run(&["secrets", "list"]).fails(4, &["there is no token"]);
}

#[test]
fn a_passphrase_is_wanted_again() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    fs::remove_file(world.home().join("token")).unwrap();
    let said = keep(&world, TOKEN, &["--store", "file"], &[("MCPCTL_PASSPHRASE", "correct horse")]);
    assert!(said.contains("a passphrase") && !said.contains("beside"), "{said}");
    world.run(&["secrets", "list"]).fails(4, &["MCPCTL_PASSPHRASE is not set"]);
    let with = |passphrase: &str| {
        let mut command = world.command(&["secrets", "list"]);
        crate::world::Ran::of(command.env("MCPCTL_PASSPHRASE", passphrase))
    };
    with("correct horse").succeeds();
    with("wrong horse").fails(4, &["does not open"]);
}

#[test]
fn a_passphrase_is_not_given_up_by_keeping_another_token() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    keep(&world, TOKEN, &[], &[("MCPCTL_PASSPHRASE", "correct horse")]);
    let before = fs::read(world.home().join("credentials.json")).unwrap();
    fs::write(world.work().join("given"), "mcpctl_pat_other").unwrap();
    let says = &["is protected by a passphrase", "MCPCTL_PASSPHRASE", "mcpctl credentials delete"];
    world.run(&["credentials", "set", "@given"]).fails(4, says);
    world.run(&["login", "--user", "alice", "--password-stdin"]).fails(4, says);
    assert!(stub.seen().is_empty(), "nobody is logged in for nothing");
    assert_eq!(fs::read(world.home().join("credentials.json")).unwrap(), before);
    assert!(!world.home().join("credentials.key").exists());
    world.run(&["credentials", "delete"]).succeeds();
    keep(&world, TOKEN, &[], &[]);
}

#[test]
fn the_variable_comes_first_then_what_is_kept_then_files() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    let presented = |variable: Option<&str>| {
        let mut command = world.command(&["secrets", "list"]);
        command.envs(variable.map(|token| ("MCPCTL_TOKEN", token)));
        crate::world::Ran::of(&mut command).succeeds();
        stub.seen().last().unwrap().header("authorization").to_owned()
    };
    world.private("admin-token", "mcpctl_pat_first_admin");
    assert_eq!(presented(None), format!("Bearer {TOKEN}"));
    let said = keep(&world, "mcpctl_pat_kept", &[], &[]);
    assert!(said.contains("token` is still there, in the clear"), "{said}");
    assert_eq!(presented(None), "Bearer mcpctl_pat_kept");
    assert_eq!(presented(Some("mcpctl_pat_variable")), "Bearer mcpctl_pat_variable");
    world.run(&["credentials", "delete"]).succeeds();
    fs::remove_file(world.home().join("token")).unwrap();
    assert_eq!(presented(None), "Bearer mcpctl_pat_first_admin");
}

#[test]
fn without_a_session_a_keyring_that_is_asked_for_is_refused_in_words() {
    let world = World::new();
    fs::write(world.work().join("given"), TOKEN).unwrap();
    world.run(&["credentials", "set", "@given", "--store", "keyring"]).fails(1, &["keyring", "--store file"]);
}

#[test]
fn a_secret_is_given_from_anywhere_and_warned_about_in_the_open() {
    let stub = Stub::start(|seen, _| match (seen.method.as_str(), seen.path.as_str()) {
        ("PUT", _) => Reply::json(r#"{"name": "slack-token", "revision": 7}"#),
        _ => Reply::json("[]"),
    });
    let world = World::connected(&stub.url);
    fs::write(world.work().join("given"), "from-a-file\n").unwrap();
    let mut from_env = world.command(&["secrets", "set", "slack-token", "env:GIVEN"]);
    crate::world::Ran::of(from_env.env("GIVEN", "from-a-variable")).succeeds();
    world.run(&["secrets", "set", "slack-token", "@given"]).succeeds();
    let open = world.run(&["secrets", "set", "slack-token", "in-the-open"]);
    assert!(open.err.contains("stays in the shell's history") && !open.err.contains("in-the-open"), "{open:?}");
    let bodies: Vec<String> =
        stub.seen().into_iter().filter(|seen| seen.method == "PUT").map(|seen| seen.body).collect();
    assert_eq!(
        bodies,
        ["from-a-variable", "from-a-file", "in-the-open"].map(|value| format!(r#"{{"value":"{value}"}}"#))
    );
    world.run(&["secrets", "set", "slack-token"]).fails(2, &["`-` for stdin"]);
    world.run(&["secrets", "rotate", "absent", "@given"]).fails(5, &["secret `absent` does not exist"]);
}
