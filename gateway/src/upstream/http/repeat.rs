//! What may be written a second time when a kept connection turns out to be dead, although the server may have received it
//! the first time: only what changes nothing however often it is done (RFC 9110 §9.2.2).
//!
//! A tool says by its curated class whether it is of that kind; its own hints decide nothing.

use control_plane_api::server::{ServerSpec, ToolClass};
use protocol::{Request, method};

/// Methods that only ask, or leave nothing behind but a session or a stream that nobody uses. What is not among them may
/// change something, unknown methods included.
const ASKING: [&str; 13] = [
    method::DISCOVER,
    method::PING,
    method::TOOLS_LIST,
    method::PROMPTS_LIST,
    method::PROMPTS_GET,
    method::RESOURCES_LIST,
    method::TEMPLATES_LIST,
    method::RESOURCES_READ,
    method::COMPLETE,
    method::INITIALIZE,
    method::LISTEN,
    method::TASKS_RESULT,
    "tasks/get",
];

/// Whether `request` may be written twice to the server of `spec`.
pub(super) fn is_harmless(request: &Request, spec: &ServerSpec) -> bool {
    match request.method.as_str() {
        method::TOOLS_CALL => {
            let tool = request.params.text("name");
            tool.is_some_and(|tool| spec.class_of(&tool) == ToolClass::Read)
        }
        asked => ASKING.contains(&asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::testing::{request, tool};
    use serde_json::json;

    fn check(request: &Request) -> bool {
        let spec = json!({"transport": {"type": "http", "url": "http://x/"}, "tools": [
            {"tool": "get_*", "class": "read"}, {"tool": "set_*", "class": "write"}, {"tool": "drop_*", "class": "destructive"}]});
        is_harmless(request, &serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn u04_only_tools_classed_as_reading_are_harmless() {
        assert!(check(&tool("get_issue", json!({}))));
        for other in ["set_issue", "drop_issue", "nobody_classed_it", ""] {
            assert!(!check(&tool(other, json!({}))), "{other}");
        }
        let nameless = request("r", method::TOOLS_CALL, &json!({"name": 7}));
        assert!(!check(&nameless));
    }

    #[test]
    fn u04_methods_that_only_ask_are_harmless_and_unknown_ones_are_not() {
        for asking in ASKING {
            assert!(check(&request("r", asking, &json!({}))), "{asking}");
        }
        for other in ["tasks/cancel", "tasks/update", "logging/setLevel", "x/y"] {
            assert!(!check(&request("r", other, &json!({}))), "{other}");
        }
    }
}
