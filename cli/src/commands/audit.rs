//! `mcpctl audit`: what went through the gateways, newest first.

use crate::{
    Invocation,
    args::audit::{Audit, Decision},
    client::word,
    failure::Failure,
    output::{Report, Table, age},
};
use control_plane_api::audit::{Action, AuditEvent, RelevanceOutcome};
use serde::Serialize;

/// What is shown unless everything is asked for: what reached, or would have reached, a server's primitives.
const SHOWN: [Action; 3] = [Action::McpCall, Action::McpRead, Action::McpPrompt];

/// Prints the events asked for.
pub(crate) async fn run(args: Audit, invocation: &Invocation) -> Result<(), Failure> {
    let query = query(args)?;
    let events = invocation.client()?.audit(&query).await?;
    invocation.output.report(&Events(events))
}

fn query(args: Audit) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.user.map(|user| ("user", user.to_string())));
    query.extend(args.tool.map(|tool| ("tool", tool)));
    query.extend(args.project.map(|project| ("project", project.to_string())));
    query.extend(args.decision.map(|decision| match decision {
        Decision::Allow => ("decision", "allow".to_owned()),
        Decision::Deny => ("decision", "deny".to_owned()),
    }));
    if let Some(since) = args.since {
        query.push(("since", age::parse_moment(&since)?.to_string()));
    }
    if !args.all {
        query.extend(SHOWN.iter().map(|action| ("action", action.as_str().to_owned())));
    }
    Ok(query)
}

#[derive(Serialize)]
struct Events(Vec<AuditEvent>);

impl Report for Events {
    fn table(&self, wide: bool) -> Table {
        let headings = ["AGE", "USER", "PROJECT", "ACTION", "TARGET", "DECISION", "OUTCOME", "KEPT", "MS"].into_iter();
        let mut table =
            Table::new(headings.chain(wide.then_some(["GATEWAY", "CLIENT", "REASON"]).into_iter().flatten()));
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
            let more = || [event.gateway.to_string(), client, event.reason.clone()];
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
