//! Parts of pages that follow from what the programs say of themselves: between `<!-- generated: KIND -->` and `<!-- end -->`.
//! `UPDATE_DOCS=1` writes them anew.

mod api;
mod environment;
mod tools;

use super::{pages, read_text};
use crate::programs::{program, repository};
use std::{
    env, fs,
    process::{Command, Output},
};

/// At the beginning of a line.
const BEGIN: &str = "\n<!-- generated: ";
const END: &str = "<!-- end -->";

/// What a program says, with nothing of the developer's environment.
fn said(name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program(name));
    command.args(arguments).env_clear().env("HOME", "/home/of/whoever/asks").env("PATH", crate::world::PATH);
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// What stands in the part of that kind.
fn part(kind: &str) -> String {
    match kind.split_once(' ') {
        Some(("tools", server)) => tools::table(server),
        None if kind == "environment" => environment::table(),
        None if kind == "api" => api::reference(),
        _ => panic!("nothing is generated as `{kind}`"),
    }
}

/// The page with its parts as they should be.
fn renewed(text: &str) -> String {
    let mut renewed = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (kind, after) = after.split_once(" -->").expect("the mark ends");
        let (_, after) = after.split_once(END).expect("the part has an end");
        renewed.push_str(&format!("{before}{BEGIN}{kind} -->\n\n{}\n\n{END}", part(kind).trim_end()));
        rest = after;
    }
    renewed + rest
}

#[test]
fn what_is_generated_is_of_these_programs() {
    for path in pages() {
        let text = read_text(&path);
        let renewed = renewed(&text);
        if env::var_os("UPDATE_DOCS").is_some() {
            if renewed != text {
                fs::write(repository().join(&path), renewed).unwrap();
            }
            continue;
        }
        let line = renewed.lines().zip(text.lines()).position(|(new, old)| new != old);
        assert!(
            renewed == text,
            "{path}:{line:?} is out of date: UPDATE_DOCS=1 cargo test -p e2e --test it documentation::generated"
        );
    }
}
