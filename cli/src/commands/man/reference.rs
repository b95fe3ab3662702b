//! `docs/cli-reference.md` says of every command what the command line says.

use crate::args::Cli;
use clap::{Arg, Command, CommandFactory as _};
use std::{env, fs};

const BEGIN: &str = "<!-- begin: written by `UPDATE_DOCS=1 cargo test -p mcpctl reference` -->\n";
const END: &str = "<!-- end -->\n";
/// What stands before the lines of examples in a command's help.
const EXAMPLES: &str = "Examples:";

/// The part of the page that follows from the command line.
fn written() -> String {
    let mut root = Cli::command();
    root.build();
    let mut text = String::new();
    for command in shown(&root) {
        describe(command, 2, &mut text);
    }
    text.push_str("## Global options\n\nEvery command knows them, before or after its own name.\n\n");
    arguments(root.get_arguments().filter(|arg| arg.is_global_set()), &mut text);
    text
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

fn describe(command: &Command, level: usize, text: &mut String) {
    let name = command.get_bin_name().expect("a command that was built knows its name");
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    text.push_str(&format!("{} {name}\n\n{}.\n\n", "#".repeat(level), paragraphs(&about)));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").split_whitespace().collect::<Vec<_>>().join(" ");
    text.push_str(&format!("`{usage}`\n\n"));
    arguments(command.get_arguments().filter(|arg| !arg.is_global_set()), text);
    let examples = examples(command);
    if !examples.is_empty() {
        text.push_str(&format!("For example {}.\n\n", examples.join(", ")));
    }
    for command in shown(command) {
        describe(command, level + 1, text);
    }
}

fn arguments<'a>(arguments: impl Iterator<Item = &'a Arg>, text: &mut String) {
    let rows: Vec<String> = arguments.filter(|arg| !arg.is_hide_set() && arg.get_id() != "help").map(row).collect();
    if !rows.is_empty() {
        text.push_str(&format!("| argument | what it says | default |\n|---|---|---|\n{}\n", rows.concat()));
    }
}

fn row(arg: &Arg) -> String {
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags: Vec<String> = arg.get_short().map(|short| format!("-{short}")).into_iter().chain(long).collect();
    let takes = arg.get_action().takes_values() || arg.is_positional();
    let values: Vec<String> = arg.get_value_names().into_iter().flatten().map(|name| format!("<{name}>")).collect();
    let values = if takes { values.join(" ") } else { String::new() };
    let name = [flags.join(", "), values].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let help = arg.get_long_help().or(arg.get_help()).map(|help| line(&help.to_string())).unwrap_or_default();
    let possible: Vec<String> = if takes {
        let values = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
        values.map(|value| format!("`{}`", value.get_name())).collect()
    } else {
        Vec::new()
    };
    let possible = if possible.is_empty() { String::new() } else { format!(": {}", possible.join(", ")) };
    let defaults: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let default =
        if takes && !defaults.concat().is_empty() { format!("`{}`", defaults.join(" ")) } else { String::new() };
    format!("| `{name}` | {help}{possible} | {default} |\n")
}

/// The lines after `Examples:` in what surrounds the help of a command.
fn examples(command: &Command) -> Vec<String> {
    let around = [command.get_before_help(), command.get_after_help(), command.get_after_long_help()];
    let texts: Vec<String> = around.into_iter().flatten().map(ToString::to_string).collect();
    let Some((_, rest)) = texts.iter().find_map(|text| text.split_once(EXAMPLES)) else { return Vec::new() };
    let lines = rest.lines().skip(1).take_while(|line| line.starts_with("  "));
    lines.map(|line| format!("`{}`", line.trim())).collect()
}

fn paragraphs(text: &str) -> String {
    text.split("\n\n").map(line).collect::<Vec<_>>().join(". ")
}

/// A text as it stands in a cell of a table.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').replace('|', "\\|").replace('<', "&lt;")
}

#[test]
fn the_reference_is_of_this_command_line() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli-reference.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has its mark");
    let (found, after) = rest.split_once(END).expect("the page has its mark");
    let written = written();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}{written}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, written, "write it anew: UPDATE_DOCS=1 cargo test -p mcpctl reference");
}
