//! `mcpctl client`.

use crate::clients::{self, table::Scope};
use clap::{Args, Subcommand, ValueEnum};
use control_plane_api::name::Name;
use std::path::PathBuf;

/// What to do with the configuration of MCP clients.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a project's entry into a client's configuration
    #[command(after_help = "Examples:
  mcpctl client add weekly_reports --client cursor
  mcpctl client add weekly_reports --client codex --dry-run
  mcpctl client add weekly_reports --client vscode --dir ~/reports
  mcpctl client add weekly_reports --client claude --transport http")]
    Add(Add),
    /// Take mcpctl's entry out of a client's configuration again
    #[command(after_help = "Examples:
  mcpctl client remove weekly_reports --client cursor
  mcpctl client remove --all --client codex --dry-run")]
    Remove(Remove),
    /// List the clients mcpctl knows, which of them are here, and what they are connected to
    #[command(after_help = "Examples:
  mcpctl client list
  mcpctl client list --dir ~/reports --format json")]
    List {
        /// The folder whose project files are looked at
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Show one client: its files, what is written into them, and how the user approves it
    #[command(after_help = "Examples:
  mcpctl client show zed
  mcpctl client show claude --format json")]
    Show {
        /// The client
        client: String,
        /// The folder whose project files are looked at
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
}

/// An entry to write.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The project
    pub project: Name,
    /// Where it is written
    #[command(flatten)]
    pub place: Place,
    /// How the client reaches the gateway: through the bridge, or by its URL
    #[arg(long, value_enum, default_value_t = Transport::Stdio)]
    pub transport: Transport,
}

/// An entry to take out.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Only if the entry is for this project
    #[arg(required_unless_present = "all")]
    pub project: Option<Name>,
    /// Whatever project the entry is for
    #[arg(long, conflicts_with = "project")]
    pub all: bool,
    /// Where it is
    #[command(flatten)]
    pub place: Place,
}

/// Which client, and which of its files.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The client; `mcpctl client list` names them
    #[arg(long, value_name = "NAME")]
    pub client: String,
    /// Whose configuration: this folder's or this user's [default: the client's usual one; to remove: all]
    #[arg(long, value_enum)]
    pub scope: Option<Scope>,
    /// The folder of a project's configuration [default: this one]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// What the entry is called
    #[arg(long, default_value = clients::NAME)]
    pub name: Name,
    /// Only show what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// How a client reaches the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// It starts `mcpctl mcp-stdio`, which presents the token and starts the gateway
    Stdio,
    /// It is given the URL of the gateway on this machine
    Http,
}
