//! W3C Trace Context: where it comes in (`_meta`, else nothing), and how it goes on.

use http::HeaderMap;
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use protocol::{Members, meta};

/// The two texts of a trace context.
#[derive(Default)]
struct Texts {
    parent: Option<String>,
    state: Option<String>,
}

impl Extractor for Texts {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            meta::TRACEPARENT => self.parent.as_deref(),
            meta::TRACESTATE => self.state.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![meta::TRACEPARENT, meta::TRACESTATE]
    }
}

fn read(texts: &Texts) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), texts)
}

/// What the sender of `params` was doing; empty where it does not say, or not in these words.
pub(super) fn of_params(params: &Members) -> Context {
    let meta = meta::of(params);
    read(&Texts { parent: meta.read(meta::TRACEPARENT), state: meta.read(meta::TRACESTATE) })
}

/// What sent the HTTP request with these `headers`.
pub(super) fn of_headers(headers: &HeaderMap) -> Option<SpanContext> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let parent = text(meta::TRACEPARENT)?;
    let context = read(&Texts { parent: Some(parent), state: text(meta::TRACESTATE) });
    Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
}

/// Has `params` say that it is `span` that sends them.
pub(super) fn put(params: &mut Members, span: &SpanContext) {
    let mut meta = meta::of(params);
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags().to_u8());
    meta.set(meta::TRACEPARENT, &format!("00-{trace}-{id}-{flags:02x}"));
    let state = span.trace_state().header();
    if state.is_empty() {
        meta.remove(meta::TRACESTATE);
    } else {
        meta.set(meta::TRACESTATE, &state);
    }
    params.set("_meta", &meta);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(params: &str) -> (bool, String) {
        let mut params: Members = serde_json::from_str(params).unwrap();
        let context = of_params(&params);
        let span = context.span().span_context().clone();
        put(&mut params, &span);
        (span.is_valid(), params.to_raw().get().to_owned())
    }

    #[test]
    fn a_context_goes_on_as_it_came() {
        let whole = r#"{"_meta":{"a":1,"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"v=1,w=2"}}"#;
        assert_eq!(check(whole), (true, whole.to_owned()));
    }

    #[test]
    fn what_is_no_context_is_none() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        for bad in ["", "junk", "00-0-0-01", &format!("ff-{id}-01"), &format!("00-{}-01", id.to_uppercase())] {
            let params = format!(r#"{{"_meta":{{"traceparent":"{bad}"}}}}"#);
            assert!(!check(&params).0, "{bad}");
        }
        assert!(!check(r#"{"_meta":{"traceparent":7}}"#).0);
        assert!(!check("{}").0);
    }
}
