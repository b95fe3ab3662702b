//! `daemon start|stop|status|log-level` with programs that misbehave. (With the real ones: the whole-system tests.)

use crate::{
    stub::{Reply, Stub},
    world::{Ran, World},
};
use std::net::TcpListener;

fn start(world: &World, args: &[&str]) -> Ran {
    let mut command = world.command(&[&["daemon", "start", "--wait", "20"], args].concat());
    Ran::of(command.env("MCPCTL_BIN_DIR", world.dir.path().join("bin")))
}

#[test]
fn nothing_runs_and_nothing_is_stopped() {
    let world = World::new();
    let ran = world.run(&["daemon", "status"]);
    assert_eq!(ran.code, Some(6), "{ran:?}");
    assert!(ran.out.contains("stopped") && ran.err.contains("mcpctl daemon start"));
    assert_eq!(world.run(&["daemon", "stop"]).succeeds(), "daemon/gateway unchanged\ndaemon/mcpd unchanged\n");
}

#[test]
fn a_missing_program_is_named() {
    let world = World::new();
    start(&world, &[]).fails(1, &["there is no `mcpd` in MCPCTL_BIN_DIR"]);
}

#[test]
fn a_program_that_dies_is_told_with_its_last_words_and_leaves_no_record() {
    let world = World::new();
    world.script("bin/mcpd", "#!/bin/sh\necho 'boom: no database' >&2\nexit 3\n");
    world.script("bin/mcp-gateway", "#!/bin/sh\n");
    start(&world, &["--api-port", "0"])
        .fails(1, &["mcpd ended while it was starting (exit status: 3)", "boom: no database", "mcpd.log"]);
    assert!(!world.home().join("daemon.json").exists());
    assert_eq!(crate::world::mode(&world.home().join("logs/mcpd.log")), 0o600);
}

#[test]
fn a_program_that_hangs_is_ended_when_time_is_up() {
    let world = World::new();
    world.script("bin/mcpd", "#!/bin/sh\necho $$ > \"$MCPCTL_HOME/pid\"\nexec sleep 600\n");
    world.script("bin/mcp-gateway", "#!/bin/sh\n");
    let mut command = world.command(&["daemon", "start", "--api-port", "0", "--wait", "1"]);
    Ran::of(command.env("MCPCTL_BIN_DIR", world.dir.path().join("bin")))
        .fails(6, &["mcpd is not ready after 1 seconds"]);
    let pid = std::fs::read_to_string(world.home().join("pid")).unwrap();
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
    assert!(!command.contains("sleep"), "{command}");
}

#[test]
fn a_port_that_is_taken_is_named_with_the_flag_for_another() {
    let world = World::new();
    world.script("bin/mcpd", "#!/bin/sh\n");
    world.script("bin/mcp-gateway", "#!/bin/sh\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    start(&world, &["--api-port", &port]).fails(1, &[&format!("port {port} on 127.0.0.1 is taken"), "--api-port PORT"]);
}

/// A machine whose gateway is the stub.
fn with_gateway(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> (World, Stub) {
    let stub = Stub::start(move |seen, _| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET" | "PUT", "/log") => answer(&seen.body),
        _ => Reply::status(404),
    });
    let world = World::new();
    world.private("gateway/local/admin-addr", stub.url.strip_prefix("http://").unwrap());
    (world, stub)
}

#[test]
fn a_gateway_is_asked_how_much_it_logs_and_told() {
    let (world, stub) = with_gateway(|body| match body {
        "" => Reply::new(200, "text/plain", "info,pingora_core=warn\n"),
        directive => Reply::new(200, "text/plain", &format!("{directive}\n")),
    });
    let shown = world.run(&["daemon", "log-level"]);
    assert_eq!(shown.succeeds(), "GATEWAY  LOGS\nlocal    info,pingora_core=warn\n");
    let changed = world.run(&["daemon", "log-level", "debug,gateway::upstream=trace", "-o", "json"]);
    let told: serde_json::Value = serde_json::from_str(changed.succeeds()).unwrap();
    assert_eq!(told, serde_json::json!({"gateway": "local", "directive": "debug,gateway::upstream=trace"}));
    let seen = stub.seen();
    let asked: Vec<_> = seen.iter().map(|seen| (seen.method.as_str(), seen.body.as_str())).collect();
    assert_eq!(asked, [("GET", ""), ("PUT", "debug,gateway::upstream=trace")]);
}

#[test]
fn a_gateway_that_takes_no_directive_says_why() {
    let (world, _stub) = with_gateway(|_| Reply::new(400, "text/plain", "`deubg` is neither a level nor a module's\n"));
    world.run(&["daemon", "log-level", "deubg"]).fails(2, &["`deubg` is neither a level"]);
    let (world, _stub) = with_gateway(|_| Reply::new(404, "text/plain", "try /healthz\n"));
    world.run(&["daemon", "log-level"]).fails(1, &["gateway `local` answers 404", "try /healthz"]);
}

#[test]
fn a_gateway_that_does_not_run_cannot_be_asked() {
    let world = World::new();
    world.run(&["daemon", "log-level"]).fails(6, &["gateway `local` cannot be asked: it never ran", "daemon start"]);
    world.private("gateway/local/admin-addr", "127.0.0.1:9");
    world.run(&["daemon", "log-level", "info"]).fails(6, &["gateway `local` cannot be asked", "daemon start"]);
}
