//! What mcpd is told at start: the command line, the environment, and where things lie by default.

mod database;

pub use database::DatabaseOptions;

use crate::{
    http::LOOPBACK_HOSTS,
    instances::EngineSettings,
    oauth::is_loopback,
    secrets::{self, KeySource, MasterKeyError},
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use control_plane_api::name::Name;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};
use url::Url;

/// mcpd's command line.
#[derive(Parser)]
#[command(name = "mcpd", version, about = "The control plane of mcpctl: REST API, configuration push, audit store.")]
pub struct CommandLine {
    /// What to do; absent: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where and how.
    #[command(flatten)]
    pub settings: Settings,
}

/// What mcpd can do besides serving.
#[derive(Clone, Subcommand)]
pub enum Command {
    /// Back up, restore, move and migrate the database.
    #[command(subcommand)]
    Db(DbCommand),
    /// Print the OpenAPI document of the REST API.
    Openapi,
    /// Issue a new token for the user `admin` and write it to `$MCPCTL_HOME/admin-token`; the old one, the user's sessions
    /// and password end.
    ResetAdminToken,
    /// Make a new pepper for the digests of tokens; each token moves to it when it is next used.
    RotatePepper,
}

/// What can be done with the database while mcpd does not serve, or beside it.
#[derive(Clone, Subcommand)]
pub enum DbCommand {
    /// Write everything into a file, also while mcpd serves. Secrets stay encrypted; the master key is not in it.
    Backup {
        /// The new file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put a backup in force. Its revision becomes higher than any before, so that gateways take it.
    Restore {
        /// The backup.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Replace what the database holds.
        #[arg(long)]
        replace: bool,
    },
    /// Copy everything into another, empty database, compare row by row, and close this one for good.
    Move {
        /// URL of the other database; better in the environment, where no process list shows it.
        #[arg(long, env = "MCPD_DATABASE_URL_TO", hide_env_values = true, value_name = "URL")]
        to: String,
    },
    /// Bring the tables up to date, as every start of mcpd does.
    Migrate {
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove audit events that are older than that, and leave a record of it in the audit log.
    Retain {
        /// Days to keep.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        days: u32,
        /// Only say what would go.
        #[arg(long)]
        dry_run: bool,
    },
    /// Go on with a database that is older than what gateways have: its revision jumps ahead of theirs.
    AcceptRollback,
}

/// Where mcpd listens and keeps things. No Debug: the database URL may hold a password.
#[derive(Clone, Args)]
pub struct Settings {
    /// Address and port of the REST API; port 0 takes a free one, see `$MCPCTL_HOME/mcpd.addr`.
    #[arg(long, env = "MCPD_LISTEN", default_value = "127.0.0.1:3000", value_name = "ADDRESS:PORT", global = true)]
    pub listen: String,
    /// Address and port for metrics (`GET /metrics`); absent: there are none. Port 0 takes a free one, see
    /// `$MCPCTL_HOME/mcpd-metrics.addr`.
    #[arg(long, env = "MCPD_METRICS_LISTEN", value_name = "ADDRESS:PORT", global = true)]
    pub metrics_listen: Option<String>,
    /// Host names by which this control plane may be addressed, without ports; a reverse proxy's public name belongs here.
    #[arg(long, env = "MCPD_ALLOWED_HOSTS", value_delimiter = ',', default_value = LOOPBACK_HOSTS, value_name = "NAME", global = true)]
    pub allowed_hosts: Vec<String>,
    /// `postgres://…` or `sqlite:…`; default: the file `mcpd.db` in the home folder.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub database_url: Option<String>,
    /// Days to keep audit events; default: for ever. What goes leaves a record with its number and hash.
    #[arg(long, env = "MCPD_AUDIT_RETENTION_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..), global = true)]
    pub audit_retention_days: Option<u32>,
    /// How that database is used.
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Folder for the database, the master key and the first token; created readable by its owner only.
    #[arg(long, env = "MCPCTL_HOME", value_name = "FOLDER", default_value_os_t = default_home(), global = true)]
    pub home: PathBuf,
    /// File with the master key, 64 hex digits; default: `master-key` in the home folder, made at first start.
    #[arg(long, env = "MCPD_MASTER_KEY_FILE", value_name = "FILE", global = true)]
    pub master_key_file: Option<PathBuf>,
    /// Where the master key is, if not in that file: `file:PATH`, `credential:NAME` (systemd), `env:NAME`, or
    /// `transit:https://HOST/v1/ENGINE/KEY` (HashiCorp Vault, OpenBao).
    #[arg(long, env = "MCPD_MASTER_KEY_SOURCE", hide_env_values = true, value_name = "SOURCE", global = true)]
    pub master_key_source: Option<String>,
    /// Where older master keys are, while something may still be encrypted with them; see `mcpctl secrets status`.
    #[arg(
        long,
        env = "MCPD_OLD_MASTER_KEY_SOURCES",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "SOURCE",
        global = true
    )]
    pub old_master_key_sources: Vec<String>,
    /// File with the token for Vault or OpenBao; default: what `VAULT_TOKEN` holds.
    #[arg(long, env = "VAULT_TOKEN_FILE", value_name = "FILE", global = true)]
    pub vault_token_file: Option<PathBuf>,
    /// `https` URL under which browsers reach mcpd; default: the address it listens on, where that is this machine's own.
    #[arg(long, env = "MCPD_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<String>,
    /// URL under which developers' local gateways reach the central one, without the path of a project; default: there is
    /// none, and `mcpctl login` starts no local gateway.
    #[arg(long, env = "MCPD_CENTRAL_URL", value_name = "URL", global = true)]
    pub central_url: Option<String>,
    /// Whether mcpd may fetch from this machine, also by plain http; default: only where it listens on a loopback
    /// address itself.
    #[arg(long, env = "MCPD_ALLOW_LOOPBACK_FETCH", value_name = "BOOL", global = true)]
    pub allow_loopback_fetch: Option<bool>,
    /// Client id shown to authorization servers that read client metadata documents; default: `/oauth/client.json` under
    /// an `https` public URL.
    #[arg(long, env = "MCPD_OAUTH_CLIENT_ID_URL", value_name = "URL", global = true)]
    pub oauth_client_id_url: Option<String>,
    /// The Docker engine that runs servers: `unix:///…`, or `tcp://host:port`.
    #[arg(long, env = "DOCKER_HOST", value_name = "URL", default_value = "unix:///var/run/docker.sock", global = true)]
    pub docker_host: String,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem` for an engine that is reached by TLS.
    #[arg(long, env = "DOCKER_CERT_PATH", value_name = "FOLDER", global = true)]
    pub docker_certificates: Option<PathBuf>,
    /// Address of the engine's machine at which gateways reach containers that may connect to others.
    #[arg(long, env = "MCPD_INSTANCE_PUBLISH", value_name = "ADDRESS", default_value = "127.0.0.1", global = true)]
    pub instance_publish: IpAddr,
    /// File that says how to reach the Kubernetes cluster that runs servers; default: the cluster in which mcpd runs.
    #[arg(long, env = "KUBECONFIG", value_name = "FILE", global = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Form of the log on standard error.
    #[arg(long, env = "MCPD_LOG_FORMAT", value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
}

/// Form of the log.
#[derive(Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Settings {
    /// The URL of the database, the default included.
    pub(crate) fn database_url(&self) -> String {
        match self.database_url.as_deref() {
            Some(url) if !url.is_empty() => url.to_owned(),
            _ => format!("sqlite:{}", self.home.join("mcpd.db").display()),
        }
    }

    /// Where others reach mcpd, which listens on `address`. Absent: only programs do.
    ///
    /// # Errors
    /// The public URL, if it is none.
    pub(crate) fn addresses(&self, address: SocketAddr) -> Result<Option<Addresses>, String> {
        let client_id = self.oauth_client_id_url.clone().filter(|url| !url.is_empty());
        match self.public_url.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => Addresses::new(url, client_id).map(Some).ok_or_else(|| url.to_owned()),
            None => Ok(Addresses::new(&format!("http://{address}"), client_id)),
        }
    }

    /// Where local gateways reach the central one. Absent: there is none.
    ///
    /// # Errors
    /// The central URL, if it is none: what users show there must not travel in the clear.
    pub(crate) fn central(&self) -> Result<Option<Url>, String> {
        let Some(text) = self.central_url.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let url = Url::parse(text).ok().filter(|url| is_protected(url) && url.has_host());
        url.map(Some).ok_or_else(|| text.to_owned())
    }

    /// Whether this machine may be fetched from.
    pub(crate) fn trusts_loopback(&self, address: SocketAddr) -> bool {
        self.allow_loopback_fetch.unwrap_or_else(|| address.ip().is_loopback())
    }

    /// Where servers are run.
    pub(crate) fn engines(&self) -> EngineSettings {
        EngineSettings {
            docker_host: self.docker_host.clone(),
            docker_certificates: self.docker_certificates.clone(),
            publish: self.instance_publish,
            kubeconfig: self.kubeconfig.clone(),
        }
    }

    /// Where the master keys are, the current one first.
    ///
    /// # Errors
    /// When one of the names is none.
    pub(crate) fn key_sources(&self) -> Result<Vec<Box<dyn KeySource>>, MasterKeyError> {
        let first = match self.master_key_source.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => self.key_source(name)?,
            None => secrets::file_source(&self.master_key_file()),
        };
        let older = self.old_master_key_sources.iter().filter(|name| !name.is_empty());
        std::iter::once(Ok(first)).chain(older.map(|name| self.key_source(name))).collect()
    }

    fn key_source(&self, name: &str) -> Result<Box<dyn KeySource>, MasterKeyError> {
        secrets::named_source(name, self.vault_token_file.as_deref())
    }

    /// The file with the master key, the default included.
    pub(crate) fn master_key_file(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.home.join("master-key"))
    }
}

/// Where others reach mcpd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Without a slash at the end.
    public: String,
    client_id: Option<String>,
}

impl Addresses {
    /// From the public URL; none if it is not `https` or this machine's own.
    pub(crate) fn new(public: &str, client_id: Option<String>) -> Option<Self> {
        let url = Url::parse(public).ok()?;
        (is_protected(&url) && url.has_host())
            .then(|| Self { public: url.as_str().trim_end_matches('/').to_owned(), client_id })
    }

    /// The public URL: what access tokens of issuers for the API are issued for.
    pub(crate) fn resource(&self) -> &str {
        &self.public
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        Url::parse(&self.public).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    /// Whether browsers speak TLS with us.
    pub(crate) fn is_https(&self) -> bool {
        self.public.starts_with("https:")
    }

    /// Whether only browsers on this machine can follow our links.
    pub(crate) fn is_local(&self) -> bool {
        Url::parse(&self.public).is_ok_and(|url| is_loopback(&url))
    }

    /// The path under which mcpd is reached, without a slash at the end.
    pub(crate) fn path(&self) -> String {
        Url::parse(&self.public).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
    }

    /// The page on which a server is connected.
    pub(crate) fn connect(&self, server: &Name) -> String {
        format!("{}/connect/{server}", self.public)
    }

    /// Where authorization servers send browsers back to.
    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/oauth/callback", self.public)
    }

    /// Our client id where metadata documents are read, if ours can be.
    pub(crate) fn client_id(&self) -> Option<String> {
        self.client_id.clone().or_else(|| self.is_https().then(|| format!("{}/oauth/client.json", self.public)))
    }
}

/// Whether what is sent to `url` travels by TLS or stays on this machine, and the URL is no more than a place.
fn is_protected(url: &Url) -> bool {
    let secure = url.scheme() == "https" || url.scheme() == "http" && is_loopback(url);
    secure && url.query().is_none() && url.fragment().is_none() && url.username().is_empty()
}

fn default_home() -> PathBuf {
    std::env::var_os("HOME").map_or_else(PathBuf::new, PathBuf::from).join(".mcpctl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default_under_the_home_folder() {
        let line = CommandLine::try_parse_from(["mcpd", "--home", "/srv/mcpctl"]).unwrap();
        assert_eq!(line.settings.master_key_file(), PathBuf::from("/srv/mcpctl/master-key"));
        assert!(line.command.is_none());
    }

    #[test]
    fn browsers_reach_mcpd_by_https_or_on_this_machine() {
        let line = CommandLine::try_parse_from(["mcpd", "--home", "/srv"]).unwrap();
        let at = |address: &str| line.settings.addresses(address.parse().unwrap()).unwrap();
        assert_eq!(at("127.0.0.1:3000").unwrap().redirect_uri(), "http://127.0.0.1:3000/oauth/callback");
        assert_eq!(at("127.0.0.1:3000").unwrap().client_id(), None);
        assert_eq!(at("0.0.0.0:3000"), None);
        for bad in ["http://mcpd.example", "mcpd.example", "https://x/?q", "javascript:1"] {
            assert_eq!(Addresses::new(bad, None), None, "{bad}");
        }
        let company = Addresses::new("https://mcpd.example/admin/", None).unwrap();
        assert_eq!(company.connect(&"jira".parse().unwrap()), "https://mcpd.example/admin/connect/jira");
        assert_eq!(company.client_id().unwrap(), "https://mcpd.example/admin/oauth/client.json");
        assert_eq!((company.origin().as_str(), company.path().as_str()), ("https://mcpd.example", "/admin"));
    }

    #[test]
    fn the_central_gateway_is_reached_by_tls_or_on_this_machine() {
        let central = |url: &str| {
            let line = CommandLine::try_parse_from(["mcpd", "--home", "/srv", "--central-url", url]).unwrap();
            line.settings.central().map(|url| url.map(String::from))
        };
        assert_eq!(central(""), Ok(None));
        assert_eq!(central("https://mcp.example/gw"), Ok(Some("https://mcp.example/gw".to_owned())));
        assert!(central("http://127.0.0.1:8080").unwrap().is_some());
        for bad in ["http://mcp.example", "mcp.example", "https://u@mcp.example", "https://mcp.example/?x"] {
            assert_eq!(central(bad), Err(bad.to_owned()));
        }
    }

    #[test]
    fn an_empty_database_url_is_none() {
        let line = CommandLine::try_parse_from(["mcpd", "--home", "/srv", "--database-url", ""]).unwrap();
        assert_eq!(line.settings.database_url(), "sqlite:/srv/mcpd.db");
    }
}
