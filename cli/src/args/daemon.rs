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
    /// Show how much the gateway logs, or change it until it is started again
    ///
    /// A directive is a level (off, error, warn, info, debug, trace), or several with commas between, of which some are for
    /// one module: `info,gateway::upstream=debug`. At start it is what the variable MCP_GATEWAY_LOG says.
    #[command(after_help = "Examples:
  mcpctl daemon log-level
  mcpctl daemon log-level debug
  mcpctl daemon log-level info,pingora_core=warn,gateway::upstream=trace")]
    LogLevel {
        /// How much to log from now on
        #[arg(value_name = "DIRECTIVE")]
        directive: Option<String>,
    },
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
