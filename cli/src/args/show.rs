//! `--watch` and `--limit`, of the commands that show lists.

use clap::Args;

/// Whether to go on looking.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Watch {
    /// Show what changes from now on, until interrupted
    #[arg(long, short = 'w')]
    pub watch: bool,
}

/// How many to show.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Limit {
    /// Show no more than this many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
}
