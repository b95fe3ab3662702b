//! What a gateway is told at its start: command line and environment, nothing else.
//!
//! Read once in `main`; every part gets the values it needs, none reads the environment itself. What an
//! administrator changes at run time (servers, profiles, limits) is configuration and comes from [`crate::config`].
//!
//! ```
//! use clap::Parser as _;
//! let settings = gateway::settings::Settings::try_parse_from(["mcp-gateway", "--role", "central"])?;
//! assert_eq!(settings.listen().to_string(), "127.0.0.1:8080");
//! assert!(settings.allows_host("localhost:8080") && !settings.allows_host("evil.example"));
//! # Ok::<(), clap::Error>(())
//! ```

mod state_dir;
mod telemetry;
mod tier;

pub use state_dir::{StateDir, StateDirError};
pub(crate) use state_dir::{make_private, replace_file, sync_parent};
pub use telemetry::{AccessLogTarget, NoCollector, TelemetrySettings};
pub use tier::{Key, TierKind, TierSettings};

use crate::audit::Mode;
use control_plane_api::{gateway::GatewayRole, name::Name};
use http::uri::Authority;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};
use url::Url;

/// Names under which a machine reaches itself.
const LOOPBACK_HOSTS: &str = "localhost,127.0.0.1,[::1]";
const LOOPBACK_ORIGINS: &str = "http://localhost,http://127.0.0.1,http://[::1]";

/// Command line and environment of `mcp-gateway`.
#[derive(Debug, Clone, clap::Parser)]
#[command(
    name = "mcp-gateway",
    version,
    about = "The data plane of mcpctl: MCP clients on one side, MCP servers on the other"
)]
pub struct Settings {
    /// Preset: `local` on a developer's machine, `central` for a company.
    #[arg(long, env = "MCP_GATEWAY_ROLE", default_value = "local", value_parser = role)]
    pub role: GatewayRole,
    /// Name of this gateway in the control plane.
    #[arg(long, env = "MCP_GATEWAY_NAME", default_value = "local")]
    pub name: Name,
    /// Address for clients [default: 127.0.0.1:9229 as local, 127.0.0.1:8080 as central].
    #[arg(long = "listen", env = "MCP_GATEWAY_LISTEN")]
    pub listen_given: Option<SocketAddr>,
    /// URL by which clients reach this gateway, without a path; what access tokens are issued for
    /// [default: http://, and the address for clients].
    #[arg(long = "public-url", env = "MCP_GATEWAY_PUBLIC_URL", value_parser = public_url)]
    pub public_url_given: Option<String>,
    /// Address for health, readiness and metrics.
    #[arg(long, env = "MCP_GATEWAY_ADMIN_LISTEN", default_value = "127.0.0.1:0")]
    pub admin_listen: SocketAddr,
    /// URL of the control plane, or of several of its replicas with commas between: when one fails, the next is asked.
    #[arg(long, env = "MCPD_URL", value_delimiter = ',', default_value = "http://127.0.0.1:3000")]
    pub mcpd_url: Vec<Url>,
    /// File that holds a join token; read and deleted when the gateway enrols.
    #[arg(long, env = "MCP_GATEWAY_JOIN_TOKEN_FILE")]
    pub join_token_file: Option<PathBuf>,
    /// File with the key (64 hex digits) that seals cursors, request states and task ids; the same on every replica
    /// behind one address [default: one of its own in the state directory].
    #[arg(long, env = "MCP_GATEWAY_STATE_KEY_FILE")]
    pub state_key_file: Option<PathBuf>,
    /// Directory of everything mcpctl keeps [default: ~/.mcpctl].
    #[arg(long = "home", env = "MCPCTL_HOME")]
    pub home_given: Option<PathBuf>,
    /// JSON file with a snapshot, watched for changes, instead of a control plane.
    #[arg(long, env = "MCP_GATEWAY_CONFIG_FILE")]
    pub config_file: Option<PathBuf>,
    /// Host names by which clients may address this gateway, without ports.
    #[arg(long, env = "MCP_GATEWAY_ALLOWED_HOSTS", value_delimiter = ',', default_value = LOOPBACK_HOSTS)]
    pub allowed_hosts: Vec<String>,
    /// Origins whose web pages may call this gateway; one without a port stands for every port.
    #[arg(long, env = "MCP_GATEWAY_ALLOWED_ORIGINS", value_delimiter = ',', default_value = LOOPBACK_ORIGINS)]
    pub allowed_origins: Vec<String>,
    /// Directory of the relevance model [default: models/all-MiniLM-L6-v2 in the home directory].
    #[arg(long = "model-dir", env = "MCP_GATEWAY_MODEL_DIR")]
    pub model_dir_given: Option<PathBuf>,
    /// What judges the records relevance filtering is least sure of.
    #[command(flatten)]
    pub tier: TierSettings,
    /// Whether a call waits until its audit record is on disk (`strict`), or a crash may lose the last moment (`relaxed`).
    #[arg(long, env = "MCP_GATEWAY_AUDIT_MODE", value_enum, default_value_t)]
    pub audit_mode: Mode,
    /// The program that confines the processes of servers [default: this one].
    #[arg(long = "confiner", hide = true)]
    pub confiner_given: Option<PathBuf>,
    /// Where traces and the access log go.
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
    /// How log lines look.
    #[arg(long, env = "MCP_GATEWAY_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The home directory is neither given nor known.
#[derive(Debug, thiserror::Error)]
#[error("the home directory of this user is unknown: set `MCPCTL_HOME`")]
pub struct HomeUnknown;

impl Settings {
    /// Where clients connect.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        let port = match self.role {
            GatewayRole::Local => 9229,
            GatewayRole::Central => 8080,
        };
        self.listen_given.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// The URL by which clients reach a gateway that listens on `address`: scheme, host and port.
    #[must_use]
    pub fn public_url(&self, address: SocketAddr) -> String {
        self.public_url_given.clone().unwrap_or_else(|| format!("http://{address}"))
    }

    /// Where mcpctl keeps everything.
    ///
    /// # Errors
    /// [`HomeUnknown`] when it is neither given nor known to the system.
    pub fn home(&self) -> Result<PathBuf, HomeUnknown> {
        match &self.home_given {
            Some(home) => Ok(home.clone()),
            None => std::env::home_dir().map(|home| home.join(".mcpctl")).ok_or(HomeUnknown),
        }
    }

    /// Where this gateway keeps its identity, its last-known-good configuration and its audit spool.
    ///
    /// # Errors
    /// [`HomeUnknown`], see [`Settings::home`].
    pub fn state_path(&self) -> Result<PathBuf, HomeUnknown> {
        Ok(self.home()?.join("gateway").join(self.name.as_str()))
    }

    /// Where the relevance model is looked for.
    ///
    /// # Errors
    /// [`HomeUnknown`], see [`Settings::home`].
    pub fn model_dir(&self) -> Result<PathBuf, HomeUnknown> {
        match &self.model_dir_given {
            Some(dir) => Ok(dir.clone()),
            None => Ok(self.home()?.join("models").join("all-MiniLM-L6-v2")),
        }
    }

    /// The program that is started in place of a server's command, and confines itself before it starts that.
    ///
    /// # Errors
    /// When this program does not know where it lies.
    pub fn confiner(&self) -> std::io::Result<PathBuf> {
        match &self.confiner_given {
            Some(given) => Ok(given.clone()),
            // Leads to the program that runs, also after another one was installed in its place.
            None if cfg!(target_os = "linux") => Ok(PathBuf::from("/proc/self/exe")),
            None => std::env::current_exe(),
        }
    }

    /// Whether a request whose `Host` is `host` (name, optional port) is meant for this gateway. What is not a plain
    /// authority is not: a page that rebinds its own name to this address is refused here.
    #[must_use]
    pub fn allows_host(&self, host: &str) -> bool {
        let Some((name, _)) = authority(host) else {
            return false;
        };
        self.allowed_hosts.iter().any(|allowed| allowed.trim().eq_ignore_ascii_case(&name))
    }

    /// [`Self::allows_host`] for a listener that is also asked by its address, as probes and scrapers do: `dialled` is the
    /// address a connection came to. No page can rebind an address.
    #[must_use]
    pub fn allows_host_at(&self, host: &str, dialled: Option<IpAddr>) -> bool {
        let address = authority(host).and_then(|(name, _)| name.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        self.allows_host(host) || (address.is_some_and(|address| !address.is_unspecified()) && address == dialled)
    }

    /// Whether a web page of `origin` may call this gateway.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        let Some((scheme, name, port)) = split_origin(origin) else {
            return false;
        };
        self.allowed_origins
            .iter()
            .filter_map(|allowed| split_origin(allowed.trim()))
            .any(|allowed| allowed.0 == scheme && allowed.1 == name && (allowed.2.is_none() || allowed.2 == port))
    }
}

/// Lower-case name and port of `host:port`; none for anything that is more or less than that.
fn authority(text: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = text.parse().ok()?;
    if text.contains('@') || authority.host().is_empty() {
        return None;
    }
    Some((authority.host().to_ascii_lowercase(), authority.port_u16()))
}

fn split_origin(text: &str) -> Option<(String, String, Option<u16>)> {
    let (scheme, rest) = text.split_once("://")?;
    let (name, port) = authority(rest)?;
    Some((scheme.to_ascii_lowercase(), name, port))
}

/// Lower case, without a trailing slash: the form in which a client's URL is compared (RFC 8707 §2).
fn public_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let plain = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && bare && plain {
        Ok(url.origin().ascii_serialization())
    } else {
        Err("use a URL such as `https://mcp.example.com`, without a path".to_owned())
    }
}

fn role(text: &str) -> Result<GatewayRole, String> {
    match text {
        "local" => Ok(GatewayRole::Local),
        "central" => Ok(GatewayRole::Central),
        _ => Err("use `local` or `central`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn check(args: &[&str]) -> Settings {
        Settings::try_parse_from(["mcp-gateway"].iter().chain(args)).unwrap()
    }

    #[test]
    fn the_role_decides_the_address_unless_one_is_given() {
        assert_eq!(check(&["--role", "local"]).listen().port(), 9229);
        assert_eq!(check(&["--role", "central"]).listen().port(), 8080);
        assert_eq!(check(&["--role", "central", "--listen", "127.0.0.1:1"]).listen().port(), 1);
        assert!(Settings::try_parse_from(["mcp-gateway", "--role", "both"]).is_err());
        assert!(Settings::try_parse_from(["mcp-gateway", "--name", "../x"]).is_err());
    }

    #[test]
    fn the_public_url_is_the_address_unless_one_is_given() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9229));
        assert_eq!(check(&[]).public_url(address), "http://127.0.0.1:9229");
        for (given, taken) in [("HTTPS://MCP.example:443/", "https://mcp.example"), ("http://[::1]:80", "http://[::1]")]
        {
            assert_eq!(check(&["--public-url", given]).public_url(address), taken);
        }
        for bad in
            ["mcp.example", "https://mcp.example/x", "https://mcp.example/?x", "ftp://mcp.example", "https://u@h"]
        {
            assert!(Settings::try_parse_from(["mcp-gateway", "--public-url", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_control_plane_may_have_several_urls() {
        assert_eq!(check(&[]).mcpd_url.len(), 1);
        let settings = check(&["--mcpd-url", "https://a.example,https://b.example/x"]);
        assert_eq!(
            settings.mcpd_url.iter().map(Url::as_str).collect::<Vec<_>>(),
            ["https://a.example/", "https://b.example/x"]
        );
        assert!(Settings::try_parse_from(["mcp-gateway", "--mcpd-url", "https://a.example,b"]).is_err());
    }

    #[test]
    fn everything_lives_under_the_home_directory() {
        let settings = check(&["--home", "/h", "--name", "berlin"]);
        assert_eq!(settings.state_path().unwrap(), PathBuf::from("/h/gateway/berlin"));
        assert_eq!(settings.model_dir().unwrap(), PathBuf::from("/h/models/all-MiniLM-L6-v2"));
    }

    #[test]
    fn only_listed_hosts_are_served() {
        let settings = check(&[]);
        for good in ["localhost", "LOCALHOST:9229", "127.0.0.1:9229", "[::1]:1"] {
            assert!(settings.allows_host(good), "{good}");
        }
        for bad in ["", "evil.example", "localhost.evil.example", "a/?x#", "user@localhost", "localhost:9229/x", ":80"]
        {
            assert!(!settings.allows_host(bad), "{bad}");
        }
        assert!(check(&["--allowed-hosts", "mcp.example, gw"]).allows_host("gw:80"));
    }

    #[test]
    fn an_address_is_admitted_where_it_was_dialled() {
        let (settings, dialled) = (check(&[]), Some(IpAddr::from([10, 0, 0, 7])));
        for good in ["10.0.0.7:9090", "10.0.0.7", "localhost:9090"] {
            assert!(settings.allows_host_at(good, dialled), "{good}");
        }
        for bad in ["10.0.0.8:9090", "evil.example", "0.0.0.0:9090", "10.0.0.7.evil.example", "x@10.0.0.7"] {
            assert!(!settings.allows_host_at(bad, dialled), "{bad}");
        }
        assert!(settings.allows_host_at("[fd00::7]:1", "fd00::7".parse().ok()));
        assert!(!settings.allows_host_at("0.0.0.0", "0.0.0.0".parse().ok()));
        assert!(!settings.allows_host_at("10.0.0.7", None));
    }

    #[test]
    fn only_listed_origins_may_call() {
        let settings = check(&["--allowed-origins", "https://a.example:8443,http://localhost"]);
        for good in ["https://a.example:8443", "http://localhost", "http://localhost:5173"] {
            assert!(settings.allows_origin(good), "{good}");
        }
        for bad in
            ["null", "https://a.example", "https://localhost", "http://localhost.evil.example", "http://x@localhost"]
        {
            assert!(!settings.allows_origin(bad), "{bad}");
        }
    }
}
