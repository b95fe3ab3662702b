//! What a gateway counts and times, for Prometheus.
//!
//! Names follow the Prometheus practices and the OpenTelemetry conventions for MCP. Every label is bounded: methods
//! this program does not know become `other`, servers come from the configuration, and no label holds anything a
//! client chose. Deliberately unknown here: who scrapes, and when; see [`crate::admin`].
//!
//! ```
//! # use control_plane_api::audit::{Decision, Outcome};
//! let metrics = gateway::metrics::Metrics::new()?;
//! metrics.operation("tools/call", Outcome::Ok, std::time::Duration::from_millis(12));
//! metrics.decision(Decision::Deny);
//! assert!(metrics.render()?.contains("mcpctl_policy_decisions_total{decision=\"deny\"} 1"));
//! # Ok::<(), prometheus::Error>(())
//! ```

use control_plane_api::{
    audit::{Decision, Outcome, RelevanceOutcome},
    gateway::{ServerState, ServerStatus},
    name::Name,
};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector,
};
use protocol::method;
use std::time::Duration;

/// Seconds; the buckets OpenTelemetry gives for `mcp.server.operation.duration`.
const OPERATION_BUCKETS: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// Seconds; filtering is expected to be far shorter than a call.
const FILTER_BUCKETS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0];

/// Methods that are a label of their own.
const METHODS: [&str; 15] = [
    method::DISCOVER,
    method::INITIALIZE,
    method::INITIALIZED,
    method::CANCELLED,
    method::PING,
    method::TOOLS_LIST,
    method::TOOLS_CALL,
    method::PROMPTS_LIST,
    method::PROMPTS_GET,
    method::RESOURCES_LIST,
    method::TEMPLATES_LIST,
    method::RESOURCES_READ,
    method::COMPLETE,
    method::LISTEN,
    method::SET_LEVEL,
];

/// Everything this gateway counts. Cheap to clone; every clone counts into the same.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    operations: HistogramVec,
    decisions: IntCounterVec,
    filter_items: IntCounterVec,
    filter_bytes: IntCounterVec,
    filter_duration: Histogram,
    filter_fallbacks: IntCounterVec,
    upstream_up: IntGaugeVec,
    upstream_dropped: IntCounterVec,
    redactions: IntCounterVec,
    config_revision: IntGauge,
    config_age: IntGauge,
    audit_append_failures: IntCounter,
    audit_backlog: IntGauge,
    limited: IntCounterVec,
    shed: IntCounterVec,
    waiting: IntGauge,
    breaker_open: IntGaugeVec,
}

impl Metrics {
    /// Has a scrape tell what `collector` counts, too.
    ///
    /// # Errors
    /// When there is a metric of this name already.
    pub(crate) fn adopt(&self, collector: impl Collector + 'static) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(collector))
    }

    /// A registry of its own with every metric at zero.
    ///
    /// # Errors
    /// Never in practice: only when two metrics have one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let operations = HistogramOpts::new(
            "mcp_server_operation_duration_seconds",
            "Time from the request's arrival to the reply's last byte.",
        );
        let filter_duration =
            HistogramOpts::new("mcpctl_filter_duration_seconds", "Time relevance filtering took for one result.");
        let metrics = Self {
            operations: HistogramVec::new(
                operations.buckets(OPERATION_BUCKETS.to_vec()),
                &["mcp_method_name", "outcome"],
            )?,
            decisions: counters("mcpctl_policy_decisions_total", "Requests decided upon.", &["decision"])?,
            filter_items: counters(
                "mcpctl_filter_items_total",
                "Records of results, kept or dropped by relevance filtering.",
                &["action", "server"],
            )?,
            filter_bytes: counters(
                "mcpctl_filter_bytes_total",
                "Bytes of results into and out of relevance filtering.",
                &["stage"],
            )?,
            filter_duration: Histogram::with_opts(filter_duration.buckets(FILTER_BUCKETS.to_vec()))?,
            filter_fallbacks: counters(
                "mcpctl_filter_fallbacks_total",
                "Results that were judged by less than there is, or not at all, or cannot be cut.",
                &["reason"],
            )?,
            upstream_up: gauges(
                "mcpctl_upstream_up",
                "Whether a configured server answers (1) or not (0).",
                &["server"],
            )?,
            upstream_dropped: counters(
                "mcpctl_upstream_messages_dropped_total",
                "What a server sent where only messages may be and what is none; dropped.",
                &["server"],
            )?,
            redactions: counters(
                "mcpctl_redactions_total",
                "Times a credential was blotted out of what was to leave: replies.",
                &["from"],
            )?,
            config_revision: IntGauge::new("mcpctl_config_revision", "Configuration revision in force; 0: none.")?,
            config_age: IntGauge::new(
                "mcpctl_config_age_seconds",
                "Time since the control plane confirmed the configuration in force; 0 where there is none to ask.",
            )?,
            audit_append_failures: IntCounter::new(
                "mcpctl_audit_append_failures_total",
                "Audit records that could not be made durable; each refused a call.",
            )?,
            audit_backlog: IntGauge::new("mcpctl_audit_backlog", "Audit records that mcpd has yet to acknowledge.")?,
            limited: counters(
                "mcpctl_requests_limited_total",
                "Requests refused because their user, or the profile's limits, had no more.",
                &["limit"],
            )?,
            shed: counters("mcpctl_requests_shed_total", "Requests refused for want of resources.", &["reason"])?,
            waiting: IntGauge::new("mcpctl_requests_waiting", "Requests that wait for an exchange to end.")?,
            breaker_open: gauges(
                "mcpctl_upstream_breaker_open",
                "Whether a failing server is left alone (1) or not (0).",
                &["server"],
            )?,
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let version = Opts::new("mcpctl_build_info", "Version of this binary; always 1.")
            .const_label("version", env!("CARGO_PKG_VERSION"))
            .const_label("component", "gateway");
        let build_info = IntGauge::with_opts(version)?;
        build_info.set(1);
        let all: [Box<dyn prometheus::core::Collector>; 18] = [
            Box::new(build_info),
            Box::new(self.operations.clone()),
            Box::new(self.decisions.clone()),
            Box::new(self.filter_items.clone()),
            Box::new(self.filter_bytes.clone()),
            Box::new(self.filter_duration.clone()),
            Box::new(self.filter_fallbacks.clone()),
            Box::new(self.upstream_up.clone()),
            Box::new(self.upstream_dropped.clone()),
            Box::new(self.redactions.clone()),
            Box::new(self.config_revision.clone()),
            Box::new(self.config_age.clone()),
            Box::new(self.audit_append_failures.clone()),
            Box::new(self.audit_backlog.clone()),
            Box::new(self.limited.clone()),
            Box::new(self.shed.clone()),
            Box::new(self.waiting.clone()),
            Box::new(self.breaker_open.clone()),
        ];
        all.into_iter().try_for_each(|collector| self.registry.register(collector))
    }

    /// An exchange ended.
    pub fn operation(&self, method: &str, outcome: Outcome, elapsed: Duration) {
        let labels = [method_label(method), outcome_label(outcome)];
        self.operations.with_label_values(&labels).observe(elapsed.as_secs_f64());
    }

    /// A request was allowed or denied.
    pub fn decision(&self, decision: Decision) {
        let label = match decision {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
        };
        self.decisions.with_label_values(&[label]).inc();
    }

    /// A result of `server` went through relevance filtering, or was held to its budget.
    pub fn relevance(&self, server: &Name, outcome: &RelevanceOutcome) {
        let dropped = outcome.total.saturating_sub(outcome.kept);
        self.filter_items.with_label_values(&["kept", server.as_str()]).inc_by(outcome.kept);
        self.filter_items.with_label_values(&["dropped", server.as_str()]).inc_by(dropped);
        self.filter_bytes.with_label_values(&["in"]).inc_by(outcome.bytes_before);
        self.filter_bytes.with_label_values(&["out"]).inc_by(outcome.bytes_after);
        self.filter_duration.observe(Duration::from_millis(outcome.elapsed_ms).as_secs_f64());
        if let Some(fallback) = outcome.fallback {
            self.filter_fallbacks.with_label_values(&[fallback.as_str()]).inc();
        }
    }

    /// An audit record could not be made durable.
    pub fn audit_append_failed(&self) {
        self.audit_append_failures.inc();
    }

    /// How the configured servers are; servers not named any more disappear.
    pub fn upstreams(&self, servers: &[ServerStatus]) {
        self.upstream_up.reset();
        for server in servers {
            let up = i64::from(server.state == ServerState::Ready);
            self.upstream_up.with_label_values(&[server.name.as_str()]).set(up);
        }
    }

    /// Something that `server` sent in place of a message was dropped.
    pub fn upstream_message_dropped(&self, server: &Name) {
        self.upstream_dropped.with_label_values(&[server.as_str()]).inc();
    }

    /// Credentials were blotted out `times` times of what was to leave, which is `from` (`reply`).
    pub fn redacted(&self, from: &'static str, times: u64) {
        self.redactions.with_label_values(&[from]).inc_by(times);
    }

    /// A request was more than `limit` permits its user.
    pub fn limited(&self, limit: &str) {
        self.limited.with_label_values(&[limit]).inc();
    }

    /// A request was refused because the gateway has no more, for that `reason`.
    pub fn shed(&self, reason: &str) {
        self.shed.with_label_values(&[reason]).inc();
    }

    /// Requests that wait for an exchange to end.
    pub fn waiting(&self, requests: usize) {
        self.waiting.set(i64::try_from(requests).unwrap_or(i64::MAX));
    }

    /// Whether `server` is left alone because it fails; none: it is not there any more.
    pub fn breaker(&self, server: &Name, open: Option<bool>) {
        match open {
            Some(open) => self.breaker_open.with_label_values(&[server.as_str()]).set(i64::from(open)),
            // Fails where it never was open.
            None => drop(self.breaker_open.remove_label_values(&[server.as_str()])),
        }
    }

    /// How long ago the configuration in force was confirmed.
    pub fn age(&self, age: Duration) {
        self.config_age.set(gauge(age.as_secs()));
    }

    /// The configuration revision in force; none: 0.
    pub fn revision(&self, revision: Option<u64>) {
        self.config_revision.set(gauge(revision.unwrap_or_default()));
    }

    /// Audit records not yet acknowledged.
    pub fn backlog(&self, records: u64) {
        self.audit_backlog.set(gauge(records));
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    ///
    /// # Errors
    /// Never in practice: only when a metric is malformed.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn counters(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(name, help), labels)
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn method_label(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == method).unwrap_or("other")
}

fn outcome_label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::InputRequired => "input_required",
        Outcome::ToolError => "tool_error",
        Outcome::Error => "error",
        Outcome::Denied => "denied",
        Outcome::Cancelled => "cancelled",
        Outcome::Partial => "partial",
        Outcome::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::audit::Fallback;

    fn check(record: impl FnOnce(&Metrics), expected: &[&str]) {
        let metrics = Metrics::new().unwrap();
        record(&metrics);
        let text = metrics.render().unwrap();
        for line in expected {
            assert!(text.lines().any(|found| found == *line), "no `{line}` in\n{text}");
        }
    }

    #[test]
    fn a_method_nobody_knows_is_no_label_of_its_own() {
        let record = |metrics: &Metrics| {
            for method in ["evil/1", "evil/2", "tools/call"] {
                metrics.operation(method, Outcome::Ok, Duration::from_millis(15));
            }
        };
        check(
            record,
            &[
                "mcp_server_operation_duration_seconds_count{mcp_method_name=\"other\",outcome=\"ok\"} 2",
                "mcp_server_operation_duration_seconds_bucket{mcp_method_name=\"tools/call\",outcome=\"ok\",le=\"0.02\"} 1",
            ],
        );
    }

    #[test]
    fn relevance_tells_what_was_kept_and_what_it_saved() {
        let outcome = RelevanceOutcome {
            kept: 30,
            total: 100,
            bytes_before: 5000,
            bytes_after: 900,
            elapsed_ms: 40,
            tier: "static+bm25".to_owned(),
            fallback: Some(Fallback::Deadline),
        };
        check(
            |metrics| metrics.relevance(&"slack".parse().unwrap(), &outcome),
            &[
                "mcpctl_filter_items_total{action=\"dropped\",server=\"slack\"} 70",
                "mcpctl_filter_items_total{action=\"kept\",server=\"slack\"} 30",
                "mcpctl_filter_bytes_total{stage=\"out\"} 900",
                "mcpctl_filter_duration_seconds_count 1",
                "mcpctl_filter_fallbacks_total{reason=\"deadline\"} 1",
            ],
        );
    }

    #[test]
    fn a_server_that_is_gone_disappears() {
        let status = |name: &str, state| ServerStatus {
            name: name.parse().unwrap(),
            state,
            era: None,
            error: None,
            restarts: 0,
            pid: None,
            since: None,
            stderr: Vec::new(),
            tested: 0,
            probed: None,
            tools: Vec::new(),
            problems: Vec::new(),
        };
        let metrics = Metrics::new().unwrap();
        metrics.upstreams(&[status("slack", ServerState::Ready), status("jira", ServerState::Failed)]);
        assert!(metrics.render().unwrap().contains("mcpctl_upstream_up{server=\"jira\"} 0"));
        metrics.upstreams(&[status("slack", ServerState::Ready)]);
        let text = metrics.render().unwrap();
        assert!(text.contains("mcpctl_upstream_up{server=\"slack\"} 1") && !text.contains("jira"), "{text}");
    }

    #[test]
    fn the_state_of_the_gateway_is_there_from_the_start() {
        check(
            |metrics| {
                metrics.revision(Some(7));
                metrics.backlog(3);
                metrics.audit_append_failed();
            },
            &[
                concat!("mcpctl_build_info{component=\"gateway\",version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
                "mcpctl_config_revision 7",
                "mcpctl_audit_backlog 3",
                "mcpctl_audit_append_failures_total 1",
            ],
        );
    }
}
