//! `mcpctl auth`: the token of this machine's gateway, for clients that reach it by its URL.

use crate::{Invocation, args::auth::Command, failure::Failure};
use serde_json::json;
use std::io::{self, IsTerminal as _};

/// Runs one of the auth commands.
pub(crate) fn run(command: &Command, invocation: &Invocation) -> Result<(), Failure> {
    let Command::Headers { project } = command;
    let token = invocation.home.gateway_token()?;
    if io::stdout().is_terminal() {
        invocation.output.warn(format!(
            "what follows lets whoever has it use project `{project}` and everything else you may: it is for programs"
        ));
    }
    let headers = json!({"Authorization": format!("Bearer {}", token.text.expose())});
    invocation.output.raw(&format!("{headers}\n"))
}
