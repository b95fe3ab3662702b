//! The call that shows whether a server's credential is good: made when a test is ordered, on the gateway's own account, and
//! only of what reads. Its result goes nowhere; why it failed goes into the report.

use super::lists::{self, Lists};
use crate::upstream::{Caller, Said, Upstream, UpstreamError};
use control_plane_api::server::{Probe, Probed, ServerSpec, ToolClass};
use futures::StreamExt as _;
use protocol::{Id, Members, Message, Request, Response, meta, method};
use scrubber::Scrubber;

/// Most characters of a reason.
const REASON_CHARS_MAX: usize = 500;

/// The first probe of `spec` whose tool `lists` has.
pub(super) fn wanted(spec: &ServerSpec, lists: &Lists) -> Option<Probe> {
    let offered = |probe: &&Probe| lists.definitions.contains_key(&probe.tool);
    let reads = |probe: &&Probe| spec.class_of(&probe.tool) == ToolClass::Read;
    spec.probes.iter().filter(reads).find(offered).cloned()
}

/// Makes the call.
pub(super) async fn run(upstream: &dyn Upstream, probe: Probe, scrubber: &Scrubber) -> Probed {
    let error = match call(upstream, &probe).await {
        Ok(Some(response)) => refused(&response, probe.expects.as_deref()),
        // It is long, and errors are not.
        Ok(None) => None,
        Err(error) => Some(error.reason()),
    };
    let shown = |text: String| {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text = scrubber.text(&text).into_owned();
        text.chars().take(REASON_CHARS_MAX).collect::<String>()
    };
    Probed { tool: probe.tool, error: error.map(shown) }
}

/// The answer; none when it is a long one.
async fn call(upstream: &dyn Upstream, probe: &Probe) -> Result<Option<Response>, UpstreamError> {
    let mut params =
        method::params_with_meta(&meta::modern(Some(&lists::implementation()), Some(&Members::new().to_raw())));
    params.set("name", &probe.tool);
    params.set("arguments", &probe.arguments);
    let request = Request { id: Id::Number(0), method: method::TOOLS_CALL.to_owned(), params };
    let mut reply = upstream.call(request, &Caller::GATEWAY).await?;
    while let Some(said) = reply.next().await {
        match said? {
            Said::Message(Message::Response(response)) => return Ok(Some(response)),
            Said::Long(_) => return Ok(None),
            Said::Message(_) => {}
        }
    }
    Ok(Some(Response::error(None, protocol::RpcError::new(protocol::code::INTERNAL_ERROR, "no answer"))))
}

/// Why `response` does not show that the credential is good, if it does not.
fn refused(response: &Response, expects: Option<&str>) -> Option<String> {
    let result = match &response.payload {
        Err(error) => return Some(error.message.clone()),
        Ok(result) => Members::open(result).unwrap_or_default(),
    };
    let texts: Vec<Members> = result.read::<Vec<Members>>("content").unwrap_or_default();
    let text: Vec<String> = texts.iter().filter_map(|content| content.read::<String>("text")).collect();
    let text = text.join("\n");
    let fails = result.read::<bool>("isError") == Some(true);
    let lacks = expects.is_some_and(|expected| !text.contains(expected));
    (fails || lacks).then(|| if text.is_empty() { "it answered with an error and no text".to_owned() } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(payload: Value, expects: Option<&str>, says: Option<&str>) {
        let payload = serde_json::value::to_raw_value(&payload).unwrap();
        let reason = refused(&Response { id: None, payload: Ok(payload) }, expects);
        assert_eq!(reason.as_deref(), says);
    }

    #[test]
    fn an_error_is_a_refusal_and_so_is_a_result_without_what_is_expected() {
        let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
        check(text("fine"), None, None);
        check(json!({"content": [{"type": "text", "text": "401"}], "isError": true}), None, Some("401"));
        let reference = r#"{"ok":false,"error":"invalid_auth"}"#;
        check(text(reference), Some(r#""ok":true"#), Some(reference));
        check(text(r#"{"ok":true}"#), Some(r#""ok":true"#), None);
        check(json!({"isError": true}), None, Some("it answered with an error and no text"));
        let response = Response::error(None, protocol::RpcError::new(-32_603, "token expired"));
        assert_eq!(refused(&response, None).as_deref(), Some("token expired"));
    }

    #[test]
    fn only_what_reads_and_is_there_is_called() {
        let spec = json!({"transport": {"type": "stdio", "command": "x"},
            "tools": [{"tool": "get_me", "class": "read"}, {"tool": "drop", "class": "destructive"}],
            "probes": [{"tool": "drop"}, {"tool": "gone"}, {"tool": "get_me"}]});
        let spec: ServerSpec = serde_json::from_value(spec).unwrap();
        let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
        let lists = Lists::of_tools(json!([tool("drop"), tool("get_me")]));
        assert_eq!(wanted(&spec, &lists).unwrap().tool, "get_me");
        assert!(wanted(&spec, &Lists::of_tools(json!([tool("drop")]))).is_none());
    }
}
