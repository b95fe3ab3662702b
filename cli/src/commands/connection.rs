//! `mcpctl connect` and `mcpctl connection`: consent for servers that ask who somebody is.

use crate::{
    Invocation,
    args::connection::{Command, Connect},
    browser,
    client::Client,
    failure::Failure,
    output::{Change, Report, Table, age},
    pause::Deadline,
    prompt,
};
use control_plane_api::{
    name::Name,
    oauth::{ConnectLink, ConnectionState, ConnectionSummary, OauthMode},
};
use serde::Serialize;

/// Runs `mcpctl connect`.
pub(crate) async fn connect(connect: Connect, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    let link = client.connect_link(&connect.server, connect.scopes).await?;
    let owner = owner(&connect.server, connect.service, &link)?;
    let url = browser::check(&link.url)?;
    let before = found(&client, &connect.server, owner).await?.and_then(|connection| connection.connected_at);
    if connect.no_browser || !browser::open(&url) {
        output.note("open this link in the browser of the person who gives consent:");
        output.raw(&format!("{url}\n"))?;
    }
    if connect.timeout.as_secs() == 0 {
        return Ok(());
    }
    output.note(format!("waiting until `{}` is connected", connect.server));
    let deadline = Deadline::after_secs(connect.timeout.as_secs());
    loop {
        let now = found(&client, &connect.server, owner).await?;
        let done =
            |found: &ConnectionSummary| found.state == ConnectionState::Connected && found.connected_at != before;
        if now.as_ref().is_some_and(done) {
            return output.changes(&[Change::new(format!("connection/{}", connect.server), "connected")]);
        }
        if !deadline.step().await {
            return Err(Failure::unhealthy(format!("`{}` was not connected in time", connect.server))
                .hint("run the command again; a link is good for ten minutes"));
        }
    }
}

/// Whose connection it will be; none: the server's own. What was asked for has to be what the server is set up for.
fn owner<'a>(server: &Name, service: bool, link: &'a ConnectLink) -> Result<Option<&'a Name>, Failure> {
    match (link.mode, service) {
        (OauthMode::PerUser, false) => Ok(Some(&link.user)),
        (OauthMode::Service, true) => Ok(None),
        (OauthMode::Service, false) => Err(Failure::usage(format!("`{server}` has one connection for every user"))
            .hint("add `--service` if you mean to give consent for all")),
        (OauthMode::PerUser, true) => Err(Failure::usage(format!("every user connects `{server}` alone"))
            .hint("leave out `--service`, or set the server's `oauth.mode` to `service`")),
    }
}

async fn found(client: &Client, server: &Name, owner: Option<&Name>) -> Result<Option<ConnectionSummary>, Failure> {
    let all = client.connections().await?;
    Ok(all.into_iter().find(|connection| connection.server == *server && connection.user.as_ref() == owner))
}

/// Runs one of the connection commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    let (client, output) = (invocation.client()?, invocation.output);
    match command {
        Command::List => output.report(&listed(&client, &[], |all| all).await?),
        Command::Delete { server, user, service, sure } => {
            let owner = match (service, user) {
                (true, _) => None,
                (false, Some(user)) => Some(user),
                (false, None) => Some(client.whoami().await?.user),
            };
            let connection = found(&client, &server, owner.as_ref()).await?;
            let whose = owner.map_or("its own".to_owned(), |user| format!("the connection of `{user}`"));
            let connection = connection.ok_or_else(|| {
                Failure::not_found(format!("`{server}` has no such connection: {whose}"))
                    .hint("`mcpctl connection list` shows those there are")
            })?;
            if sure.dry_run {
                return output.changes(&[Change::new(format!("connection/{server}"), "deleted (dry run)")]);
            }
            prompt::confirm_destruction(output, sure.yes, &format!("ending {whose} to server `{server}`"))?;
            client.delete_connection(&connection.id).await?;
            output.changes(&[Change::new(format!("connection/{server}"), "deleted")])
        }
    }
}

/// The connections, or those to these servers; as many of them as `cut` leaves.
pub(super) async fn listed(
    client: &Client,
    servers: &[Name],
    cut: impl FnOnce(Vec<ConnectionSummary>) -> Vec<ConnectionSummary>,
) -> Result<Connections, Failure> {
    let mut all = client.connections().await?;
    for server in servers {
        if !all.iter().any(|connection| connection.server == *server) {
            return Err(
                Failure::not_found(format!("`{server}` has no connection")).hint(format!("mcpctl connect {server}"))
            );
        }
    }
    all.retain(|connection| servers.is_empty() || servers.contains(&connection.server));
    Ok(Connections(cut(all)))
}

/// See [`listed`].
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Connections(Vec<ConnectionSummary>);

impl Report for Connections {
    fn table(&self, wide: bool) -> Table {
        let headings = ["SERVER", "USER", "STATE", "EXPIRES"].into_iter();
        let more = wide.then_some(["ISSUER", "SCOPES"]).into_iter().flatten();
        let mut table = Table::new(headings.chain(more).chain(["PROBLEM"]));
        for connection in &self.0 {
            let row = [
                connection.server.to_string(),
                connection.user.as_ref().map_or("(all)".to_owned(), ToString::to_string),
                connection.state.to_string(),
                connection.expires_at.map_or("never".to_owned(), age::until),
            ];
            let more = || [connection.issuer.clone(), connection.scopes.join(",")];
            let problem = connection.problem.clone().unwrap_or_default();
            table.row(row.into_iter().chain(wide.then(more).into_iter().flatten()).chain([problem]));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|connection| connection.server.to_string()).collect()
    }
}
