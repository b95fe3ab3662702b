//! `mcpctl db`.

use clap::Subcommand;
use std::path::PathBuf;

/// What to do with the control plane's database, on a machine that reaches it: DATABASE_URL, else the file in the home
/// directory.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write everything into a file, also while mcpd serves; the master key is not in it
    #[command(after_help = "Examples:
  mcpctl db backup mcpd-2026-07-28.backup
  mcpctl db backup /srv/backups/mcpd.backup -o json")]
    Backup {
        /// The new file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put a backup in force; gateways take it, because its revision becomes higher than any before
    #[command(after_help = "Examples:
  mcpctl db restore mcpd-2026-07-28.backup
  mcpctl db restore mcpd-2026-07-28.backup --replace")]
    Restore {
        /// The backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace what the database holds
        #[arg(long)]
        replace: bool,
    },
    /// Copy everything into another, empty database, compare row by row, and close this one for good
    #[command(after_help = "Examples:
  MCPD_DATABASE_URL_TO=postgres://mcpd:password@db.example/mcpd mcpctl db move
  mcpctl db move
  mcpctl db move --to sqlite:/srv/mcpctl/mcpd.db")]
    Move {
        /// URL of the other database; better in MCPD_DATABASE_URL_TO, where no process list shows it
        #[arg(long, value_name = "URL")]
        to: Option<String>,
    },
    /// Bring the tables up to date, as every start of mcpd does
    #[command(after_help = "Examples:\n  mcpctl db migrate --dry-run\n  mcpctl db migrate")]
    Migrate {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove audit events that are older than that; what went is on record in the audit log
    #[command(after_help = "Examples:\n  mcpctl db retain --days 400 --dry-run\n  mcpctl db retain --days 400")]
    Retain {
        /// Days to keep
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        days: u32,
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
    },
    /// Go on with a database that is older than what gateways have: its revision jumps ahead of theirs
    #[command(after_help = "Examples:\n  mcpctl db accept-rollback")]
    AcceptRollback,
}
