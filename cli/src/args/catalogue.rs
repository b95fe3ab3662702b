//! `mcpctl catalogue`.

use clap::Subcommand;

/// What to do with the catalogue.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the servers that can be set up by name
    #[command(
        after_help = "Examples:\n  mcpctl catalogue list\n  mcpctl catalogue list --format name",
        visible_alias = "ls"
    )]
    List,
    /// Show a server: its variants, what each needs, what to grant, what its tools do, which profiles it gets
    #[command(
        after_help = "Examples:\n  mcpctl catalogue describe slack\n  mcpctl catalogue describe jira --format json"
    )]
    Describe {
        /// The server, as `mcpctl catalogue list` shows it
        name: String,
    },
}
