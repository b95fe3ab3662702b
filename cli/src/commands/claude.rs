//! `mcpctl claude`: what `mcpctl client` does for Claude Code and the file of a project.

use crate::{
    Invocation,
    args::{
        claude::{Command, Place},
        client::{self, Add, Remove, Transport},
    },
    clients::{self, table::Scope},
    failure::Failure,
};
use control_plane_api::name::Name;

/// What the client is called in the table of clients.
const CLIENT: &str = "claude";

/// Runs one of the Claude Code commands.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<(), Failure> {
    match command {
        Command::AddMcpProject { name, place } => {
            let args =
                Add { project: invocation.settings.project(name)?, place: own(place)?, transport: Transport::Stdio };
            super::client::add(&args, invocation).await
        }
        Command::RemoveMcpProject { name, place } => {
            let args = Remove { all: name.is_none(), project: name, place: own(place)? };
            super::client::remove(&args, invocation)
        }
    }
}

fn own(place: Place) -> Result<client::Place, Failure> {
    let name = clients::NAME.parse::<Name>().map_err(|error| Failure::failed(error.to_string()))?;
    let scope = Some(Scope::Project);
    Ok(client::Place { client: CLIENT.to_owned(), scope, dir: Some(place.dir), name, dry_run: place.dry_run })
}
