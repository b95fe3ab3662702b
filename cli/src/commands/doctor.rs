//! `mcpctl doctor`: numbered checks along the whole way from a client's file to a server's tools, the first hop that fails, and the
//! command that mends it. What depends on a hop that failed is skipped, with the reason, rather than failing too.

mod bridge;
mod check;
mod client_file;
mod credential;
mod gateway;
mod known;
mod machine;
mod model;
mod plane;
mod policy;
mod token;
mod upstream;

use crate::{
    Invocation,
    args::doctor::Doctor,
    failure::{Failure, Status},
    output::{Report, Table},
};
use check::{Check, Hop, State};
use control_plane_api::project::ProjectSpec;
use known::Known;
use serde::Serialize;
use std::process::ExitCode;

/// Runs the checks, in the order of the way.
pub(crate) async fn run(args: Doctor, invocation: &Invocation) -> Result<ExitCode, Failure> {
    let known = Box::pin(Known::find(args.project, invocation)).await?;
    if let (Some(project), Ok(_), Ok(client)) = (&known.project, &known.who, invocation.client()) {
        client.existing::<ProjectSpec>(project).await?;
    }
    let mut checks = machine::checks(&known);
    let files = client_file::found();
    checks.extend(client_file::checks(&files, &known));
    let project = known.project_for(&files);
    checks.push(token::check(&known));
    checks.push(bridge::check(&files, project.as_ref(), &known).await);
    let gateway = gateway::checks(project.as_ref(), &known).await;
    let is_gone = gateway::is_gone(&gateway);
    checks.extend(gateway);
    checks.extend(plane::checks(&known));
    checks.extend(upstream::checks(&known, is_gone).await);
    checks.extend(credential::checks(&known));
    checks.extend(policy::checks(&known));
    checks.push(model::check(&known));
    let findings = Findings::of(checks);
    invocation.output.report(&findings)?;
    findings.sum_up(invocation);
    Ok(if findings.healthy { ExitCode::SUCCESS } else { ExitCode::from(Status::Unhealthy.exit_code()) })
}

#[derive(Serialize)]
struct Findings {
    /// Whether nothing failed.
    healthy: bool,
    /// The first hop at which something failed.
    failing_hop: Option<Hop>,
    /// What mends that.
    fix: Vec<String>,
    checks: Vec<Numbered>,
}

#[derive(Serialize)]
struct Numbered {
    number: usize,
    #[serde(flatten)]
    check: Check,
}

impl Findings {
    fn of(checks: Vec<Check>) -> Self {
        let first = checks.iter().find(|check| check.state == State::Fail);
        Self {
            healthy: first.is_none(),
            failing_hop: first.map(|check| check.hop),
            fix: first.map(|check| check.fix.clone()).unwrap_or_default(),
            checks: checks.into_iter().enumerate().map(|(at, check)| Numbered { number: at + 1, check }).collect(),
        }
    }

    /// What it comes to, for people.
    fn sum_up(&self, invocation: &Invocation) {
        let output = invocation.output;
        let count = |state| self.checks.iter().filter(|one| one.check.state == state).count();
        let Some(first) = self.checks.iter().find(|one| one.check.state == State::Fail) else {
            return match count(State::Warn) {
                0 => output.note("everything is in order"),
                warnings => output.note(format!("nothing failed; {warnings} to look at")),
            };
        };
        output.note(format!("the first hop that fails is {}: {}", first.check.hop.word(), first.check.found));
        first.check.fix.iter().for_each(|fix| output.note(format!("next: {fix}")));
        first.check.advice.iter().for_each(|advice| output.note(format!("next: {advice}")));
    }
}

impl Report for Findings {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["#", "HOP", "CHECK", "STATE", "FOUND"]);
        for Numbered { number, check } in &self.checks {
            let (hop, name, state) = (check.hop.word(), check.name.word(), check.state.word());
            table.row([number.to_string(), hop.to_owned(), name.to_owned(), state.to_owned(), check.found.clone()]);
            for mends in check.fix.iter().chain(&check.advice) {
                table.row([" ", " ", " ", " "].map(str::to_owned).into_iter().chain([format!("→ {mends}")]));
            }
        }
        table
    }

    fn names(&self) -> Vec<String> {
        let failed = self.checks.iter().filter(|one| one.check.state == State::Fail);
        failed.map(|one| one.check.name.word().to_owned()).collect()
    }
}
