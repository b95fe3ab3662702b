//! `mcpctl model`.

use clap::Subcommand;
use std::path::PathBuf;

/// What to do with the local model.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch the weights of all-MiniLM-L6-v2 and check them
    #[command(after_help = "Examples:
  mcpctl model pull
  mcpctl model pull --from /media/usb/all-MiniLM-L6-v2")]
    Pull {
        /// Take the files from this folder instead of the network
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Show which models are there and whether they are whole
    #[command(after_help = "Examples:\n  mcpctl model list", visible_alias = "ls")]
    List,
}
