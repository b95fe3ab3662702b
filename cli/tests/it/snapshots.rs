//! Every command as it looks from outside: what `--help` says, and how each ends when an option is unknown, an argument is missing,
//! or nothing answers. One file of snapshots for each group; a change of any text shows up in review.

use crate::world::{Ran, World};
use std::{collections::BTreeMap, fmt::Write as _, fs, thread};

/// Commands that go on until they are stopped, or that start or download something where nothing answers.
const NOT_RUN: [&str; 5] = ["daemon start", "mcp-stdio", "model pull", "model bench", "setup"];

/// Values for arguments that a command cannot do without.
const VALUES: [(&str, &str); 12] = [
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
    let (mut places, mut options): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut is_value = false;
    let mut depth = 0_usize;
    for word in usage.split_whitespace().skip_while(|word| !word.starts_with(['<', '-', '['])) {
        let optional = depth > 0 || word.starts_with('[');
        depth = depth + word.matches('[').count() - word.matches(']').count().min(depth + word.matches('[').count());
        if optional || word == "|" {
            continue;
        }
        let bare = word.trim_end_matches("...");
        // Of several that exclude each other the first.
        let first = bare.split('|').next().unwrap_or(bare).trim_start_matches('<').trim_end_matches('>');
        match bare {
            _ if bare.starts_with("--") || first.starts_with("--") => {
                options.push(if bare.starts_with("--") { bare } else { first }.to_owned());
                is_value = true;
            }
            _ => {
                let value = VALUES.iter().find(|(name, _)| *name == bare).map_or("some", |(_, value)| value);
                // An option that takes several values would take what follows, too: those come last.
                if is_value { &mut options } else { &mut places }.push(value.to_owned());
                is_value = false;
            }
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
    text.replace(" (os error 111)", "").replace(" (os error 61)", "")
}

fn told(title: &str, ran: &Ran, world: &World) -> String {
    let mut text = format!("$ {title}\nexit code: {}\n", ran.code.map_or("none".to_owned(), |code| code.to_string()));
    for (name, stream) in [("stdout", &ran.out), ("stderr", &ran.err)] {
        if !stream.is_empty() {
            let _ = write!(text, "--- {name}\n{}", steady(stream, world));
        }
    }
    text + "\n"
}

/// Everything that is to be seen of one command.
fn record(leaf: &Leaf) -> String {
    let world = World::new();
    fs::create_dir_all(world.home()).unwrap();
    let line = leaf.words.join(" ");
    let mut help = told(&format!("mcpctl {line} --help"), &leaf.help, &world);
    if !line.is_empty() {
        help = own(&help);
    }
    let mut text = help;
    text += &told(&format!("mcpctl {line} --unheard-of"), &run(&world, &leaf.words, &["--unheard-of"]), &world);
    let demanded = demanded(&leaf.help.out);
    if !demanded.is_empty() {
        text += &told(&format!("mcpctl {line}"), &run(&world, &leaf.words, &[]), &world);
    }
    if !NOT_RUN.contains(&line.as_str()) && subcommands(&leaf.help.out).is_empty() {
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
