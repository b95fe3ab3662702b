//! `mcpctl apply`, and the file argument it shares with `profile apply`.

use super::wait::Wait;
use clap::Args;

/// Objects from a file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl apply -f company.yaml
  mcpctl apply -f company.yaml --wait=2m
  mcpctl apply -f - < objects.json")]
pub(crate) struct Apply {
    /// YAML or JSON with one or several documents; `-` reads stdin
    #[arg(long, short, value_name = "FILE")]
    pub file: String,
    /// Only say what would change
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    #[command(flatten)]
    pub wait: Wait,
}
