//! `mcpctl completion`: the completion script of a shell.

use crate::{args::Cli, failure::Failure, output::Output};
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::process::ExitCode;

/// Prints the script.
pub(crate) fn run(shell: Shell, output: Output) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mcpctl", &mut script);
    output.raw(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
