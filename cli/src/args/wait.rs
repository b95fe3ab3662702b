//! `--wait`, of every command that has gateways do something.

use crate::{failure::Failure, output::age};
use clap::Args;

/// How long to wait for gateways.
#[derive(Debug, Clone, Args)]
pub(crate) struct Wait {
    /// Wait until the gateways have done it, at most this long, such as 30s or 5m
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "60s"
    )]
    pub wait: Option<String>,
}

impl Wait {
    /// The seconds to wait; none: not at all.
    pub(crate) fn seconds(&self) -> Result<Option<u64>, Failure> {
        let Some(text) = &self.wait else { return Ok(None) };
        let seconds = u64::try_from(age::parse_duration(text)?);
        seconds.map(Some).map_err(|_| Failure::usage(format!("`--wait={text}` lies in the past")))
    }
}
