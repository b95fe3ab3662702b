//! `mcpctl token`. A new token goes to stdout once and nowhere else.

use crate::{
    Invocation,
    args::identity::TokenCommand,
    client::Client,
    failure::Failure,
    output::{Change, Output, Report, Table, age},
};
use control_plane_api::{
    access::{IssuedToken, TokenRequest, TokenSummary},
    name::Name,
};
use serde::Serialize;

/// Runs one of the token commands.
pub(crate) async fn run(command: TokenCommand, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        TokenCommand::Create { user, label, expires_in } => {
            let expires_in_s = expires_in.as_deref().map(age::parse_duration).transpose()?;
            let user = own_unless(user, &client).await?;
            let issued = client.create_token(&user, &TokenRequest { label, expires_in_s }).await?;
            output.note(format!("token {} of user {user}; it is shown this once:", issued.summary.id));
            output.report(&Issued(issued))
        }
        TokenCommand::List { user } => {
            let user = own_unless(user, &client).await?;
            output.report(&Tokens(client.tokens(&user).await?))
        }
        TokenCommand::Revoke { id, user, dry_run } => {
            let user = own_unless(user, &client).await?;
            if dry_run {
                return would_revoke(&id, &user, &client, output).await;
            }
            client.revoke_token(&user, &id).await?;
            output.changes(&[Change::new(format!("token/{id}"), "revoked")])
        }
    }
}

async fn would_revoke(id: &str, user: &Name, client: &Client, output: Output) -> Result<(), Failure> {
    let tokens = client.tokens(user).await?;
    if !tokens.iter().any(|token| token.id == id) {
        let failure = Failure::not_found(format!("user `{user}` has no token `{id}`"));
        return Err(failure.hint(format!("`mcpctl token list --user {user}` shows those there are")));
    }
    output.changes(&[Change::new(format!("token/{id}"), "revoked (dry run)")])
}

async fn own_unless(given: Option<Name>, client: &Client) -> Result<Name, Failure> {
    match given {
        Some(user) => Ok(user),
        None => Ok(client.whoami().await?.user),
    }
}

#[derive(Serialize)]
struct Issued(IssuedToken);

impl Report for Issued {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::default();
        table.row([self.0.token.clone()]);
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.token.clone()]
    }
}

#[derive(Serialize)]
struct Tokens(Vec<TokenSummary>);

impl Report for Tokens {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["ID", "USER", "LABEL", "TOKEN", "EXPIRES", "USED", "AGE"]);
        for token in &self.0 {
            let expires = token.expires_at.map_or("never".to_owned(), age::until);
            let label = token.label.replace(' ', "_");
            let shown = token.last_four.as_ref().map_or("-".to_owned(), |last| format!("…{last}"));
            let used = token.used_at.map_or("never".to_owned(), age::since);
            let age = age::since(token.created_at);
            table.row([token.id.clone(), token.user.to_string(), label, shown, expires, used, age]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|token| token.id.clone()).collect()
    }
}
