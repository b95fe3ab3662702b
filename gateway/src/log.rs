//! The log of this process: lines on standard error, without the credentials it has.
//!
//! Every line passes the scrubber whole, whoever wrote it, panics included. How much is logged can be changed while the
//! process runs ([`Level`]), until it ends.

use crate::settings::LogFormat;
use scrubber::{Scrubber, log::Scrubbed};
use std::{
    io::{self, IsTerminal as _},
    sync::OnceLock,
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _};

/// Size of a directive, in bytes.
pub const DIRECTIVE_BYTES_MAX: usize = 1 << 10;
/// Parts of a directive.
const PARTS_MAX: usize = 32;

/// A process has one log, so it has one of these.
static LEVEL: OnceLock<Level> = OnceLock::new();

/// How much is logged.
pub struct Level(reload::Handle<EnvFilter, Registry>);

/// Why a directive is none. For whoever wrote it.
#[derive(Debug, thiserror::Error)]
pub enum BadDirective {
    /// There is nothing in it.
    #[error("say how much to log, such as `info` or `info,gateway::upstream=debug`")]
    Empty,
    /// It is too long.
    #[error("at most {PARTS_MAX} parts in {DIRECTIVE_BYTES_MAX} bytes")]
    TooLong,
    /// A part of it is neither a level nor one for a module.
    #[error("`{0}` is neither a level (off, error, warn, info, debug, trace) nor `MODULE=LEVEL`")]
    Part(String),
    /// The process does not log.
    #[error("this process has no log of its own")]
    NoLog,
}

/// Begins to log in `format`, and by `MCP_GATEWAY_LOG` or else `default`.
pub fn start(format: LogFormat, default: &str, scrubber: Scrubber) {
    let filter = EnvFilter::try_from_env("MCP_GATEWAY_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let (filter, handle) = reload::Layer::new(filter);
    let writer = Scrubbed::new(scrubber, io::stderr);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(io::stderr().is_terminal());
    let filtered = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => filtered.with(lines).init(),
        LogFormat::Json => filtered.with(lines.json()).init(),
    }
    let _ = LEVEL.set(Level(handle));
    // A panic may quote what it was about.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

impl Level {
    /// That of this process's log.
    ///
    /// # Errors
    /// When it has none.
    pub fn of_process() -> Result<&'static Self, BadDirective> {
        LEVEL.get().ok_or(BadDirective::NoLog)
    }

    /// The directive in force.
    ///
    /// # Errors
    /// When the log is gone.
    pub fn current(&self) -> Result<String, BadDirective> {
        self.0.with_current(ToString::to_string).map_err(|_| BadDirective::NoLog)
    }

    /// Logs by `directive` from now on; what is in force then.
    ///
    /// # Errors
    /// What is wrong with it; then everything stays as it is.
    pub fn change(&self, directive: &str) -> Result<String, BadDirective> {
        let filter = parse(directive)?;
        let told = filter.to_string();
        // While it can still be seen.
        tracing::warn!(directive = told, "what is logged changes");
        self.0.reload(filter).map_err(|_| BadDirective::NoLog)?;
        Ok(told)
    }
}

/// Levels, and levels of modules. A word that is no level would be a module of which everything is logged; spans and
/// fields are left out, as nothing here has any.
fn parse(directive: &str) -> Result<EnvFilter, BadDirective> {
    let directive = directive.trim();
    if directive.is_empty() {
        return Err(BadDirective::Empty);
    }
    let parts: Vec<&str> = directive.split(',').map(str::trim).collect();
    if directive.len() > DIRECTIVE_BYTES_MAX || parts.len() > PARTS_MAX {
        return Err(BadDirective::TooLong);
    }
    let is_module = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-'))
    };
    let is_level = |text: &str| !text.is_empty() && text.parse::<LevelFilter>().is_ok();
    for part in &parts {
        let good = match part.split_once('=') {
            Some((module, level)) => is_module(module) && is_level(level),
            None => is_level(part),
        };
        if !good {
            return Err(BadDirective::Part((*part).to_owned()));
        }
    }
    EnvFilter::builder().with_regex(false).parse(parts.join(",")).map_err(|_| BadDirective::Part(directive.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_levels_and_levels_of_modules() {
        for (given, taken) in [
            ("debug", "debug"),
            (" WARN \n", "warn"),
            ("debug, gateway::upstream=trace", "gateway::upstream=trace,debug"),
            ("info,pingora_core=off", "pingora_core=off,info"),
        ] {
            assert_eq!(parse(given).unwrap().to_string(), taken, "{given}");
        }
    }

    #[test]
    fn what_is_no_directive_is_told_what_is_wrong() {
        let check = |given: &str, told: &str| {
            let error = parse(given).unwrap_err().to_string();
            assert!(error.contains(told), "{given}: {error}");
        };
        check("", "say how much");
        check("deubg", "`deubg` is neither");
        check("info,gateway=loud", "`gateway=loud` is neither");
        check("info,", "`` is neither");
        check("gateway[call{tool=.*}]=trace", "is neither");
        check(&"a".repeat(DIRECTIVE_BYTES_MAX + 1), "at most");
        check(&vec!["info"; PARTS_MAX + 1].join(","), "at most");
    }
}
