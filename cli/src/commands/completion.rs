//! `mcpctl completion`: the completion script of a shell.

use crate::{
    args::Shell,
    completion,
    failure::{During as _, Failure},
    output::Output,
};

/// Prints the script.
pub(crate) fn run(shell: Shell, output: Output) -> Result<(), Failure> {
    let script = completion::registration(shell).during(|| "cannot make the script".to_owned())?;
    output.raw(&String::from_utf8_lossy(&script))
}
