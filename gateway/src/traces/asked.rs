//! The span of a question to a server: from its sending to its answer, or to where nobody waits for one any more.

use super::{Traces, bounded, context, served::error_type};
use crate::upstream::{Caller, Endpoint, Health, Life, Reply, Said, Upstream, UpstreamError};
use async_trait::async_trait;
use control_plane_api::{
    audit::Outcome,
    name::Name,
    server::{ServerSpec, Transport},
};
use futures::{Stream, StreamExt as _};
use opentelemetry::{
    KeyValue, Value,
    trace::{Span as _, SpanBuilder, SpanKind, Status, Tracer as _},
};
use opentelemetry_sdk::trace::Span;
use protocol::{Message, Request, Response, View, method::Primitive};
use scrubber::Scrubber;
use serde_json::value::RawValue;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::watch;
use url::Url;

/// `upstream`, which is reached by `endpoint`, with a span for every question; itself where there are no traces.
pub(crate) fn around(traces: &Traces, upstream: Arc<dyn Upstream>, endpoint: &Endpoint) -> Arc<dyn Upstream> {
    if traces.tracer().is_none() {
        return upstream;
    }
    let (server, scrubber) = (endpoint.name.clone(), endpoint.scrubber.clone());
    let place = place(&endpoint.spec);
    Arc::new(Traced { upstream, traces: traces.clone(), server, place, scrubber })
}

/// A server whose questions have spans.
struct Traced {
    upstream: Arc<dyn Upstream>,
    traces: Traces,
    server: Name,
    /// Where it is, as attributes.
    place: Vec<KeyValue>,
    scrubber: Scrubber,
}

impl Traced {
    /// Begins the span of `request`, and has that say so.
    fn begin(&self, request: &mut Request) -> Option<Asked> {
        let parent = context::of_params(&request.params);
        let builder = SpanBuilder::from_name("mcp").with_kind(SpanKind::Client);
        let mut span = self.traces.tracer()?.build_with_context(builder, &parent);
        context::put(&mut request.params, span.span_context());
        if span.is_recording() {
            let clean = |text: &str| bounded(&self.scrubber.text(text));
            let method = clean(&request.method);
            span.set_attribute(KeyValue::new("mcp.method.name", method.clone()));
            span.set_attribute(KeyValue::new("mcpctl.server", self.server.to_string()));
            span.set_attributes(self.place.iter().cloned());
            let name = match Primitive::of(request) {
                Some(Primitive::Tool(tool)) => {
                    let tool = clean(&tool);
                    span.set_attribute(KeyValue::new("gen_ai.operation.name", "execute_tool"));
                    span.set_attribute(KeyValue::new("gen_ai.tool.name", tool.clone()));
                    format!("{method} {tool}")
                }
                Some(Primitive::Prompt(prompt)) => {
                    let prompt = clean(&prompt);
                    span.set_attribute(KeyValue::new("gen_ai.prompt.name", prompt.clone()));
                    format!("{method} {prompt}")
                }
                Some(Primitive::Resource(_)) | None => method,
            };
            span.update_name(name);
        }
        Some(Asked { span, is_answered: false })
    }
}

#[async_trait]
impl Upstream for Traced {
    async fn call(&self, mut request: Request, caller: &Caller) -> Result<Reply, UpstreamError> {
        let Some(mut asked) = self.begin(&mut request) else { return self.upstream.call(request, caller).await };
        match self.upstream.call(request, caller).await {
            Ok(reply) => Ok(Box::pin(Heard { reply, asked })),
            Err(error) => {
                asked.failed(&error);
                Err(error)
            }
        }
    }

    fn learn(&self, tools: &[Box<RawValue>]) {
        self.upstream.learn(tools);
    }

    fn health(&self) -> Health {
        self.upstream.health()
    }

    fn life(&self) -> Life {
        self.upstream.life()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.upstream.changes()
    }

    async fn close(&self) {
        self.upstream.close().await;
    }
}

/// A span of kind CLIENT. Dropped before there is an answer, it says that nobody waited for one.
struct Asked {
    span: Span,
    is_answered: bool,
}

impl Asked {
    fn heard(&mut self, said: &Result<Said, UpstreamError>) {
        match said {
            Ok(Said::Message(Message::Response(response))) => self.answered(response),
            // Its end is not seen here, and neither is what it says of itself.
            Ok(Said::Long(_)) => self.is_answered = true,
            Ok(Said::Message(_)) => {}
            Err(error) => self.failed(error),
        }
    }

    fn answered(&mut self, response: &Response) {
        self.is_answered = true;
        match &response.payload {
            Err(error) => {
                self.span.set_attribute(KeyValue::new("rpc.response.status_code", error.code.to_string()));
                self.is_wrong(Outcome::Error);
            }
            Ok(result) if View::open(result).is_ok_and(|result| result.read("isError") == Some(true)) => {
                self.is_wrong(Outcome::ToolError);
            }
            Ok(_) => {}
        }
        self.span.end();
    }

    /// The reason may hold what the server said; the log has it.
    fn failed(&mut self, error: &UpstreamError) {
        self.is_answered = true;
        let kind = match error {
            UpstreamError::Unreachable { .. } => "unreachable",
            UpstreamError::Lost { .. } => "lost",
            UpstreamError::TimedOut { .. } => "timeout",
            UpstreamError::Unusable { .. } => "unusable",
            UpstreamError::NeedsConsent { .. } => "needs_consent",
            UpstreamError::TokenRefused { .. } => "token_refused",
            UpstreamError::Forgotten { .. } => "session_forgotten",
        };
        self.span.set_attribute(KeyValue::new("error.type", kind));
        self.span.set_status(Status::error(kind));
        self.span.end();
    }

    fn is_wrong(&mut self, outcome: Outcome) {
        if let Some(error) = error_type(outcome) {
            self.span.set_attribute(KeyValue::new("error.type", error));
            self.span.set_status(Status::error(error));
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.is_answered {
            self.is_wrong(Outcome::Cancelled);
        }
        self.span.end();
    }
}

/// What the server says, on its way to who asked.
struct Heard {
    reply: Reply,
    asked: Asked,
}

impl Stream for Heard {
    type Item = Result<Said, UpstreamError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let said = this.reply.poll_next_unpin(context);
        if let Poll::Ready(Some(said)) = &said {
            this.asked.heard(said);
        }
        said
    }
}

fn place(spec: &ServerSpec) -> Vec<KeyValue> {
    match &spec.transport {
        Transport::Stdio { .. } => vec![KeyValue::new("network.transport", "pipe")],
        Transport::Http { url, .. } => {
            let url = Url::parse(url).ok();
            let host =
                url.as_ref().and_then(Url::host_str).map(|host| KeyValue::new("server.address", host.to_owned()));
            let port = url.as_ref().and_then(Url::port_or_known_default);
            let port = port.map(|port| KeyValue::new("server.port", Value::I64(port.into())));
            [Some(KeyValue::new("network.transport", "tcp")), host, port].into_iter().flatten().collect()
        }
    }
}
