//! Calls that a gateway makes on its own account: few, small, and of what only reads.

use super::Rules;
use crate::{
    argument::Scalar,
    object::ObjectRef,
    server::{ServerSpec, ToolClass},
};

/// Most probes of one server.
const PROBES_MAX: usize = 8;
/// Longest text in one, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;

impl Rules<'_> {
    pub(super) fn probes(&mut self, object: &ObjectRef, spec: &ServerSpec) {
        if spec.probes.len() > PROBES_MAX {
            self.broken(object, "probes", format!("are more than {PROBES_MAX}"));
        }
        for probe in &spec.probes {
            let texts = probe.arguments.iter().flat_map(|(name, value)| {
                let value = if let Scalar::Text(text) = value { text.len() } else { 0 };
                [name.len(), value]
            });
            let longest = texts.chain(probe.expects.as_ref().map(String::len)).max();
            if longest.is_some_and(|bytes| bytes > TEXT_BYTES_MAX) || probe.arguments.len() > PROBES_MAX {
                self.broken(object, "probes", format!("`{}` is given more than a probe needs", probe.tool));
            }
            if spec.class_of(&probe.tool) != ToolClass::Read {
                let message = format!("`{}` is not classed as reading: a probe changes nothing", probe.tool);
                self.broken(object, "probes", message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::validate::tests::check as found;

    fn check(probes: serde_json::Value, expected: &[&str]) {
        let tools = serde_json::json!([{"tool": "get_*", "class": "read"}, {"tool": "drop", "class": "destructive"}]);
        let spec =
            serde_json::json!({"transport": {"type": "stdio", "command": "x"}, "tools": tools, "probes": probes});
        let objects = serde_json::json!([{"kind": "server", "name": "s", "spec": spec}]);
        found(objects, expected);
    }

    #[test]
    fn a_probe_only_reads_and_is_small() {
        check(serde_json::json!([{"tool": "get_me", "arguments": {"limit": 1}, "expects": "ok"}]), &[]);
        check(
            serde_json::json!([{"tool": "drop"}, {"tool": "new"}]),
            &["`drop` is not classed", "`new` is not classed"],
        );
        check(serde_json::json!([{"tool": "get_me", "expects": "x".repeat(1_025)}]), &["more than a probe needs"]);
        check(serde_json::Value::Array(vec![serde_json::json!({"tool": "get_me"}); 9]), &["are more than 8"]);
    }
}
