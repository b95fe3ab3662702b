//! `mcpctl login`, `mcpctl logout` and `mcpctl whoami`. What was given at login is kept for the commands that follow; a
//! password never is.

use crate::{
    Invocation,
    args::identity::Login,
    client::{Client, word},
    commands::credentials,
    failure::{Failure, Status},
    output::{Report, Table},
    prompt,
};
use control_plane_api::{
    access::{LoginRequest, WhoAmI},
    secret::Secret,
    token::{self, TokenKind},
};
use serde::Serialize;

/// Runs `mcpctl login`.
pub(crate) async fn log_in(login: Login, invocation: &Invocation) -> Result<(), Failure> {
    let output = invocation.output;
    invocation.home.credentials().check()?;
    let token = if login.token.is_some() {
        let token = prompt::read_stdin()?;
        if !token::is_well_formed(TokenKind::Personal, token.expose()) {
            return Err(Failure::usage("what stdin holds is not a token of mcpctl")
                .hint("`mcpctl token create` makes one; copy all of it"));
        }
        token
    } else {
        let user = match &login.user {
            Some(user) => user.to_string(),
            None => user_of_system()?,
        };
        let password = match login.password_stdin {
            true => prompt::read_password()?,
            false if prompt::is_possible() => prompt::ask_password(output, &format!("password of {user}: "))?,
            false => {
                return Err(Failure::usage("there is nobody to ask for a password")
                    .hint("pipe it in: `mcpctl login --password-stdin < password.txt`"));
            }
        };
        let stranger = Client::without_token(&invocation.home, invocation.server.as_ref())?;
        Secret::new(stranger.log_in(&LoginRequest { user, password }).await?.token)
    };
    let known = Client::with_token(&invocation.home, invocation.server.as_ref(), &token)?.whoami().await?;
    credentials::keep(&token, None, invocation)?;
    output.note(format!("logged in as {}", known.user));
    if std::env::var_os("MCPCTL_TOKEN").is_some_and(|token| !token.is_empty()) {
        output.note("MCPCTL_TOKEN is set and goes before it: unset it");
    }
    Ok(())
}

/// Runs `mcpctl logout`.
pub(crate) async fn log_out(invocation: &Invocation) -> Result<(), Failure> {
    let credentials = invocation.home.credentials();
    let Some((token, _)) = credentials.get()? else {
        invocation.output.note("nobody is logged in");
        credentials::note_file(invocation);
        return Ok(());
    };
    if token::is_well_formed(TokenKind::Session, token.expose()) {
        let client = Client::with_token(&invocation.home, invocation.server.as_ref(), &token)?;
        match client.end_session("current").await {
            Ok(()) => {}
            // It is over already.
            Err(failure) if failure.status == Status::Unauthenticated => {}
            Err(failure) => return Err(failure),
        }
    } else {
        invocation.output.note("the token itself is still valid: `mcpctl token revoke` ends it");
    }
    credentials.delete()?;
    invocation.output.note("logged out");
    credentials::note_file(invocation);
    Ok(())
}

/// Runs `mcpctl whoami`.
pub(crate) async fn whoami(invocation: &Invocation) -> Result<(), Failure> {
    invocation.output.report(&Known(invocation.client()?.whoami().await?))
}

fn user_of_system() -> Result<String, Failure> {
    let user = std::env::var("USER").ok().filter(|user| !user.is_empty());
    user.ok_or_else(|| Failure::usage("$USER is not set").hint("say who logs in with `--user NAME`"))
}

#[derive(Serialize)]
#[serde(transparent)]
struct Known(WhoAmI);

impl Report for Known {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["USER", "ROLES", "SESSION"]);
        let roles: Vec<String> = self.0.roles.iter().map(word).collect();
        let session = self.0.session.clone().unwrap_or_else(|| "-".to_owned());
        table.row([self.0.user.to_string(), roles.join(","), session]);
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.user.to_string()]
    }
}
