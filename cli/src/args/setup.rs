//! `mcpctl setup`.

use clap::{Args, ValueEnum};
use control_plane_api::{name::Name, oauth::OauthMode, sandbox::SandboxLevel};

/// A server to set up.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl setup slack
  mcpctl setup slack --token-stdin --non-interactive < token.txt
  mcpctl setup jira --set JIRA_URL=https://jira.example.com --secret JIRA_PERSONAL_TOKEN=@pat.txt
  mcpctl setup wiki --command /opt/wiki-mcp --arg=--stdio --secret-env WIKI_TOKEN --read-tool 'wiki_get_*'
  mcpctl setup search --url https://mcp.example.com/mcp --bearer-stdin < token.txt
  mcpctl setup search --url https://mcp.example.com/mcp --oauth per-user")]
pub(crate) struct Setup {
    /// slack, jira, github, terraform; or a name of your own together with --command or --url
    pub server: String,
    /// Call the server this; default: its name in the catalogue
    #[arg(long)]
    pub name: Option<Name>,
    /// How it is reached
    #[command(flatten)]
    pub launch: Launch,
    /// What it is given
    #[command(flatten)]
    pub values: Values,
    /// Class tools of these names as reading, and make a read-only profile; `*` stands for any run of characters
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    pub read_tool: Vec<String>,
    /// Seconds to wait until the server answers
    #[arg(long, value_name = "SECS", default_value_t = 60)]
    pub wait: u64,
    /// Take the configuration back if the server does not answer
    #[arg(long)]
    pub rollback_on_failure: bool,
    /// Never ask; name everything that is missing instead
    #[arg(long)]
    pub non_interactive: bool,
    /// Do not ask whether to go on
    #[arg(long, short)]
    pub yes: bool,
}

/// How the server is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Launch")]
pub(crate) struct Launch {
    /// Program to run; for a server of the catalogue: instead of the catalogue's
    #[arg(long, value_name = "CMD", conflicts_with = "url")]
    pub command: Option<String>,
    /// Argument of the program; repeat for more
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true, requires = "command")]
    pub args: Vec<String>,
    /// How its process is confined [default: basic]; what a strictly confined one may read and write is said with `apply -f`
    #[arg(long, value_enum, value_name = "LEVEL", conflicts_with = "url")]
    pub sandbox: Option<SandboxName>,
    /// URL of a Streamable HTTP endpoint
    #[arg(long)]
    pub url: Option<String>,
    /// The endpoint wants OAuth: each user connects alone, or one connection serves all
    #[arg(long, value_enum, value_name = "MODE", requires = "url")]
    pub oauth: Option<OauthModeName>,
}

/// How much is taken away from a server's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SandboxName {
    /// Nothing
    Off,
    /// What tools have no use for
    Basic,
    /// Also all files but the system's and its own
    Strict,
}

impl From<SandboxName> for SandboxLevel {
    fn from(name: SandboxName) -> Self {
        match name {
            SandboxName::Off => Self::Off,
            SandboxName::Basic => Self::Basic,
            SandboxName::Strict => Self::Strict,
        }
    }
}

/// Whose tokens are used with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OauthModeName {
    /// Every user's own
    PerUser,
    /// One for all
    Service,
}

impl From<OauthModeName> for OauthMode {
    fn from(name: OauthModeName) -> Self {
        match name {
            OauthModeName::PerUser => Self::PerUser,
            OauthModeName::Service => Self::Service,
        }
    }
}

/// What the server is given.
#[derive(Debug, Args)]
#[command(next_help_heading = "Values")]
pub(crate) struct Values {
    /// Environment variable of the program, in the clear; repeat for more
    #[arg(long, value_name = "KEY=VALUE")]
    pub env: Vec<String>,
    /// Environment variable of the program that is a secret: asked for, or taken from --secret or the environment
    #[arg(long, value_name = "KEY")]
    pub secret_env: Vec<String>,
    /// Header of every request to the URL, in the clear; repeat for more
    #[arg(long, value_name = "KEY=VALUE", requires = "url")]
    pub header: Vec<String>,
    /// Read the URL's bearer token from stdin
    #[arg(long, requires = "url", conflicts_with = "oauth")]
    pub bearer_stdin: bool,
    /// Input of a server of the catalogue (a secret given like this stays in the shell's history)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Secret from a file, from stdin with `-`, or from a variable of the environment
    #[arg(long, value_name = "KEY=@FILE|-|env:NAME")]
    pub secret: Vec<String>,
    /// Read the server's first secret from stdin
    #[arg(long, conflicts_with = "bearer_stdin")]
    pub token_stdin: bool,
}
