//! `filter` and the measuring half of `model`: what reaches the data plane, and what comes back. (With the real
//! program: the whole-system tests.)

use crate::world::{Ran, World};

/// A program that says how it was started, reads its stdin, and ends with 6.
const ECHO: &str = "#!/bin/sh\nfor word; do echo \"[$word]\"; done\ncat\necho 'error: no model' >&2\nexit 6\n";

fn check(args: &[&str], passed: &[&str]) {
    let world = World::new();
    world.script("bin/mcp-gateway", ECHO);
    let mut command = world.command(args);
    let ran = Ran::of(command.env("MCPCTL_BIN_DIR", world.dir.path().join("bin")));
    ran.fails(6, &["error: no model"]);
    let home = world.home();
    let start = ["--home", home.to_str().unwrap(), "relevance"];
    let expected: String = start.iter().chain(passed).map(|word| format!("[{word}]\n")).collect();
    assert_eq!(ran.out, expected);
}

#[test]
fn what_is_asked_for_reaches_the_data_plane_and_its_end_is_ours() {
    check(
        &["filter", "test", "-", "--context=-lost parcels"],
        &["test", "--format", "table", "--context=-lost parcels", "--", "-"],
    );
    check(
        &[
            "-o",
            "json",
            "-q",
            "filter",
            "test",
            "a b.json",
            "--context",
            "x",
            "--tool-result",
            "--recall",
            "high",
            "--max-records",
            "7",
            "--deadline-ms",
            "300",
            "--print-filtered",
        ],
        &[
            "test",
            "--format",
            "json",
            "--quiet",
            "--context=x",
            "--tool-result",
            "--recall=high",
            "--max-records=7",
            "--deadline-ms=300",
            "--print-filtered",
            "--",
            "a b.json",
        ],
    );
    check(
        &["filter", "eval", "sets", "x.jsonl", "--scorer", "bm25,minilm", "-o", "wide"],
        &["eval", "--format", "wide", "--scorer=bm25,minilm", "--", "sets", "x.jsonl"],
    );
}

#[test]
fn a_wrong_command_line_is_exit_2_before_anything_is_started() {
    let world = World::new();
    world.run(&["filter", "test", "x.json"]).fails(2, &["--context"]);
    world.run(&["filter", "test", "x", "--context", "y", "--text", "--tool-result"]).fails(2, &["--tool-result"]);
    world.run(&["filter", "test", "x", "--context", "y", "--max-records", "0"]).fails(2, &["--max-records"]);
    world.run(&["filter", "eval"]).fails(2, &["DATASET"]);
    world.run(&["filter", "eval", "x.jsonl", "-o", "yaml"]).fails(2, &["a table or JSON", "-o json"]);
}

#[test]
fn without_the_program_it_is_said_where_it_must_be() {
    let world = World::new();
    let mut command = world.command(&["filter", "test", "x", "--context", "y"]);
    Ran::of(command.env("MCPCTL_BIN_DIR", world.work())).fails(1, &["there is no `mcp-gateway`", "MCPCTL_BIN_DIR"]);
}

#[test]
fn the_form_of_a_set_is_in_the_help() {
    assert!(World::new().run(&["filter", "eval", "--help"]).succeeds().contains("\"texts_of\": 0"));
}
