//! `mcpctl server`.

use super::sure::Sure;
use clap::Subcommand;
use control_plane_api::name::Name;

/// What to do with servers that were set up.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List servers and their state
    #[command(after_help = "Examples:\n  mcpctl server list\n  mcpctl server list --format wide", visible_alias = "ls")]
    List,
    /// Show a server's settings; as YAML or JSON in the form `mcpctl apply` reads
    #[command(after_help = "Examples:\n  mcpctl server describe slack --format yaml")]
    Describe {
        /// The server
        name: Name,
    },
    /// Delete a server and the secrets only it uses
    #[command(after_help = "Examples:\n  mcpctl server delete slack --with-profiles --yes")]
    Delete {
        /// The server
        name: Name,
        /// Also delete the profiles about it
        #[arg(long)]
        with_profiles: bool,
        #[command(flatten)]
        sure: Sure,
    },
}
