//! `mcpctl help`: a topic, or a command.

use crate::{
    args::{Cli, topics::TOPICS},
    failure::Failure,
    output::Output,
    suggest,
};
use clap::CommandFactory as _;

/// Prints what `words` ask for.
pub(crate) fn run(words: &[String], output: Output) -> Result<(), Failure> {
    if let [word] = words
        && let Some((_, text)) = TOPICS.iter().find(|(name, _)| name == word)
    {
        return output.raw(&text());
    }
    let mut command = Cli::command();
    command.build();
    let mut at = &mut command;
    for (depth, word) in words.iter().enumerate() {
        let mut known: Vec<String> = at.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        if depth == 0 {
            known.extend(TOPICS.iter().map(|(name, _)| (*name).to_owned()));
        }
        at = match at.find_subcommand_mut(word) {
            Some(command) => command,
            None => return Err(unknown(word, &known)),
        };
    }
    output.raw(&at.render_long_help().to_string())
}

fn unknown(word: &str, known: &[String]) -> Failure {
    let failure = Failure::usage(format!("there is no command or topic `{word}`"));
    match suggest::closest(word, known.iter().map(String::as_str)) {
        Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
        None => failure.hint("`mcpctl help` shows the commands, and the topics at its end"),
    }
}
