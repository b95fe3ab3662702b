//! What a gateway counts and times, for Prometheus.
//!
//! Names follow the Prometheus practices and the OpenTelemetry conventions for MCP; `docs/metrics.md` lists them, and is
//! written from here. Every label is bounded: its words are a closed list in code, or names of servers and tools that
//! [`places`] counts; a label holds nothing that a client chose. Deliberately unknown here: who scrapes, and when; see
//! [`crate::admin`].
//!
//! ```
//! # use control_plane_api::name::Name;
//! # use filters::Cause;
//! let metrics = gateway::metrics::Metrics::new()?;
//! let server: Name = "slack".parse().unwrap();
//! metrics.denied(Cause::Argument, Some(&server));
//! let line = "mcpctl_policy_decisions_total{decision=\"deny\",reason=\"argument\",server=\"slack\"} 1";
//! assert!(metrics.render()?.contains(line));
//! # Ok::<(), std::fmt::Error>(())
//! ```

mod asked;
mod course;
mod families;
mod filters;
mod labels;
mod places;
mod process;
mod seen;
mod text;

pub use asked::Asked;
pub use course::{Course, Phase};
pub use filters::FilterMeter;
pub use labels::TraceId;
pub use places::{SERVER_LABELS_MAX, TOOL_LABELS_MAX};
pub use seen::Seen;
pub use text::Format;

use ::filters::Cause;
use control_plane_api::{audit::RelevanceOutcome, name::Name};
use families::Families;
use filters_relevance::select::BYTES_PER_TOKEN;
use labels::{Decided, Items, Limit, OfServer, OfTier, Reason, Stage, Taken};
use parking_lot::Mutex;
use places::Places;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use std::{fmt, sync::Arc, time::Duration};

/// Everything this gateway counts. Cheap to clone; every clone counts into the same.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    families: Families,
    places: Places,
    /// One scrape at a time: what it shows is put there for it.
    scraping: Mutex<()>,
}

/// Something that lasts; dropping it ends it.
#[derive(Debug)]
pub struct Lasting(Gauge);

impl Drop for Lasting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// A registry of its own with every metric at zero.
    ///
    /// # Errors
    /// Never in practice: only when what is registered cannot be written as text.
    pub fn new() -> Result<Self, fmt::Error> {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        registry.register_collector(Box::new(process::Process));
        let inner = Inner { registry, families, places: Places::default(), scraping: Mutex::default() };
        let metrics = Self(Arc::new(inner));
        metrics.render()?;
        Ok(metrics)
    }

    /// A request about a primitive of `server`, or about none, was let pass.
    pub fn allowed(&self, server: Option<&Name>) {
        let place = self.0.places.of(server);
        let decided = || Decided { decision: "allow", reason: "allowed", server: place.label.clone() };
        place.allowed.get_or_init(|| self.0.families.decisions.get_or_create_owned(&decided())).inc();
    }

    /// The same was refused for `cause`.
    pub fn denied(&self, cause: Cause, server: Option<&Name>) {
        let server = self.0.places.of(server).label.clone();
        let decided = Decided { decision: "deny", reason: cause.as_str(), server };
        self.0.families.decisions.get_or_create(&decided).inc();
    }

    /// A result of `server` went through relevance filtering, or was held to its budget.
    pub fn relevance(&self, server: &Name, outcome: &RelevanceOutcome) {
        let (families, place) = (&self.0.families, self.0.places.of(Some(server)));
        let server = || place.label.clone();
        let dropped = outcome.total.saturating_sub(outcome.kept);
        for (action, records) in [("kept", outcome.kept), ("dropped", dropped)] {
            families.items.get_or_create(&Items { action, server: server() }).inc_by(records);
        }
        for (stage, bytes) in [("in", outcome.bytes_before), ("out", outcome.bytes_after)] {
            families.bytes.get_or_create(&Stage { stage, server: server() }).inc_by(bytes);
        }
        let saved = outcome.bytes_before.saturating_sub(outcome.bytes_after) / BYTES_PER_TOKEN as u64;
        families.saved.get_or_create(&OfServer { server: server() }).inc_by(saved);
        let elapsed = Duration::from_millis(outcome.elapsed_ms);
        families.relevance.get_or_create(&OfTier::of(&outcome.tier)).observe(elapsed.as_secs_f64());
        if let Some(fallback) = outcome.fallback {
            families.fallbacks.get_or_create(&Reason { reason: fallback.as_str() }).inc();
        }
    }

    /// An audit record could not be made durable.
    pub fn audit_append_failed(&self) {
        self.0.families.append_failures.inc();
    }

    /// `records` audit records were written and synced at once, in that time.
    pub fn audit_flushed(&self, records: u64, elapsed: Duration) {
        self.0.families.flush.observe(elapsed.as_secs_f64());
        // A batch has at most a few thousand records, which a float holds exactly.
        self.0.families.batch.observe(u32::try_from(records).unwrap_or(u32::MAX).into());
    }

    /// Something that `server` sent in place of a message was dropped.
    pub fn upstream_message_dropped(&self, server: &Name) {
        let server = self.0.places.of(Some(server)).label.clone();
        self.0.families.messages_dropped.get_or_create(&OfServer { server }).inc();
    }

    /// Credentials were blotted out `times` times of what was to leave, which is `from` (`reply`).
    pub fn redacted(&self, from: &'static str, times: u64) {
        self.0.families.redactions.get_or_create(&Taken { from }).inc_by(times);
    }

    /// A request was more than `limit` permits its user.
    pub fn limited(&self, limit: &'static str) {
        self.0.families.limited.get_or_create(&Limit { limit }).inc();
    }

    /// A request was refused because the gateway has no more, for that `reason`.
    pub fn shed(&self, reason: &'static str) {
        self.0.families.shed.get_or_create(&Reason { reason }).inc();
    }

    /// Requests that wait for an exchange to end.
    pub fn waiting(&self, requests: usize) {
        self.0.families.waiting.set(gauge(requests));
    }

    /// Sessions of clients of older revisions.
    pub fn sessions(&self, open: usize) {
        self.0.families.sessions.set(gauge(open));
    }

    /// A client opened an event stream that lasts, until what comes back is dropped.
    #[must_use]
    pub fn stream(&self) -> Lasting {
        let streams = self.0.families.streams.clone();
        streams.inc();
        Lasting(streams)
    }

    /// Whether `server` is left alone because it fails; none: it is not there any more.
    pub fn breaker(&self, server: &Name, open: Option<bool>) {
        let place = self.0.places.of(Some(server));
        // Of servers without a label of their own one would speak for all.
        if self.0.places.is_other(&place) {
            return;
        }
        let of = OfServer { server: place.label.clone() };
        match open {
            Some(open) => {
                self.0.families.breaker_open.get_or_create(&of).set(i64::from(open));
            }
            None => {
                self.0.families.breaker_open.remove(&of);
            }
        }
    }

    /// Everything as `OpenMetrics` text 1.0.
    ///
    /// # Errors
    /// Never in practice: only when a metric cannot be written as text.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

/// The value of a gauge that counts.
fn gauge(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
