//! `mcpctl setup`.

use clap::{Args, ValueEnum};
use control_plane_api::{name::Name, oauth::OauthMode, sandbox::SandboxLevel};

/// A server to set up.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mcpctl setup slack
  mcpctl setup --list
  mcpctl setup slack --token - --non-interactive < token.txt
  mcpctl setup slack --variant reference --set SLACK_TEAM_ID=T01234567 --token @token.txt
  mcpctl setup jira --set JIRA_URL=https://jira.example.com --secret JIRA_PERSONAL_TOKEN=@pat.txt
  mcpctl setup github --access read-write --dry-run
  mcpctl setup filesystem --set directory=/srv/reports
  mcpctl setup slack --rotate --token - < new-token.txt
  mcpctl setup --from-registry io.github.example/wiki --set WIKI_URL=https://wiki.example.com --yes
  mcpctl setup wiki --command /opt/wiki-mcp --secret-env WIKI_TOKEN --read-tool 'wiki_get_*'
  mcpctl setup search --url https://mcp.example.com/mcp --bearer-stdin < token.txt
  mcpctl setup search --url https://mcp.example.com/mcp --oauth per-user")]
pub(crate) struct Setup {
    /// A server of the catalogue (`--list` shows them); or a name of your own together with --command, --url or --from-registry
    #[arg(required_unless_present_any = ["list", "from_registry"])]
    pub server: Option<String>,
    /// Show the servers of the catalogue
    #[arg(long, conflicts_with_all = ["server", "from_registry"])]
    pub list: bool,
    /// Call the server this; default: its name in the catalogue
    #[arg(long)]
    pub name: Option<Name>,
    /// Which of the server's variants; `mcpctl catalogue describe` shows them [default: the first]
    #[arg(long, value_name = "VARIANT", conflicts_with_all = ["command", "url"])]
    pub variant: Option<String>,
    /// What the server itself is told to keep to, besides what profiles grant
    #[arg(long, value_enum, default_value = "read-only")]
    pub access: SetupAccess,
    /// How it is reached
    #[command(flatten)]
    pub launch: Launch,
    /// Where it is described
    #[command(flatten)]
    pub registry: Registry,
    /// What it is given
    #[command(flatten)]
    pub values: Values,
    /// Class tools of these names as reading, and make a read-only profile; `*` stands for any run of characters
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    pub read_tool: Vec<String>,
    /// Give a server that is there another credential: it is tried out first, and calls in flight go on
    #[arg(long, conflicts_with_all = ["variant", "command", "url", "from_registry", "dry_run", "rollback_on_failure"])]
    pub rotate: bool,
    /// Print what would be created, as a file for `mcpctl apply -f`, and create nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Seconds to wait until the server answers
    #[arg(long, value_name = "SECS", default_value_t = 60)]
    pub wait: u64,
    /// Do not call a tool to see whether the credential is good
    #[arg(long)]
    pub no_check: bool,
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

impl Setup {
    /// The server as it was typed.
    pub(crate) fn server(&self) -> &str {
        self.server.as_deref().or(self.registry.from_registry.as_deref()).unwrap_or_default()
    }
}

/// What a server is told to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SetupAccess {
    /// Reading, where it has a switch for that
    ReadOnly,
    /// Nothing: profiles alone say what is granted
    ReadWrite,
}

/// Where a server is described that is not in the catalogue.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct Registry {
    /// Take the description of this server from a registry; it is shown before anything of it runs
    #[arg(long, value_name = "NAME", conflicts_with_all = ["command", "url"])]
    pub from_registry: Option<String>,
    /// The registry
    #[arg(
        long,
        value_name = "URL",
        env = "MCPCTL_REGISTRY",
        hide_env = true,
        default_value = "https://registry.modelcontextprotocol.io"
    )]
    pub registry: url::Url,
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
    /// Client id that was registered with the endpoint's authorization server beforehand
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Its client secret: `-` for stdin, `@FILE`, or `env:NAME`
    #[arg(long, value_name = "SECRET", requires = "client_id")]
    pub client_secret: Option<String>,
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
    /// Input of a server of the catalogue; repeat for more (a secret given like this stays in the shell's history)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Secret from a file, from stdin with `-`, or from a variable of the environment (the secret itself stays in the
    /// shell's history)
    #[arg(long, value_name = "KEY=@FILE|-|env:NAME")]
    pub secret: Vec<String>,
    /// The server's first secret: `-` for stdin, `@FILE`, or `env:NAME` (the secret itself stays in the shell's history)
    #[arg(long, value_name = "FROM", allow_hyphen_values = true, conflicts_with_all = ["token_stdin", "bearer_stdin"])]
    pub token: Option<String>,
    /// Read the server's first secret from stdin
    #[arg(long, conflicts_with = "bearer_stdin")]
    pub token_stdin: bool,
}
