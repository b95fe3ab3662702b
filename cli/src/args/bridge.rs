//! `mcpctl mcp-stdio`.

use clap::Args;
use control_plane_api::name::Name;

/// The bridge clients start.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl mcp-stdio --project weekly_reports")]
pub(crate) struct Bridge {
    /// The project to connect to
    #[arg(long)]
    pub project: Name,
}
