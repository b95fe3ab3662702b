//! What others own and a scrape asks them for.

use super::{
    Format, Metrics, gauge,
    labels::{OfServer, Word},
    places::SERVER_LABELS_MAX,
    text,
};
use crate::audit::Standing;
use control_plane_api::gateway::{ServerState, ServerStatus};
use std::{fmt, time::Duration};

/// The state of the gateway at the moment of a scrape.
#[derive(Debug)]
pub struct Seen {
    /// How the configured servers are; those not named any more disappear.
    pub servers: Vec<ServerStatus>,
    /// The configuration revision in force; none: 0.
    pub revision: Option<u64>,
    /// How long ago it was confirmed.
    pub age: Duration,
    /// Configurations refused so far.
    pub rejected: u64,
    /// Exchanges that run.
    pub in_flight: u64,
    /// How the audit log is.
    pub audit: Standing,
}

impl Metrics {
    /// Everything as of now, in `format`.
    ///
    /// # Errors
    /// Never in practice: only when a metric cannot be written as text.
    pub fn scrape(&self, seen: &Seen, format: Format) -> Result<String, fmt::Error> {
        let _alone = self.0.scraping.lock();
        let families = &self.0.families;
        families.revision.set(gauge(seen.revision.unwrap_or_default()));
        families.age.set(gauge(seen.age.as_secs()));
        families.rejected.inner().store(seen.rejected, std::sync::atomic::Ordering::Relaxed);
        families.in_flight.set(gauge(seen.in_flight));
        families.backlog.set(gauge(seen.audit.backlog));
        families.queue.set(gauge(seen.audit.queue));
        families.spool_bytes.set(gauge(seen.audit.spool_bytes));
        families.ship_lag.set(seen.audit.ship_lag.as_secs_f64());
        self.servers(&seen.servers);
        let text = self.render()?;
        Ok(match format {
            Format::OpenMetrics => text,
            Format::Text => text::classic(&text),
        })
    }

    /// As many servers as may have a label, in the order of their names.
    fn servers(&self, servers: &[ServerStatus]) {
        let families = &self.0.families;
        families.up.clear();
        families.restarts.clear();
        families.tools_listed.clear();
        families.tools_quarantined.clear();
        for status in servers.iter().take(SERVER_LABELS_MAX) {
            let of = OfServer { server: Word::from(status.name.as_str()) };
            let quarantined = status.tools.iter().filter(|tool| tool.quarantine.is_some()).count();
            families.up.get_or_create(&of).set(i64::from(status.state == ServerState::Ready));
            families.restarts.get_or_create(&of).inc_by(status.restarts.into());
            families.tools_listed.get_or_create(&of).set(gauge(status.tools.len()));
            families.tools_quarantined.get_or_create(&of).set(gauge(quarantined));
        }
    }
}
