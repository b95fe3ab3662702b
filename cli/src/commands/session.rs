//! `mcpctl session`.

use crate::{
    Invocation,
    args::identity::SessionCommand,
    client::{Client, word},
    failure::Failure,
    output::{Change, Output, Report, Table, age},
};
use control_plane_api::access::SessionSummary;
use serde::Serialize;

/// Runs one of the session commands.
pub(crate) async fn run(command: SessionCommand, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        SessionCommand::List => output.report(&Sessions(client.sessions().await?)),
        SessionCommand::End { id, dry_run } => {
            if dry_run {
                return would_end(&id, &client, output).await;
            }
            client.end_session(&id).await?;
            output.changes(&[Change::new(format!("session/{id}"), "ended")])
        }
    }
}

async fn would_end(id: &str, client: &Client, output: Output) -> Result<(), Failure> {
    let sessions = client.sessions().await?;
    if !sessions.iter().any(|session| session.id == id) {
        let failure = Failure::not_found(format!("there is no session `{id}`"));
        return Err(failure.hint("`mcpctl session list` shows those there are"));
    }
    output.changes(&[Change::new(format!("session/{id}"), "ended (dry run)")])
}

#[derive(Serialize)]
#[serde(transparent)]
struct Sessions(Vec<SessionSummary>);

impl Report for Sessions {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["ID", "USER", "AUDIENCE", "PEER", "USED", "EXPIRES", "AGE"]);
        for session in &self.0 {
            table.row([
                session.id.clone(),
                session.user.to_string(),
                word(&session.audience),
                session.peer.clone().unwrap_or_default(),
                age::since(session.used_at),
                age::until(session.expires_at),
                age::since(session.created_at),
            ]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|session| session.id.clone()).collect()
    }
}
