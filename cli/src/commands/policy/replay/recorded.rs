//! Arguments as the audit log holds them. It holds no secrets and no more than so much: of what it left out there is a
//! digest, and no rule can be judged by that.

use serde_json::{Value, value::RawValue};

/// What stands in place of a secret, or of what was too much.
const MARKS: [&str; 2] = ["hmac", "cut"];

/// The arguments, if all of their values are there.
pub(super) fn values(recorded: &Value) -> Option<Box<RawValue>> {
    is_whole(recorded).then(|| serde_json::value::to_raw_value(recorded).ok()).flatten()
}

fn is_whole(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let marked = |name: &String| MARKS.contains(&name.as_str()) || name == "…" || name.starts_with("hmac:");
            members.iter().all(|(name, value)| !marked(name) && is_whole(value))
        }
        Value::Array(elements) => elements.iter().all(is_whole),
        Value::String(text) => !text.contains("… ("),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(recorded: &Value, whole: bool) {
        assert_eq!(values(recorded).is_some(), whole, "{recorded}");
    }

    #[test]
    fn what_stands_in_place_of_a_value_is_no_value() {
        check(&json!({"a": [1, "x", null, {"b": true}]}), true);
        check(&json!({"a": {"hmac": "12", "type": "string", "bytes": 2}}), false);
        check(&json!({"a": [{"cut": {"members": 2}}]}), false);
        check(&json!({"hmac:12": 1}), false);
        check(&json!({"a": "xx… (2000 bytes, sha256 12)"}), false);
    }
}
