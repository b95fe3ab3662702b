//! `mcpctl doctor`: every state that can be broken leads to the right hop and the right command, and what depends on it is skipped.

mod machine;

use crate::{stub::Reply, world::World};
use machine::{GATEWAY, Machine, OWN, SERVER, check_of, fails, filled, nothing, started, warns};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{self, Command},
    time::{SystemTime, UNIX_EPOCH},
};

const CONNECTION: &str =
    r#"[{"id": "c1", "server": "slack", "user": "admin", "issuer": "https://i.example", "state": "needs_consent"}]"#;

#[test]
fn where_all_is_well_every_check_says_so_in_the_order_of_the_way() {
    let machine = Machine::new(nothing);
    let ran = machine.run(&[]);
    let out = ran.succeeds();
    let rows: Vec<(&str, &str, &str)> = out
        .lines()
        .skip(1)
        .filter(|line| !line.contains('→'))
        .map(|line| {
            let mut words = line.split_whitespace().skip(1);
            (words.next().unwrap(), words.next().unwrap(), words.next().unwrap())
        })
        .filter(|(hop, ..)| *hop != "machine")
        .collect();
    let expected = [
        ("client", "client-file", "ok"),
        ("client", "client-program", "ok"),
        ("bridge", "token", "ok"),
        ("bridge", "bridge", "ok"),
        ("gateway", "gateway-process", "ok"),
        ("gateway", "gateway-port", "ok"),
        ("gateway", "gateway-config", "ok"),
        ("gateway", "gateway-project", "ok"),
        ("control-plane", "control-plane", "ok"),
        ("control-plane", "clock", "skipped"),
        ("control-plane", "version", "ok"),
        ("control-plane", "gateways", "ok"),
        ("database", "database", "ok"),
        ("upstream", "server", "ok"),
        ("credential", "credential", "ok"),
        ("policy", "grants", "ok"),
        ("policy", "offered", "ok"),
        ("pin", "pin", "ok"),
        ("model", "model", "warn"),
    ];
    assert_eq!(rows, expected, "{out}");
    assert!(out.contains("project `weekly` offers 1 tools, in 2026-07-28"), "{out}");
    assert!(out.contains("`initialize` is answered with 2025-11-25"), "{out}");
    assert!(ran.err.contains("nothing failed; 1 to look at"), "{ran:?}");
}

#[test]
fn the_first_hop_that_fails_is_told_on_stderr_with_what_mends_it() {
    let machine = Machine::new(nothing);
    machine.record(true, false);
    let ran = machine.run(&[]);
    ran.fails(6, &["the first hop that fails is gateway: the gateway does not run", "next: mcpctl daemon start"]);
    assert_eq!(machine.run(&["-o", "name"]).out, "gateway-process\n");
    assert_eq!(machine.run(&["-q"]).err, "");
}

#[test]
fn a_home_others_can_look_into_is_the_first_to_be_told() {
    let machine = Machine::new(nothing);
    fs::set_permissions(machine.world.home(), fs::Permissions::from_mode(0o755)).unwrap();
    fails(&machine, "machine", &["chmod 700 [HOME]"], &["clock"]);
}

#[test]
fn a_clients_file_is_broken_in_five_ways() {
    let machine = Machine::new(nothing);
    let add = "mcpctl claude add-mcp-project weekly";
    let entry = |command: &str, project: &str| {
        format!(
            r#"{{"mcpServers": {{"mcpctl-proxy": {{"command": "{command}", "args": ["mcp-stdio", "--project", "{project}"]}}}}}}"#
        )
    };
    machine.client_file("{\"mcpServers\": {");
    fails(&machine, "client", &["mv .mcp.json .mcp.json.broken", add], &["clock"]);
    machine.client_file(&entry("/no/such/mcpctl", "weekly"));
    fails(&machine, "client", &[add], &["bridge", "clock"]);
    machine.client_file(&entry("mcpctl", "wekly"));
    let (_, told) = machine.json();
    assert_eq!((&told["failing_hop"], &told["fix"]), (&"client".into(), &serde_json::json!([add])), "{told:#}");
    machine.client_file(r#"{"mcpServers": {"slack": {"env": {"SLACK_TOKEN": "xoxp-1234-5678"}}}}"#);
    fails(&machine, "client", &[], &["clock"]);
    let (_, told) = machine.json();
    assert!(check_of(&told, "client-file")["advice"].as_str().unwrap().contains("${NAME}"), "{told:#}");
    assert!(!told.to_string().contains("xoxp"), "{told:#}");
    machine.client_file("{}");
    assert_eq!(machine.json().0, Some(0), "a file of others is none of our business");
}

#[test]
fn a_token_that_is_refused_is_taken_out_of_the_way_and_skips_what_it_is_for() {
    let machine = Machine::new(|seen| {
        let refused = seen.path.starts_with("/api/") || seen.path.starts_with("/projects/");
        refused.then(|| Reply::status(401))
    });
    let skipped =
        ["gateway-project", "clock", "version", "gateways", "server", "credential", "grants", "offered", "pin"];
    fails(&machine, "bridge", &["mcpctl login"], &skipped);
    machine.world.private("admin-token", "mcpctl_pat_admin");
    fails(&machine, "bridge", &["rm [HOME]/token"], &skipped);
    fs::remove_file(machine.world.home().join("token")).unwrap();
    fails(&machine, "bridge", &["MCPCTL_HOME=[HOME] mcpd reset-admin-token"], &skipped);
    fs::set_permissions(machine.world.home().join("admin-token"), fs::Permissions::from_mode(0o644)).unwrap();
    fails(&machine, "bridge", &["chmod 600 [HOME]/admin-token"], &skipped);
}

#[test]
fn a_bridge_that_does_not_start_or_says_something_else_is_told() {
    let machine = Machine::new(nothing);
    let entry = |command: &str| {
        let path = machine.world.dir.path().join(command);
        let args = r#"["mcp-stdio", "--project", "weekly"]"#;
        machine.client_file(&format!(
            r#"{{"mcpServers": {{"mcpctl-proxy": {{"command": "{}", "args": {args}}}}}}}"#,
            path.display()
        ));
    };
    machine.world.script("bin/dies", "#!/bin/sh\necho 'no such project' >&2\nexit 3\n");
    entry("bin/dies");
    fails(&machine, "bridge", &["mcpctl claude add-mcp-project weekly"], &["clock"]);
    assert!(check_of(&machine.json().1, "bridge")["found"].as_str().unwrap().contains("no such project"));
    machine.world.script("bin/chatty", "#!/bin/sh\necho hello\ncat >/dev/null\n");
    entry("bin/chatty");
    fails(&machine, "bridge", &[], &["clock"]);
    assert!(
        check_of(&machine.json().1, "bridge")["found"].as_str().unwrap().contains("something else than MCP: hello")
    );
}

const BEHIND_THE_PLANE: [&str; 9] =
    ["clock", "version", "gateways", "database", "server", "credential", "grants", "offered", "pin"];

#[test]
fn a_daemon_that_was_stopped_or_half_of_it_is_started() {
    let machine = Machine::new(nothing);
    let behind = ["gateway-port", "gateway-config", "gateway-project"];
    machine.record(true, false);
    fails(&machine, "gateway", &["mcpctl daemon start"], &[&behind[..], &["clock", "server"]].concat());
    // Nothing was ever started, and nothing answers.
    let world = World::new();
    let ran = world.run(&["--home", world.home().to_str().unwrap(), "doctor", "-o", "json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (ran.code, &told["failing_hop"], &told["fix"][0]),
        (Some(6), &"bridge".into(), &"mcpctl daemon start".into())
    );
    let failed = told["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "fail");
    let failed: Vec<&str> = failed.map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(failed, ["token", "gateway-process", "control-plane"], "{told:#}");
}

#[test]
fn a_gateway_that_serves_while_mcpd_is_away_is_well_and_mcpd_is_told() {
    let machine = Machine::new(|seen| {
        let away = seen.path.starts_with("/api/") || seen.path.ends_with("z");
        away.then(|| Reply::status(503))
    });
    machine.record(false, true);
    fails(&machine, "control-plane", &["mcpctl daemon start"], &BEHIND_THE_PLANE);
    let (_, told) = machine.json();
    assert_eq!(check_of(&told, "gateway-project")["state"], "ok", "{told:#}");
    machine.record(true, true);
    fails(&machine, "control-plane", &["mcpctl daemon stop", "mcpctl daemon start"], &BEHIND_THE_PLANE);
}

#[test]
fn a_database_that_is_away_is_not_taken_for_a_control_plane_that_is() {
    let machine = Machine::new(|seen| {
        let away = seen.path.starts_with("/api/") || seen.path == "/readyz";
        away.then(|| Reply::status(503))
    });
    let (code, told) = machine.json();
    assert_eq!((code, &told["failing_hop"]), (Some(6), &"database".into()), "{told:#}");
    assert_eq!(told["fix"], serde_json::json!(["mcpctl daemon stop", "mcpctl daemon start"]));
}

#[test]
fn a_clock_that_is_off_is_told_by_how_much() {
    let dated = |ago: u64| {
        Machine::new(move |seen| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - ago;
            let args = ["-u", "-d", &format!("@{now}"), "+%a, %d %b %Y %H:%M:%S GMT"];
            let date = Command::new("date").env("LC_ALL", "C").args(args).output().unwrap().stdout;
            let date = String::from_utf8(date).unwrap();
            (seen.path == "/healthz").then(|| Reply::status(204).with("Date", date.trim()))
        })
    };
    let (_, told) = dated(0).json();
    assert_eq!(check_of(&told, "clock")["state"], "ok", "{told:#}");
    warns(&dated(100), "clock", &["sudo timedatectl set-ntp true"]);
    fails(&dated(1_000), "control-plane", &["sudo timedatectl set-ntp true"], &[]);
}

/// A machine whose gateway reports something else.
fn reporting(from: &'static str, to: &'static str) -> Machine {
    Machine::new(move |seen| {
        let text = filled(GATEWAY);
        assert!(text.contains(from) || from.is_empty(), "{text}");
        (seen.path == "/api/v1/gateways").then(|| Reply::json(&format!("[{}]", text.replace(from, to))))
    })
}

#[test]
fn gateways_are_behind_drained_rejecting_or_of_another_version() {
    warns(&reporting(r#""revision": 3"#, r#""revision": 2"#), "gateways", &[]);
    let drained = reporting(r#""audit_backlog": 0"#, r#""audit_backlog": 0, "draining": true"#);
    warns(&drained, "gateways", &["mcpctl gateway resume local"]);
    let rejected = reporting(
        r#"{"state": "applied", "revision": 3}"#,
        r#"{"state": "rejected", "revision": 3, "in_force": 2, "violations": [
            {"object": {"kind": "profile", "name": "slack-read-only"}, "field": "server", "message": "is gone"}]}"#,
    );
    fails(&rejected, "control-plane", &["mcpctl get profile/slack-read-only -o yaml"], &["clock"]);
    let other = Machine::new(|seen| {
        let text =
            filled(GATEWAY).replace(&format!(r#""version": "{}""#, env!("CARGO_PKG_VERSION")), r#""version": "9.9.9""#);
        (seen.path == "/api/v1/gateways").then(|| Reply::json(&format!("[{text}]")))
    });
    warns(&other, "version", &[]);
}

#[test]
fn a_server_is_stopped_or_does_not_answer_or_refuses_its_credential() {
    let stopped = Machine::new(|seen| {
        let text = SERVER.replace(r#""spec": {"#, r#""spec": {"desired": "stopped", "#);
        (seen.path == "/api/v1/servers").then(|| Reply::json(&format!("[{text}]")))
    });
    fails(&stopped, "upstream", &["mcpctl instance start slack"], &["clock"]);
    let failing = |error: &'static str| {
        Machine::new(move |seen| match seen.path.as_str() {
            "/api/v1/instances/slack/test" => Some(Reply::json(&format!(
                r#"[{{"name": "slack", "gateway": "local", "passed": false, "error": "{error}", "elapsed_ms": 3}}]"#
            ))),
            "/api/v1/gateways" => {
                let failed = format!(r#""state": "failed", "error": "{error}", "tools""#);
                Some(Reply::json(&format!("[{}]", filled(GATEWAY).replace(r#""state": "ready", "tools""#, &failed))))
            }
            _ => None,
        })
    };
    let dead = failing("it ended with exit status 1");
    fails(&dead, "upstream", &["mcpctl instance restart slack --wait-healthy"], &["clock"]);
    fails(&failing("slack says invalid_auth"), "credential", &["mcpctl secrets rotate slack-token"], &["clock"]);
}

#[test]
fn a_connection_that_needs_consent_is_connected() {
    let machine = Machine::new(|seen| match seen.path.as_str() {
        "/api/v1/servers" => Some(Reply::json(
            r#"[{"name": "slack", "revision": 1, "spec": {"transport": {"type": "http", "url": "https://x.example/mcp"}, "oauth": {}}}]"#,
        )),
        "/api/v1/connections" => Some(Reply::json(CONNECTION)),
        _ => None,
    });
    fails(&machine, "credential", &["mcpctl connect slack"], &["clock"]);
}

#[test]
fn a_project_that_grants_nothing_and_a_tool_that_is_not_there_are_told() {
    let profile = |spec: &'static str| {
        Machine::new(move |seen| {
            let text = format!(r#"[{{"name": "slack-read-only", "revision": 1, "spec": {spec}}}]"#);
            (seen.path == "/api/v1/profiles").then(|| Reply::json(&text))
        })
    };
    let none = profile(r#"{"server": "slack", "allow": ["other_*"]}"#);
    fails(&none, "policy", &["mcpctl profile describe slack-read-only"], &["clock"]);
    let some = profile(r#"{"server": "slack", "allow": ["get", "search"]}"#);
    warns(&some, "offered", &["mcpctl profile describe slack-read-only"]);
}

#[test]
fn a_tool_that_changed_is_to_be_looked_at_and_then_approved() {
    let changed = reporting(
        r#""exposed": "slack_post", "class": "write""#,
        r#""exposed": "slack_post", "class": "write", "quarantine": {"digest": "22", "differences": []}"#,
    );
    warns(&changed, "pin", &["mcpctl tools describe slack_post", "mcpctl tools approve slack_post"]);
}

#[test]
fn a_model_that_is_not_there_is_fetched() {
    warns(&Machine::new(nothing), "model", &["mcpctl model pull"]);
}

#[test]
fn one_project_is_looked_at_alone_and_must_be_there() {
    let machine = Machine::new(nothing);
    machine.run(&["--project", "weekly"]).succeeds();
    let missing = Machine::new(|seen| (seen.path == "/api/v1/projects/wekly").then(|| Reply::status(404)));
    missing.run(&["--project", "wekly"]).fails(5, &["project `wekly` does not exist", "did you mean `weekly`?"]);
}

#[test]
fn a_developer_is_told_what_is_hidden_and_nothing_of_it_fails() {
    let machine = Machine::new(|seen| match seen.path.as_str() {
        "/api/v1/whoami" => Some(Reply::json(r#"{"user": "dev", "roles": ["developer"]}"#)),
        "/api/v1/servers" => Some(Reply::status(403)),
        _ => None,
    });
    let (code, told) = machine.json();
    assert_eq!(code, Some(0), "{told:#}");
    assert_eq!(check_of(&told, "server")["found"], "user dev may not see servers and profiles");
}

#[test]
fn on_a_laptop_the_central_gateway_is_a_hop_of_its_own() {
    let machine = Machine::new(|seen| match seen.path.as_str() {
        "/api/v1/whoami" => Some(Reply::json(r#"{"user": "ann", "roles": ["developer"]}"#)),
        "/api/v1/servers" => Some(Reply::status(403)),
        "/status" => Some(Reply::json(
            &filled(OWN)
                .replace("\"local\"", "\"laptop-ann\"")
                .replace(r#""servers": []"#, r#""servers": [{"name": "weekly", "state": "ready"}]"#),
        )),
        _ => None,
    });
    let (world, url) = (&machine.world, &machine.stub.url);
    let laptop = world.home().join("laptop");
    fs::create_dir_all(&laptop).unwrap();
    fs::write(world.work().join("token.txt"), "mcpctl_pat_laptop").unwrap();
    world.run(&["--home", laptop.to_str().unwrap(), "credentials", "set", "@token.txt", "--store", "file"]).succeeds();
    world.private("gateway/laptop-ann/admin-addr", url.strip_prefix("http://").unwrap());
    let record = |central: &str| {
        let process = format!(r#"{{"pid": {}, "started": "{}"}}"#, process::id(), started(process::id()));
        format!(
            r#"{{"server": "{url}", "user": "ann", "gateway": "laptop-ann", "gateway_url": "{url}", "central_url": "{central}",
                "expires_at": "2999-01-01T00:00:00.000Z", "process": {process}}}"#
        )
    };
    world.private("laptop.json", &record(url));
    let (code, told) = machine.json();
    assert_eq!((code, &check_of(&told, "central-gateway")["state"]), (Some(0), &"ok".into()), "{told:#}");
    assert_eq!(check_of(&told, "server")["found"], "project weekly is ready");
    world.private("laptop.json", &record("http://127.0.0.1:9"));
    let (code, told) = machine.json();
    assert_eq!((code, &told["failing_hop"]), (Some(6), &"central".into()), "{told:#}");
    assert!(check_of(&told, "central-gateway")["advice"].as_str().unwrap().contains("network"), "{told:#}");
}
