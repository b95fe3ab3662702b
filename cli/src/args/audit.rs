//! `mcpctl audit`.

use clap::{Args, ValueEnum};
use control_plane_api::name::Name;

/// Which events to show.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl audit --limit 2 --format json
  mcpctl audit --decision deny --since 1h
  mcpctl audit --project weekly_reports --tool slack_post_message")]
pub(crate) struct Audit {
    /// At most this many events, newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Only events of this user
    #[arg(long)]
    pub user: Option<Name>,
    /// Only events about this tool, prompt or resource, by the name the client used
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// Only events decided like this
    #[arg(long, value_enum)]
    pub decision: Option<Decision>,
    /// Only events through this project
    #[arg(long)]
    pub project: Option<Name>,
    /// Only events after this moment: RFC 3339, or an age such as 90s, 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Also lists, openings and administrative changes, not only calls, reads and prompts
    #[arg(long)]
    pub all: bool,
}

/// A decision to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Decision {
    /// Went on to the server
    Allow,
    /// Refused
    Deny,
}
