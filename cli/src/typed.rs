//! What can be said before the command line is understood, and about one that is not: in which format and colour, and how.

use crate::{
    args::{Color, Format, Global, topics},
    failure::Failure,
    output::Output,
};
use clap::{ColorChoice, ValueEnum as _, error::ErrorKind};
use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    panic::PanicHookInfo,
    process::ExitCode,
};

/// The printer for what the command line alone says; settings come later.
pub(crate) fn output(global: &Global) -> Output {
    let color = if global.no_color { Color::Never } else { global.color.unwrap_or(Color::Auto) };
    Output::new(global.format.or_else(named_format).unwrap_or(Format::Table), global.quiet, color)
}

/// The colour of help and of what is said of a wrong command line.
pub(crate) fn color() -> ColorChoice {
    let words: Vec<OsString> = words().collect();
    let named = option(&words, "--color", None).or_else(|| env::var("MCPCTL_COLOR").ok());
    match named.as_deref() {
        _ if words.iter().any(|word| word == "--no-color") => ColorChoice::Never,
        Some("never") => ColorChoice::Never,
        Some("always") => ColorChoice::Always,
        _ => ColorChoice::Auto,
    }
}

/// Prints what clap has to say: help, the version, or what is wrong with the command line.
pub(crate) fn refused(error: &clap::Error) -> ExitCode {
    let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    let words: Vec<OsString> = words().collect();
    let named = option(&words, "--format", Some("-o")).and_then(|word| Format::from_str(&word, false).ok());
    let is_wrong = !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_wrong && named.or_else(named_format) == Some(Format::Json) {
        Output::new(Format::Json, false, Color::Never).failure(&failure(error));
    } else {
        let _ = error.print();
    }
    code
}

/// What clap says, in our own form.
fn failure(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("a command is missing").hint("`--help` shows those there are");
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default().trim().trim_start_matches("error: ");
    let message: Vec<&str> = first.lines().map(str::trim).collect();
    let failure = Failure::usage(message.join(" "));
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    match tip {
        Some(tip) => failure.hint(tip),
        None => failure.hint("`--help` shows what can be given"),
    }
}

/// Said instead of the library's words when there is a fault in mcpctl itself.
pub(crate) fn crashed(panic: &PanicHookInfo<'_>) {
    let _ = writeln!(
        io::stderr(),
        "error: this is a fault in mcpctl {}, not in what you typed: {panic}\n{}",
        env!("CARGO_PKG_VERSION"),
        topics::links()
    );
}

fn named_format() -> Option<Format> {
    env::var("MCPCTL_FORMAT").ok().and_then(|word| Format::from_str(&word, false).ok())
}

/// What was typed, as far as options go.
fn words() -> impl Iterator<Item = OsString> {
    env::args_os().skip(1).take_while(|word| word != "--")
}

/// The value of an option that may be anywhere in `words`: `--long x`, `--long=x`, `-s x`, `-sx`, `-s=x`.
fn option(words: &[OsString], long: &str, short: Option<&str>) -> Option<String> {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut found = None;
    for (at, word) in words.iter().enumerate() {
        let attached = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
        let brief = short.filter(|_| !word.starts_with("--")).and_then(|short| word.strip_prefix(short));
        let value = match (word == long || brief == Some(""), attached, brief) {
            (true, ..) => words.get(at + 1).cloned(),
            (_, Some(value), _) => Some(value.to_owned()),
            (_, _, Some(value)) => Some(value.trim_start_matches('=').to_owned()),
            _ => None,
        };
        found = value.or(found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_found_in_every_spelling() {
        let check = |line: &str, expected: Option<&str>| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(option(&words, "--format", Some("-o")).as_deref(), expected, "{line}");
        };
        for line in ["x -o json", "x -ojson", "x -o=json", "x --format json", "--format=json x", "-o csv x -o json"] {
            check(line, Some("json"));
        }
        check("x --only json", None);
        check("x --formats=json", None);
        check("x --format", None);
    }
}
