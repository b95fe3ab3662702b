//! What a gateway still does by a profile once it has not heard from its control plane for long.
//!
//! A configuration is confirmed whenever its stream brings an event or a heartbeat. What was revoked since then, the
//! gateway does not know: how long that may go on is said here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Shortest time without the control plane after which something may be refused, in milliseconds: heartbeats come every
/// second, and a stream that is silent for 5 s is asked for anew.
pub const STALE_AFTER_MIN_MS: u64 = 60_000;

/// What becomes of calls by one profile while the configuration is older than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StaleRule {
    /// What is refused.
    pub then: StaleThen,
    /// Age of the configuration from which on it is refused, in milliseconds; at least [`STALE_AFTER_MIN_MS`]. Absent: of what
    /// writes [`crate::limits::Limits::stale_writes_after_ms`], of what reads [`crate::limits::Limits::stale_reads_after_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
}

impl StaleRule {
    /// Whether nothing was said about it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is refused by a gateway that was cut off for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StaleThen {
    /// Nothing: it goes on.
    Serve,
    /// Whatever is not classed `read`. The default: what was read can be noticed, what was written stays.
    #[default]
    DenyWrites,
    /// Everything.
    Deny,
}
