//! `mcpctl explain`.

use clap::Args;

/// What to explain.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl explain
  mcpctl explain profile
  mcpctl explain profile.spec.tools
  mcpctl explain server.spec --recursive")]
pub(crate) struct Explain {
    /// A kind of object, and a field of it: `profile.spec.tools` [default: which kinds there are]
    #[arg(value_name = "KIND[.FIELD…]")]
    pub path: Option<String>,
    /// Also the fields of the fields
    #[arg(long)]
    pub recursive: bool,
}
