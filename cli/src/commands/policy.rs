//! `mcpctl policy`: what the rules come to, decided by the very evaluator that gateways decide with, over the objects of
//! the control plane and the names that gateways report.

mod diff;
mod explain;
mod known;
mod question;
mod replay;
mod test;
mod ways;

use crate::{Invocation, args::policy::Command, failure::Failure};
use std::process::ExitCode;

/// Runs one of the policy commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<ExitCode, Failure> {
    match command {
        Command::Test(question) => test::run(&question, invocation).await,
        Command::Explain(question) => explain::run(&question, invocation).await,
        Command::Diff(diff) => diff::run(&diff, invocation).await,
        Command::Replay(replay) => replay::run(&replay, invocation).await,
    }
}
