//! `mcpctl secrets`.

use super::sure::Sure;
use clap::Subcommand;
use control_plane_api::name::Name;

/// What to do with secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the secrets and the servers that use them; never their values
    #[command(
        after_help = "Examples:\n  mcpctl secrets list\n  mcpctl secrets list --format name",
        visible_alias = "ls"
    )]
    List,
    /// Set a secret, new or not
    #[command(after_help = "Examples:
  mcpctl secrets set slack-token
  mcpctl secrets set slack-token - < token.txt
  mcpctl secrets set slack-token @token.txt
  mcpctl secrets set slack-token env:SLACK_TOKEN")]
    Set {
        /// The secret
        name: Name,
        /// Where its value is: `-` for stdin, `@FILE`, or `env:NAME`; default: it is asked for
        from: Option<String>,
    },
    /// Give a secret that is in use another value, and wait until the gateways use it; calls go on meanwhile
    #[command(after_help = "Examples:
  mcpctl secrets rotate slack-token
  mcpctl secrets rotate slack-token env:NEW_SLACK_TOKEN --wait 30")]
    Rotate {
        /// The secret
        name: Name,
        /// Where its new value is: `-` for stdin, `@FILE`, or `env:NAME`; default: it is asked for
        from: Option<String>,
        /// Seconds to wait for the gateways
        #[arg(long, value_name = "SECS", default_value_t = 60)]
        wait: u64,
    },
    /// Delete a secret that no server uses
    #[command(after_help = "Examples:\n  mcpctl secrets delete slack-token --yes")]
    Delete {
        /// The secret
        name: Name,
        #[command(flatten)]
        sure: Sure,
    },
    /// Put everything in the database under the current master key, a new one where mcpd can make it; may be broken off and run again
    #[command(after_help = "Examples:
  mcpctl secrets rotate-key
  mcpctl secrets rotate-key --forget-old")]
    RotateKey {
        /// Then forget the old keys; backups of the database made before cannot be read without them
        #[arg(long)]
        forget_old: bool,
    },
    /// Show which master keys there are, what is under them, and which are not needed any more
    #[command(after_help = "Examples:\n  mcpctl secrets status\n  mcpctl secrets status --format json")]
    Status,
}
