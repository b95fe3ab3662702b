//! `mcpctl test-connection`.

use clap::Args;
use control_plane_api::name::Name;

/// What to reach.
#[derive(Debug, Args)]
#[command(
    after_help = "Without arguments: the control plane and the gateway. Exit code 6 names the hop that does not answer.

Examples:
  mcpctl test-connection
  mcpctl test-connection slack
  mcpctl test-connection --project weekly_reports --count 20
  mcpctl test-connection --gateway --format json"
)]
pub(crate) struct TestConnection {
    /// A server, asked by the gateways that use it
    pub server: Option<Name>,
    /// A project, asked through the gateway as its clients do
    #[arg(long, conflicts_with = "server")]
    pub project: Option<Name>,
    /// Only the gateway
    #[arg(long, conflicts_with_all = ["server", "project"])]
    pub gateway: bool,
    /// How often each hop is asked
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub count: u16,
}
