//! `mcpctl auth`.

use clap::Subcommand;
use control_plane_api::name::Name;

/// What programs ask for that reach the gateway without the bridge.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the headers by which the gateway lets you in, as a JSON object: what `headersHelper` runs
    ///
    /// The output holds your token. It is for programs: clients that `mcpctl client add --transport http` configured run this
    /// for every connection, so that no file holds the token.
    #[command(after_help = "Examples:
  mcpctl auth headers --project weekly_reports")]
    Headers {
        /// The project the headers are for
        #[arg(long)]
        project: Name,
    },
}
