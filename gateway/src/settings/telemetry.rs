//! Where traces and the access log go, as the operator names it.
//!
//! The names of the variables are those of OpenTelemetry, and an empty one is one that is not set. What is only for the
//! exporter (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`, `OTEL_RESOURCE_ATTRIBUTES` and others) its library reads
//! by itself; see [`crate::traces`].

use std::{convert::Infallible, path::PathBuf, str::FromStr, time::Duration};
use url::Url;

/// Where a collector takes traces, under its base URL.
const TRACES_PATH: &str = "/v1/traces";
/// Spans that may wait, at most.
const QUEUE_MAX: u64 = 1 << 20;
/// An hour, in milliseconds.
const DELAY_MS_MAX: u64 = 3_600_000;

/// The options of traces and the access log.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetrySettings {
    /// Base URL of an OTLP collector that takes traces over HTTP, such as `http://127.0.0.1:4318`; without one there are
    /// no traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    pub otlp_endpoint: Option<String>,
    /// The whole URL for traces, where it is another one [default: `/v1/traces` under the base URL].
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", hide_env_values = true)]
    pub otlp_traces_endpoint: Option<String>,
    /// Time a collector gets for an answer, in milliseconds.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_TIMEOUT",
        default_value = "10000",
        value_parser = clap::value_parser!(u64).range(1..=DELAY_MS_MAX)
    )]
    pub otlp_timeout_ms: u64,
    /// Spans that wait for the collector, at most; further ones are dropped and counted.
    #[arg(
        long,
        env = "OTEL_BSP_MAX_QUEUE_SIZE",
        default_value = "2048",
        value_parser = clap::value_parser!(u64).range(1..=QUEUE_MAX)
    )]
    pub otlp_queue_max: u64,
    /// Time after which spans leave that are fewer than a batch, in milliseconds.
    #[arg(
        long,
        env = "OTEL_BSP_SCHEDULE_DELAY",
        default_value = "5000",
        value_parser = clap::value_parser!(u64).range(1..=DELAY_MS_MAX)
    )]
    pub otlp_delay_ms: u64,
    /// `true`: no traces, whatever else is set.
    #[arg(long, env = "OTEL_SDK_DISABLED", hide = true, default_value = "")]
    pub otel_disabled: String,
    /// `none`: no traces, whatever else is set.
    #[arg(long, env = "OTEL_TRACES_EXPORTER", hide = true, default_value = "")]
    pub otel_traces_exporter: String,
    /// One line of JSON for every exchange when it ends: `off`, `stderr`, or a file to append to.
    #[arg(long, env = "MCP_GATEWAY_ACCESS_LOG", default_value = "off")]
    pub access_log: AccessLogTarget,
}

/// Where the lines of the access log go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// There is none.
    Off,
    /// To the standard error of this process, among its log.
    Stderr,
    /// To this file; one that is moved away is opened anew.
    File(PathBuf),
}

impl FromStr for AccessLogTarget {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "" | "off" => Self::Off,
            "stderr" => Self::Stderr,
            file => Self::File(PathBuf::from(file)),
        })
    }
}

/// A collector cannot be reached by what was given. Without the text itself, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the address of the OTLP collector is no http or https URL; use one such as `http://127.0.0.1:4318`")]
pub struct NoCollector;

impl TelemetrySettings {
    /// Where traces go; none: there are none.
    ///
    /// # Errors
    /// [`NoCollector`] when it is no URL.
    pub fn traces_url(&self) -> Result<Option<Url>, NoCollector> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let is_off = self.otel_disabled.eq_ignore_ascii_case("true") || self.otel_traces_exporter == "none";
        let whole = match (given(&self.otlp_traces_endpoint), given(&self.otlp_endpoint)) {
            _ if is_off => return Ok(None),
            (Some(whole), _) => whole,
            (None, Some(base)) => format!("{}{TRACES_PATH}", base.trim_end_matches('/')),
            (None, None) => return Ok(None),
        };
        let url = Url::parse(&whole).map_err(|_| NoCollector)?;
        if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(Some(url)) } else { Err(NoCollector) }
    }

    /// Time a collector gets for an answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.otlp_timeout_ms)
    }

    /// Spans that may wait.
    #[must_use]
    pub fn queue_max(&self) -> usize {
        usize::try_from(self.otlp_queue_max).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        telemetry: TelemetrySettings,
    }

    fn check(args: &[&str]) -> TelemetrySettings {
        Line::try_parse_from(["x"].iter().chain(args)).unwrap().telemetry
    }

    fn url(args: &[&str]) -> Option<String> {
        check(args).traces_url().unwrap().map(String::from)
    }

    #[test]
    fn traces_go_where_the_variables_of_opentelemetry_say() {
        assert_eq!(url(&["--otlp-endpoint", "http://c:4318"]).as_deref(), Some("http://c:4318/v1/traces"));
        assert_eq!(url(&["--otlp-endpoint", "https://c/otlp/"]).as_deref(), Some("https://c/otlp/v1/traces"));
        let both = ["--otlp-endpoint", "http://c", "--otlp-traces-endpoint", "http://d/x"];
        assert_eq!(url(&both).as_deref(), Some("http://d/x"));
        for off in [
            vec!["--otlp-endpoint", ""],
            vec!["--otlp-endpoint", "http://c", "--otel-disabled", "TRUE"],
            vec!["--otlp-endpoint", "http://c", "--otel-traces-exporter", "none"],
        ] {
            assert_eq!(url(&off), None, "{off:?}");
        }
        for bad in ["c:4318", "grpc://c", "10.9.8.7:4318"] {
            let told = check(&["--otlp-endpoint", bad]).traces_url().unwrap_err().to_string();
            assert!(!told.contains(bad), "{told}");
        }
    }

    #[test]
    fn the_access_log_goes_nowhere_unless_told() {
        assert_eq!(check(&[]).access_log, AccessLogTarget::Off);
        assert_eq!(check(&["--access-log", "stderr"]).access_log, AccessLogTarget::Stderr);
        assert_eq!(check(&["--access-log", "/a/b"]).access_log, AccessLogTarget::File("/a/b".into()));
    }
}
