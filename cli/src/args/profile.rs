//! `mcpctl profile`.

use super::{apply::Apply, sure::Sure, wait::Wait};
use clap::{Args, Subcommand, ValueEnum};
use control_plane_api::{name::Name, profile::AccessLevel, stale::StaleThen};

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List profiles
    #[command(after_help = "Examples:\n  mcpctl profile list", visible_alias = "ls")]
    List,
    /// Show a profile and, tool by tool, what it grants and why
    #[command(after_help = "Examples:\n  mcpctl profile describe slack-read-only")]
    Describe {
        /// The profile
        name: Name,
    },
    /// Create a profile
    #[command(after_help = "Examples:
  mcpctl profile create slack-history --for slack --allow conversations_history
  mcpctl profile create jira-writer --for jira --access read-write --deny 'jira_delete_*'
  mcpctl profile create slack-engineering --for slack --only channel=C024BE91L,C0G9QF9GW
  mcpctl profile create jira-acme --for jira --access read-write --only project=ACME
  mcpctl profile create payments --for payments --access full --stale deny --stale-after 15m --wait")]
    Create(Create),
    /// Apply profiles from a file
    #[command(after_help = "Examples:\n  mcpctl profile apply -f profiles.yaml\n  mcpctl profile apply -f -")]
    Apply(Apply),
    /// Delete a profile
    #[command(after_help = "Examples:\n  mcpctl profile delete slack-history --yes")]
    Delete {
        /// The profile
        name: Name,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        wait: Wait,
    },
}

/// A new profile.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The profile
    pub name: Name,
    /// The server it is about
    #[arg(long = "for", value_name = "SERVER")]
    pub server: Name,
    /// The ceiling
    #[arg(long, value_enum, default_value = "read-only")]
    pub access: Access,
    /// Tools granted, by the server's own names; `*` stands for any run of characters [default: all under the ceiling]
    #[arg(long, value_name = "PATTERN", num_args = 1.., value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Tools refused; wins over --allow
    #[arg(long, value_name = "PATTERN", num_args = 1.., value_delimiter = ',')]
    pub deny: Vec<String>,
    /// Only calls about these, in the words of the catalogue, such as channel=C024BE91L,C0G9QF9GW or project=ACME; grants no
    /// tool that does not name one, unless --allow says so
    #[arg(long, value_name = "SUBJECT=VALUE,…")]
    pub only: Vec<String>,
    /// Calls each user may begin in a minute
    #[arg(long, value_name = "N")]
    pub calls_per_minute: Option<u32>,
    /// Calls each user may have at once
    #[arg(long, value_name = "N")]
    pub calls_at_once: Option<u32>,
    /// One line for people
    #[arg(long, default_value = "")]
    pub description: String,
    /// Replace a profile of this name that says something else
    #[arg(long)]
    pub replace: bool,
    /// What a gateway refuses once it was cut off from the control plane for long
    #[arg(long, value_enum, default_value = "deny-writes")]
    pub stale: Stale,
    /// After how long, such as 15m or 2h [default: 1h for what writes, 24h for what reads]
    #[arg(long, value_name = "DURATION")]
    pub stale_after: Option<String>,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub wait: Wait,
}

/// What is refused while the configuration is stale, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stale {
    /// Nothing
    Serve,
    /// Whatever is not classed as reading
    DenyWrites,
    /// Everything
    Deny,
}

impl From<Stale> for StaleThen {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::Serve => Self::Serve,
            Stale::DenyWrites => Self::DenyWrites,
            Stale::Deny => Self::Deny,
        }
    }
}

/// A ceiling by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Access {
    /// Only tools classed as reading
    ReadOnly,
    /// Also tools classed as writing
    ReadWrite,
    /// Every tool, also destructive and unclassed ones
    Full,
}

impl From<Access> for AccessLevel {
    fn from(access: Access) -> Self {
        match access {
            Access::ReadOnly => Self::ReadOnly,
            Access::ReadWrite => Self::ReadWrite,
            Access::Full => Self::Full,
        }
    }
}
