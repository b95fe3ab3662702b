//! The log of this process: lines on standard error, without the credentials it has.
//!
//! Every line passes the scrubber whole, whoever wrote it, panics included.

use crate::settings::LogFormat;
use scrubber::{Scrubber, log::Scrubbed};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::EnvFilter;

/// Begins to log in `format`, and by `MCP_GATEWAY_LOG` or else `default`.
pub fn start(format: LogFormat, default: &str, scrubber: Scrubber) {
    let filter = EnvFilter::try_from_env("MCP_GATEWAY_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let writer = Scrubbed::new(scrubber, io::stderr);
    let colours = io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours);
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    // A panic may quote what it was about.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}
