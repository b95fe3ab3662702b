//! What is looked up for a scrape, as metrics: the process, the connections to the database, and what is in it. What could not
//! be read is left out, never shown as it was before.

use super::{fleet::Fleet, process::Process};
use crate::store;
use control_plane_api::{gateway::GatewayState, instance::InstanceState, runtime::RuntimeKind, timestamp::Timestamp};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};
use std::{fmt, sync::Arc};

/// Most gateways with series of their own.
pub(super) const GATEWAY_LABELS_MAX: usize = 1_000;
/// Most series with ends of credentials.
pub(super) const CREDENTIAL_LABELS_MAX: usize = 1_000;

/// One look.
#[derive(Debug, Clone, Default)]
pub(super) struct Now {
    /// When this mcpd began.
    pub(super) started_at: Option<Timestamp>,
    pub(super) process: Process,
    /// Connections to the database that are idle, and that are used.
    pub(super) connections: (u64, u64),
    /// What the database tells; absent: it does not.
    pub(super) fleet: Option<Arc<Fleet>>,
}

/// Name without the unit, what it means, the unit.
type About = (&'static str, &'static str, Option<Unit>);

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let build = ("mcpctl_build_info", "Always 1; which version runs.", None);
        let version = [("version", env!("CARGO_PKG_VERSION")), ("component", "mcpd")];
        gauges(&mut encoder, build, [(version, 1_u64)])?;
        self.process(&mut encoder)?;
        let about = ("mcpd_database_connections", "Connections of the pool, by whether somebody uses them.", None);
        let (idle, used) = self.connections;
        gauges(&mut encoder, about, [([("state", "idle")], idle), ([("state", "used")], used)])?;
        let about = ("mcpd_database_errors", "Statements that failed or were not answered in time.", None);
        counter(&mut encoder, about, store::failures())?;
        self.fleet.as_deref().map_or(Ok(()), |fleet| describe(fleet, &mut encoder))
    }
}

impl Now {
    fn process(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Process { resident_bytes, cpu_seconds, open_fds } = self.process;
        if let Some(bytes) = resident_bytes {
            gauge(encoder, ("process_resident_memory", "Memory in use.", Some(Unit::Bytes)), bytes)?;
        }
        if let Some(seconds) = cpu_seconds {
            counter(encoder, ("process_cpu", "Time of processors that was used.", Some(Unit::Seconds)), seconds)?;
        }
        if let Some(open) = open_fds {
            gauge(encoder, ("process_open_fds", "File descriptors in use.", None), open)?;
        }
        match self.started_at {
            Some(at) => {
                let about = ("process_start_time", "When it began, since the Unix epoch.", Some(Unit::Seconds));
                gauge(encoder, about, seconds(at))
            }
            None => Ok(()),
        }
    }
}

fn describe(fleet: &Fleet, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    gauge(encoder, ("mcpd_config_revision", "The newest revision of the configuration.", None), fleet.revision)?;
    let about =
        ("mcpd_gateways", "Gateways by how they are, developers' own included; as `mcpctl gateway list`.", None);
    let states = GatewayState::ALL.map(|state| ([("state", state.as_str())], fleet.gateways_in(state)));
    gauges(encoder, about, states)?;
    gateways(fleet, encoder)?;
    let about = ("mcpd_instances", "Instances that mcpd itself looks after, by what runs them and what they do.", None);
    let each = [RuntimeKind::Docker, RuntimeKind::Kubernetes].into_iter().flat_map(|runtime| {
        let runtime = runtime.as_str();
        InstanceState::ALL.map(|state| {
            let state = state.as_str();
            ([("runtime", runtime), ("state", state)], fleet.instances_in(runtime, state))
        })
    });
    gauges(encoder, about, each)?;
    let about = (
        "mcpctl_credential_expiry_timestamp",
        "When the first credential of a server ends that mcpd does not renew by itself; `kind`: the server's own, or a user's.",
        Some(Unit::Seconds),
    );
    let ends = fleet.credential_ends.iter().take(CREDENTIAL_LABELS_MAX);
    let ends = ends.map(|end| ([("server", end.server.as_str()), ("kind", end.kind.as_str())], seconds(end.at)));
    gauges(encoder, about, ends)?;
    gauge(encoder, ("mcpd_sessions_active", "Sessions that somebody could use now.", None), fleet.sessions)
}

/// Of gateways one by one.
fn gateways(fleet: &Fleet, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let about = (
        "mcpd_gateway_config_lag_revisions",
        "Revisions from what a gateway last reported to the newest; developers' own are left out.",
        None,
    );
    let named = || fleet.named_gateways().take(GATEWAY_LABELS_MAX);
    let lags = named().filter_map(|gateway| {
        let (config, _) = gateway.reported.as_ref()?;
        Some(([("gateway", gateway.name.as_str())], fleet.revision.saturating_sub(config.in_force())))
    });
    gauges(encoder, about, lags)?;
    let about = (
        "mcpd_gateway_last_report_timestamp",
        "When a gateway last reported, since the Unix epoch; developers' own are left out.",
        Some(Unit::Seconds),
    );
    let reports = named().filter_map(|gateway| Some(([("gateway", gateway.name.as_str())], seconds(gateway.seen_at?))));
    gauges(encoder, about, reports)
}

fn seconds(at: Timestamp) -> f64 {
    std::time::Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or_default()).as_secs_f64()
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, (name, help, unit): About, value: impl EncodeGaugeValue) -> fmt::Result {
    let encoder = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
    ConstGauge::new(value).encode(encoder)
}

fn gauges<S: EncodeLabelSet, V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): About,
    series: impl IntoIterator<Item = (S, V)>,
) -> fmt::Result {
    let mut encoder = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
    series.into_iter().try_for_each(|(labels, value)| encoder.encode_family(&labels)?.encode_gauge(&value))
}

fn counter<V: EncodeCounterValue>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): About,
    value: V,
) -> fmt::Result {
    let encoder = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
    ConstCounter::new(value).encode(encoder)
}
