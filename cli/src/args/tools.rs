//! `mcpctl tools`.

use clap::{Args, Subcommand};
use control_plane_api::name::Name;

/// What to do with tools.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the tools the gateways found
    #[command(
        after_help = "Examples:
  mcpctl tools list
  mcpctl tools list --project weekly_reports",
        visible_alias = "ls"
    )]
    List {
        /// Only what this project grants
        #[arg(long)]
        project: Option<Name>,
    },
    /// Show a tool: its definition, its class, and what changed since it was trusted
    #[command(after_help = "Examples:
  mcpctl tools describe slack_get_messages
  mcpctl tools describe conversations_history --for slack --format json")]
    Describe {
        /// The tool, by the name clients see or by the server's own
        name: String,
        /// The server whose tool it is
        #[arg(long = "for", value_name = "SERVER")]
        server: Option<Name>,
    },
    /// Trust the definitions that tools have now, and offer them again
    #[command(after_help = "Examples:
  mcpctl tools approve slack_get_messages
  mcpctl tools approve --all --for slack")]
    Approve(Approve),
}

/// What to approve.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The tool, by the name clients see or by the server's own
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub name: Option<String>,
    /// The server whose tools they are
    #[arg(long = "for", value_name = "SERVER")]
    pub server: Option<Name>,
    /// Every tool that changed, of this server or of all
    #[arg(long)]
    pub all: bool,
    /// The definition that was looked at, or the beginning of its digest; where gateways find several
    #[arg(long, value_name = "SHA256", conflicts_with = "all")]
    pub digest: Option<String>,
}
