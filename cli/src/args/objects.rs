//! `mcpctl get`, `mcpctl delete` and `mcpctl export`: objects of any kind.

use super::{
    show::{Limit, Watch},
    wait::Wait,
};
use clap::Args;
use control_plane_api::name::Name;
use std::path::PathBuf;

/// Objects to show.
#[derive(Debug, Args)]
#[command(
    after_help = "Kinds: server, profile, project, user, issuer, secret, pin, connection, gateway, instance; all stands for the
first five.

Examples:
  mcpctl get projects
  mcpctl get all
  mcpctl get profile slack-read-only -o yaml
  mcpctl get project/weekly_reports user/alice -o json
  mcpctl get instances --watch"
)]
pub(crate) struct Get {
    /// A kind of object, or `KIND/NAME`
    #[arg(value_name = "KIND|KIND/NAME")]
    pub kind: String,
    /// Which ones; default: all
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub limit: Limit,
    #[command(flatten)]
    pub watch: Watch,
}

/// Objects to delete.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl delete project weekly_reports daily_reports
  mcpctl delete project/weekly_reports profile/slack-read-only --yes
  mcpctl delete -f company.yaml --dry-run
  mcpctl delete -f company.yaml --ignore-not-found --yes")]
pub(crate) struct Delete {
    /// A kind of object, or `KIND/NAME`
    #[arg(value_name = "KIND|KIND/NAME", required_unless_present = "file", conflicts_with = "file")]
    pub kind: Option<String>,
    /// Which ones
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// The objects in these: files, folders, or `-` for stdin; repeat for more
    #[arg(long, short, value_name = "FILE|DIR|-")]
    pub file: Vec<String>,
    /// Look into the folders in a folder too
    #[arg(long, short = 'R', requires = "file")]
    pub recursive: bool,
    /// What is not there is no failure
    #[arg(long)]
    pub ignore_not_found: bool,
    /// Only say what would be deleted
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub wait: Wait,
}

/// Objects as `apply` takes them.
#[derive(Debug, Args)]
#[command(after_help = "Secrets are not in it: servers name them, and the file says which are needed.

Examples:
  mcpctl export > company.yaml
  mcpctl export servers profiles
  mcpctl export --project weekly_reports --dir weekly
  mcpctl export --format json")]
pub(crate) struct Export {
    /// Kinds of objects; default: server, profile, user, project, issuer
    #[arg(value_name = "KIND", conflicts_with = "project")]
    pub kinds: Vec<String>,
    /// This project, its profiles and their servers
    #[arg(long)]
    pub project: Option<Name>,
    /// One file for each object, into this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
