//! `mcpctl policy`.

use clap::{Args, Subcommand};
use control_plane_api::name::Name;

/// What to ask of the rules that gateways decide by.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Whether a call would be allowed; ends with exit code 7 if it would not
    #[command(after_help = "Examples:
  mcpctl policy test --user ada --project weekly_reports --tool slack_post_message
  mcpctl policy test --user ada --project weekly_reports --tool slack_post_message --arguments '{\"channel\":\"C024BE91L\"}'
  mcpctl policy test --user ada --project weekly_reports --tool slack_post_message --stale 2h
  mcpctl policy test --user ada --resource file:///srv/reports/q3.md --for files --format json")]
    Test(Question),
    /// Every profile that would be considered for a call, and why each allows it or does not
    #[command(after_help = "Examples:
  mcpctl policy explain --user ada --project weekly_reports --tool jira_search
  mcpctl policy explain --user ada --tool conversations_history --for slack --format yaml")]
    Explain(Question),
    /// Which user gains or loses which tool by a change
    #[command(after_help = "Examples:
  mcpctl policy diff -f profiles.yaml
  mcpctl policy diff -f - --user ada --format json")]
    Diff(Diff),
    /// Which recorded calls a change would have refused or newly allowed
    #[command(after_help = "Examples:
  mcpctl policy replay -f profiles.yaml --since 7d
  mcpctl policy replay -f profiles.yaml --limit 1000 --format json")]
    Replay(Replay),
}

/// Who wants to do what.
#[derive(Debug, Args)]
pub(crate) struct Question {
    /// Who asks [default: whose token this is]
    #[arg(long)]
    pub user: Option<Name>,
    /// Through which project [default: any that is open to the user]
    #[arg(long)]
    pub project: Option<String>,
    #[command(flatten)]
    pub of: Primitive,
    /// The server it is of, where its name does not tell
    #[arg(long = "for", value_name = "SERVER")]
    pub server: Option<Name>,
    /// The arguments of the call, as JSON [default: whether the tool may be called with any]
    #[arg(long, value_name = "JSON", requires = "tool")]
    pub arguments: Option<String>,
    /// As a gateway decides that has not heard from its control plane for this long, such as 2h
    #[arg(long, value_name = "DURATION")]
    pub stale: Option<String>,
}

/// What is to be used.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Primitive {
    /// A tool, by the name clients use or the server's own
    #[arg(long, value_name = "NAME")]
    pub tool: Option<String>,
    /// A prompt, by the name clients use or the server's own
    #[arg(long, value_name = "NAME")]
    pub prompt: Option<String>,
    /// A resource
    #[arg(long, value_name = "URI")]
    pub resource: Option<String>,
}

/// A change to look at.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// YAML or JSON with the objects as they would be applied; `-` reads stdin
    #[arg(long, short, value_name = "FILE")]
    pub file: String,
    /// Only this user
    #[arg(long)]
    pub user: Option<Name>,
    /// Only this project
    #[arg(long)]
    pub project: Option<Name>,
}

/// A change to try on what was recorded.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// YAML or JSON with the objects as they would be applied; `-` reads stdin
    #[arg(long, short, value_name = "FILE")]
    pub file: String,
    /// At most this many calls, newest first
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// Only calls after this moment: RFC 3339, or an age such as 90s, 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only calls of this user
    #[arg(long)]
    pub user: Option<Name>,
    /// Only calls through this project
    #[arg(long)]
    pub project: Option<Name>,
    /// Also calls for which nothing would change
    #[arg(long)]
    pub all: bool,
}
