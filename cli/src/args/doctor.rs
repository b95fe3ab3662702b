//! `mcpctl doctor`.

use clap::Args;
use control_plane_api::name::Name;

/// What to check.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 6: something failed. The first hop that did is named with what mends it; what depends on it is skipped.

Examples:
  mcpctl doctor
  mcpctl doctor --project weekly_reports
  mcpctl doctor --format json"
)]
pub(crate) struct Doctor {
    /// Only what this project needs
    #[arg(long)]
    pub project: Option<Name>,
}
