//! Every credential of an installation is a canary, its servers are hostile, and things go wrong: afterwards no canary is
//! anywhere but where it was put.

use crate::{
    patience::until,
    world::{JIRA_TOKEN, SLACK_TOKEN, World},
};
use e2e::canary::{Canary, Hit, Scanner};
use serde_json::json;
use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

const HOSTILE: &str = "hst_CANARY-9f31c07a55d2-hostile";
const ROTATED: &str = "hst_CANARY-0b7744e1fa93-rotated";

fn canary(name: &str, value: &str) -> Canary {
    Canary { name: name.to_owned(), value: value.to_owned() }
}

/// Where a credential is meant to be: the files that hold nothing else.
fn is_meant(path: &Path) -> bool {
    ["admin-token", "master-key", "identity.json", "state-key"].iter().any(|name| path.ends_with(name))
}

/// A server that shows its environment in every place that it can.
async fn set_up_hostile(world: &World) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../gateway/tests/fixtures/stdio_server.py");
    let script = format!("--arg={}", script.canonicalize().unwrap().display());
    let line = ["setup", "hostile", "--non-interactive", "--command", "python3", &script, "--arg=modern"];
    let secret = ["--secret-env", "TOKEN", "--secret", "TOKEN=-", "--read-tool", "*"];
    world.mcpctl_with(&[&line[..], &secret].concat(), HOSTILE).await.done();
}

/// Everything that clients and people saw.
#[derive(Default)]
struct Seen(Vec<(String, String)>);

impl Seen {
    async fn call(&mut self, world: &World, tool: &str, arguments: serde_json::Value) -> String {
        let answer = world.endpoint("canaries", &world.admin_token()).await.call(tool, arguments).await;
        self.0.push((format!("answer of {tool}"), answer.text.clone()));
        answer.text
    }

    async fn mcpctl(&mut self, world: &World, line: &[&str]) -> String {
        let said = world.mcpctl(line).await;
        let text = format!("{}\n{}", said.stdout, said.stderr);
        self.0.push((line.join(" "), text.clone()));
        text
    }
}

async fn scan(world: &World, seen: &Seen, canaries: &[Canary]) -> Vec<Hit> {
    let mut scanner = Scanner::new(canaries).unwrap();
    let mut hits = scanner.path(&world.path(""), &is_meant).unwrap();
    for (place, text) in &seen.0 {
        hits.extend(scanner.bytes(text.as_bytes(), place));
    }
    for name in ["mcpd", "gateway"] {
        hits.extend(scanner.process(world.process(name).await.pid.unwrap()));
    }
    assert!(scanner.scanned_bytes > 100_000, "it was looked at: {}", scanner.scanned_bytes);
    hits
}

#[tokio::test]
async fn s_01_no_credential_is_anywhere_but_where_it_was_put() {
    let world = World::new(None);
    world.start().await;
    world.set_up_slack_and_jira().await;
    set_up_hostile(&world).await;
    let profiles = "slack-read-only,jira-read-only,hostile-read-only";
    world.mcpctl(&["project", "create", "canaries", "--profiles", profiles]).await.done();
    let issued = world.mcpctl(&["token", "create", "--label", "canary"]).await.done().stdout;
    let mut seen = Seen::default();

    until("the credential is shown, and not to be seen", async || {
        seen.call(&world, "hostile_env", json!({})).await.contains("[redacted:hostile-token]").then_some(())
    })
    .await;
    seen.call(&world, "hostile_echo", json!({"a": HOSTILE})).await;
    seen.call(&world, "slack_get_messages", json!({"_context": "tokens"})).await;
    let refused = seen.call(&world, "hostile_echo", json!({"a": issued.trim()})).await;
    assert!(refused.contains("access token of mcpctl"), "{refused}");
    seen.call(&world, "hostile_die", json!({})).await;

    // A new value, from standard input; the old one is no less a secret.
    let said = world.mcpctl_with(&["secrets", "rotate", "hostile-token", "-"], ROTATED).await.done();
    seen.0.push(("rotate".to_owned(), format!("{}{}", said.stdout, said.stderr)));
    let shown = until("the new value is in use", async || {
        let answer = world.endpoint("canaries", &world.admin_token()).await.call("hostile_env", json!({})).await;
        answer.text.contains("[redacted:hostile-token]").then_some(answer.text)
    });
    seen.0.push(("rotated".to_owned(), shown.await));
    // mcpctl keeps what it presents from here on.
    let said = world.mcpctl_with(&["login", "--token", "-"], issued.trim()).await.done();
    seen.0.push(("login".to_owned(), format!("{}{}", said.stdout, said.stderr)));
    for line in [
        &["whoami"][..],
        &["credentials", "status"],
        &["secrets", "list"],
        &["secrets", "status"],
        &["secrets", "rotate-key", "--forget-old"],
        &["audit", "--limit", "200", "--format", "json"],
        &["server", "describe", "hostile", "--format", "yaml"],
        &["server", "list"],
        &["status"],
        &["doctor"],
        &["token", "list"],
        &["secrets", "set", "x", "env:NOT_SET", "-vv"],
    ] {
        seen.mcpctl(&world, line).await;
    }
    let canaries = [
        canary("slack", SLACK_TOKEN),
        canary("jira", JIRA_TOKEN),
        canary("hostile", HOSTILE),
        canary("rotated", ROTATED),
        canary("token", issued.trim()),
        canary("admin", &world.admin_token()),
        canary("master key", fs::read_to_string(world.path("home/master-key")).unwrap().trim()),
    ];
    let hits = scan(&world, &seen, &canaries).await;
    assert!(hits.is_empty(), "{hits:#?}");
}

/// Runs the program: its exit code, and all it said.
fn run(path: &Path, credentials: &str) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_canary"))
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(credentials.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[test]
fn the_program_finds_finds_nothing_and_fails_by_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let check = |credentials: &str, code: i32, says: &str| {
        let (ended, said) = run(folder.path(), credentials);
        assert!(ended == code && said.contains(says) && !said.contains(HOSTILE), "{ended}: {said}");
    };
    let line = format!("hostile {HOSTILE}\n");
    check(&line, 0, "0 hits in 0 bytes, 1 canaries");
    fs::write(folder.path().join("log"), format!("a{HOSTILE}z")).unwrap();
    check(&line, 1, "hostile as plain in");
    check(&format!("{line}{HOSTILE}\n"), 2, "line 2 of standard input has no space");
    check("hostile \n", 2, "line 1 of standard input has no space");
    check("", 2, "there is no canary to look for");
    check("hostile  short", 2, "`hostile` has 5 bytes");
    let (code, said) = run(&folder.path().join("absent"), &line);
    assert!(code == 2 && said.contains("cannot be read"), "{code}: {said}");
}
