//! How spans leave: in batches, on a thread of their own, through a queue with an end.
//!
//! What does not fit into the queue and what the collector does not take is dropped and counted. That is said once when
//! it begins and once when it is over, without the collector's address and headers, which may hold credentials.

use crate::{http_client, metrics::Metrics, settings::TelemetrySettings};
use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::Context;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Handle;
use url::Url;

/// Time for a connection to the collector.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Spans in one request, unless fewer may wait.
const BATCH_MAX: usize = 512;

/// What takes spans that have ended, for the collector at `url`.
pub(super) fn processor(url: Url, settings: &TelemetrySettings, metrics: &Metrics) -> Result<Bounded> {
    let client = http_client::builder(&url, CONNECT_TIMEOUT).timeout(settings.timeout()).build()?;
    let sender = Sender { client, runtime: Handle::current() };
    let otlp = Otlp::builder().with_http().with_http_client(sender).with_protocol(Protocol::HttpBinary);
    let otlp = otlp.with_endpoint(url).with_timeout(settings.timeout()).build()?;
    let queue_max = settings.queue_max();
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(queue_max)
        .with_max_export_batch_size(BATCH_MAX.min(queue_max))
        .with_scheduled_delay(Duration::from_millis(settings.otlp_delay_ms));
    let waiting = Arc::<AtomicUsize>::default();
    let counted =
        Counted { otlp, waiting: waiting.clone(), metrics: metrics.clone(), is_failing: AtomicBool::new(false) };
    let batches = BatchSpanProcessor::builder(counted).with_batch_config(config.build()).build();
    Ok(Bounded { batches, waiting, queue_max, metrics: metrics.clone() })
}

/// Lets no more spans wait than may.
#[derive(Debug)]
pub(super) struct Bounded {
    batches: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
    queue_max: usize,
    metrics: Metrics,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let another = |waiting| (waiting < self.queue_max).then_some(waiting + 1);
        match self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, another) {
            Ok(_) => self.batches.on_end(span),
            Err(_) => self.metrics.spans_dropped("queue_full", 1),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Counts what the collector does not take.
#[derive(Debug)]
struct Counted {
    otlp: Otlp,
    waiting: Arc<AtomicUsize>,
    metrics: Metrics,
    is_failing: AtomicBool,
}

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        let taken = self.otlp.export(batch).await;
        match &taken {
            Ok(()) if self.is_failing.swap(false, Ordering::Relaxed) => {
                tracing::info!("the collector takes spans again");
            }
            Ok(()) => {}
            Err(error) => {
                self.metrics.spans_dropped("export_failed", spans);
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the collector takes no spans: they are dropped and counted until it does");
                }
            }
        }
        taken
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}

/// Sends from the thread of the batches what only a task can send.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // Whatever else logs headers does not log these.
        request.headers_mut().values_mut().for_each(|value| value.set_sensitive(true));
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}
