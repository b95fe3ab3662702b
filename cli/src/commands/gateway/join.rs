//! `mcpctl gateway join-token`: a token that is shown once, and what to type on the gateway's host.

use crate::{
    args::gateway::JoinToken,
    client::Client,
    failure::Failure,
    output::{Output, Report, Table, age},
};
use control_plane_api::{gateway::GatewayRole, name::Name, timestamp::Timestamp};
use serde::Serialize;
use url::Url;

/// Issues the token and prints it.
pub(super) async fn run(join: JoinToken, client: &Client, output: Output) -> Result<(), Failure> {
    let expires_in_s = age::parse_duration(&join.expires)?;
    if expires_in_s <= 0 {
        return Err(Failure::usage(format!("a token that is good for `{}` would be of no use", join.expires)));
    }
    let issued = client.join_token(join.name, expires_in_s).await?;
    let command = command(&issued.gateway, join.role.into(), client.base());
    if !output.is_structured() {
        output.note("on the gateway's host type the command, paste the token, and end it with Return and Ctrl-D");
        if crate::client::http::is_loopback(client.base()) {
            output.note(format!("replace `{}` by the URL under which that host reaches mcpd", client.base()));
        }
    }
    let (gateway, token, expires_at) = (issued.gateway, issued.token, issued.expires_at);
    output.report(&Issued { gateway, token, expires_at, command })
}

/// The token is read from a file, so that it is in no list of processes and no shell's history.
fn command(name: &Name, role: GatewayRole, mcpd: &Url) -> String {
    let url = mcpd.as_str().trim_end_matches('/');
    format!(
        "(umask 077; cat > join-token) && mcp-gateway --name {name} --role {role} --mcpd-url {url} --join-token-file join-token"
    )
}

#[derive(Serialize)]
struct Issued {
    gateway: Name,
    token: String,
    expires_at: Timestamp,
    command: String,
}

impl Report for Issued {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::pairs();
        table.pair("Gateway", &self.gateway);
        table.pair("Token", &self.token);
        table.pair("Good until", self.expires_at);
        table.pair("Command", &self.command);
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.token.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_holds_no_token_and_leads_to_the_control_plane() {
        let url = "https://mcpd.example:3000/".parse().unwrap();
        let command = command(&"berlin-1".parse().unwrap(), GatewayRole::Central, &url);
        assert!(command.ends_with(
            "mcp-gateway --name berlin-1 --role central --mcpd-url https://mcpd.example:3000 --join-token-file join-token"
        ));
    }
}
