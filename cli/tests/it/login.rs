//! Logging in and out, passwords, and shutting users out.

use crate::{
    credentials::anywhere,
    stub::{Reply, Stub},
    world::{Ran, TOKEN, World, mode},
};
use control_plane_api::token::{self, TokenKind};
use std::{fs, io::Write as _, process::Stdio};

const PASSWORD: &str = "  correct horse battery ";

fn session() -> String {
    token::format(TokenKind::Session, &[7; 32])
}

fn control_plane() -> Stub {
    Stub::start(|seen, _| match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/api/v1/sessions") if seen.body.contains("wrong") => Reply::new(
            401,
            "application/problem+json",
            r#"{"type":"urn:mcpctl:problem:login-refused","title":"x","status":401,"detail":"user or password is wrong","hint":"try again"}"#,
        ),
        ("POST", "/api/v1/sessions") => Reply::new(
            201,
            "application/json",
            &format!(
                r#"{{"id":"s1","user":"alice","audience":"api","created_at":"2026-07-28T09:00:00.000Z",
                "used_at":"2026-07-28T09:00:00.000Z","expires_at":"2026-08-04T09:00:00.000Z","token":"{}"}}"#,
                session()
            ),
        ),
        ("GET", "/api/v1/whoami") => Reply::json(r#"{"user":"alice","roles":["developer"],"session":"s1"}"#),
        ("GET", "/api/v1/users/bob") => Reply::json(r#"{"name":"bob","revision":2,"spec":{"roles":["operator"]}}"#),
        ("POST", "/api/v1/apply") => {
            Reply::json(r#"{"revision":3,"objects":[{"object":{"kind":"user","name":"bob"},"effect":"configured"}]}"#)
        }
        ("DELETE" | "PUT", _) => Reply::status(204),
        _ => Reply::status(404),
    })
}

/// Runs with `input` on stdin.
fn run(world: &World, args: &[&str], input: &str) -> Ran {
    let mut child =
        world.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_password_becomes_a_session_that_is_kept_until_logout() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    fs::remove_file(world.home().join("token")).unwrap();
    let ran = run(&world, &["login", "--user", "alice", "--password-stdin"], &format!("{PASSWORD}\n"));
    ran.succeeds();
    assert!(ran.err.contains("logged in as alice") && !ran.err.contains("horse"), "{ran:?}");
    let sent: serde_json::Value = serde_json::from_str(&stub.seen()[0].body).unwrap();
    assert_eq!((sent["user"].as_str(), sent["password"].as_str()), (Some("alice"), Some(PASSWORD)));
    let file = world.home().join("credentials.json");
    assert_eq!(mode(&file), 0o600);
    assert!(!anywhere(&world.home(), &session()), "it is encrypted");
    let whoami = world.run(&["whoami", "--format", "json"]);
    assert!(whoami.succeeds().contains("\"session\": \"s1\""), "{whoami:?}");
    world.run(&["logout"]).succeeds();
    let ended = stub.wait_for(|seen| seen.method == "DELETE");
    assert_eq!(ended.path, "/api/v1/sessions/current");
    assert_eq!(ended.header("authorization"), format!("Bearer {}", session()));
    assert!(!file.exists());
    assert!(world.run(&["logout"]).err.contains("nobody is logged in"));
    world.run(&["whoami"]).fails(4, &["there is no token"]);
}

#[test]
fn a_wrong_password_is_exit_4_and_keeps_what_was_there() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    run(&world, &["login", "--user", "alice", "--password-stdin"], "wrong\n")
        .fails(4, &["error: user or password is wrong", "hint: try again"]);
    assert_eq!(fs::read_to_string(world.home().join("token")).unwrap(), TOKEN);
    run(&world, &["login", "--user", "alice", "--password-stdin"], "").fails(2, &["stdin holds no password"]);
    world.run(&["login", "--user", "alice"]).fails(2, &["there is nobody to ask", "--password-stdin"]);
    world.run(&["login", "--user", "alice", "--password", "x"]).fails(2, &[]);
}

#[test]
fn a_token_is_kept_once_the_control_plane_knows_it() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    let token = token::format(TokenKind::Personal, &[8; 32]);
    run(&world, &["login", "--token", "-"], &format!("{token}\n")).succeeds();
    assert_eq!(stub.seen()[0].header("authorization"), format!("Bearer {token}"));
    assert!(!anywhere(&world.home(), &token), "it is encrypted");
    world.run(&["whoami"]).succeeds();
    let asked: Vec<_> = stub.seen().into_iter().filter(|seen| seen.path == "/api/v1/whoami").collect();
    assert_eq!(asked[1].header("authorization"), format!("Bearer {token}"));
    run(&world, &["login", "--token", "-"], "xoxb-1\n").fails(2, &["is not a token of mcpctl"]);
    // On the command line everybody could read it.
    world.run(&["login", "--token", &token]).fails(2, &[]);
    let ran = world.run(&["logout"]);
    ran.succeeds();
    assert!(ran.err.contains("mcpctl token revoke"), "{ran:?}");
    assert!(!stub.seen().iter().any(|seen| seen.method == "DELETE"));
}

#[test]
fn a_password_is_set_from_stdin_and_an_own_one_needs_the_one_so_far() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    run(&world, &["user", "passwd", "bob", "--stdin"], "another horse battery\n").succeeds();
    let sent = stub.wait_for(|seen| seen.path == "/api/v1/users/bob/password");
    assert_eq!(sent.body, r#"{"password":"another horse battery"}"#);
    run(&world, &["user", "passwd", "alice", "--stdin"], "old horse battery\nnew horse battery\n").succeeds();
    let sent = stub.wait_for(|seen| seen.path == "/api/v1/users/alice/password");
    assert_eq!(sent.body, r#"{"password":"new horse battery","current":"old horse battery"}"#);
    run(&world, &["user", "passwd", "alice", "--stdin"], "old horse battery\n").fails(2, &["stdin lacks a line"]);
    let world = World::connected(&stub.url);
    world.run(&["user", "passwd", "bob", "--remove"]).succeeds();
    stub.wait_for(|seen| seen.path == "/api/v1/users/bob/password" && seen.body == "{}");
}

#[test]
fn a_user_is_shut_out_with_the_roles_kept() {
    let stub = control_plane();
    let world = World::connected(&stub.url);
    assert_eq!(world.run(&["user", "disable", "bob"]).succeeds(), "user/bob changed\n");
    let sent: serde_json::Value = serde_json::from_str(&stub.wait_for(|seen| seen.method == "POST").body).unwrap();
    let spec = &sent["objects"][0]["spec"];
    assert_eq!((&spec["roles"][0], &spec["disabled"]), (&"operator".into(), &true.into()));
}

/// A control plane, and the issuer it names, which wants to be asked three times.
fn company(answers: &'static [(u16, &'static str)]) -> Stub {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let sessions = control_plane_session();
    Stub::start(move |seen, stub| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/login") => Reply::json(&format!(
            r#"{{"device":[{{"name":"login","issuer":"{}/t","client_id":"mcpctl","scopes":["openid","email"]}}],"laptops":false}}"#,
            stub.url
        )),
        ("GET", "/t/.well-known/openid-configuration") => Reply::json(&format!(
            r#"{{"issuer":"{0}/t","token_endpoint":"{0}/token","device_authorization_endpoint":"{0}/device"}}"#,
            stub.url
        )),
        ("POST", "/device") => Reply::json(
            r#"{"device_code":"dc-secret","user_code":"WDJB-MJHT","verification_uri":"https://login.example/device",
                "expires_in":600,"interval":0}"#,
        ),
        ("POST", "/token") => {
            let at = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let (status, body) = answers[at.min(answers.len() - 1)];
            Reply::new(status, "application/json", body)
        }
        ("POST", "/api/v1/sessions") => Reply::new(201, "application/json", &sessions),
        ("GET", "/api/v1/whoami") => Reply::json(r#"{"user":"alice","roles":["developer"],"session":"s1"}"#),
        _ => Reply::status(404),
    })
}

fn control_plane_session() -> String {
    format!(
        r#"{{"id":"s1","user":"alice","audience":"api","created_at":"2026-07-28T09:00:00.000Z",
        "used_at":"2026-07-28T09:00:00.000Z","expires_at":"2026-08-04T09:00:00.000Z","token":"{}"}}"#,
        session()
    )
}

const PENDING: (u16, &str) = (400, r#"{"error":"authorization_pending"}"#);

#[test]
fn a_code_confirmed_at_the_issuer_becomes_a_session() {
    let stub = company(&[PENDING, PENDING, (200, r#"{"access_token":"at-secret","id_token":"id-secret"}"#)]);
    let world = World::connected(&stub.url);
    let ran = run(&world, &["login", "--device"], "");
    ran.succeeds();
    assert!(ran.err.contains("https://login.example/device") && ran.err.contains("WDJB-MJHT"), "{ran:?}");
    assert!(ran.err.contains("logged in as alice") && !ran.err.contains("secret"), "{ran:?}");
    let begun = stub.wait_for(|seen| seen.path == "/device");
    assert_eq!(begun.body, "client_id=mcpctl&scope=openid+email");
    let polled: Vec<_> = stub.seen().into_iter().filter(|seen| seen.path == "/token").collect();
    assert_eq!(polled.len(), 3);
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code";
    assert_eq!(polled[0].body, format!("{grant}&device_code=dc-secret&client_id=mcpctl"));
    let shown = stub.wait_for(|seen| seen.path == "/api/v1/sessions");
    assert_eq!(shown.body, r#"{"issuer_token":"id-secret"}"#);
    assert!(!anywhere(&world.home(), "id-secret") && !anywhere(&world.home(), "at-secret"));
}

#[test]
fn a_login_that_is_refused_or_too_late_at_the_issuer_says_so() {
    for (error, said) in [
        ("access_denied", "refused in the browser"),
        ("expired_token", "not confirmed in time"),
        ("invalid_client", "refused the login: invalid_client"),
    ] {
        let body: &'static str = Box::leak(format!(r#"{{"error":"{error}"}}"#).into_boxed_str());
        let stub = company(Box::leak(Box::new([PENDING, (400, body)])));
        let world = World::connected(&stub.url);
        run(&world, &["login", "--device"], "").fails(4, &[said, "hint:"]);
        assert!(!stub.seen().iter().any(|seen| seen.path == "/api/v1/sessions"));
    }
    let stub = control_plane();
    run(&World::connected(&stub.url), &["login", "--device"], "").fails(1, &["knows no issuer"]);
}
