//! `mcpctl daemon`.

use clap::{Args, Subcommand};

/// What to do with the processes on this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the control plane and the gateway in the background
    #[command(after_help = "Examples:
  mcpctl daemon start
  mcpctl daemon start --api-port 4000 --gateway-port 4001")]
    Start(Start),
    /// Stop both
    #[command(after_help = "Examples:\n  mcpctl daemon stop")]
    Stop {
        /// Seconds until a process that does not end is killed
        #[arg(long, value_name = "SECS", default_value_t = 15)]
        wait: u64,
    },
    /// Show whether both run, and where
    #[command(after_help = "Examples:\n  mcpctl daemon status\n  mcpctl daemon status --format json")]
    Status,
}

/// Where to listen, and how long to wait.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Port of the control plane on 127.0.0.1; 0 takes a free one [default: 3000]
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,
    /// Port of the gateway on 127.0.0.1; 0 takes a free one [default: 9229]
    #[arg(long, value_name = "PORT")]
    pub gateway_port: Option<u16>,
    /// Seconds to wait until both are ready
    #[arg(long, value_name = "SECS", default_value_t = 60)]
    pub wait: u64,
}
