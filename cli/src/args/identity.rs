//! `mcpctl login`, `mcpctl user`, `mcpctl token` and `mcpctl session`.

use super::sure::Sure;
use clap::{Args, Subcommand, ValueEnum};
use control_plane_api::{access::Role, name::Name};

/// Logs in.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl login
  mcpctl login --server https://mcpd.company.example --device
  mcpctl login --user alice --password-stdin < password.txt
  mcpctl login --token - < token.txt")]
pub(crate) struct Login {
    /// Who; default: what $USER says
    #[arg(long)]
    pub user: Option<Name>,
    /// Read the password from stdin instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
    /// Log in with a token instead, read from stdin
    #[arg(long, value_name = "-", value_parser = ["-"], conflicts_with_all = ["user", "password_stdin"])]
    pub token: Option<String>,
    /// Log in at the company's issuer: shows a link and a code to confirm in any browser
    #[arg(long, conflicts_with_all = ["user", "password_stdin", "token"])]
    pub device: bool,
    /// Which issuer, where the control plane knows several
    #[arg(long, value_name = "NAME", requires = "device")]
    pub issuer: Option<Name>,
    /// Only log in: start no gateway on this machine
    #[arg(long)]
    pub no_gateway: bool,
    /// What this machine is called; default: what it calls itself
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Port of the gateway on 127.0.0.1; 0 takes a free one [default: 9229]
    #[arg(long, value_name = "PORT")]
    pub gateway_port: Option<u16>,
    /// Seconds to wait until the gateway is ready
    #[arg(long, value_name = "SECS", default_value_t = 60)]
    pub wait: u64,
}

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
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Set, change or remove a password; it is asked for, or read from stdin
    #[command(after_help = "Examples:
  mcpctl user passwd alice
  mcpctl user passwd alice --stdin < password.txt
  mcpctl user passwd alice --remove")]
    Passwd {
        /// The user
        name: Name,
        /// Read the new password from stdin; to change your own, the one so far comes in a line before it
        #[arg(long)]
        stdin: bool,
        /// The user has no password any more
        #[arg(long)]
        remove: bool,
    },
    /// Shut a user out: sessions end, tokens and passwords are refused, running calls are broken off
    #[command(after_help = "Examples:\n  mcpctl user disable alice")]
    Disable {
        /// The user
        name: Name,
    },
    /// Let a user in again; tokens count again, sessions have to be opened anew
    #[command(after_help = "Examples:\n  mcpctl user enable alice")]
    Enable {
        /// The user
        name: Name,
    },
    /// Delete a user and the user's tokens
    #[command(after_help = "Examples:\n  mcpctl user delete alice --yes")]
    Delete {
        /// The user
        name: Name,
        #[command(flatten)]
        sure: Sure,
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

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List sessions: your own, or as administrator or auditor all
    #[command(after_help = "Examples:\n  mcpctl session list", visible_alias = "ls")]
    List,
    /// End a session
    #[command(after_help = "Examples:\n  mcpctl session end 0c8e2f9a6b3d4e5f6a7b8c9d")]
    End {
        /// The session's id, from `session list`
        id: String,
        /// Only say what would end
        #[arg(long)]
        dry_run: bool,
    },
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
        /// Only say what would be revoked
        #[arg(long)]
        dry_run: bool,
        /// Whose token it is; default: your own user
        #[arg(long)]
        user: Option<Name>,
    },
}
