//! Where the files of clients are: the paths of `clients.json`, with the variables of this user and of this system.
//!
//! `${NAME:-DEFAULT}` stands for an environment variable or else its default, `$NAME` for one that must be there.

use serde::Deserialize;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Paths for each system; those of `all` count where a system has none of its own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PerSystem {
    #[serde(default)]
    all: Vec<String>,
    #[serde(default)]
    linux: Vec<String>,
    #[serde(default)]
    macos: Vec<String>,
    #[serde(default)]
    windows: Vec<String>,
}

impl PerSystem {
    /// The paths on `system`, which is called as Rust calls it.
    pub(crate) fn on(&self, system: &str) -> &[String] {
        let own = match system {
            "macos" => &self.macos,
            "windows" => &self.windows,
            _ => &self.linux,
        };
        if own.is_empty() { &self.all } else { own }
    }

    /// The paths on this system; those whose variables are not set are left out.
    pub(crate) fn here(&self, name: &str) -> Vec<PathBuf> {
        let variable = |key: &str| match key {
            "NAME" => Some(name.to_owned()),
            _ => env::var(key).ok().filter(|value| !value.is_empty()),
        };
        self.on(env::consts::OS).iter().filter_map(|path| expand(path, &variable)).map(PathBuf::from).collect()
    }

    /// The first of them that exists below `dir`, else the first.
    pub(crate) fn file(&self, dir: &Path, name: &str) -> Option<PathBuf> {
        let paths: Vec<PathBuf> = self.here(name).iter().map(|path| dir.join(path)).collect();
        paths.iter().find(|path| fs::symlink_metadata(path).is_ok()).or(paths.first()).cloned()
    }
}

/// `text` with its variables; none when one without a default is not set.
fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let Some((before, rest)) = text.split_once('$') else { return Some(text.to_owned()) };
    let (value, after) = if let Some(braced) = rest.strip_prefix('{') {
        let (inner, after) = braced.split_once('}')?;
        let (name, default) = inner.split_once(":-")?;
        (variable(name).or_else(|| expand(default, variable))?, after)
    } else {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        (variable(name)?, after)
    };
    Some(format!("{before}{value}{}", expand(after, variable)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::table::{self, Scope};

    fn check(client: &str, system: &str, variables: &[(&str, &str)], expected: &str) {
        let client = table::find(client).unwrap();
        let place = client.place(Some(Scope::User)).unwrap();
        let variable =
            |key: &str| variables.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
        let path = place.files.on(system).iter().find_map(|path| expand(path, &variable));
        assert_eq!(path.as_deref(), Some(expected), "{} on {system}", client.name);
    }

    const LINUX: [(&str, &str); 2] = [("HOME", "/home/u"), ("NAME", "mcpctl-proxy")];
    const MACOS: [(&str, &str); 2] = [("HOME", "/Users/u"), ("NAME", "mcpctl-proxy")];
    const WINDOWS: [(&str, &str); 4] = [
        ("USERPROFILE", r"C:\Users\u"),
        ("APPDATA", r"C:\Users\u\AppData\Roaming"),
        ("LOCALAPPDATA", r"C:\Users\u\AppData\Local"),
        ("NAME", "mcpctl-proxy"),
    ];

    #[test]
    fn files_are_where_each_client_looks_on_linux() {
        check("claude", "linux", &LINUX, "/home/u/.claude.json");
        check("claude-desktop", "linux", &LINUX, "/home/u/.config/claude/claude_desktop_config.json");
        check("vscode", "linux", &LINUX, "/home/u/.config/Code/User/mcp.json");
        check("codex", "linux", &LINUX, "/home/u/.codex/config.toml");
        check("zed", "linux", &LINUX, "/home/u/.config/zed/settings.json");
        check("goose", "linux", &LINUX, "/home/u/.config/goose/config.yaml");
        check("continue", "linux", &LINUX, "/home/u/.continue/mcpServers/mcpctl-proxy.yaml");
        check("crush", "linux", &LINUX, "/home/u/.config/crush/crush.json");
    }

    #[test]
    fn files_are_where_each_client_looks_on_macos() {
        let support = "/Users/u/Library/Application Support";
        check("claude-desktop", "macos", &MACOS, &format!("{support}/Claude/claude_desktop_config.json"));
        check("vscode", "macos", &MACOS, &format!("{support}/Code/User/mcp.json"));
        check("cursor", "macos", &MACOS, "/Users/u/.cursor/mcp.json");
        check("zed", "macos", &MACOS, "/Users/u/.config/zed/settings.json");
        check("lm-studio", "macos", &MACOS, "/Users/u/.lmstudio/mcp.json");
    }

    #[test]
    fn files_are_where_each_client_looks_on_windows() {
        check("claude", "windows", &WINDOWS, r"C:\Users\u\.claude.json");
        check("claude-desktop", "windows", &WINDOWS, r"C:\Users\u\AppData\Roaming\Claude\claude_desktop_config.json");
        check("vscode", "windows", &WINDOWS, r"C:\Users\u\AppData\Roaming\Code\User\mcp.json");
        check("codex", "windows", &WINDOWS, r"C:\Users\u\.codex\config.toml");
        check("goose", "windows", &WINDOWS, r"C:\Users\u\AppData\Roaming\Block\goose\config\config.yaml");
        check("crush", "windows", &WINDOWS, r"C:\Users\u\AppData\Local\crush\crush.json");
        check("windsurf", "windows", &WINDOWS, r"C:\Users\u\.codeium\windsurf\mcp_config.json");
    }

    #[test]
    fn the_clients_own_variables_come_first() {
        check("codex", "linux", &[("CODEX_HOME", "/srv/codex"), ("HOME", "/home/u")], "/srv/codex/config.toml");
        check("claude", "linux", &[("CLAUDE_CONFIG_DIR", "/srv/claude")], "/srv/claude/.claude.json");
        check("zed", "linux", &[("XDG_CONFIG_HOME", "/srv/xdg")], "/srv/xdg/zed/settings.json");
    }

    #[test]
    fn a_path_without_its_variable_is_none() {
        assert_eq!(expand("$HOME/x", &|_| None), None);
        assert_eq!(expand("${A:-$B}/x", &|key| (key == "B").then(|| "/b".to_owned())).as_deref(), Some("/b/x"));
        assert_eq!(expand("plain", &|_| None).as_deref(), Some("plain"));
    }
}
