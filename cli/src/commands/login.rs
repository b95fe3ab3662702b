//! `mcpctl login`, `mcpctl logout` and `mcpctl whoami`. What was given at login is kept for the commands that follow; a
//! password, and what an issuer said, never are. Where the control plane has a central gateway, a login brings this machine's own.

mod device;

use super::laptop::{self, Wanted};
use crate::{
    Invocation,
    args::identity::Login,
    client::{Client, word},
    commands::credentials,
    failure::{Failure, Status},
    home,
    output::{Report, Table},
    prompt,
};
use control_plane_api::{
    access::{DeviceLogin, IssuerLogin, LoginRequest, PasswordLogin, WhoAmI},
    secret::Secret,
    token::{self, TokenKind},
};
use serde::Serialize;

/// Runs `mcpctl login`.
pub(crate) async fn log_in(login: Login, invocation: &Invocation) -> Result<(), Failure> {
    let output = invocation.output;
    let base = invocation.base()?;
    invocation.home.credentials(&base)?.check()?;
    let token = if login.token.is_some() { shown_token()? } else { open_session(&login, invocation).await? };
    let client = invocation.client_with(&token)?;
    let known = client.whoami().await?;
    refuse_another(&known, &client, invocation)?;
    credentials::keep(&token, None, invocation)?;
    output.note(format!("logged in as {}", known.user));
    if std::env::var_os("MCPCTL_TOKEN").is_some_and(|token| !token.is_empty()) {
        output.note("MCPCTL_TOKEN is set and goes before it: unset it");
    }
    if login.no_gateway || !client.login_methods().await?.laptops {
        return Ok(());
    }
    if invocation.home.daemon()?.is_some() {
        output.note("a control plane of your own was started here, so no gateway is enrolled: use another `--home`");
        return Ok(());
    }
    let wanted = Wanted { host: login.host, port: login.gateway_port, wait_secs: login.wait };
    laptop::enrol(&client, &known.user, &wanted, invocation).await
}

/// The token on stdin.
fn shown_token() -> Result<Secret, Failure> {
    let token = prompt::read_stdin()?;
    if !token::is_well_formed(TokenKind::Personal, token.expose()) {
        return Err(Failure::usage("what stdin holds is not a token of mcpctl")
            .hint("`mcpctl token create` makes one; copy all of it"));
    }
    Ok(token)
}

/// A new session, for a password or for what the issuer says.
async fn open_session(login: &Login, invocation: &Invocation) -> Result<Secret, Failure> {
    let stranger = invocation.stranger()?;
    let request = if login.device {
        let offer = offered(stranger.login_methods().await?.device, login)?;
        let token = device::log_in(&offer, invocation.output).await?;
        LoginRequest::Issuer(IssuerLogin { issuer_token: token.expose().to_owned() })
    } else {
        LoginRequest::Password(with_password(login, invocation)?)
    };
    Ok(Secret::new(stranger.log_in(&request).await?.token))
}

fn with_password(login: &Login, invocation: &Invocation) -> Result<PasswordLogin, Failure> {
    let user = match &login.user {
        Some(user) => user.to_string(),
        None => user_of_system()?,
    };
    let password = match login.password_stdin {
        true => prompt::read_password()?,
        false if prompt::is_possible() => prompt::ask_password(invocation.output, &format!("password of {user}: "))?,
        false => {
            return Err(Failure::usage("there is nobody to ask for a password")
                .hint("pipe it in: `mcpctl login --password-stdin < password.txt`"));
        }
    };
    Ok(PasswordLogin { user, password })
}

/// The one issuer there is, or the one that was asked for.
fn offered(offers: Vec<DeviceLogin>, login: &Login) -> Result<DeviceLogin, Failure> {
    let names = offers.iter().map(|offer| offer.name.to_string()).collect::<Vec<_>>().join(", ");
    let mut fitting = offers.into_iter().filter(|offer| login.issuer.as_ref().is_none_or(|name| *name == offer.name));
    match (fitting.next(), fitting.next()) {
        (Some(offer), None) => Ok(offer),
        (None, _) if names.is_empty() => Err(Failure::failed("the control plane knows no issuer for this")
            .hint("an administrator sets `device_client_id` of an issuer; a password or a token works without")),
        (None, _) => Err(Failure::not_found(format!("there is no such issuer for logins; there is: {names}"))),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("there are several issuers: {names}")).hint("name one with `--issuer NAME`"))
        }
    }
}

/// The gateway of this machine is one user's, of one control plane.
fn refuse_another(known: &WhoAmI, client: &Client, invocation: &Invocation) -> Result<(), Failure> {
    match invocation.home.laptop()? {
        Some(record) if record.user != known.user || record.server != *client.base() => {
            let message = format!("this machine's gateway is that of {} at {}", record.user, record.server);
            Err(Failure::failed(message).hint("give it up first with `mcpctl logout`"))
        }
        _ => Ok(()),
    }
}

/// Runs `mcpctl logout`.
pub(crate) async fn log_out(invocation: &Invocation) -> Result<(), Failure> {
    let base = invocation.base()?;
    // The gateway of this machine is given up with the login it came with, not with any other.
    let record = invocation.home.laptop()?.filter(|record| home::same_origin(&record.server, &base));
    let Some(token) = invocation.home.kept_token(&base)? else {
        if let Some(record) = record {
            laptop::give_up(&record, &invocation.stranger()?, invocation).await?;
        }
        invocation.output.note("nobody is logged in");
        credentials::note_file(invocation);
        return Ok(());
    };
    let client = invocation.client_with(&token)?;
    if let Some(record) = record {
        laptop::give_up(&record, &client, invocation).await?;
    }
    if token::is_well_formed(TokenKind::Session, token.expose()) {
        match client.end_session("current").await {
            Ok(()) => {}
            // It is over already.
            Err(failure) if failure.status == Status::Unauthenticated => {}
            Err(failure) => return Err(failure),
        }
    } else {
        invocation.output.note("the token itself is still valid: `mcpctl token revoke` ends it");
    }
    invocation.home.forget_token(&base)?;
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
