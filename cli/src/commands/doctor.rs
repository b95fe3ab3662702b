//! `mcpctl doctor`: numbered checks, each ok, warn or fail, and what mends it.

mod local;
mod remote;

use crate::{
    Invocation,
    failure::Failure,
    output::{Report, Table},
};
use serde::Serialize;
use std::process::ExitCode;

/// Exit code when a check fails: [`crate::failure::Status::Unhealthy`].
const UNHEALTHY: u8 = 6;

/// Runs the checks, those on this machine first.
pub(crate) async fn run(invocation: &Invocation) -> Result<ExitCode, Failure> {
    let mut checks = local::before(invocation);
    checks.extend(remote::all(invocation).await);
    checks.extend(local::after(invocation).await);
    let failed = checks.iter().any(|check| check.state == State::Fail);
    let numbered = checks.into_iter().enumerate().map(|(at, check)| Numbered { number: at + 1, check }).collect();
    invocation.output.report(&Findings(numbered))?;
    Ok(if failed { ExitCode::from(UNHEALTHY) } else { ExitCode::SUCCESS })
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Ok, found: found.into(), fix: None }
    }

    fn warn(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Warn, found: found.into(), fix: Some(fix.into()) }
    }

    fn fail(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Fail, found: found.into(), fix: Some(fix.into()) }
    }

    /// A check that ended in a failure of its own.
    fn failure(name: &'static str, failure: Failure) -> Self {
        Self { name, state: State::Fail, found: failure.message, fix: failure.hint }
    }
}

#[derive(Serialize)]
struct Numbered {
    number: usize,
    #[serde(flatten)]
    check: Check,
}

#[derive(Serialize)]
struct Findings(Vec<Numbered>);

impl Report for Findings {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["#", "STATE", "CHECK", "FOUND"]);
        for Numbered { number, check } in &self.0 {
            let state = match check.state {
                State::Ok => "ok",
                State::Warn => "warn",
                State::Fail => "fail",
            };
            table.row([number.to_string(), state.to_owned(), check.name.to_owned(), check.found.clone()]);
            if let Some(fix) = &check.fix {
                table.row([" ".to_owned(), " ".to_owned(), " ".to_owned(), format!("→ {fix}")]);
            }
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().filter(|numbered| numbered.check.state == State::Fail).map(|n| n.check.name.to_owned()).collect()
    }
}
