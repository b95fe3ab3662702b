//! `mcpctl instance`.

use super::{Timeout, show::Watch};
use clap::{Args, Subcommand};
use control_plane_api::name::Name;

/// What to do with the servers that are run here: as a gateway's child process, by Docker or by Kubernetes.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List instances and how they are
    #[command(
        after_help = "Examples:\n  mcpctl instance list\n  mcpctl instance list --format json\n  mcpctl instance list --watch",
        visible_alias = "ls"
    )]
    List {
        #[command(flatten)]
        watch: Watch,
    },
    /// Want a server to run
    #[command(after_help = "Examples:\n  mcpctl instance start slack\n  mcpctl instance start slack --wait-healthy")]
    Start(Order),
    /// Want a server not to run; calls to it are answered with an error that says so
    #[command(after_help = "Examples:\n  mcpctl instance stop slack")]
    Stop {
        /// The server
        name: Name,
    },
    /// Start a server anew
    #[command(
        after_help = "Examples:\n  mcpctl instance restart slack\n  mcpctl instance restart slack --wait-healthy --timeout 120"
    )]
    Restart(Order),
    /// Show what a server wrote to stderr
    #[command(after_help = "Examples:
  mcpctl instance logs slack
  mcpctl instance logs slack --tail 20
  mcpctl instance logs slack --follow --verbose")]
    Logs(Logs),
    /// Show how the instances of a server are; with `--verbose` with their last words
    #[command(after_help = "Examples:
  mcpctl instance status slack
  mcpctl instance status slack --verbose
  mcpctl instance status slack --wait-healthy --format json")]
    Status(Order),
    /// Ask a server now what it is and which tools it has; with `--verbose` list them
    #[command(after_help = "Examples:\n  mcpctl instance test slack\n  mcpctl instance test slack --verbose")]
    Test {
        /// The server
        name: Name,
    },
}

/// A server, and whether to wait for it.
#[derive(Debug, Args)]
pub(crate) struct Order {
    /// The server
    pub name: Name,
    /// Wait until it runs and answers
    #[arg(long)]
    pub wait_healthy: bool,
    /// How long to wait, such as 90s or 2m
    #[arg(long, value_name = "DURATION", default_value = "60s", requires = "wait_healthy")]
    pub timeout: Timeout,
}

/// Which lines of a log.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The server
    pub name: Name,
    /// Number of lines, at most 1000; a gateway keeps the last 100 of its child processes
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub tail: u16,
    /// Go on with what is written from now on, until interrupted; a gateway reports its child processes every ten seconds
    #[arg(long, short)]
    pub follow: bool,
}
