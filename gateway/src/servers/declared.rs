//! What a tool's input schema declares about its arguments, as far as rules about arguments need to know (JSON Schema
//! 2020-12: `properties`, `items`, `type`, `anyOf`, `oneOf`, `allOf`, and `$ref` inside the schema).
//!
//! What is not understood declares nothing, and is then refused where a rule speaks of the tool.

use control_plane_api::argument::Declared;
use protocol::Members;
use serde_json::{Value, value::RawValue};

/// Deepest place in the arguments, and longest chain of references, that is looked into.
const DEPTH_MAX: usize = 8;
/// Schemas of one tool that are looked into.
const SCHEMAS_MAX: usize = 1_000;

/// What `tool`, an entry of a list, declares; none without a schema.
pub(super) fn of_tool(tool: &RawValue) -> Option<Declared> {
    let schema: Value = Members::open(tool).ok()?.read("inputSchema")?;
    let mut declared = Declared::default();
    Reader { whole: &schema, left: SCHEMAS_MAX }.read(&schema, DEPTH_MAX, &mut declared);
    Some(declared)
}

struct Reader<'a> {
    whole: &'a Value,
    left: usize,
}

impl Reader<'_> {
    /// Adds to `declared` what `schema` declares.
    fn read(&mut self, schema: &Value, depth: usize, declared: &mut Declared) {
        if depth == 0 || self.left == 0 {
            return;
        }
        self.left -= 1;
        declared.list |= may_be_array(schema);
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            self.read(property, depth - 1, declared.members.entry(name.clone()).or_default());
        }
        for word in ["anyOf", "oneOf", "allOf"] {
            for one in schema[word].as_array().into_iter().flatten() {
                self.read(one, depth - 1, declared);
            }
        }
        if let Some(inside) = schema["$ref"].as_str().and_then(|at| self.whole.pointer(at.strip_prefix('#')?)) {
            self.read(inside, depth - 1, declared);
        }
        if schema["items"].is_object() {
            // An array of arrays is nothing a rule looks into.
            let list = std::mem::replace(&mut declared.list, true);
            self.read(&schema["items"], depth - 1, declared);
            declared.list = list;
        }
    }
}

fn may_be_array(schema: &Value) -> bool {
    let is = |word: &Value| word == "array";
    match &schema["type"] {
        Value::Array(types) => types.iter().any(is),
        one => is(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value, expected: Value) {
        let tool = serde_json::value::to_raw_value(&json!({"name": "t", "inputSchema": schema})).unwrap();
        assert_eq!(json!(of_tool(&tool).unwrap()), expected, "{schema}");
    }

    #[test]
    fn names_are_declared_wherever_the_schema_has_them() {
        check(json!({"type": "object"}), json!({}));
        check(json!(true), json!({}));
        check(json!({"properties": {"a": {"type": "string"}, "b": true}}), json!({"members": {"a": {}, "b": {}}}));
        let inner = json!({"properties": {"key": {"type": "string"}}});
        check(json!({"properties": {"project": inner}}), json!({"members": {"project": {"members": {"key": {}}}}}));
        check(
            json!({"properties": {"p": {"$ref": "#/$defs/P"}}, "$defs": {"P": inner}}),
            json!({"members": {"p": {"members": {"key": {}}}}}),
        );
        check(
            json!({"anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}),
            json!({"members": {"a": {}, "b": {}}}),
        );
    }

    #[test]
    fn an_array_is_declared_with_what_its_elements_hold() {
        let list = json!({"type": "array", "items": {"properties": {"b": {"type": "string"}}}});
        check(json!({"properties": {"a": list}}), json!({"members": {"a": {"list": true, "members": {"b": {}}}}}));
        let optional = json!({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]});
        check(json!({"properties": {"a": optional}}), json!({"members": {"a": {"list": true}}}));
        check(json!({"properties": {"a": {"type": ["array", "string"]}}}), json!({"members": {"a": {"list": true}}}));
        check(json!({"properties": {"a": {"items": {"type": "array"}}}}), json!({"members": {"a": {}}}));
    }

    #[test]
    fn a_schema_without_an_end_is_left_where_it_is_deep() {
        let wide: Vec<Value> = (0..50).map(|_| json!({"$ref": "#"})).collect();
        let tool = json!({"inputSchema": {"properties": {"a": {"$ref": "#"}}, "anyOf": wide}});
        let declared = of_tool(&serde_json::value::to_raw_value(&tool).unwrap()).unwrap();
        assert!(declared.members.contains_key("a"));
    }
}
