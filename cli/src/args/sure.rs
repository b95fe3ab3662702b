//! `--yes` and `--dry-run`, of every command that takes something away.

use clap::Args;

/// How sure somebody is.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Sure {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Only say what would go, and whether it could
    #[arg(long)]
    pub dry_run: bool,
}
