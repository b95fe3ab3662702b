//! Every command as it looks from outside: what `--help` says, and how each ends when an option is unknown, an argument is missing,
//! or nothing answers. One file of snapshots for each group; a change of any text shows up in review.

use crate::world::{Ran, World};
use std::{collections::BTreeMap, fmt::Write as _, fs, thread};

/// Beginnings of commands that go on until they are stopped, that start or download something, or that tell of this very machine.
const NOT_RUN: [&str; 8] =
    ["client ", "daemon start", "db ", "doctor", "mcp-stdio", "model pull", "model bench", "setup"];

/// Values for arguments that a command cannot do without.
const VALUES: [(&str, &str); 13] = [
    ("<URL>", "http://127.0.0.1:9"),
    ("<HEX>", "00"),
    ("<SECS>", "1"),
    ("<SECONDS>", "1"),
    ("<N>", "1"),
    ("<DAYS>", "1"),
    ("<DURATION>", "1s"),
    ("<TIME>", "1h"),
    ("<SHELL>", "bash"),
    ("<KEY>", "format"),
    ("<ID>", "abc"),
    ("<TARGET>", "./exported"),
    ("<COMMAND>", ""),
];

/// One command, as its help tells it.
struct Leaf {
    words: Vec<String>,
    help: Ran,
}

/// The names of the commands in a help text.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn run(world: &World, words: &[String], more: &[&str]) -> Ran {
    let line: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    // Nothing listens there, and a token is at hand.
    Ran::of(world.command(&line).env("MCPCTL_SERVER", "http://127.0.0.1:9").env("MCPCTL_TOKEN", "mcpctl_pat_test"))
}

fn walk(world: &World, words: &[String], leaves: &mut Vec<Leaf>) {
    let help = run(world, words, &["--help"]);
    let below = subcommands(help.succeeds());
    for name in &below {
        walk(world, &[words, std::slice::from_ref(name)].concat(), leaves);
    }
    leaves.push(Leaf { words: words.to_vec(), help });
}

/// The arguments that the usage line of a command demands, filled in.
fn demanded(help: &str) -> Vec<String> {
    let usage = help.lines().find_map(|line| line.trim().strip_prefix("Usage: ")).unwrap_or_default();
    let value =
        |name: &str| VALUES.iter().find(|(known, _)| *known == name).map_or("some", |(_, value)| value).to_owned();
    let (mut places, mut options): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut words = usage.split_whitespace().skip_while(|word| !word.starts_with(['<', '-', '[']));
    while let Some(word) = words.next() {
        if word.starts_with('[') {
            // Optional, up to where it closes.
            let mut open = word;
            while !open.trim_end_matches("...").ends_with(']') {
                let Some(next) = words.next() else { break };
                open = next;
            }
        } else if let Some(first) = word.strip_prefix("<--") {
            // Of several that exclude each other, `<--a <A>|--b <B>>`, the first.
            options.push(format!("--{}", first.split('|').next().unwrap()));
            let mut last = words.next().unwrap_or_default();
            options.push(value(last.split('|').next().unwrap()));
            while !last.ends_with(">>") {
                let Some(next) = words.next() else { break };
                last = next;
            }
        } else if word.starts_with("--") {
            // One that takes several values would take what follows, too: options come last.
            options.push(word.to_owned());
            options.extend(words.next().map(|name| value(name.trim_end_matches("..."))));
        } else {
            places.push(value(word.trim_end_matches("...")));
        }
    }
    [places, options].concat()
}

/// Help without the options that every command has: those are in the record of the program itself.
fn own(help: &str) -> String {
    let Some((before, after)) = help.split_once("Global options:\n") else { return help.to_owned() };
    let rest = after.find("\nExamples:").map_or("", |at| &after[at..]);
    format!("{before}[global options]\n{rest}")
}

/// Without what differs from one machine or release to the next.
fn steady(text: &str, world: &World) -> String {
    let text = text.replace(&world.dir.path().display().to_string(), "[DIR]");
    let text = text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
    // Every system has a number of its own for it.
    text.replace(" (os error 111)", "").replace(" (os error 61)", "").replace(" (os error 2)", "")
}

fn told(title: &str, ran: &Ran, world: &World) -> String {
    let mut text = format!("$ {title}\nexit code: {}\n", ran.code.map_or("none".to_owned(), |code| code.to_string()));
    for (name, stream) in [("stdout", &ran.out), ("stderr", &ran.err)] {
        if !stream.is_empty() {
            let _ = write!(text, "--- {name}\n{}", steady(stream, world));
        }
    }
    own(&text) + "\n"
}

/// Everything that is to be seen of one command.
fn record(leaf: &Leaf) -> String {
    let world = World::new();
    fs::create_dir_all(world.home()).unwrap();
    let line = leaf.words.join(" ");
    let mut text = match line.as_str() {
        "" => format!("$ mcpctl --help\n{}\n", steady(&leaf.help.out, &world)),
        _ => told(&format!("mcpctl {line} --help"), &leaf.help, &world),
    };
    text += &told(&format!("mcpctl {line} --unheard-of"), &run(&world, &leaf.words, &["--unheard-of"]), &world);
    let demanded = demanded(&leaf.help.out);
    if !demanded.is_empty() {
        text += &told(&format!("mcpctl {line}"), &run(&world, &leaf.words, &[]), &world);
    }
    if !NOT_RUN.iter().any(|not| line.starts_with(not)) && subcommands(&leaf.help.out).is_empty() {
        let more: Vec<&str> = demanded.iter().map(String::as_str).collect();
        let shown = [&[line.as_str()], more.as_slice()].concat().join(" ");
        text += &told(&format!("mcpctl {shown}"), &run(&world, &leaf.words, &more), &world);
    }
    text
}

#[test]
fn every_command_says_what_it_said() {
    let world = World::new();
    let mut leaves = Vec::new();
    walk(&world, &[], &mut leaves);
    assert!(leaves.len() > 80, "{} commands were found", leaves.len());
    let mut groups: BTreeMap<String, Vec<&Leaf>> = BTreeMap::new();
    for leaf in &leaves {
        groups.entry(leaf.words.first().cloned().unwrap_or_else(|| "mcpctl".to_owned())).or_default().push(leaf);
    }
    let recorded: Vec<(String, String)> = thread::scope(|scope| {
        let handles: Vec<_> = groups
            .iter()
            .map(|(group, leaves)| {
                scope.spawn(move || (group.clone(), leaves.iter().map(|leaf| record(leaf)).collect()))
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("snapshots/commands");
    settings.bind(|| {
        for (group, text) in &recorded {
            insta::assert_snapshot!(group.clone(), text);
        }
    });
}
