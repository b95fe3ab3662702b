//! `mcpctl session`.

use crate::{
    Invocation,
    args::identity::SessionCommand,
    client::word,
    failure::Failure,
    output::{Change, Report, Table, age},
};
use control_plane_api::access::SessionSummary;
use serde::Serialize;

/// Runs one of the session commands.
pub(crate) async fn run(command: SessionCommand, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        SessionCommand::List => output.report(&Sessions(client.sessions().await?)),
        SessionCommand::End { id } => {
            client.end_session(&id).await?;
            output.changes(&[Change::new(format!("session/{id}"), "ended")])
        }
    }
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
