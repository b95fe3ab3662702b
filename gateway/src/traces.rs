//! Traces: what an exchange was, and how long it took, as OpenTelemetry spans for whoever collects them.
//!
//! One span of kind SERVER for every exchange ([`Served`]), one of kind CLIENT for every question to a server
//! ([`asked::Traced`]); names and attributes are those of the semantic conventions for MCP. They leave in the background:
//! a collector that is slow or away costs spans, which are counted, and never a call. Deliberately unknown here:
//! arguments, results and users. The audit log has those; a span has the id of its record.
//!
//! Without a collector nothing of this happens, and the trace context of clients passes as it comes.

mod asked;
mod context;
mod export;
mod served;

pub(crate) use asked::around;
pub(crate) use served::Served;

use crate::{metrics::Metrics, settings::TelemetrySettings};
use anyhow::{Context as _, Result};
use control_plane_api::{gateway::GatewayRole, name::Name};
use opentelemetry::{InstrumentationScope, KeyValue, trace::TracerProvider as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};
use std::{sync::Arc, time::Duration};

/// What the gateway is called among the services of a company, unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "mcp-gateway";
/// Time that spans get to leave when the process ends.
const FAREWELL: Duration = Duration::from_secs(3);
/// Characters of a text in a span.
const TEXT_MAX: usize = 200;

/// Begins spans; nothing at all by default. Cheap to clone.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Collected>>);

struct Collected {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Traces of the gateway `name` for the collector that `settings` name; none where they name none.
    ///
    /// # Errors
    /// What is wrong with the settings. Whether a collector answers is found out later.
    pub fn start(settings: &TelemetrySettings, name: &Name, role: GatewayRole, metrics: &Metrics) -> Result<Self> {
        let Some(url) = settings.traces_url()? else { return Ok(Self::default()) };
        let collector = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
        let processor = export::processor(url, settings, metrics).context("traces cannot be exported")?;
        let resource = resource(name, role);
        let provider = SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource).build();
        tracing::info!(%collector, "traces are exported");
        Ok(Self::of(provider))
    }

    fn of(provider: SdkTracerProvider) -> Self {
        let scope = InstrumentationScope::builder(SERVICE).with_version(env!("CARGO_PKG_VERSION")).build();
        let tracer = provider.tracer_with_scope(scope);
        Self(Some(Arc::new(Collected { provider, tracer })))
    }

    /// Gives what waits a moment to leave; what does not is lost.
    pub async fn close(&self) {
        if let Some(collected) = self.0.clone() {
            let farewell = move || collected.provider.shutdown_with_timeout(FAREWELL);
            if let Ok(Err(error)) = tokio::task::spawn_blocking(farewell).await {
                tracing::warn!(%error, "the last spans did not reach the collector");
            }
        }
    }

    fn tracer(&self) -> Option<&SdkTracer> {
        self.0.as_ref().map(|collected| &collected.tracer)
    }
}

/// Who makes the spans; what the environment says of it counts for more.
fn resource(name: &Name, role: GatewayRole) -> Resource {
    let detected = Resource::builder().build();
    let said = |key: &'static str| detected.get(&key.into()).map(|value| value.to_string());
    let mut own = vec![
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", name.to_string()),
        KeyValue::new("mcpctl.gateway.role", role.to_string()),
    ];
    own.retain(|attribute| detected.get(&attribute.key).is_none());
    if said("service.name").is_none_or(|service| service.starts_with("unknown_service")) {
        own.push(KeyValue::new("service.name", SERVICE));
    }
    Resource::builder().with_attributes(own).build()
}

/// `text` as it may stand in a span.
fn bounded(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
