//! The central gateway as the upstream of a developer's local one: the trace that joins the audit records of both, and what the
//! developer is told while it does not serve.

use super::UpstreamError;
use control_plane_api::server::{ServerSpec, Transport};
use filters::Exchange;
use protocol::meta;
use rand::RngCore as _;

/// Gives the request a trace to be found by in the audit logs of both gateways, unless its client gave it one
/// (W3C Trace Context: version, trace id, parent id, not sampled).
pub fn begin_trace(exchange: &mut Exchange) {
    let mut meta = meta::of(&exchange.request.params);
    if meta.get(meta::TRACEPARENT).is_some() {
        return;
    }
    let mut random = [0_u8; 24];
    rand::thread_rng().fill_bytes(&mut random);
    let (trace, parent) = random.split_at(16);
    meta.set(meta::TRACEPARENT, &format!("00-{}-{}-00", hex::encode(trace), hex::encode(parent)));
    exchange.request.params.set("_meta", &meta);
}

/// What is cut off, why, and what to do about it.
#[must_use]
pub fn told(spec: &ServerSpec, project: &str, error: &UpstreamError) -> String {
    let url = match &spec.transport {
        Transport::Http { url, .. } => url.split("/projects/").next().unwrap_or(url),
        Transport::Stdio { .. } => "",
    };
    let reason = error.reason();
    match error {
        UpstreamError::NeedsConsent { .. } | UpstreamError::TokenRefused { .. } => format!(
            "the central gateway {url} does not accept the login of this machine any more, so project `{project}` is cut off: run \
             `mcpctl login`"
        ),
        UpstreamError::Unreachable { .. } => format!(
            "the central gateway {url} cannot be reached, so every tool of project `{project}` is cut off: {reason}. This machine's \
             own gateway works; try again when the network does, and see `mcpctl status`"
        ),
        UpstreamError::Lost { .. } | UpstreamError::TimedOut { .. } => format!(
            "the central gateway {url} gave no answer: {reason}. Whether the call was carried out is not known; see `mcpctl status`"
        ),
        UpstreamError::Unusable { .. } | UpstreamError::Forgotten { .. } => {
            format!("the central gateway {url} did not serve project `{project}`: {reason}; see `mcpctl status`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::name::Name;
    use http::HeaderMap;
    use protocol::Message;
    use serde_json::json;
    use std::time::Duration;

    fn exchange(params: &serde_json::Value) -> Exchange {
        let text = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let Ok(Message::Request(request)) = Message::parse(text.as_bytes()) else { panic!("a request") };
        Exchange::new(request, HeaderMap::new())
    }

    fn traceparent(exchange: &Exchange) -> String {
        meta::of(&exchange.request.params).read::<String>(meta::TRACEPARENT).unwrap()
    }

    #[test]
    fn a_request_has_one_trace_and_a_client_may_choose_it() {
        let (mut one, mut two) = (exchange(&json!({"name": "x"})), exchange(&json!({"name": "x", "_meta": {"a": 1}})));
        begin_trace(&mut one);
        begin_trace(&mut two);
        assert_ne!(traceparent(&one), traceparent(&two));
        assert!(traceparent(&one).len() == 55 && meta::of(&two.request.params).get("a").is_some());
        let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut given = exchange(&json!({"name": "x", "_meta": {"traceparent": own}}));
        begin_trace(&mut given);
        assert_eq!(traceparent(&given), own);
    }

    #[test]
    fn a_developer_is_told_what_is_cut_off_and_what_to_do() {
        let url = "https://mcp.example/projects/weekly/mcp";
        let spec: ServerSpec = serde_json::from_value(json!({"transport": {"type": "http", "url": url}})).unwrap();
        let server: Name = "weekly".parse().unwrap();
        let check = |error: UpstreamError, parts: &[&str]| {
            let told = told(&spec, "weekly", &error);
            assert!(
                told.contains("central gateway https://mcp.example ") && parts.iter().all(|part| told.contains(part)),
                "{told}"
            );
        };
        let reason = "connection refused".to_owned();
        check(
            UpstreamError::Unreachable { server: server.clone(), reason: reason.clone() },
            &["`weekly` is cut off", "refused"],
        );
        check(UpstreamError::Lost { server: server.clone(), reason }, &["is not known"]);
        check(UpstreamError::TimedOut { server: server.clone(), after: Duration::from_millis(7) }, &["7 ms"]);
        check(UpstreamError::NeedsConsent { server, scopes: Vec::new() }, &["mcpctl login"]);
    }
}
