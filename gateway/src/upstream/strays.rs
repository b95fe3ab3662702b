//! What a server sends where only messages may be, and what is none: dropped, counted, and told once.

use super::{Endpoint, redactor::Redactor};
use crate::metrics::Metrics;
use control_plane_api::name::Name;
use std::{
    fmt::Display,
    sync::atomic::{AtomicBool, Ordering},
};

/// Bytes of it that are logged.
const EXCERPT_BYTES_MAX: usize = 200;

/// See the module.
pub(super) struct Strays {
    server: Name,
    redactor: Redactor,
    metrics: Metrics,
    told: AtomicBool,
}

impl Strays {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self {
            server: endpoint.name.clone(),
            redactor: Redactor::new(endpoint),
            metrics: endpoint.metrics.clone(),
            told: AtomicBool::new(false),
        }
    }

    /// `text` is dropped: it is no message, because of `error`.
    pub(super) fn dropped(&self, text: &[u8], error: &impl Display) {
        let server = &self.server;
        self.metrics.upstream_message_dropped(server);
        let head = text.get(..EXCERPT_BYTES_MAX).unwrap_or(text);
        let head = self.redactor.redact(&String::from_utf8_lossy(head));
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
