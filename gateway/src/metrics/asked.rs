//! What the gateway asks a server: how long that takes, and how it ends.

use super::{
    Metrics,
    labels::{OfUpstream, Word, method_index, method_word},
};
use control_plane_api::name::Name;
use std::time::Instant;

/// A request at a server. Dropped before it ended, it was given up.
#[derive(Debug)]
pub struct Asked {
    metrics: Metrics,
    method: usize,
    server: Word,
    begun: Instant,
    ended: bool,
}

impl Asked {
    /// It ended, with an error of that word or, empty, well.
    pub fn end(&mut self, error_type: &'static str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let (mcp_method_name, server) = (method_word(self.method), self.server.clone());
        let labels = OfUpstream { mcp_method_name, server, error_type };
        self.metrics.0.families.asked.get_or_create(&labels).observe(self.begun.elapsed().as_secs_f64());
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.end("cancelled");
    }
}

impl Metrics {
    /// `server` is asked for `method`, now.
    #[must_use]
    pub fn asked(&self, server: &Name, method: &str) -> Asked {
        let server = self.0.places.of(Some(server)).label.clone();
        Asked { metrics: self.clone(), method: method_index(method), server, begun: Instant::now(), ended: false }
    }
}
