//! `mcpctl connect` and `mcpctl connection`.

use super::{Timeout, sure::Sure};
use clap::{Args, Subcommand};
use control_plane_api::name::Name;

/// Which server to connect.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl connect jira
  mcpctl connect jira --no-browser
  mcpctl connect jira --scope write:issues
  mcpctl connect confluence --service")]
pub(crate) struct Connect {
    /// The server
    pub server: Name,
    /// Connect it for every user of the server, not only for yourself
    #[arg(long)]
    pub service: bool,
    /// Print the link instead of opening it
    #[arg(long)]
    pub no_browser: bool,
    /// Ask for this permission too; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// How long to wait for the consent, such as 90s or 10m; 0 does not wait
    #[arg(long, value_name = "DURATION", default_value = "600s")]
    pub timeout: Timeout,
}

/// What to do with connections.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List connections and how they are
    #[command(
        after_help = "Examples:\n  mcpctl connection list\n  mcpctl connection list --format wide",
        visible_alias = "ls"
    )]
    List,
    /// End a connection: its tokens are forgotten
    #[command(after_help = "Examples:
  mcpctl connection delete jira --yes
  mcpctl connection delete jira --user alice --yes
  mcpctl connection delete confluence --service --yes")]
    Delete {
        /// The server
        server: Name,
        /// Whose; default: your own
        #[arg(long, conflicts_with = "service")]
        user: Option<Name>,
        /// The server's own, which every user shares
        #[arg(long)]
        service: bool,
        #[command(flatten)]
        sure: Sure,
    },
}
