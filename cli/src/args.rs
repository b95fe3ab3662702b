//! The command line as data: what can be typed, nothing about what it does.

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod bridge;
pub(crate) mod catalogue;
pub(crate) mod claude;
pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod credentials;
pub(crate) mod daemon;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod filter;
pub(crate) mod gateway;
pub(crate) mod identity;
pub(crate) mod instance;
pub(crate) mod model;
pub(crate) mod objects;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod project;
pub(crate) mod role;
pub(crate) mod secrets;
pub(crate) mod server;
pub(crate) mod setup;
pub(crate) mod show;
pub(crate) mod sure;
pub(crate) mod test_connection;
pub(crate) mod tools;
pub(crate) mod topics;
pub(crate) mod wait;

use crate::output::age;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

const ABOUT: &str = "Sets up MCP servers behind one filtering gateway, and shows what went through it";

const EXAMPLES: &str = "\
Examples:
  mcpctl daemon start
  mcpctl setup slack
  mcpctl project create weekly_reports --profiles slack-read-only
  mcpctl claude add-mcp-project weekly_reports
  mcpctl audit --limit 10
";

/// The template that puts examples before the long lists.
const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// The command line of mcpctl.
#[derive(Debug, Parser)]
#[command(name = "mcpctl", version, about = ABOUT, long_about = None, before_help = EXAMPLES, after_help = topics::short(), help_template = TEMPLATE)]
#[command(subcommand_required = true, disable_help_subcommand = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// What every command knows.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options every command knows. What they leave open is decided by [`crate::config`].
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// URL of the control plane
    #[arg(id = "control_plane", long = "server", global = true, value_name = "URL", conflicts_with = "context")]
    pub server: Option<url::Url>,
    /// Use the server of this context
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Directory with mcpctl's own files
    #[arg(long, global = true, env = "MCPCTL_HOME", hide_env = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// How results are printed [default: table]
    #[arg(long, short = 'o', global = true, value_enum)]
    pub format: Option<Format>,
    /// Time for all requests of the command, such as 5s or 2m [default: 30s for each]
    #[arg(long, global = true, value_name = "DURATION")]
    pub timeout: Option<Timeout>,
    /// Repeat a request that may be repeated this often, when the connection fails [default: 2]
    #[arg(long, global = true, value_name = "N")]
    pub retries: Option<u32>,
    /// Say more on stderr: requests, then everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// When to use colours [default: auto]
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub color: Option<Color>,
    /// No colours
    #[arg(long, global = true, conflicts_with = "color")]
    pub no_color: bool,
    /// Show long tables as they are, without a pager
    #[arg(long, global = true)]
    pub no_pager: bool,
    /// Print the requests as curl commands instead of results, and send none that changes anything
    #[arg(long, global = true)]
    pub output_curl: bool,
}

/// A time to wait: `30`, `30s`, `5m`; nothing where a command does without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeout(Duration);

impl Timeout {
    /// In whole seconds.
    pub(crate) fn as_secs(self) -> u64 {
        self.0.as_secs()
    }
}

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "0" | "0s") {
            return Ok(Self(Duration::ZERO));
        }
        age::parse_timeout(text).map(Self).map_err(|failure| failure.message)
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0.as_secs())
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
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
    /// Set up an MCP server: one of the catalogue, one of a registry, or any command or URL
    Setup(Box<setup::Setup>),
    /// Show the servers that can be set up by name, what they need and what their tools do
    #[command(subcommand, visible_alias = "catalog")]
    Catalogue(catalogue::Command),
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
    /// Apply objects of any kind from files
    Apply(apply::Apply),
    /// Show what applying files would change
    Diff(apply::Diff),
    /// Show objects of any kind
    Get(objects::Get),
    /// Delete objects of any kind
    Delete(objects::Delete),
    /// Print what is configured as a file that `apply` takes
    Export(objects::Export),
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
    #[command(after_help = "Examples:\n  mcpctl status\n  mcpctl status --format json\n  mcpctl status --watch")]
    Status {
        #[command(flatten)]
        watch: show::Watch,
    },
    /// Show versions of client, control plane, gateways and protocol
    #[command(after_help = "Examples:\n  mcpctl version\n  mcpctl version --format json")]
    Version,
    /// Measure the way to the control plane, the gateway, a project or a server
    TestConnection(test_connection::TestConnection),
    /// Check the whole way from a client's file to a server's tools, and say what mends it
    Doctor(doctor::Doctor),
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
    /// Show what each role may do, and give and take roles
    #[command(subcommand)]
    Role(role::Command),
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
    /// Show and change settings: which server, how results look, what is asked
    #[command(subcommand)]
    Config(config::Command),
    /// Explain a kind of object, or a field of it, as files for `apply` hold them
    Explain(explain::Explain),
    /// Print the completion script of a shell; it knows the names of projects, servers and the like
    #[command(after_help = "Examples:
  source <(mcpctl completion bash)
  mcpctl completion zsh > ~/.zfunc/_mcpctl
  mcpctl completion fish > ~/.config/fish/completions/mcpctl.fish
  mcpctl completion powershell >> $PROFILE")]
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one for every command
    #[command(after_help = "Examples:\n  mcpctl man\n  mcpctl man --dir ~/.local/share/man/man1")]
    Man {
        /// Write a page for every command into this folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Say whether there is a newer version, and how to get it
    #[command(after_help = "Examples:\n  mcpctl upgrade --check\n  mcpctl upgrade --check --format json")]
    Upgrade {
        /// Look, and change nothing
        #[arg(long, required = true)]
        check: bool,
    },
    /// Explain a command, or one of: environment, exit-codes, formatting, configuration
    #[command(after_help = "Examples:
  mcpctl help
  mcpctl help project create
  mcpctl help environment
  mcpctl help exit-codes")]
    Help {
        /// A topic, or the words of a command
        #[arg(value_name = "TOPIC|COMMAND")]
        words: Vec<String>,
    },
}

/// The shells for which there are completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    #[value(alias = "pwsh")]
    Powershell,
    /// Elvish
    Elvish,
}

impl Command {
    /// Whether `--timeout` is the command's own: how long it waits for something else than a reply.
    pub(crate) fn has_own_timeout(&self) -> bool {
        use instance::Command::{Restart, Start, Status};
        matches!(self, Self::Connect(_) | Self::Instance(Start(_) | Restart(_) | Status(_)))
    }

    /// Whether the command waits or follows, so that its requests together may take any time.
    pub(crate) fn is_long(&self) -> bool {
        matches!(
            self,
            Self::Daemon(_) | Self::Setup(_) | Self::Login(_) | Self::Audit(_) | Self::Instance(_) | Self::Connect(_)
        )
    }

    /// Whether the command does without any setting, so that a damaged file of settings is not in its way.
    pub(crate) fn needs_no_settings(&self) -> bool {
        matches!(self, Self::Completion { .. } | Self::Man { .. } | Self::Help { .. } | Self::Explain(_))
    }
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
