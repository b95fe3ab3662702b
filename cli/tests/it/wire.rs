//! Requests as they are sent: shown with `-v` and as curl, repeated, given up, through proxies, to servers with their own CA.

use crate::{
    stub::{Reply, Stub},
    tls::TlsServer,
    world::{Ran, TOKEN, World},
};
use std::{
    fs,
    io::Read as _,
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

fn projects() -> Stub {
    Stub::start(|seen, _| match seen.method.as_str() {
        "GET" => Reply::json(r#"[{"name":"weekly_reports","revision":1,"spec":{}}]"#),
        _ => Reply::status(204),
    })
}

#[test]
fn verbose_tells_requests_and_no_secret() {
    let stub = projects();
    let world = World::connected(&stub.url);
    let ran = world.run(&["project", "list", "-v"]);
    ran.succeeds();
    let id = stub.seen()[0].header("x-request-id").to_owned();
    assert!(ran.err.contains(&format!("GET {}/api/v1/projects → 200 ", stub.url)) && ran.err.contains(&id), "{ran:?}");
    let ran = world.run(&["project", "list", "-vv"]);
    assert!(ran.err.len() > 200 && !ran.err.contains(TOKEN), "{ran:?}");
    assert_eq!(world.run(&["project", "list"]).err, "");
}

#[test]
fn a_failure_names_the_request() {
    let stub = Stub::start(|_, _| Reply::status(500));
    let world = World::connected(&stub.url);
    let ran = world.run(&["project", "list"]);
    let id = stub.seen()[0].header("x-request-id").to_owned();
    ran.fails(1, &[&format!("request: {id}")]);
    let ran = world.run(&["project", "list", "-o", "json"]);
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["request_id"], stub.seen().last().unwrap().header("x-request-id"));
}

#[test]
fn a_request_is_shown_as_curl_and_curl_makes_the_same() {
    let stub = projects();
    let world = World::connected(&stub.url);
    let ran = world.run(&["project", "list", "--output-curl"]);
    let line = ran.succeeds();
    let expected = "curl --fail-with-body --header \"Authorization: Bearer $MCPCTL_TOKEN\"";
    assert!(line.starts_with(expected) && line.lines().count() == 1, "{line}");
    assert!(!line.contains(TOKEN));
    if Command::new("curl").arg("--version").output().is_ok() {
        let before = stub.seen().len();
        let curl = Command::new("sh").args(["-c", line]).env("MCPCTL_TOKEN", TOKEN).output().unwrap();
        assert!(curl.status.success(), "{curl:?}");
        let seen = stub.seen()[before].clone();
        assert_eq!(
            (seen.path.as_str(), seen.header("authorization")),
            ("/api/v1/projects", &*format!("Bearer {TOKEN}"))
        );
    }
}

#[test]
fn what_would_change_something_is_shown_and_not_sent() {
    let stub = projects();
    let world = World::connected(&stub.url);
    fs::write(world.work().join("given"), "canary-of-a-secret").unwrap();
    let ran = world.run(&["secrets", "set", "slack-token", "@given", "--output-curl"]);
    let out = ran.succeeds();
    assert!(out.contains("--request PUT") && out.contains("$MCPCTL_SECRET") && !out.contains("canary"), "{out}");
    assert!(stub.seen().iter().all(|seen| seen.method == "GET"), "{:?}", stub.seen());
}

#[test]
fn reading_is_repeated_when_the_connection_breaks_and_changing_is_not() {
    // Closes the first connections without a word, as a restarting server does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 64];
            let _ = stream.read(&mut head);
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let world = World::connected(&url);
    let tries = |args: &[&str]| {
        seen.store(0, Ordering::SeqCst);
        world.run(args).fails(6, &["cannot reach the control plane"]);
        seen.load(Ordering::SeqCst)
    };
    assert_eq!(tries(&["project", "list"]), 3);
    assert_eq!(tries(&["project", "list", "--retries", "0"]), 1);
    assert_eq!(tries(&["token", "create", "--user", "ada"]), 1);
}

#[test]
fn a_reading_that_broke_once_succeeds() {
    let first = AtomicUsize::new(0);
    let stub = Stub::start(move |_, _| match first.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::new(200, "application/json", "[").hanging_up(),
        _ => Reply::json("[]"),
    });
    let world = World::connected(&stub.url);
    world.run(&["project", "list"]).succeeds();
    assert_eq!(stub.seen().len(), 2);
}

#[test]
fn a_timeout_is_for_the_whole_command_and_says_so() {
    let stub = Stub::start(|_, _| Reply::json("[]").hanging());
    let world = World::connected(&stub.url);
    let began = Instant::now();
    world
        .run(&["gateway", "list", "--timeout", "1s"])
        .fails(6, &["gave no answer in time", "hint: give it longer with `--timeout 2m`"]);
    assert!(began.elapsed() < Duration::from_secs(10));
    world.private("config.yaml", "timeout: 1\n");
    world.run(&["gateway", "list"]).fails(6, &["gave no answer in time"]);
    world.run(&["gateway", "list", "--timeout", "soon"]).fails(2, &["`soon` is not a duration"]);
}

#[test]
fn a_proxy_is_used_but_not_for_this_machine() {
    let proxy = projects();
    let world = World::new();
    let ran = |server: &str, env: &[(&str, &str)]| {
        let mut command = world.command(&["project", "list", "--server", server]);
        Ran::of(command.env("MCPCTL_TOKEN", TOKEN).envs(env.iter().copied()))
    };
    ran("http://mcpd.example", &[("HTTP_PROXY", &proxy.url), ("http_proxy", &proxy.url)]).succeeds();
    assert_eq!(proxy.seen()[0].path, "http://mcpd.example/api/v1/projects");
    ran("https://mcpd.example", &[("HTTPS_PROXY", &proxy.url), ("https_proxy", &proxy.url)]).fails(6, &[]);
    let connects = |stub: &Stub| {
        stub.seen().iter().filter(|seen| seen.method == "CONNECT" && seen.path == "mcpd.example:443").count()
    };
    assert!(connects(&proxy) > 0, "{:?}", proxy.seen());
    let before = proxy.seen().len();
    let own = projects();
    ran(&own.url, &[("HTTP_PROXY", &proxy.url), ("http_proxy", &proxy.url)]).succeeds();
    let all = [
        ("HTTP_PROXY", proxy.url.as_str()),
        ("http_proxy", &proxy.url),
        ("NO_PROXY", "mcpd.invalid"),
        ("no_proxy", "mcpd.invalid"),
    ];
    ran("http://mcpd.invalid", &all).fails(6, &[]);
    assert_eq!(proxy.seen().len(), before);
}

#[test]
fn a_server_with_its_own_ca_is_trusted_where_that_is_said() {
    let server = TlsServer::start();
    let world = World::new();
    let ca = world.work().join("ca.pem");
    fs::write(&ca, &server.ca).unwrap();
    let list = |env: &[(&str, &str)]| {
        let mut command = world.command(&["project", "list", "--server", &server.url]);
        Ran::of(command.env("MCPCTL_TOKEN", TOKEN).envs(env.iter().copied()))
    };
    list(&[]).fails(6, &["cannot reach the control plane"]);
    list(&[("SSL_CERT_FILE", ca.to_str().unwrap())]).succeeds();
    list(&[("MCPCTL_CA", ca.to_str().unwrap())]).succeeds();
    world.run(&["config", "set-ca", "ca.pem"]).succeeds();
    list(&[]).succeeds();
    world.run(&["config", "unset", "ca"]).succeeds();
    list(&[]).fails(6, &[]);
    world.run(&["config", "set-server", &server.url, "--context", "tls"]).succeeds();
    world.run(&["config", "set-ca", "ca.pem", "--context", "tls"]).succeeds();
    let mut with_context = world.command(&["project", "list", "--context", "tls"]);
    Ran::of(with_context.env("MCPCTL_TOKEN", TOKEN)).succeeds();
    fs::write(world.work().join("no.pem"), "no certificate").unwrap();
    world.run(&["config", "set-ca", "no.pem"]).fails(2, &["holds no certificate"]);
    world.run(&["config", "set-ca", "absent.pem"]).fails(1, &["no such file"]);
}
