//! `mcpctl tools`.

use super::show::Limit;
use clap::{Args, Subcommand, ValueEnum};
use control_plane_api::{name::Name, server::ToolClass};

/// What to do with tools.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the tools the gateways found
    #[command(
        after_help = "Examples:
  mcpctl tools list
  mcpctl tools list --project weekly_reports --limit 20",
        visible_alias = "ls"
    )]
    List {
        /// Only what this project grants
        #[arg(long)]
        project: Option<Name>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Search the tools of all servers by name, title and description
    #[command(after_help = "Examples:
  mcpctl tools search search messages
  mcpctl tools search create issue --class write
  mcpctl tools search channel --for slack --project weekly_reports --limit 5")]
    Search(Search),
    /// Show a tool: its definition, its class, and what changed since it was trusted
    #[command(after_help = "Examples:
  mcpctl tools describe slack_get_messages
  mcpctl tools describe conversations_history --for slack --format json")]
    Describe {
        /// The tool, by the name clients see or by the server's own
        name: String,
        /// The server whose tool it is
        #[arg(long = "for", value_name = "SERVER")]
        server: Option<Name>,
    },
    /// Trust the definitions that tools have now, and offer them again
    #[command(after_help = "Examples:
  mcpctl tools approve slack_get_messages
  mcpctl tools approve --all --for slack")]
    Approve(Approve),
}

/// What to look for.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words to look for; the best match comes first
    #[arg(required = true)]
    pub words: Vec<String>,
    /// Only what this project grants
    #[arg(long)]
    pub project: Option<Name>,
    /// Only tools of this server
    #[arg(long = "for", value_name = "SERVER")]
    pub server: Option<Name>,
    /// Only tools of this class
    #[arg(long, value_enum)]
    pub class: Option<Class>,
    /// Show no more than this many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

/// A class of tools by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Class {
    /// Reads only
    Read,
    /// Changes something that can be changed back
    Write,
    /// Deletes or overwrites
    Destructive,
    /// Nobody has said
    Unknown,
}

impl From<Class> for ToolClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Read => Self::Read,
            Class::Write => Self::Write,
            Class::Destructive => Self::Destructive,
            Class::Unknown => Self::Unknown,
        }
    }
}

/// What to approve.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The tool, by the name clients see or by the server's own
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub name: Option<String>,
    /// The server whose tools they are
    #[arg(long = "for", value_name = "SERVER")]
    pub server: Option<Name>,
    /// Every tool that changed, of this server or of all
    #[arg(long)]
    pub all: bool,
    /// The definition that was looked at, or the beginning of its digest; where gateways find several
    #[arg(long, value_name = "SHA256", conflicts_with = "all")]
    pub digest: Option<String>,
}
