//! `mcpctl claude`.

use clap::{Args, Subcommand};
use control_plane_api::name::Name;
use std::path::PathBuf;

/// What to do with `.mcp.json`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the project's entry into .mcp.json
    #[command(after_help = "Examples:
  mcpctl claude add-mcp-project weekly_reports
  mcpctl claude add-mcp-project weekly_reports --dir ~/reports --dry-run")]
    AddMcpProject {
        /// The project [default: the setting `project`]
        name: Option<Name>,
        /// Where the file is
        #[command(flatten)]
        place: Place,
    },
    /// Take mcpctl's entry out of .mcp.json again
    #[command(after_help = "Examples:
  mcpctl claude remove-mcp-project
  mcpctl claude remove-mcp-project weekly_reports --dry-run")]
    RemoveMcpProject {
        /// Only if the entry is for this project
        name: Option<Name>,
        /// Where the file is
        #[command(flatten)]
        place: Place,
    },
}

/// Where `.mcp.json` is, and whether to touch it.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The folder Claude Code is started in
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Only show what would change
    #[arg(long)]
    pub dry_run: bool,
}
