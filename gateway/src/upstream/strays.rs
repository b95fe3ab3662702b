//! What a server sends where only messages may be, and what is none: dropped, counted, and told once.

use super::Endpoint;
use crate::metrics::Metrics;
use control_plane_api::name::Name;
use scrubber::Scrubber;
use std::{
    fmt::Display,
    sync::atomic::{AtomicBool, Ordering},
};

/// Bytes of it that are looked at.
const READ_BYTES_MAX: usize = 16 << 10;
/// Characters of it that are logged.
const EXCERPT_CHARS_MAX: usize = 200;

/// See the module.
pub(super) struct Strays {
    server: Name,
    scrubber: Scrubber,
    metrics: Metrics,
    told: AtomicBool,
}

impl Strays {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self {
            server: endpoint.name.clone(),
            scrubber: endpoint.scrubber.clone(),
            metrics: endpoint.metrics.clone(),
            told: AtomicBool::new(false),
        }
    }

    /// `text` is dropped: it is no message, because of `error`.
    pub(super) fn dropped(&self, text: &[u8], error: &impl Display) {
        let server = &self.server;
        self.metrics.upstream_message_dropped(server);
        let head = String::from_utf8_lossy(text.get(..READ_BYTES_MAX).unwrap_or(text));
        // Blotted out before it is cut: half a credential would not be recognised.
        let blotted = self.scrubber.beginning(&head);
        let head: String = blotted.chars().take(EXCERPT_CHARS_MAX).collect();
        if self.told.swap(true, Ordering::Relaxed) {
            tracing::debug!(%server, "server `{server}` sent something that is no message ({error}): {head}");
        } else {
            tracing::warn!(
                %server,
                "server `{server}` sent something that is no message ({error}), dropped like all that follows and counted \
                 in `mcpctl_upstream_messages_dropped_total`: {head}"
            );
        }
    }
}
