//! The log of this process: lines on standard error, without the credentials it was started with and without any token of
//! ours, whoever wrote them, panics included.
//!
//! Secrets of servers are not among what is looked for: they are kept encrypted, opened for one use each, and have a type
//! that nothing can print. A matcher for them would have to keep all of them in the open for as long as mcpd runs.

use crate::settings::{Command, CommandLine, DbCommand, LogFormat, Settings};
use percent_encoding::percent_decode_str;
use scrubber::{Credential, Scrubber, Secret, log::Scrubbed};
use std::{
    env, fs,
    io::{self, IsTerminal as _},
};
use tracing_subscriber::EnvFilter;
use url::Url;

/// Begins to log as `line` says; `MCPD_LOG` takes a filter such as `debug` or `control_plane=trace`.
pub fn start(line: &CommandLine) {
    let filter = EnvFilter::try_from_env("MCPD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let scrubber = Scrubber::default();
    let unscrubbed = scrubber.replace(credentials(line)).err();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Scrubbed::new(scrubber, io::stderr));
    match line.settings.log_format {
        LogFormat::Text => log.with_target(false).with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
    // A panic may quote what it was about.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    if let Some(error) = unscrubbed {
        tracing::warn!("the log is not searched for the credentials mcpd was started with: {error}");
    }
}

/// What mcpd was started with that no line may hold.
fn credentials(line: &CommandLine) -> Vec<Credential> {
    let settings = &line.settings;
    let target = match &line.command {
        Some(Command::Db(DbCommand::Move { to })) => Some(to),
        _ => None,
    };
    let databases = settings.database_url.iter().chain(target).filter_map(|url| password(url));
    let databases = databases.map(|value| ("database-password", value));
    let vault = vault_token(settings).map(|value| ("vault-token", value));
    let keys = key_variables(settings).filter_map(|name| env::var(name).ok()).map(|value| ("master-key", value));
    let all = databases.chain(vault).chain(keys);
    all.map(|(name, value)| Credential { name: name.into(), value: Secret::new(value) }).collect()
}

/// The password in a database's URL, decoded (RFC 3986 §3.2.1).
fn password(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let named = url.query_pairs().find(|(name, _)| name == "password").map(|(_, value)| value.into_owned());
    named.or_else(|| url.password().map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned()))
}

/// The token that the key management service is asked with.
fn vault_token(settings: &Settings) -> Option<String> {
    match &settings.vault_token_file {
        Some(file) => fs::read_to_string(file).ok(),
        None => env::var("VAULT_TOKEN").ok(),
    }
}

/// The environment variables that hold master keys.
fn key_variables(settings: &Settings) -> impl Iterator<Item = &str> {
    let sources = settings.master_key_source.iter().chain(&settings.old_master_key_sources);
    sources.filter_map(|source| source.strip_prefix("env:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn check(url: &str, expected: Option<&str>) {
        assert_eq!(password(url).as_deref(), expected, "{url}");
    }

    #[test]
    fn the_password_of_a_database_is_known_decoded() {
        check("postgres://mcpd:p%40ss%2Fword@db/mcpd", Some("p@ss/word"));
        check("postgres://db/mcpd?user=mcpd&password=p%40ss", Some("p@ss"));
        check("postgres://mcpd@db/mcpd", None);
        check("sqlite:mcpd.db", None);
        check("no url", None);
    }

    #[test]
    fn s_03_no_line_holds_what_mcpd_was_started_with() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "hvs.canary-of-vault\n").unwrap();
        let token_file = format!("--vault-token-file={}", file.path().display());
        let line = CommandLine::try_parse_from([
            "mcpd",
            "--database-url=postgres://mcpd:canary-of-database@db/mcpd",
            &token_file,
            "db",
            "move",
            "--to=postgres://mcpd:canary%2Fof%2Ftarget@db/mcpd",
        ]);
        let scrubber = Scrubber::default();
        scrubber.replace(credentials(&line.unwrap_or_else(|error| panic!("{error}")))).unwrap();
        let text = "connect postgres://mcpd:canary-of-database@db, canary/of/target, canary%2Fof%2Ftarget, hvs.canary-of-vault";
        let left = scrubber.text(text);
        assert!(!left.contains("canary") && left.matches("[redacted:database-password]").count() == 3, "{left}");
    }
}
