//! The clients mcpctl can connect to a project, as data: `clients.json` says where each keeps its configuration, in which
//! format, under which key, what an entry looks like, and how the user approves it.
//!
//! A client that fits the formats is a new object in that file. It reads no file of any client.

use super::place::PerSystem;
use crate::{failure::Failure, suggest};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const SOURCE: &str = include_str!("clients.json");

/// One client.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    /// What it is called here.
    pub name: String,
    /// What its makers call it.
    pub title: String,
    /// Whether it is started from a desktop, where PATH is not the shell's.
    #[serde(default)]
    pub graphical: bool,
    /// Its programs, looked for in PATH.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Files and folders that are there once it was installed or run.
    #[serde(default)]
    pub marks: PerSystem,
    /// The format of its files.
    pub format: Format,
    /// The key its servers stand under.
    pub servers: String,
    /// What else stands in a file that is ours alone.
    #[serde(default)]
    pub document: Map<String, Value>,
    /// Where its files are; the first is taken unless another one is asked for.
    pub scopes: Vec<Place>,
    /// An entry that starts the bridge.
    pub stdio: Map<String, Value>,
    /// An entry that names the gateway's URL; none where the file cannot say that.
    pub http: Option<Http>,
    /// What the user does next.
    approve: String,
}

/// A file of a client.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// For whom it counts.
    pub scope: Scope,
    /// Its paths: the first one that exists, else the first one. Those of a project are below its folder.
    pub files: PerSystem,
    /// What the user does next, where that is not the same everywhere.
    approve: Option<String>,
}

/// An entry for Streamable HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    /// Where the client has its credential from.
    pub credential: Credential,
    /// The entry.
    pub entry: Map<String, Value>,
}

/// Where a client has a credential for the gateway from, other than its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Credential {
    /// It runs a command that prints headers.
    Helper,
    /// It logs in itself, where an issuer is configured.
    Oauth,
    /// Nowhere: the token would have to be in the file.
    None,
}

/// For whom a file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Whoever works in a folder
    Project,
    /// This user, in every folder
    User,
}

impl Scope {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::User => "user",
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// JSON, strictly.
    Json,
    /// JSON with comments and trailing commas.
    Jsonc,
    /// TOML.
    Toml,
    /// YAML, the servers by name.
    Yaml,
    /// YAML, one file a server.
    YamlFile,
}

impl Format {
    /// What people call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Json | Self::Jsonc => "JSON",
            Self::Toml => "TOML",
            Self::Yaml | Self::YamlFile => "YAML",
        }
    }
}

impl Client {
    /// Its file for `scope`.
    pub(crate) fn place(&self, scope: Option<Scope>) -> Result<&Place, Failure> {
        let found = match scope {
            None => self.scopes.first(),
            Some(scope) => self.scopes.iter().find(|place| place.scope == scope),
        };
        found.ok_or_else(|| {
            let word = scope.map_or("any", Scope::word);
            let others: Vec<String> =
                self.scopes.iter().map(|place| format!("`--scope {}`", place.scope.word())).collect();
            Failure::usage(format!("{} has no configuration of scope `{word}`", self.title))
                .hint(format!("it has {}", others.join(" and ")))
        })
    }

    /// What the user does after an entry was written to `place`.
    pub(crate) fn approval(&self, place: &Place, dir: &str, file: &str, name: &str) -> String {
        let text = place.approve.as_ref().unwrap_or(&self.approve);
        text.replace("$DIR", dir).replace("$FILE", file).replace("$NAME", name)
    }

    /// The members that an entry of ours may have.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        let http = self.http.iter().flat_map(|http| http.entry.keys());
        self.stdio.keys().chain(http).map(String::as_str)
    }
}

/// Every client.
pub(crate) fn all() -> Result<Vec<Client>, Failure> {
    serde_json::from_str(SOURCE).map_err(|error| Failure::failed(format!("the table of clients is damaged: {error}")))
}

/// The client called `name`.
pub(crate) fn find(name: &str) -> Result<Client, Failure> {
    let clients = all()?;
    let names: Vec<String> = clients.iter().map(|client| client.name.clone()).collect();
    clients.into_iter().find(|client| client.name == name).ok_or_else(|| {
        let failure = Failure::not_found(format!("`{name}` is no client that mcpctl knows"));
        match suggest::closest(name, names.iter().map(String::as_str)) {
            Some(closest) => failure.hint(format!("did you mean `{closest}`?")),
            None => failure.hint(format!("it knows {}", names.join(", "))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_client_is_named_once_and_says_where_its_files_are_on_every_system() {
        let clients = all().unwrap();
        let names: BTreeSet<&str> = clients.iter().map(|client| client.name.as_str()).collect();
        assert_eq!(names.len(), clients.len());
        for client in &clients {
            assert!(!client.scopes.is_empty(), "{}", client.name);
            for (system, place) in
                ["linux", "macos", "windows"].iter().flat_map(|s| client.scopes.iter().map(move |p| (s, p)))
            {
                assert!(!place.files.on(system).is_empty(), "{} on {system}", client.name);
            }
            assert!(!client.approve.is_empty());
        }
    }

    #[test]
    fn the_clients_of_the_help_are_there_and_a_slip_is_recognised() {
        assert_eq!(find("codex").unwrap().servers, "mcp_servers");
        assert_eq!(find("cursr").unwrap_err().hint.as_deref(), Some("did you mean `cursor`?"));
        assert!(find("emacs").unwrap_err().hint.unwrap().contains("vscode"));
    }

    #[test]
    fn a_scope_a_client_does_not_have_is_refused() {
        let failure = find("windsurf").unwrap().place(Some(Scope::Project)).unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("it has `--scope user`"));
        assert_eq!(find("cursor").unwrap().place(None).unwrap().scope, Scope::Project);
    }
}
