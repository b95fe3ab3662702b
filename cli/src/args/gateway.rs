//! `mcpctl gateway`.

use super::{show::Watch, sure::Sure, wait::Wait};
use clap::{Args, Subcommand, ValueEnum};
use control_plane_api::{gateway::GatewayRole, name::Name};

/// What to do with gateways.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List gateways: how each is, how far it is behind, and whether its version fits
    #[command(
        after_help = "Examples:\n  mcpctl gateway list\n  mcpctl gateway list --format json\n  mcpctl gateway list --watch",
        visible_alias = "ls"
    )]
    List {
        #[command(flatten)]
        watch: Watch,
    },
    /// Show everything a gateway reports: configuration and what is wrong with it, servers, model, version
    #[command(
        after_help = "Examples:\n  mcpctl gateway describe berlin-1\n  mcpctl gateway describe berlin-1 --format yaml"
    )]
    Describe {
        /// The gateway
        name: Name,
    },
    /// Have a gateway take nothing new, while what runs may end; it stays so until it is resumed
    #[command(after_help = "Examples:\n  mcpctl gateway drain berlin-1\n  mcpctl gateway drain berlin-1 --wait=2m")]
    Drain(Order),
    /// Have a drained gateway serve again
    #[command(after_help = "Examples:\n  mcpctl gateway resume berlin-1 --wait")]
    Resume(Order),
    /// Turn a gateway away for good: its token counts no more, and it is told and sent nothing
    #[command(after_help = "Examples:\n  mcpctl gateway remove berlin-1 --yes", visible_alias = "rm")]
    Remove {
        /// The gateway
        name: Name,
        #[command(flatten)]
        sure: Sure,
    },
    /// Allow one gateway to enrol, once: prints a token, and what to type on its host
    #[command(after_help = "Examples:
  mcpctl gateway join-token berlin-1 --role central
  mcpctl gateway join-token laptop-ada --expires 1d --format json")]
    JoinToken(JoinToken),
}

/// A gateway, and whether to wait for it.
#[derive(Debug, Args)]
pub(crate) struct Order {
    /// The gateway
    pub name: Name,
    #[command(flatten)]
    pub wait: Wait,
}

/// Which gateway may enrol.
#[derive(Debug, Args)]
pub(crate) struct JoinToken {
    /// The gateway's name
    pub name: Name,
    /// How long the token is good, at most 7d
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub expires: String,
    /// The preset it is to run
    #[arg(long, value_enum, default_value = "local")]
    pub role: Role,
}

/// A preset by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// On a developer's machine
    Local,
    /// For a company
    Central,
}

impl From<Role> for GatewayRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Local => Self::Local,
            Role::Central => Self::Central,
        }
    }
}
