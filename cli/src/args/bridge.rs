//! `mcpctl mcp-stdio`.

use clap::Args;
use control_plane_api::name::Name;

/// The bridge clients start.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl mcp-stdio --project weekly_reports
  mcpctl mcp-stdio --project weekly_reports --no-start")]
pub(crate) struct Bridge {
    /// The project to connect to
    #[arg(long)]
    pub project: Name,
    /// Never start the gateway of this machine when it has ended: say so instead
    #[arg(long)]
    pub no_start: bool,
}
