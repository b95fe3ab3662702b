//! `mcpctl apply`, `mcpctl diff`, and the files they share with `profile apply`.

use super::wait::Wait;
use clap::Args;

/// Objects from files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl apply -f company.yaml
  mcpctl apply -f company.yaml -f teams/ -R --dry-run
  mcpctl apply -f company.yaml --wait=2m
  mcpctl apply -f - < objects.json")]
pub(crate) struct Apply {
    #[command(flatten)]
    pub files: Files,
    /// Only say what would change
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    #[command(flatten)]
    pub wait: Wait,
}

/// What applying would change.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 0: nothing would change; 1: something would; more: it could not be found out.

Examples:
  mcpctl diff -f company.yaml
  mcpctl diff -f company.yaml --format json
  mcpctl export | mcpctl diff --server https://other.example -f -")]
pub(crate) struct Diff {
    #[command(flatten)]
    pub files: Files,
}

/// Which files.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// YAML or JSON with one or several objects, a folder of such files, or `-` for stdin; repeat for more
    #[arg(long, short, value_name = "FILE|DIR|-", required = true)]
    pub file: Vec<String>,
    /// Look into the folders in a folder too
    #[arg(long, short = 'R')]
    pub recursive: bool,
}
