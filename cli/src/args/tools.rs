//! `mcpctl tools`.

use clap::Subcommand;
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
}
