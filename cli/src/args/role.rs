//! `mcpctl role`.

use super::identity::RoleName;
use clap::{Args, Subcommand};
use control_plane_api::name::Name;

/// What to do with roles.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the roles, who has them, and what they are for
    #[command(after_help = "Examples:\n  mcpctl role list\n  mcpctl role list --format json", visible_alias = "ls")]
    List,
    /// Show what a role may do
    #[command(after_help = "Examples:\n  mcpctl role describe operator\n  mcpctl role describe operator --format json")]
    Describe {
        /// The role
        role: RoleName,
    },
    /// Give users a role; their sessions end, their tokens go on
    #[command(after_help = "Examples:
  mcpctl role grant operator alice
  mcpctl role grant auditor alice bob --dry-run")]
    Grant(Change),
    /// Take a role from users; their sessions end, their tokens go on
    #[command(after_help = "Examples:
  mcpctl role revoke operator alice
  mcpctl role revoke operator alice bob --dry-run")]
    Revoke(Change),
}

/// Whose roles change.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// The role
    pub role: RoleName,
    /// The users
    #[arg(required = true, value_name = "USER")]
    pub users: Vec<Name>,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
}
