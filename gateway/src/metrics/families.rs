//! The metrics themselves: name, type, unit and meaning of each, in the order in which they are shown.
//!
//! A help text has no full stop here; the library sets one.

use super::labels::{
    Build, Decided, InPhase, Items, Limit, OfFilter, OfServer, OfTier, OfUpstream, Reason, Served, Stage, Taken,
};
use super::{course::Phase, places::Latency};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry, Unit},
};
use std::sync::atomic::AtomicU64;

/// Seconds; the buckets OpenTelemetry gives for `mcp.server.operation.duration`.
const OPERATION: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// Seconds; from a filter that looks at one field to a server that is waited for.
const PHASE: [f64; 11] = [0.000_01, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 1.0, 10.0, 60.0];
/// Seconds; most filters take microseconds, one of them reads results.
const FILTER: [f64; 8] = [0.000_001, 0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1.0, 10.0];
/// Seconds; relevance filtering is expected to be far shorter than a call.
const RELEVANCE: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0];
/// Seconds; from a disk with a cache that survives to one that turns.
const FLUSH: [f64; 10] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0];
/// Records.
const BATCH: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1_024.0];

pub(super) type Counters<L> = Family<L, Counter>;
pub(super) type Gauges<L> = Family<L, Gauge>;
pub(super) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;
pub(super) type ServedTimes = Family<Served, Latency, fn() -> Latency>;

/// See the module.
#[derive(Debug)]
pub(super) struct Families {
    pub(super) served: ServedTimes,
    pub(super) asked: Histograms<OfUpstream>,
    /// In the order of [`Phase::ALL`].
    pub(super) phases: [Histogram; Phase::ALL.len()],
    pub(super) filter: Histograms<OfFilter>,
    pub(super) decisions: Counters<Decided>,
    pub(super) items: Counters<Items>,
    pub(super) bytes: Counters<Stage>,
    pub(super) saved: Counters<OfServer>,
    pub(super) relevance: Histograms<OfTier>,
    pub(super) fallbacks: Counters<Reason>,
    pub(super) up: Gauges<OfServer>,
    pub(super) breaker_open: Gauges<OfServer>,
    pub(super) messages_dropped: Counters<OfServer>,
    pub(super) restarts: Counters<OfServer>,
    pub(super) tools_listed: Gauges<OfServer>,
    pub(super) tools_quarantined: Gauges<OfServer>,
    pub(super) redactions: Counters<Taken>,
    pub(super) limited: Counters<Limit>,
    pub(super) shed: Counters<Reason>,
    pub(super) waiting: Gauge,
    pub(super) in_flight: Gauge,
    pub(super) streams: Gauge,
    pub(super) sessions: Gauge,
    pub(super) revision: Gauge,
    pub(super) age: Gauge,
    pub(super) rejected: Counter,
    pub(super) append_failures: Counter,
    pub(super) backlog: Gauge,
    pub(super) queue: Gauge,
    pub(super) ship_lag: Gauge<f64, AtomicU64>,
    pub(super) flush: Histogram,
    pub(super) batch: Histogram,
    pub(super) spool_bytes: Gauge,
    pub(super) spans_dropped: Counters<Reason>,
    pub(super) access_lines_dropped: Counter,
}

impl Families {
    /// Every metric in `registry`.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let build = Gauges::<Build>::default();
        build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION"), component: "gateway" }).set(1);
        let mut shelf = Shelf(registry);
        shelf.plain("mcpctl_build_info", "Version of this binary; always 1", build);
        let (served, asked, phases, filter) = shelf.exchanges();
        let (decisions, redactions, limited, shed) = shelf.policy();
        let (items, bytes, saved, relevance) = shelf.results();
        let fallbacks = shelf.fallbacks();
        let (up, breaker_open, messages_dropped, restarts) = shelf.upstreams();
        let (tools_listed, tools_quarantined) = shelf.tools();
        let [waiting, in_flight, streams, sessions] = shelf.load();
        let (revision, age, rejected) = shelf.configuration();
        let (append_failures, backlog, queue, ship_lag) = shelf.log();
        let (flush, batch, spool_bytes) = shelf.disk();
        let (spans_dropped, access_lines_dropped) = shelf.lost();
        #[rustfmt::skip]
        let families = Self {
            served, asked, phases, filter, decisions, items, bytes, saved, relevance, fallbacks, up, breaker_open,
            messages_dropped, restarts, tools_listed, tools_quarantined, redactions, limited, shed, waiting, in_flight,
            streams, sessions, revision, age, rejected, append_failures, backlog, queue, ship_lag, flush, batch, spool_bytes,
            spans_dropped, access_lines_dropped,
        };
        families
    }
}

/// Puts metrics into a registry and gives them back.
struct Shelf<'a>(&'a mut Registry);

impl Shelf<'_> {
    fn plain<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn made<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        self.plain(name, help, M::default())
    }

    fn seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }

    fn bytes<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register_with_unit(name, help, Unit::Bytes, metric.clone());
        metric
    }

    fn exchanges(
        &mut self,
    ) -> (ServedTimes, Histograms<OfUpstream>, [Histogram; Phase::ALL.len()], Histograms<OfFilter>) {
        let served: fn() -> Latency = || Latency::new(OPERATION.into_iter());
        let help = "Time from a request's arrival to the end of its exchange. `error_type` is empty where all went well, \
                    `server` where the gateway itself answers, `gen_ai_tool_name` where no tool of the catalogue is called";
        let served = self.seconds("mcp_server_operation_duration", help, Family::new_with_constructor(served));
        let help = "Time from asking a server to the end of its answer, of a long one to its beginning. `error_type`: \
                    `error` is an answer that is one, the other words say why there is none";
        let asked = self.seconds("mcp_client_operation_duration", help, histograms(|| Histogram::new(OPERATION)));
        let help = "Where the time of an exchange goes";
        let by_phase: Histograms<InPhase> = histograms(|| Histogram::new(PHASE));
        let by_phase = self.seconds("mcpctl_exchange_phase_duration", help, by_phase);
        let phases = Phase::ALL.map(|phase| by_phase.get_or_create_owned(&InPhase { phase: phase.as_str() }));
        let help = "Time one filter took over one request or one message";
        let filter = self.seconds("mcpctl_filter_duration", help, histograms(|| Histogram::new(FILTER)));
        (served, asked, phases, filter)
    }

    fn policy(&mut self) -> (Counters<Decided>, Counters<Taken>, Counters<Limit>, Counters<Reason>) {
        let help = "Requests let pass or refused, and why. One that was let pass counts again when it is revoked";
        (
            self.made("mcpctl_policy_decisions", help),
            self.made("mcpctl_redactions", "Times a credential was blotted out of what was to leave"),
            self.made(
                "mcpctl_requests_limited",
                "Requests refused because their user, or the profile's limits, had no more",
            ),
            self.made("mcpctl_requests_shed", "Requests refused for want of resources, or because of a drain"),
        )
    }

    fn results(&mut self) -> (Counters<Items>, Counters<Stage>, Counters<OfServer>, Histograms<OfTier>) {
        let items = self.made("mcpctl_filter_items", "Records of results, kept or dropped by relevance filtering");
        let bytes = self.bytes("mcpctl_filter", "Bytes of results into and out of relevance filtering");
        let help = "Tokens that relevance filtering kept from clients, estimated as a quarter of the bytes";
        let saved = self.made("mcpctl_relevance_tokens_saved", help);
        let help = "Time relevance filtering took for one result, by who had a say";
        let relevance = self.seconds("mcpctl_relevance_duration", help, histograms(|| Histogram::new(RELEVANCE)));
        (items, bytes, saved, relevance)
    }

    fn fallbacks(&mut self) -> Counters<Reason> {
        let help = "Results that were judged by less than there is, or not at all, or cannot be cut";
        self.made("mcpctl_filter_fallbacks", help)
    }

    fn upstreams(&mut self) -> (Gauges<OfServer>, Gauges<OfServer>, Counters<OfServer>, Counters<OfServer>) {
        (
            self.made("mcpctl_upstream_up", "Whether a configured server answers (1) or not (0)"),
            self.made("mcpctl_upstream_breaker_open", "Whether a failing server is left alone (1) or not (0)"),
            self.made(
                "mcpctl_upstream_messages_dropped",
                "What a server sent where only messages may be and what is none; dropped",
            ),
            self.made("mcpctl_instance_restarts", "Times the process of a server was started again"),
        )
    }

    fn tools(&mut self) -> (Gauges<OfServer>, Gauges<OfServer>) {
        (
            self.made("mcpctl_tools_listed", "Tools a server lists"),
            self.made("mcpctl_tools_quarantined", "Of those, the ones whose definition is not the pinned one"),
        )
    }

    fn load(&mut self) -> [Gauge; 4] {
        [
            ("mcpctl_requests_waiting", "Requests that wait for an exchange to end"),
            ("mcpctl_exchanges_in_flight", "Exchanges that run, without those that only listen"),
            ("mcpctl_streams_open", "Event streams of clients that last"),
            ("mcpctl_sessions_open", "Sessions of clients of older revisions"),
        ]
        .map(|(name, help)| self.made(name, help))
    }

    fn configuration(&mut self) -> (Gauge, Gauge, Counter) {
        let help = "Time since the control plane confirmed the configuration in force; 0 where there is none to ask";
        (
            self.made("mcpctl_config_revision", "Configuration revision in force; 0: none"),
            self.seconds("mcpctl_config_age", help, Gauge::default()),
            self.made("mcpctl_config_rejected", "Configurations that were refused"),
        )
    }

    fn log(&mut self) -> (Counter, Gauge, Gauge, Gauge<f64, AtomicU64>) {
        let help = "Age of the oldest audit record that mcpd has yet to acknowledge; 0: there is none";
        (
            self.made(
                "mcpctl_audit_append_failures",
                "Audit records that could not be made durable; each refused a call",
            ),
            self.made("mcpctl_audit_backlog", "Audit records that mcpd has yet to acknowledge"),
            self.made("mcpctl_audit_queue", "Audit records that wait for the disk"),
            self.seconds("mcpctl_audit_ship_lag", help, Gauge::default()),
        )
    }

    fn lost(&mut self) -> (Counters<Reason>, Counter) {
        let help = "Spans that did not reach the collector";
        let spans: Counters<Reason> = self.made("mcpctl_spans_dropped", help);
        for reason in ["queue_full", "export_failed"] {
            drop(spans.get_or_create(&Reason { reason }));
        }
        let help = "Lines of the access log that were lost: the disk was too slow or took none";
        (spans, self.made("mcpctl_access_lines_dropped", help))
    }

    fn disk(&mut self) -> (Histogram, Histogram, Gauge) {
        let flush = Histogram::new(FLUSH);
        (
            self.seconds("mcpctl_audit_flush_duration", "Time one write and sync of audit records took", flush),
            self.plain(
                "mcpctl_audit_batch_records",
                "Audit records in one write; 0: a checkpoint alone",
                Histogram::new(BATCH),
            ),
            self.bytes("mcpctl_audit_spool", "Room the audit log takes on disk, with what is reserved"),
        )
    }
}

fn histograms<L: Clone + std::hash::Hash + Eq>(new: fn() -> Histogram) -> Histograms<L> {
    Family::new_with_constructor(new)
}
