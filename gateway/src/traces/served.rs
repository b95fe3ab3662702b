//! The span of an exchange: begins with its record, ends with it, and is told by the same words.

use super::{Traces, bounded, context};
use control_plane_api::audit::{AuditEvent, Decision, Outcome};
use filters::Exchange;
use opentelemetry::{
    KeyValue, Value,
    trace::{Link, Span as _, SpanBuilder, SpanKind, Status, Tracer as _},
};
use opentelemetry_sdk::trace::Span;
use protocol::{meta, method::Primitive};

/// The revision a client with a session says in this header.
const REVISION_HEADER: &str = "mcp-protocol-version";

/// A span of kind SERVER.
pub(crate) struct Served(Span);

impl Traces {
    /// Begins the span of `exchange`: child of what `_meta` names, linked to what the HTTP request names.
    pub(crate) fn served(&self, exchange: &Exchange) -> Option<Box<Served>> {
        let tracer = self.tracer()?;
        let parent = context::of_params(&exchange.request.params);
        let mut builder = SpanBuilder::from_name("mcp").with_kind(SpanKind::Server);
        if let Some(ambient) = context::of_headers(&exchange.headers) {
            builder = builder.with_links(vec![Link::with_context(ambient)]);
        }
        Some(Box::new(Served(tracer.build_with_context(builder, &parent))))
    }
}

impl Served {
    /// The id of its trace.
    pub(crate) fn trace_id(&self) -> String {
        self.0.span_context().trace_id().to_string()
    }

    /// Has what `exchange` sends on say that it is sent by this span.
    pub(crate) fn put(&self, exchange: &mut Exchange) {
        context::put(&mut exchange.request.params, self.0.span_context());
    }

    /// Ends it as `event`, which holds nothing that must not leave, says the exchange ended; `code`: of the JSON-RPC error
    /// the client was given.
    pub(crate) fn end(mut self, event: &AuditEvent, exchange: &Exchange, code: Option<i64>) {
        if self.0.is_recording() {
            let target = target(event, exchange);
            let method = bounded(&event.method);
            self.0.update_name(match &target {
                Some((_, name)) => format!("{method} {name}"),
                None => method.clone(),
            });
            self.0.set_attributes(attributes(event, exchange));
            self.0.set_attribute(KeyValue::new("mcp.method.name", method));
            if let Some((key, name)) = target {
                self.0.set_attribute(KeyValue::new(key, name));
            }
            if let Some(code) = code {
                self.0.set_attribute(KeyValue::new("rpc.response.status_code", code.to_string()));
            }
            if let Some(error) = error_type(event.outcome) {
                self.0.set_attribute(KeyValue::new("error.type", error));
                self.0.set_status(Status::error(error));
            }
        }
        self.0.end();
    }
}

/// What the exchange is about, where there are few of it: a resource is named by a URI, of which there is no end.
fn target(event: &AuditEvent, exchange: &Exchange) -> Option<(&'static str, String)> {
    let key = match exchange.primitive.as_ref()? {
        Primitive::Tool(_) => "gen_ai.tool.name",
        Primitive::Prompt(_) => "gen_ai.prompt.name",
        Primitive::Resource(_) => return None,
    };
    Some((key, bounded(event.target.as_deref()?)))
}

fn attributes(event: &AuditEvent, exchange: &Exchange) -> Vec<KeyValue> {
    let decision = match event.decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
    };
    let mut attributes = vec![
        KeyValue::new("network.transport", "tcp"),
        KeyValue::new("mcpctl.audit_id", event.id.clone()),
        KeyValue::new("mcpctl.decision", decision),
    ];
    if matches!(exchange.primitive, Some(Primitive::Tool(_))) {
        attributes.push(KeyValue::new("gen_ai.operation.name", "execute_tool"));
    }
    let mut add = |key: &'static str, value: Option<String>| {
        attributes.extend(value.map(|value| KeyValue::new(key, Value::from(bounded(&value)))));
    };
    add("mcp.protocol.version", revision(exchange));
    add("mcp.session.id", exchange.affinity.as_ref().map(|session| session.to_string()));
    add("jsonrpc.request.id", event.request_id.clone());
    add("mcpctl.project", event.project.clone());
    add("mcpctl.server", event.server.as_ref().map(ToString::to_string));
    attributes
}

/// The revision the client speaks, if it is one: a text of the client's own is not handed on.
fn revision(exchange: &Exchange) -> Option<String> {
    let said = exchange.headers.get(REVISION_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let said = said.or_else(|| meta::of(&exchange.request.params).read(meta::PROTOCOL_VERSION))?;
    protocol::Revision::parse(&said).map(|revision| revision.as_str().to_owned())
}

/// One word for what went wrong; none where nothing did.
pub(super) fn error_type(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Ok | Outcome::InputRequired => None,
        Outcome::ToolError => Some("tool_error"),
        Outcome::Error => Some("error"),
        Outcome::Denied => Some("denied"),
        Outcome::Cancelled => Some("cancelled"),
        Outcome::Partial => Some("partial"),
        Outcome::Unknown => Some("unknown"),
    }
}
