//! `mcpctl config`.

use clap::{Subcommand, ValueHint};
use control_plane_api::name::Name;
use std::path::PathBuf;

/// What to do with settings. Those of a context are meant where `--context` is given.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the value of a setting that is in force
    #[command(after_help = "Examples:\n  mcpctl config get server\n  mcpctl config get server --show-origin")]
    Get {
        /// The setting
        key: String,
        /// Also say where the value comes from
        #[arg(long)]
        show_origin: bool,
    },
    /// Keep a setting in your own file
    #[command(after_help = "Examples:
  mcpctl config set format json
  mcpctl config set timeout 10s
  mcpctl config set project weekly_reports")]
    Set {
        /// The setting
        key: String,
        /// Its value
        value: String,
    },
    /// Take a setting out of your own file
    #[command(after_help = "Examples:\n  mcpctl config unset format")]
    Unset {
        /// The setting
        key: String,
    },
    /// Show every setting, and its value
    #[command(after_help = "Examples:
  mcpctl config view
  mcpctl config view --show-origin
  mcpctl config view --format json")]
    View {
        /// Also say where each value comes from
        #[arg(long)]
        show_origin: bool,
    },
    /// Keep the URL of the control plane, for a context where one is named
    #[command(after_help = "Examples:
  mcpctl config set-server https://mcpd.example.com
  mcpctl config set-server https://mcpd.example.com --context work")]
    SetServer {
        /// The URL
        url: String,
    },
    /// Keep a PEM file of certificates to trust for the control plane, for a context where one is named
    #[command(after_help = "Examples:
  mcpctl config set-ca /etc/ssl/company.pem
  mcpctl config set-ca company.pem --context work")]
    SetCa {
        /// The file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Use a context from now on
    #[command(after_help = "Examples:\n  mcpctl config use-context work")]
    UseContext {
        /// The context
        name: Name,
    },
    /// List the contexts
    #[command(
        after_help = "Examples:\n  mcpctl config contexts\n  mcpctl config contexts --format json",
        visible_alias = "get-contexts"
    )]
    Contexts,
    /// Forget a context; the token that is kept for its server stays until `logout` or `credentials delete`
    #[command(after_help = "Examples:\n  mcpctl config delete-context work --yes")]
    DeleteContext {
        /// The context
        name: Name,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

impl Command {
    /// Whether `--context` names what is to be changed.
    pub(crate) fn is_about_a_context(&self) -> bool {
        matches!(
            self,
            Self::SetServer { .. } | Self::SetCa { .. } | Self::UseContext { .. } | Self::DeleteContext { .. }
        )
    }

    /// Whether the command changes the file, whatever is set now.
    pub(crate) fn only_writes(&self) -> bool {
        self.is_about_a_context() || matches!(self, Self::Set { .. } | Self::Unset { .. } | Self::Contexts)
    }
}
