//! The command line as data: what can be typed, nothing about what it does.

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod bridge;
pub(crate) mod claude;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod credentials;
pub(crate) mod daemon;
pub(crate) mod db;
pub(crate) mod filter;
pub(crate) mod gateway;
pub(crate) mod identity;
pub(crate) mod instance;
pub(crate) mod model;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod project;
pub(crate) mod secrets;
pub(crate) mod server;
pub(crate) mod setup;
pub(crate) mod tools;
pub(crate) mod wait;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const ABOUT: &str = "Sets up MCP servers behind one filtering gateway, and shows what went through it";

const EXAMPLES: &str = "\
Examples:
  mcpctl daemon start
  mcpctl setup slack
  mcpctl project create weekly_reports --profiles slack-read-only
  mcpctl claude add-mcp-project weekly_reports
  mcpctl audit --limit 10
";

const EXIT_CODES: &str = "\
Environment:
  MCPCTL_HOME    where mcpctl keeps its files (default ~/.mcpctl)
  MCPCTL_SERVER  URL of the control plane (default: what `daemon start` recorded, else http://127.0.0.1:3000)
  MCPCTL_TOKEN   bearer token (default: what `mcpctl login` or `mcpctl credentials set` kept, else
                 $MCPCTL_HOME/token, else $MCPCTL_HOME/admin-token)
  MCPCTL_CREDENTIAL_STORE   where that is kept: auto, keyring or file; MCPCTL_PASSPHRASE opens the file
  MCPCTL_LOG     what to log to stderr, for example debug
  NO_COLOR       no colours

Exit codes:
  0 done or nothing to do   1 failed   2 wrong command line or file   4 no valid token
  5 not found   6 not running or not ready in time   7 not allowed   130 interrupted";

/// The template that puts examples before the long lists.
const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// The command line of mcpctl.
#[derive(Debug, Parser)]
#[command(name = "mcpctl", version, about = ABOUT, long_about = None, before_help = EXAMPLES, after_help = EXIT_CODES, help_template = TEMPLATE)]
#[command(subcommand_required = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// What every command knows.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options every command knows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// URL of the control plane
    #[arg(
        id = "control_plane",
        long = "server",
        global = true,
        env = "MCPCTL_SERVER",
        hide_env = true,
        value_name = "URL"
    )]
    pub server: Option<url::Url>,
    /// Directory with mcpctl's own files
    #[arg(long, global = true, env = "MCPCTL_HOME", hide_env = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// How results are printed
    #[arg(long, short = 'o', global = true, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Say more on stderr: requests, then everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// No colours
    #[arg(long, global = true)]
    pub no_color: bool,
}

/// How results are printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading
    Table,
    /// A table with more columns
    Wide,
    /// JSON
    Json,
    /// JSON, one object per line
    Jsonl,
    /// Comma-separated values with a heading, safe in spreadsheets
    Csv,
    /// YAML
    Yaml,
    /// Only names, one per line
    Name,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start, stop and look at the control plane and the gateway on this machine
    #[command(subcommand)]
    Daemon(daemon::Command),
    /// Set up an MCP server: slack, jira, github, terraform, or any command or URL
    Setup(setup::Setup),
    /// List, inspect and delete the servers that were set up
    #[command(subcommand)]
    Server(server::Command),
    /// Start, stop, restart, test and look at the servers that are run here
    #[command(subcommand)]
    Instance(instance::Command),
    /// List, inspect, drain and remove gateways, and let new ones join
    #[command(subcommand)]
    Gateway(gateway::Command),
    /// Create, list, inspect and delete projects
    #[command(subcommand)]
    Project(project::Command),
    /// Create, list, inspect, apply and delete profiles
    #[command(subcommand)]
    Profile(profile::Command),
    /// Ask what the rules come to: who may call what and why, and what a change would do
    #[command(subcommand)]
    Policy(policy::Command),
    /// Apply objects of any kind from a file
    Apply(apply::Apply),
    /// Connect Claude Code to a project through .mcp.json
    #[command(subcommand)]
    Claude(claude::Command),
    /// Connect any MCP client to a project: Claude Code, Cursor, VS Code, Codex, Gemini CLI, Zed and others
    #[command(subcommand)]
    Client(client::Command),
    /// Print what clients that reach the gateway by its URL present to it
    #[command(subcommand)]
    Auth(auth::Command),
    /// Connect a server that asks who you are: give consent in a browser
    Connect(connection::Connect),
    /// List and end connections to servers
    #[command(subcommand)]
    Connection(connection::Command),
    /// Show what went through the gateways, verify that nothing of it was changed, export it
    Audit(Box<audit::Audit>),
    /// Summarise the control plane, the gateways and their servers; on a laptop, what works and what is cut off
    #[command(after_help = "Examples:\n  mcpctl status\n  mcpctl status --format json")]
    Status,
    /// Show versions of client, control plane, gateways and protocol
    #[command(after_help = "Examples:\n  mcpctl version\n  mcpctl version --format json")]
    Version,
    /// Check this installation and say how to mend it
    #[command(after_help = "Examples:\n  mcpctl doctor\n  mcpctl doctor --format json")]
    Doctor,
    /// Back up, restore, move and migrate the control plane's database
    #[command(subcommand)]
    Db(db::Command),
    /// Show the tools the servers offer
    #[command(subcommand)]
    Tools(tools::Command),
    /// Log in to the control plane, with a password, a token or at the company's issuer; a company's central gateway gets a
    /// local one on this machine
    Login(identity::Login),
    /// Log out: end the session and the gateway that was started with it, forget what was kept
    #[command(after_help = "Examples:\n  mcpctl logout")]
    Logout,
    /// Show who you are to the control plane
    #[command(after_help = "Examples:\n  mcpctl whoami\n  mcpctl whoami --format json")]
    Whoami,
    /// Keep mcpctl's own token in the keyring of the operating system, or in an encrypted file
    #[command(subcommand)]
    Credentials(credentials::Command),
    /// Set, rotate and delete secrets, and the master key they are encrypted under
    #[command(subcommand, visible_alias = "secret")]
    Secrets(secrets::Command),
    /// Create, list, disable and delete users, and set passwords
    #[command(subcommand)]
    User(identity::UserCommand),
    /// List and end sessions
    #[command(subcommand)]
    Session(identity::SessionCommand),
    /// Create, list and revoke tokens
    #[command(subcommand)]
    Token(identity::TokenCommand),
    /// Try relevance filtering on a file, and measure it on labelled sets
    #[command(subcommand)]
    Filter(filter::Command),
    /// Fetch, check and measure the local models
    #[command(subcommand)]
    Model(model::Command),
    /// Bridge from stdin and stdout to a project's gateway: what .mcp.json names
    McpStdio(bridge::Bridge),
    /// Print the completion script of a shell
    #[command(after_help = "Examples:\n  mcpctl completion bash\n  mcpctl completion zsh")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn leaves(command: &clap::Command, out: &mut Vec<clap::Command>) {
        if command.has_subcommands() {
            command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(|sub| leaves(sub, out));
        } else {
            out.push(command.clone());
        }
    }

    fn examples(help: &str) -> Vec<Vec<String>> {
        let lines = help.lines().filter_map(|line| line.strip_prefix("  mcpctl "));
        let commands = lines.map(|line| line.split(['|', '<', '>']).next().unwrap_or_default());
        commands.map(|c| std::iter::once("mcpctl".to_owned()).chain(words(c)).collect()).collect()
    }

    /// The words of a command as a shell takes them, as far as examples need it: quotes hold a word together.
    fn words(command: &str) -> Vec<String> {
        let mut quoted = false;
        let between = |c: char| {
            quoted ^= matches!(c, '\'' | '"');
            c.is_whitespace() && !quoted
        };
        let words = command.split(between).filter(|word| !word.is_empty());
        words.map(|word| word.trim_matches(['\'', '"']).to_owned()).collect()
    }

    fn parses(words: &[String]) {
        Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }

    #[test]
    fn every_command_has_an_example_and_every_example_parses() {
        Cli::command().debug_assert();
        examples(EXAMPLES).iter().for_each(|words| parses(words));
        let mut all = Vec::new();
        leaves(&Cli::command(), &mut all);
        for leaf in all {
            let help = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = examples(&help);
            assert!(!examples.is_empty(), "`{}` has no example", leaf.get_name());
            examples.iter().for_each(|words| parses(words));
        }
    }
}
