//! `mcpctl user` and `mcpctl token`.

use clap::{Subcommand, ValueEnum};
use control_plane_api::{access::Role, name::Name};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List users
    #[command(after_help = "Examples:\n  mcpctl user list", visible_alias = "ls")]
    List,
    /// Create a user
    #[command(after_help = "Examples:
  mcpctl user create alice
  mcpctl user create bob --roles operator auditor")]
    Create {
        /// The user
        name: Name,
        /// What the user may do
        #[arg(long, value_enum, num_args = 1.., value_delimiter = ',', default_value = "developer")]
        roles: Vec<RoleName>,
    },
    /// Delete a user and the user's tokens
    #[command(after_help = "Examples:\n  mcpctl user delete alice --yes")]
    Delete {
        /// The user
        name: Name,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// A role by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Everything, including users and secrets
    Admin,
    /// Servers, profiles, projects, instances
    Operator,
    /// Reads the audit log and the configuration
    Auditor,
    /// Uses the projects it is a member of
    Developer,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::Operator => Self::Operator,
            RoleName::Auditor => Self::Auditor,
            RoleName::Developer => Self::Developer,
        }
    }
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token; it is printed once, on stdout
    #[command(after_help = "Examples:
  mcpctl token create
  mcpctl token create --user alice --label laptop --expires-in 90d")]
    Create {
        /// Whose token it is; default: your own user
        #[arg(long)]
        user: Option<Name>,
        /// What it is for
        #[arg(long, default_value = "mcpctl")]
        label: String,
        /// Lifetime such as 15m, 12h, 90d; 0s makes an expired one
        #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
        expires_in: Option<String>,
    },
    /// List tokens
    #[command(after_help = "Examples:\n  mcpctl token list --user alice", visible_alias = "ls")]
    List {
        /// Whose tokens; default: your own
        #[arg(long)]
        user: Option<Name>,
    },
    /// Revoke a token
    #[command(after_help = "Examples:\n  mcpctl token revoke 3fK2a9 --user alice")]
    Revoke {
        /// The token's id, from `token list`
        id: String,
        /// Whose token it is; default: your own user
        #[arg(long)]
        user: Option<Name>,
    },
}
