//! `get`, `diff`, `delete`, `export` and `apply` of any kind of object: what is printed, what is sent, how it ends.

use crate::{
    stub::{Reply, Seen, Stub},
    world::{Ran, World},
};
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
};

const SLACK: &str = r#"{"name": "slack", "revision": 2, "spec": {"transport": {"type": "stdio", "command": "npx",
    "args": ["-y", "slack-mcp-server"], "env": {"SLACK_TOKEN": {"secret": "slack-token"}}}, "orders": {"restarts": 4}}}"#;
const READ_ONLY: &str =
    r#"{"name": "slack-read-only", "revision": 3, "spec": {"server": "slack", "access": "read-only"}}"#;
const WEEKLY: &str =
    r#"{"name": "weekly", "revision": 5, "spec": {"profiles": ["slack-read-only"], "members": ["alice"]}}"#;
const ADMIN: &str = r#"{"name": "admin", "revision": 1, "spec": {"roles": ["admin"]}}"#;
const ALICE: &str = r#"{"name": "alice", "revision": 4, "spec": {"roles": ["developer"]}}"#;

/// A control plane with one object or two of each kind.
fn answer(seen: &Seen, slack: &str) -> Reply {
    match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/servers") => Reply::json(&format!("[{slack}]")),
        ("GET", "/api/v1/profiles") => Reply::json(&format!("[{READ_ONLY}]")),
        ("GET", "/api/v1/projects") => Reply::json(&format!("[{WEEKLY}]")),
        ("GET", "/api/v1/projects/weekly") => Reply::json(WEEKLY),
        ("GET", "/api/v1/users") => Reply::json(&format!("[{ALICE}, {ADMIN}]")),
        ("GET", "/api/v1/issuers") => Reply::json("[]"),
        ("GET", "/api/v1/secrets") => Reply::json(r#"[{"name": "slack-token", "revision": 2}]"#),
        ("GET", "/api/v1/projects/wekly") => Reply::status(404),
        ("DELETE", _) => Reply::status(204),
        ("POST", "/api/v1/apply") => Reply::json(
            r#"{"revision": 6, "objects": [{"object": {"kind": "project", "name": "weekly"}, "effect": "configured"}]}"#,
        ),
        other => panic!("{other:?}"),
    }
}

fn plane() -> (Stub, World) {
    let stub = Stub::start(|seen, _| answer(seen, SLACK));
    let world = World::connected(&stub.url);
    (stub, world)
}

fn check(args: &[&str], out: &str) {
    let (_stub, world) = plane();
    assert_eq!(world.run(args).succeeds(), out, "{args:?}");
}

/// Runs with something on stdin.
fn with_stdin(world: &World, args: &[&str], stdin: &str) -> Ran {
    let mut command = world.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn methods(stub: &Stub, method: &str) -> Vec<String> {
    stub.seen().into_iter().filter(|seen| seen.method == method).map(|seen| seen.path).collect()
}

#[test]
fn objects_of_one_kind_have_columns_of_their_own() {
    check(&["get", "servers"], "NAME   TRANSPORT  RUNTIME  DESIRED  REVISION\nslack  stdio      process  running  2\n");
    check(
        &["get", "profile", "-o", "wide"],
        "NAME             SERVER  ACCESS     REVISION  ALLOW  DENY\nslack-read-only  slack   read-only  3         *      <none>\n",
    );
    check(&["get", "projects"], "NAME    PROFILES         MEMBERS  REVISION\nweekly  slack-read-only  alice    5\n");
    check(
        &["get", "users"],
        "NAME   ROLES      STATE    REVISION\nadmin  admin      enabled  1\nalice  developer  enabled  4\n",
    );
    check(&["get", "secrets"], "NAME         REVISION\nslack-token  2\n");
}

#[test]
fn objects_of_all_kinds_are_named_by_kind_and_name() {
    check(
        &["get", "all"],
        "NAME                     REVISION  SAYS
server/slack             2         transport=stdio runtime=process desired=runn…
profile/slack-read-only  3         server=slack access=read-only
user/admin               1         roles=admin state=enabled
user/alice               4         roles=developer state=enabled
project/weekly           5         profiles=slack-read-only members=alice
",
    );
    check(
        &["get", "all", "-o", "name"],
        "server/slack\nprofile/slack-read-only\nuser/admin\nuser/alice\nproject/weekly\n",
    );
    check(&["get", "user/alice", "project/weekly", "-o", "name"], "user/alice\nproject/weekly\n");
}

#[test]
fn one_object_is_shown_alone_as_apply_takes_it() {
    check(
        &["get", "project", "weekly", "-o", "yaml"],
        "kind: project\nname: weekly\nrevision: 5\nspec:\n  profiles:\n  - slack-read-only\n  members:\n  - alice\n",
    );
    let (_stub, world) = plane();
    let text = world.run(&["get", "projects", "-o", "json"]).succeeds().to_owned();
    assert!(text.starts_with('['), "several are a list: {text}");
    let ran = with_stdin(&world, &["apply", "-f", "-", "--dry-run"], &text);
    assert_eq!(ran.succeeds(), "project/weekly changed (dry run)\n");
    // What only the control plane says is not shown.
    assert!(!world.run(&["get", "server", "slack", "-o", "json"]).succeeds().contains("restarts"));
}

#[test]
fn what_is_not_there_is_told_with_what_may_be_meant() {
    let (_stub, world) = plane();
    world.run(&["get", "porject"]).fails(2, &["error: `porject` is not a kind of object", "did you mean `project`?"]);
    world.run(&["get", "project", "weekley"]).fails(5, &["project `weekley` does not exist", "did you mean `weekly`?"]);
    world.run(&["get", "all", "weekly"]).fails(2, &["`weekly` is of which kind?", "project/weekly"]);
    world.run(&["get"]).fails(2, &["<KIND|KIND/NAME>"]);
    world.run(&["get", "project", "No Name"]).fails(2, &["`No Name` is not a valid name"]);
}

#[test]
fn a_limit_says_how_many_more_there_are() {
    let (_stub, world) = plane();
    let ran = world.run(&["get", "users", "--limit", "1"]);
    assert_eq!(ran.succeeds(), "NAME   ROLES  STATE    REVISION\nadmin  admin  enabled  1\n");
    assert_eq!(ran.err, "1 more: `--limit 2` shows all\n");
    assert_eq!(world.run(&["get", "users", "--limit", "2"]).err, "");
}

#[test]
fn a_watch_shows_what_changes_and_nothing_twice() {
    let asked = AtomicUsize::new(0);
    let stub = Stub::start(move |_, _| {
        let second = r#"{"name": "daily", "revision": 6, "spec": {"profiles": []}}"#;
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Reply::json(&format!("[{WEEKLY}]")),
            _ => Reply::json(&format!("[{second}, {WEEKLY}]")),
        }
    });
    let world = World::connected(&stub.url);
    let mut child = world.command(&["get", "projects", "--watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "NAME    PROFILES         MEMBERS  REVISION");
    assert_eq!(lines.next().unwrap(), "weekly  slack-read-only  alice    5");
    assert_eq!(lines.next().unwrap(), "daily   <none>           <none>   6");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_diff_ends_with_0_where_nothing_would_change_and_with_1_where_something_would() {
    let (stub, world) = plane();
    let same = "kind: project\nname: weekly\nspec: {members: [alice], profiles: [slack-read-only]}\n";
    fs::write(world.work().join("w.yaml"), same).unwrap();
    let ran = world.run(&["diff", "-f", "w.yaml"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));

    let other = format!("{}---\nkind: project\nname: daily\nspec: {{}}\n", same.replace("[alice]", "[alice, bob]"));
    fs::write(world.work().join("w.yaml"), other).unwrap();
    let ran = world.run(&["diff", "-f", "w.yaml"]);
    let expected = "\
--- project/weekly (revision 5)
+++ project/weekly (w.yaml:1)
@@ -5,3 +5,4 @@
   - slack-read-only
   members:
   - alice
+  - bob
--- project/daily (not there)
+++ project/daily (w.yaml:5)
@@ -0,0 +1,4 @@
+kind: project
+name: daily
+spec:
+  profiles: []
";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(1), expected, ""));
    let ran = world.run(&["diff", "-f", "w.yaml", "-o", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &told[0]["change"], &told[1]["change"]), (Some(1), &"changed".into(), &"created".into()));
    assert_eq!(methods(&stub, "POST"), Vec::<String>::new(), "nothing is sent that could change anything");
}

#[test]
fn a_diff_that_cannot_be_made_does_not_end_like_one_that_was() {
    let world = World::connected("http://127.0.0.1:9");
    fs::write(world.work().join("w.yaml"), "kind: project\nname: w\nspec: {}\n").unwrap();
    world.run(&["diff", "-f", "w.yaml"]).fails(6, &["cannot reach the control plane"]);
    world.run(&["diff", "-f", "none.yaml"]).fails(2, &["cannot read `none.yaml`"]);
    world.run(&["diff"]).fails(2, &["--file"]);
    fs::write(world.work().join("s.yaml"), "kind: secret\nname: s\nspec: {sealed: x}\n").unwrap();
    world.run(&["diff", "-f", "s.yaml"]).fails(2, &["s.yaml:1: secret/s is not applied", "mcpctl get secret"]);
    let broken = Stub::start(|_, _| Reply::new(500, "text/plain", "oops"));
    let world = World::connected(&broken.url);
    fs::write(world.work().join("w.yaml"), "kind: project\nname: w\nspec: {}\n").unwrap();
    world.run(&["diff", "-f", "w.yaml"]).fails(6, &["500"]);
}

#[test]
fn what_refers_goes_before_what_is_referred_to() {
    let (stub, world) = plane();
    let args = ["delete", "server/slack", "secret/slack-token", "project/weekly", "profile/slack-read-only", "--yes"];
    let expected =
        "project/weekly deleted\nprofile/slack-read-only deleted\nserver/slack deleted\nsecret/slack-token deleted\n";
    assert_eq!(world.run(&args).succeeds(), expected);
    let paths = ["projects/weekly", "profiles/slack-read-only", "servers/slack", "secrets/slack-token"];
    assert_eq!(methods(&stub, "DELETE"), paths.map(|path| format!("/api/v1/{path}")));
}

#[test]
fn nothing_is_deleted_where_something_refers_to_it_or_nobody_confirmed() {
    let (stub, world) = plane();
    world
        .run(&["delete", "profile", "slack-read-only", "--yes"])
        .fails(1, &["nothing was", "profile/slack-read-only is in use by project/weekly", "hint: delete those too"]);
    world.run(&["delete", "user", "alice", "--yes"]).fails(1, &["user/alice is in use by project/weekly"]);
    world.run(&["delete", "project", "weekly"]).fails(2, &["deleting project/weekly needs a confirmation", "--yes"]);
    world.run(&["delete", "project", "weekly", "gone", "--yes"]).fails(5, &["project `gone` does not exist"]);
    world.run(&["delete", "project"]).fails(2, &["which project?"]);
    world.run(&["delete", "all", "x", "--yes"]).fails(2, &["everything at once is not deleted"]);
    world.run(&["delete", "gateway", "x", "--yes"]).fails(2, &["mcpctl gateway remove"]);
    world.run(&["delete", "pin", "slack", "--yes"]).fails(2, &["mcpctl delete server slack"]);
    world.run(&["delete"]).fails(2, &["<KIND|KIND/NAME>"]);
    let ran = world.run(&["delete", "project", "weekly", "--dry-run"]);
    assert_eq!(ran.succeeds(), "project/weekly deleted (dry run)\n");
    assert_eq!(methods(&stub, "DELETE"), Vec::<String>::new());
}

#[test]
fn what_a_file_holds_is_deleted_and_what_is_gone_already_is_no_failure_where_that_was_said() {
    let (stub, world) = plane();
    let text = "kind: project\nname: weekly\nspec: {}\n---\nkind: project\nname: gone\nspec: {}\n";
    fs::write(world.work().join("w.yaml"), text).unwrap();
    world.run(&["delete", "-f", "w.yaml", "--yes"]).fails(5, &["project `gone` does not exist"]);
    let ran = world.run(&["delete", "-f", "w.yaml", "--yes", "--ignore-not-found"]);
    assert_eq!(ran.succeeds(), "project/gone unchanged\nproject/weekly deleted\n");
    assert_eq!(methods(&stub, "DELETE"), ["/api/v1/projects/weekly"]);
}

const EXPORTED: &str = "\
# Needs these secrets, which are not in here; set each with `mcpctl secrets set NAME`:
#   slack-token
---
kind: server
name: slack
spec:
  transport:
    type: stdio
    command: npx
    args:
    - -y
    - slack-mcp-server
    env:
      SLACK_TOKEN:
        secret: slack-token
";

#[test]
fn an_export_is_a_manifest_without_secrets_and_without_what_only_the_control_plane_says() {
    check(&["export", "servers"], EXPORTED);
    check(
        &["export", "project"],
        "---\nkind: project\nname: weekly\nspec:\n  profiles:\n  - slack-read-only\n  members:\n  - alice\n",
    );
    check(&["export", "-o", "name"], "server/slack\nprofile/slack-read-only\nuser/admin\nuser/alice\nproject/weekly\n");
    check(&["export", "--project", "weekly", "-o", "name"], "server/slack\nprofile/slack-read-only\nproject/weekly\n");
    let (_stub, world) = plane();
    let text = world.run(&["export"]).succeeds().to_owned();
    let ran = with_stdin(&world, &["diff", "-f", "-"], &text);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:?}");
    world.run(&["export", "secrets"]).fails(2, &["`secrets` is not exported"]);
    world.run(&["export", "--project", "wekly"]).fails(5, &["did you mean `weekly`?"]);
}

#[test]
fn an_export_into_a_folder_writes_what_differs_and_warns_of_what_is_left() {
    let (_stub, world) = plane();
    let ran = world.run(&["export", "servers", "users", "--dir", "out"]);
    let expected = "out/server-slack.yaml created\nout/user-admin.yaml created\nout/user-alice.yaml created\n";
    assert_eq!(ran.succeeds(), expected);
    let text = fs::read_to_string(world.work().join("out/server-slack.yaml")).unwrap();
    assert_eq!(text, EXPORTED.replace("---\n", ""));
    fs::write(world.work().join("out/user-bob.yaml"), "kind: user\nname: bob\nspec: {}\n").unwrap();
    fs::write(world.work().join("out/user-admin.yaml"), "kind: user\nname: admin\nspec: {}\n").unwrap();
    let ran = world.run(&["export", "servers", "users", "--dir", "out"]);
    let expected = "out/server-slack.yaml unchanged\nout/user-admin.yaml changed\nout/user-alice.yaml unchanged\n";
    assert_eq!(ran.succeeds(), expected);
    assert_eq!(ran.err, "warning: `out/user-bob.yaml` was not written now: its object is gone, or was not asked for\n");
    assert_eq!(world.run(&["diff", "-f", "out"]).code, Some(1), "bob is not there");
}

#[test]
fn a_credential_in_the_clear_is_not_exported() {
    let clear = SLACK.replace(r#"{"secret": "slack-token"}"#, r#""xoxp-1234-5678-secret""#);
    let stub = Stub::start(move |seen, _| answer(seen, &clear));
    let ran = World::connected(&stub.url).run(&["export"]);
    ran.fails(1, &["nothing was exported", "server/slack spec.transport.env.SLACK_TOKEN", "mcpctl secrets set"]);
    assert!(!ran.out.contains("xoxp") && !ran.err.contains("xoxp"), "{ran:?}");
}

#[test]
fn what_is_wrong_with_files_is_told_by_file_and_line_before_anything_is_sent() {
    let (stub, world) = plane();
    let write = |name: &str, text: &str| fs::write(world.work().join(name), text).unwrap();
    fs::create_dir_all(world.work().join("dir/sub")).unwrap();
    write("a.yaml", "kind: project\nname: w\nspec: {}\n");
    write("dir/b.yaml", "# again\n\nkind: project\nname: w\nspec: {}\n");
    write("kind.yaml", "---\nkind: projet\nname: w\nspec: {}\n");
    write("text.yaml", "just words\n");
    write("empty.yaml", "# nothing\n");
    write("big.yaml", &format!("# {}\n", "x".repeat(4 << 20)));
    let fails = |args: &[&str], says: &[&str]| world.run(&[&["apply"][..], args].concat()).fails(2, says);
    fails(&["-f", "a.yaml", "-f", "dir"], &["dir/b.yaml:3: project/w is there twice, first at a.yaml:1"]);
    fails(&["-f", "kind.yaml"], &["kind.yaml:2:7: kind: `projet` is not a kind of object; did you mean `project`?"]);
    fails(&["-f", "text.yaml"], &["text.yaml", "expected an object with `kind`, `name` and `spec`"]);
    fails(&["-f", "empty.yaml"], &["`empty.yaml` holds no object"]);
    fails(&["-f", "big.yaml"], &["`big.yaml` is larger than 4194304 bytes"]);
    fails(&["-f", "dir/sub"], &["the folder `dir/sub` holds no file", "`-R`"]);
    fails(&["-f", "-", "-f", "-"], &["stdin is named twice"]);
    with_stdin(&world, &["apply", "-f", "-"], "").fails(2, &["`<stdin>` holds no object"]);
    fails(&[], &["--file"]);
    assert!(stub.seen().is_empty());
}

#[test]
fn several_files_and_folders_are_applied_at_once() {
    let (stub, world) = plane();
    fs::create_dir_all(world.work().join("dir/sub")).unwrap();
    for (name, text) in [
        ("dir/a.yaml", "kind: project\nname: one\nspec: {}\n"),
        ("dir/sub/b.json", r#"[{"kind": "project", "name": "two", "spec": {}}]"#),
        ("c.yaml", "kind: project\nname: three\nspec: {}\n"),
    ] {
        fs::write(world.work().join(name), text).unwrap();
    }
    assert_eq!(world.run(&["apply", "-f", "dir", "-R", "-f", "c.yaml"]).succeeds(), "project/weekly changed\n");
    let sent: serde_json::Value = serde_json::from_str(&stub.seen()[0].body).unwrap();
    let names: Vec<&str> = sent["objects"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    assert_eq!((stub.seen().len(), names.as_slice()), (1, &["one", "two", "three"][..]));
}

#[test]
fn kinds_that_one_may_not_see_are_left_out_and_that_is_said() {
    let stub = Stub::start(|seen, _| match seen.path.as_str() {
        "/api/v1/users" => {
            Reply::new(403, "application/problem+json", r#"{"type":"x","title":"x","status":403,"detail":"no"}"#)
        }
        _ => answer(seen, SLACK),
    });
    let world = World::connected(&stub.url);
    let ran = world.run(&["export", "-o", "name"]);
    assert_eq!(ran.succeeds(), "server/slack\nprofile/slack-read-only\nproject/weekly\n");
    assert_eq!(ran.err, "users are left out: you may not see them\n");
    world.run(&["export", "users"]).fails(7, &["no"]);
}
