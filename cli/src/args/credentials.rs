//! `mcpctl credentials`.

use crate::credentials::Choice;
use clap::Subcommand;

/// What to do with the token of mcpctl itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keep a token in the keyring of the operating system, or in an encrypted file where there is none
    #[command(after_help = "Examples:
  mcpctl credentials set
  mcpctl credentials set @admin-token
  mcpctl credentials set - --store file < token.txt")]
    Set {
        /// Where the token is: `-` for stdin, `@FILE`, or `env:NAME`; default: it is asked for
        from: Option<String>,
        /// Where to keep it
        #[arg(long, value_enum)]
        store: Option<Choice>,
    },
    /// Show where the token comes from that mcpctl presents
    #[command(after_help = "Examples:\n  mcpctl credentials status")]
    Status,
    /// Print the token that mcpctl presents, for programs that talk to the API or a gateway themselves
    #[command(after_help = "Examples:\n  mcpctl credentials show")]
    Show,
    /// Forget the token in the keyring or the encrypted file
    #[command(after_help = "Examples:\n  mcpctl credentials delete")]
    Delete,
}
