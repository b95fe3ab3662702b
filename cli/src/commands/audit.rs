//! `mcpctl audit`: what went through the gateways, newest first; its proof and its export are in modules of their own.

mod chains;
mod chunks;
mod directory;
mod export;
mod follow;
mod s3;
mod syslog;
mod verify;

use crate::{
    Invocation,
    args::audit::{Audit, Command, Decision, List, Outcome},
    client::word,
    failure::Failure,
    output::{Report, Table, age},
};
use clap::ValueEnum as _;
use control_plane_api::audit::{Action, AuditEvent, RelevanceOutcome};
use serde::Serialize;

/// What is shown unless everything is asked for: what reached, or would have reached, a server's primitives.
const SHOWN: [Action; 3] = [Action::McpCall, Action::McpRead, Action::McpPrompt];

/// Prints the events asked for, or does what else is asked for.
pub(crate) async fn run(args: Audit, invocation: &Invocation) -> Result<(), Failure> {
    match args.command {
        Some(Command::Verify(verify)) => verify::run(verify, invocation).await,
        Some(Command::Export(export)) => export::run(export, invocation).await,
        None if args.list.follow => follow::run(args.list, invocation).await,
        None => {
            let query = query(args.list)?;
            let events = invocation.client()?.audit(&query).await?;
            invocation.output.report(&Events(events))
        }
    }
}

fn query(args: List) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.user.map(|user| ("user", user.to_string())));
    query.extend(args.tool.map(|tool| ("tool", tool)));
    query.extend(args.of_server.map(|server| ("server", server.to_string())));
    query.extend(args.project.map(|project| ("project", project.to_string())));
    query.extend(args.decision.map(|decision| match decision {
        Decision::Allow => ("decision", "allow".to_owned()),
        Decision::Deny => ("decision", "deny".to_owned()),
    }));
    query.extend(args.outcome.map(|outcome| ("outcome", spelled(outcome))));
    if let Some(since) = args.since {
        query.push(("since", age::parse_moment(&since)?.to_string()));
    }
    if let Some(until) = args.until {
        query.push(("until", age::parse_moment(&until)?.to_string()));
    }
    if !args.all {
        query.extend(SHOWN.iter().map(|action| ("action", action.as_str().to_owned())));
    }
    Ok(query)
}

/// The word on the wire is the word on the command line.
fn spelled(outcome: Outcome) -> String {
    outcome.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[derive(Serialize)]
struct Events(Vec<AuditEvent>);

impl Report for Events {
    fn table(&self, wide: bool) -> Table {
        let headings = ["AGE", "USER", "PROJECT", "ACTION", "TARGET", "DECISION", "OUTCOME", "KEPT", "MS"].into_iter();
        let more = ["TIME", "GATEWAY", "SEQ", "SERVER", "CLIENT", "ID", "REASON"];
        let mut table = Table::new(headings.chain(wide.then_some(more).into_iter().flatten()));
        for event in &self.0 {
            let row = [
                age::since(event.time),
                event.user.as_ref().map(ToString::to_string).unwrap_or_default(),
                event.project.clone().unwrap_or_default(),
                event.action.as_str().to_owned(),
                event.target.clone().unwrap_or_else(|| event.method.clone()),
                word(&event.decision),
                word(&event.outcome),
                event.relevance.as_ref().map_or("-".to_owned(), kept),
                event.duration_ms.to_string(),
            ];
            let client = event.client.clone().unwrap_or_default().replace(' ', "/");
            let server = event.server.as_ref().map(ToString::to_string).unwrap_or_default();
            let (time, seq) = (event.time.to_string(), event.seq.to_string());
            let more =
                || [time, event.gateway.to_string(), seq, server, client, event.id.clone(), event.reason.clone()];
            table.row(row.into_iter().chain(wide.then(more).into_iter().flatten()));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|event| event.id.clone()).collect()
    }
}

fn kept(relevance: &RelevanceOutcome) -> String {
    format!("{}/{}", relevance.kept, relevance.total)
}
