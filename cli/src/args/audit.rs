//! `mcpctl audit`.

use clap::{Args, Subcommand, ValueEnum};
use control_plane_api::name::Name;
use std::path::PathBuf;

/// Shows what went through the gateways, or proves and exports it.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  mcpctl audit --limit 2 --format json
  mcpctl audit --decision deny --since 1h
  mcpctl audit --project weekly_reports --tool slack_post_message
  mcpctl audit --since 30d --until 7d --format csv
  mcpctl audit --follow --format jsonl
  mcpctl audit verify
  mcpctl audit export ./audit-2026"
)]
pub(crate) struct Audit {
    /// Something else than showing events.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Which events to show.
    #[command(flatten)]
    pub list: List,
}

/// What else can be done with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check every record, link and signature; name the first record that is wrong
    Verify(Verify),
    /// Copy every record, as it was written, to a directory, an S3-compatible bucket or a syslog server
    Export(Export),
}

/// Which events to show.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// At most this many events, newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Only events of this user
    #[arg(long)]
    pub user: Option<Name>,
    /// Only events about this tool, prompt or resource, by the name the client used
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// Only events for this server
    #[arg(long = "mcp-server", value_name = "NAME")]
    pub of_server: Option<Name>,
    /// Only events decided like this
    #[arg(long, value_enum)]
    pub decision: Option<Decision>,
    /// Only events that ended like this
    #[arg(long, value_enum)]
    pub outcome: Option<Outcome>,
    /// Only events through this project
    #[arg(long)]
    pub project: Option<Name>,
    /// Only events from this moment on: RFC 3339, or an age such as 90s, 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events before this moment
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Go on showing events as they come, oldest first
    #[arg(long, short = 'f', conflicts_with = "until")]
    pub follow: bool,
    /// Also lists, openings and administrative changes, not only calls, reads and prompts
    #[arg(long)]
    pub all: bool,
}

/// What to verify, and against which key.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl audit verify
  mcpctl audit verify ./audit-2026
  mcpctl audit verify ./audit-2026 --key 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29")]
pub(crate) struct Verify {
    /// A directory that `mcpctl audit export` wrote; without it, what the control plane has
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Hex Ed25519 public key of the control plane, noted when it could be trusted; without it, its present word is taken
    #[arg(long, value_name = "HEX")]
    pub key: Option<String>,
}

/// Where to export to.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl audit export ./audit-2026
  mcpctl audit export s3://compliance/mcpctl --s3-endpoint https://minio.example.com
  mcpctl audit export syslog+tcp://logs.example.com:601 --state ./syslog.state

An export that exists is continued: only what is new is added. Credentials of S3 come from AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.")]
pub(crate) struct Export {
    /// A directory, `s3://bucket/prefix`, `syslog://host:port` (UDP), `syslog+tcp://host:port` or `syslog+unix:///path`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// URL of an S3-compatible service
    #[arg(long, value_name = "URL", default_value = "https://s3.amazonaws.com")]
    pub s3_endpoint: url::Url,
    /// Its region
    #[arg(long, value_name = "NAME", default_value = "us-east-1")]
    pub s3_region: String,
    /// With syslog: file that remembers how far it went
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}

/// A decision to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Decision {
    /// Went on to the server
    Allow,
    /// Refused
    Deny,
}

/// An outcome to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Answered
    Ok,
    /// Answered with a question
    InputRequired,
    /// Answered by the tool with an error
    ToolError,
    /// Answered with a protocol error, or the server failed
    Error,
    /// Refused
    Denied,
    /// The client went away before anything was sent
    Cancelled,
    /// Part of the result was sent
    Partial,
    /// Only the intent is known
    Unknown,
}
