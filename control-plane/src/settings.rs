//! What mcpd is told at start: the command line, the environment, and where things lie by default.

use crate::http::LOOPBACK_HOSTS;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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
#[derive(Clone, Copy, Subcommand)]
pub enum Command {
    /// Print the OpenAPI document of the REST API.
    Openapi,
    /// Issue a new token for the user `admin` and write it to `$MCPCTL_HOME/admin-token`; the old one ends.
    ResetAdminToken,
}

/// Where mcpd listens and keeps things. No Debug: the database URL may hold a password.
#[derive(Clone, Args)]
pub struct Settings {
    /// Address and port of the REST API; port 0 takes a free one, see `$MCPCTL_HOME/mcpd.addr`.
    #[arg(long, env = "MCPD_LISTEN", default_value = "127.0.0.1:3000", value_name = "ADDRESS:PORT", global = true)]
    pub listen: String,
    /// Host names by which this control plane may be addressed, without ports; a reverse proxy's public name belongs here.
    #[arg(long, env = "MCPD_ALLOWED_HOSTS", value_delimiter = ',', default_value = LOOPBACK_HOSTS, value_name = "NAME", global = true)]
    pub allowed_hosts: Vec<String>,
    /// `postgres://…` or `sqlite:…`; default: the file `mcpd.db` in the home folder.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", global = true)]
    pub database_url: Option<String>,
    /// Folder for the database, the master key and the first token; created readable by its owner only.
    #[arg(long, env = "MCPCTL_HOME", value_name = "FOLDER", default_value_os_t = default_home(), global = true)]
    pub home: PathBuf,
    /// File with the master key, 64 hex digits; default: `master-key` in the home folder, made at first start.
    #[arg(long, env = "MCPD_MASTER_KEY_FILE", value_name = "FILE", global = true)]
    pub master_key_file: Option<PathBuf>,
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

    /// The file with the master key, the default included.
    pub(crate) fn master_key_file(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.home.join("master-key"))
    }
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
    fn an_empty_database_url_is_none() {
        let line = CommandLine::try_parse_from(["mcpd", "--home", "/srv", "--database-url", ""]).unwrap();
        assert_eq!(line.settings.database_url(), "sqlite:/srv/mcpd.db");
    }
}
