//! `mcpctl audit`: what it shows, what it proves, where it exports to, against a control plane that hands out chains.

mod bucket;
mod plane;
mod syslog;

use crate::world::{Ran, World};
use control_plane_api::audit::{
    chain::{Chain, Hash, Head},
    receipt::SignedText,
};
use plane::{Plane, event};
use serde_json::Value;
use std::{fs, path::Path};

fn verified(world: &World, args: &[&str]) -> Ran {
    world.run(&[&["audit", "verify", "--format", "json"], args].concat())
}

fn rows(ran: &Ran) -> Vec<(String, String, u64)> {
    let value: Value = serde_json::from_str(&ran.out).unwrap();
    let rows = value["chains"].as_array().unwrap().clone();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(row, "gateway"), text(row, "state"), row["records"].as_u64().unwrap())).collect()
}

/// An export of `plane` in the working directory of a world.
fn exported(plane: &Plane) -> (World, String) {
    let world = World::connected(&plane.stub().url);
    let dir = world.work().join("export").to_str().unwrap().to_owned();
    world.run(&["audit", "export", &dir]).succeeds();
    (world, dir)
}

fn chunk_of(dir: &str, gateway: &str) -> std::path::PathBuf {
    let mut files: Vec<_> = fs::read_dir(Path::new(dir).join(gateway)).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files[0].clone()
}

#[test]
fn a_log_is_verified_online_record_by_record() {
    let plane = Plane::new(1_200);
    let world = World::connected(&plane.stub().url);
    let ran = verified(&world, &[]);
    ran.succeeds();
    let all = |name: &str| (name.to_owned(), "ok".to_owned(), plane.count(name));
    assert_eq!(rows(&ran), [all("laptop"), all("mcpd")]);
    assert!(ran.err.contains(&plane.key()), "{ran:?}");
    verified(&world, &["--key", &plane.key()]).succeeds();
    verified(&world, &["--key", &"0".repeat(64)]).fails(1, &["not to be believed"]);
    verified(&world, &["--key", "zz"]).fails(2, &["64 hex digits"]);
}

#[test]
fn the_first_record_that_was_changed_in_the_database_is_named() {
    let mut plane = Plane::new(40);
    let changed = plane.texts("laptop")[17].replace("slack_get_messages", "slack_set_messages");
    plane.texts_mut("laptop")[17] = changed;
    let ran = verified(&World::connected(&plane.stub().url), &[]);
    ran.fails(1, &["record 18 (epoch 1000) of `laptop`: it was changed"]);
    let value: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(value["chains"][0]["first_bad"]["seq"], 18);
    assert_eq!(value["chains"][1]["state"], "ok");
}

#[test]
fn records_that_were_deleted_from_the_database_are_named_also_at_the_end() {
    for (from, to) in [(3, 5), (38, 44)] {
        let mut plane = Plane::new(40);
        let end = plane.texts("laptop").len().min(to);
        plane.texts_mut("laptop").drain(from..end);
        let named = format!("record {} (epoch 1000) of `laptop`: it is missing", from + 1);
        verified(&World::connected(&plane.stub().url), &[]).fails(1, &[&named]);
    }
}

#[test]
fn an_export_is_verified_without_a_control_plane() {
    let plane = Plane::new(1_200);
    let (_world, dir) = exported(&plane);
    let ran = verified(&World::new(), &[&dir, "--key", &plane.key()]);
    ran.succeeds();
    assert_eq!(rows(&ran).iter().map(|row| row.2).sum::<u64>(), plane.count("laptop") + plane.count("mcpd"));
    assert_eq!(crate::world::mode(&chunk_of(&dir, "laptop")), 0o600);
    let text = fs::read_to_string(chunk_of(&dir, "laptop")).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), plane.texts("laptop"));
}

#[test]
fn a_07_an_export_that_was_tampered_with_is_refused() {
    let plane = Plane::new(40);
    let (world, dir) = exported(&plane);
    let (chunk, manifest) = (chunk_of(&dir, "laptop"), Path::new(&dir).join("manifest.json"));
    let (text, listed) = (fs::read_to_string(&chunk).unwrap(), fs::read_to_string(&manifest).unwrap());
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let swapped = {
        let mut lines = lines.clone();
        lines.swap(3, 4);
        joined(&lines)
    };
    let doubled = {
        let mut lines = lines.clone();
        lines.insert(3, lines[3]);
        joined(&lines)
    };
    let cases = [
        (text.replacen("slack_get", "slack_got", 1), "record 1 "),
        (joined(&lines[..lines.len() - 1]), "it is missing"),
        (joined(&lines[1..]), "record 1 "),
        (swapped, "record 4 "),
        (doubled, "record 4 "),
        (String::new(), "record 1 "),
    ];
    for (bad, named) in cases {
        fs::write(&chunk, bad).unwrap();
        verified(&world, &[&dir, "--key", &plane.key()]).fails(1, &[named]);
    }
    fs::remove_file(&chunk).unwrap();
    verified(&world, &[&dir, "--key", &plane.key()]).fails(1, &["record 1 "]);
    fs::write(&chunk, &text).unwrap();
    for bad in [listed.replace("laptop", "tablet"), listed.replace("laptop/", "../laptop/"), "{}".to_owned()] {
        fs::write(&manifest, bad).unwrap();
        assert_eq!(verified(&world, &[&dir, "--key", &plane.key()]).code, Some(1));
    }
    fs::write(&manifest, &listed).unwrap();
    verified(&world, &[&dir, "--key", &plane.key()]).succeeds();
}

/// Whoever can write everything and has every key but the control plane's and the gateway's.
#[test]
fn a_07_a_log_made_up_with_other_keys_is_refused_by_the_key_that_was_noted() {
    let plane = Plane::new(40);
    let forged = Plane::with_keys(40, 8, 9);
    let (world, dir) = exported(&forged);
    verified(&world, &[&dir]).succeeds();
    verified(&world, &[&dir, "--key", &plane.key()]).fails(1, &["not to be believed"]);
    // The heads of the true one, and records of another making.
    let (world, dir) = exported(&plane);
    fs::copy(chunk_of(&exported(&forged).1, "laptop"), chunk_of(&dir, "laptop")).unwrap();
    verified(&world, &[&dir, "--key", &plane.key()]).fails(1, &["its signature is not valid"]);
}

#[test]
fn an_export_is_continued_and_never_by_a_log_that_lost_records() {
    let mut plane = Plane::new(40);
    let (world, dir) = exported(&plane);
    let before: Vec<String> = plane.texts("laptop").to_vec();
    plane.add(25);
    world.connect(&plane.stub().url);
    world.run(&["audit", "export", &dir]).succeeds();
    let ran = verified(&world, &[&dir, "--key", &plane.key()]);
    ran.succeeds();
    assert_eq!(rows(&ran)[0].2, plane.count("laptop"));
    assert_eq!(fs::read_dir(Path::new(&dir).join("laptop")).unwrap().count(), 2);
    // Yesterday's database, put back.
    *plane.texts_mut("laptop") = before;
    plane.rewind();
    world.connect(&plane.stub().url);
    world.run(&["audit", "export", &dir]).fails(1, &["the control plane has lost records", "`laptop`"]);
    verified(&world, &[&dir, "--key", &plane.key()]).succeeds();
}

#[test]
fn a_bucket_holds_what_a_directory_holds_and_every_request_is_signed() {
    let mut plane = Plane::new(40);
    let bucket = bucket::Bucket::start();
    let world = World::connected(&plane.stub().url);
    let export = |url: &str, secret: &str| {
        world.connect(url);
        let args =
            ["audit", "export", "s3://compliance/mc pctl", "--s3-endpoint", &bucket.url, "--s3-region", "eu-west-1"];
        let mut command = world.command(&args);
        Ran::of(command.env("AWS_ACCESS_KEY_ID", bucket::ID).env("AWS_SECRET_ACCESS_KEY", secret))
    };
    export(&plane.stub().url, bucket::SECRET).succeeds();
    plane.add(5);
    export(&plane.stub().url, bucket::SECRET).succeeds();
    let dir = world.work().join("fetched");
    bucket.unpack("mc pctl/", &dir);
    let ran = verified(&world, &[dir.to_str().unwrap(), "--key", &plane.key()]);
    ran.succeeds();
    assert_eq!(rows(&ran)[0].2, plane.count("laptop"));
    let refused = export(&plane.stub().url, "wrong");
    refused.fails(1, &["403", "credentials"]);
    assert!(!refused.err.contains("wrong") && !refused.err.contains("X-Amz-Signature"), "{refused:?}");
    world.run(&["audit", "export", "s3://compliance"]).fails(2, &["AWS_ACCESS_KEY_ID"]);
    world.run(&["audit", "export", "ftp://x"]).fails(2, &["`ftp://`"]);
}

#[test]
fn hostile_texts_are_harmless_on_a_terminal_and_in_a_spreadsheet() {
    let mut plane = Plane::new(0);
    for target in ["=HYPERLINK(\"http://x\")", "\u{1b}[2J\u{202e}x\n\u{9b}1m", "a,\"b\""] {
        plane.put(&event(target));
    }
    let world = World::connected(&plane.stub().url);
    let run = |format: &str| world.run(&["audit", "--format", format]).succeeds().to_owned();
    let acts = |text: &str| text.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{7}']);
    let (table, csv, jsonl, json) = (run("table"), run("csv"), run("jsonl"), run("json"));
    assert!(![&table, &csv, &jsonl, &json].into_iter().any(|text| acts(text)), "{table}{csv}{jsonl}{json}");
    assert_eq!((table.lines().count(), csv.lines().count(), jsonl.lines().count()), (4, 4, 3));
    assert!(csv.contains("\"'=HYPERLINK(\"\"http://x\"\")\"") && csv.contains("\"a,\"\"b\"\"\""), "{csv}");
    let told: Vec<Value> = jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told[1]["target"], "\u{1b}[2J\u{202e}x\n\u{9b}1m");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&json).unwrap(), told);
}

#[test]
fn filters_reach_the_control_plane() {
    let plane = Plane::new(0);
    let stub = plane.stub();
    let world = World::connected(&stub.url);
    let filters =
        ["--mcp-server", "slack", "--outcome", "tool_error", "--until", "1h", "--since", "7d", "--user", "ann"];
    world.run(&[&["audit"], &filters[..]].concat()).succeeds();
    let asked = stub.seen().last().unwrap().path.clone();
    for part in ["server=slack", "outcome=tool_error", "until=", "since=", "user=ann"] {
        assert!(asked.contains(part), "{asked}");
    }
    world.run(&["audit", "--outcome", "fine"]).fails(2, &["tool_error"]);
    world.run(&["audit", "--follow", "--until", "1h"]).fails(2, &["--until"]);
}

#[test]
fn following_shows_what_comes_once_and_oldest_first() {
    let mut plane = Plane::new(0);
    for target in ["one", "two"] {
        plane.put(&event(target));
    }
    let stub = plane.growing("three");
    let world = World::connected(&stub.url);
    let mut child = world
        .command(&["audit", "--follow", "--since", "99999d", "--format", "jsonl"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let targets: Vec<Value> =
        lines.take(3).map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()["target"].clone()).collect();
    assert_eq!(targets, ["one", "two", "three"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn every_record_reaches_syslog_once_over_each_transport() {
    let mut plane = Plane::new(5);
    let world = World::connected(&plane.stub().url);
    let state = world.work().join("state").to_str().unwrap().to_owned();
    let all = plane.texts("laptop").len() + plane.texts("mcpd").len();
    for transport in [syslog::Transport::Tcp, syslog::Transport::Udp, syslog::Transport::Unix] {
        let server = syslog::Server::start(transport, &world.work());
        world.connect(&plane.stub().url);
        world.run(&["audit", "export", &server.target]).succeeds();
        let messages = server.messages(all);
        let texts: Vec<&str> = messages.iter().map(|message| message.split_once("] ").unwrap().1).collect();
        assert_eq!(texts, [plane.texts("laptop"), plane.texts("mcpd")].concat());
        assert!(
            messages[0].starts_with(
                "<110>1 1970-01-01T00:00:00.000Z laptop mcpctl - mcp_call [mcpctl@32473 epoch=\"1000\" seq=\"1\"] {"
            ),
            "{}",
            messages[0]
        );
    }
    let server = syslog::Server::start(syslog::Transport::Tcp, &world.work());
    world.run(&["audit", "export", &server.target, "--state", &state]).succeeds();
    server.messages(all);
    plane.add(2);
    world.connect(&plane.stub().url);
    let server = syslog::Server::start(syslog::Transport::Tcp, &world.work());
    world.run(&["audit", "export", &server.target, "--state", &state]).succeeds();
    assert_eq!(server.messages(3).len(), 3);
    world.run(&["audit", "export", "syslog+unix:///nowhere"]).fails(1, &["cannot reach"]);
}

#[test]
fn a_statement_of_another_kind_is_no_statement_of_heads() {
    let plane = Plane::new(1);
    let chain = Chain::new("laptop".parse().unwrap(), 1, Head::NONE, Hash::NONE);
    let receipt = control_plane_api::audit::receipt::Receipt {
        gateway: "laptop".parse().unwrap(),
        head: chain.head(),
        time: control_plane_api::timestamp::Timestamp::from_millis(0),
    };
    let mut signed = SignedText::new(&receipt, &plane::key(1)).unwrap();
    signed.payload = plane.heads().payload;
    let stub = crate::stub::Stub::start(move |_, _| crate::stub::Reply::json(&serde_json::to_string(&signed).unwrap()));
    verified(&World::connected(&stub.url), &[]).fails(1, &["not to be believed"]);
}
