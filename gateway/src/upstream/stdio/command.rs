//! What is executed for a server, and in which environment.
//!
//! There is no shell, and nothing of a request gets here. The environment begins empty: a short list of the gateway's own
//! variables (where programs and certificates are, language, proxies, package caches), then what the server is given.

use super::super::Endpoint;
use crate::confine::Confined;
use control_plane_api::server::Transport;
use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;

/// The gateway's own variables that every child gets.
const PASSED_ON: [&str; 34] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TERM",
    // Certificates.
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    // The way out.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    // Where `npx`, `uvx` and `pipx` find and keep packages.
    "npm_config_cache",
    "npm_config_registry",
    "npm_config_prefix",
    "NPM_CONFIG_CACHE",
    "NPM_CONFIG_REGISTRY",
    "NPM_CONFIG_USERCONFIG",
    "UV_CACHE_DIR",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_TOOL_DIR",
    "PIP_INDEX_URL",
    "PIP_CERT",
];
/// Prefixes of more such variables: locale and the directories of the desktop standard.
const PASSED_ON_PREFIXES: [&str; 2] = ["LC_", "XDG_"];

/// Directories of the user's own.
const XDG: [&str; 5] = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"];

/// Why a server's command cannot be executed; `Display` says what to do about it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum CommandError {
    /// A bare name that no directory of `PATH` has.
    #[error("command `{command}` was not found in PATH; {hint}")]
    NotFound {
        /// As configured.
        command: String,
        /// What to do.
        hint: &'static str,
    },
    /// A path at which there is nothing.
    #[error("command `{0}` does not exist; check the server's `command`")]
    Missing(String),
    /// Something is there, and it is no program.
    #[error("command `{0}` is not an executable file; check the server's `command` and the file's permissions")]
    NotExecutable(String),
    /// The configuration holds something no process can be given.
    #[error("{0} holds a NUL character; check the server's configuration")]
    Nul(&'static str),
    /// It cannot be confined as it is configured.
    #[error("{0}")]
    Unconfined(String),
}

/// The command of `endpoint`, ready to be spawned in a process group of its own.
///
/// # Errors
/// [`CommandError`] when there is no such program.
pub(super) fn of(endpoint: &Endpoint) -> Result<Command, CommandError> {
    let Transport::Stdio { command: name, args, sandbox, .. } = &endpoint.spec.transport else {
        return Err(CommandError::Missing(String::new()));
    };
    if name.contains('\0') || args.iter().any(|arg| arg.contains('\0')) {
        return Err(CommandError::Nul("the command line"));
    }
    if endpoint
        .values
        .iter()
        .any(|(key, value)| key.contains('\0') || key.contains('=') || value.expose().contains('\0'))
    {
        return Err(CommandError::Nul("the environment"));
    }
    let program = resolve(name, env::var_os("PATH").as_deref())?;
    let confined = endpoint.confiner.command(&endpoint.name, sandbox, (&program, args));
    let Confined { mut command, home } = confined.map_err(CommandError::Unconfined)?;
    command.env_clear().envs(passed_on());
    if let Some(home) = home {
        // What is told of the user's own directories is of no use where they cannot be reached.
        for variable in XDG {
            command.env_remove(variable);
        }
        command.env("HOME", &home).env("TMPDIR", &home);
    }
    command.envs(endpoint.values.iter().map(|(key, value)| (key, value.expose())));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    Ok(command)
}

/// What is missing of the confinement that `endpoint` asks for, for people.
pub(super) fn shortfall(endpoint: &Endpoint) -> Option<String> {
    match &endpoint.spec.transport {
        Transport::Stdio { sandbox, .. } => endpoint.confiner.shortfall(sandbox),
        Transport::Http { .. } => None,
    }
}

/// The file that `command` names.
pub(crate) fn resolve(command: &str, path: Option<&OsStr>) -> Result<PathBuf, CommandError> {
    if command.contains('/') {
        let file = PathBuf::from(command);
        return match (file.is_file(), is_executable(&file)) {
            (true, true) => Ok(file),
            (_, false) if file.exists() => Err(CommandError::NotExecutable(command.to_owned())),
            _ => Err(CommandError::Missing(command.to_owned())),
        };
    }
    let found = path.into_iter().flat_map(env::split_paths).map(|dir| dir.join(command));
    let not_found = || CommandError::NotFound { command: command.to_owned(), hint: hint(command) };
    if command.is_empty() {
        return Err(not_found());
    }
    found.into_iter().find(|file| is_executable(file)).ok_or_else(not_found)
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

fn hint(command: &str) -> &'static str {
    match command {
        "npx" | "npm" | "node" => "install Node.js 22 or newer, or give the absolute path",
        "uvx" | "uv" => "install uv (docs.astral.sh/uv), or give the absolute path",
        "python" | "python3" | "pipx" => "install Python 3, or give the absolute path",
        "docker" | "podman" => "install a container engine, or give the absolute path",
        _ => "install it, or give the absolute path",
    }
}

/// The gateway's own variables that every child gets.
pub(crate) fn passed_on() -> impl Iterator<Item = (OsString, OsString)> {
    inherited(env::vars_os())
}

/// The variables of `all` that every child gets.
fn inherited(all: impl Iterator<Item = (OsString, OsString)>) -> impl Iterator<Item = (OsString, OsString)> {
    all.filter(|(key, _)| key.to_str().is_some_and(is_passed_on))
}

/// Whether the gateway's variable `key` is one that every child gets.
fn is_passed_on(key: &str) -> bool {
    PASSED_ON.contains(&key) || PASSED_ON_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str) -> Result<PathBuf, CommandError> {
        resolve(command, Some(OsStr::new("/nonexistent:/usr/bin:/bin")))
    }

    #[test]
    fn a_bare_name_is_looked_up_and_a_path_is_taken_as_it_is() {
        assert!(check("sh").unwrap().is_absolute());
        assert_eq!(check("/bin/sh"), Ok(PathBuf::from("/bin/sh")));
    }

    #[test]
    fn what_cannot_run_says_what_to_do() {
        let error = check("npx-that-is-not-there").unwrap_err();
        assert_eq!(
            error.to_string(),
            "command `npx-that-is-not-there` was not found in PATH; install it, or give the absolute path"
        );
        assert!(hint("npx").contains("Node.js"));
        assert_eq!(check("/no/such"), Err(CommandError::Missing("/no/such".to_owned())));
        assert_eq!(check("/etc/passwd"), Err(CommandError::NotExecutable("/etc/passwd".to_owned())));
        assert_eq!(check("/tmp"), Err(CommandError::NotExecutable("/tmp".to_owned())));
        assert!(check("").is_err());
    }

    #[test]
    fn only_the_listed_variables_are_passed_on() {
        let all = ["PATH", "LC_ALL", "XDG_CACHE_HOME", "AWS_SECRET_ACCESS_KEY", "MCPD_URL", "PATHX"];
        let kept: Vec<_> = inherited(all.iter().map(|key| (OsString::from(key), OsString::new()))).collect();
        assert_eq!(kept.iter().map(|(key, _)| key.to_str().unwrap()).collect::<Vec<_>>(), all[..3]);
    }
}
