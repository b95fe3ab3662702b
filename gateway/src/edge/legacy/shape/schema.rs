//! Output schemas of legacy revisions describe an object; others are wrapped as the values they describe are.

use protocol::Members;
use serde_json::value::{RawValue, to_raw_value};

/// Deepest schema that is rewritten.
const DEPTH_MAX: u32 = 64;
/// Where the original schema is in the wrapped one.
const PLACE: &str = "#/properties/result";
/// Keywords whose values are no schemas.
const VALUES: [&str; 4] = ["const", "enum", "default", "examples"];

/// What becomes of an output schema.
pub(super) enum Shaped {
    /// It describes an object.
    AsItIs,
    /// It describes something else, which is wrapped.
    Wrapped(Box<RawValue>),
    /// It does not say what it describes: whether its values are wrapped cannot be told.
    Unknowable,
}

/// `schema` as one of an object.
pub(super) fn as_object(schema: &RawValue) -> Shaped {
    let Ok(mut original) = Members::open(schema) else {
        return Shaped::Unknowable;
    };
    match original.read::<String>("type").as_deref() {
        Some("object") => return Shaped::AsItIs,
        Some("array" | "string" | "number" | "integer" | "boolean" | "null") => {}
        _ => return Shaped::Unknowable,
    }
    let dialect = original.remove("$schema");
    // References within a schema that has an identity of its own stay within it.
    let moved =
        if original.get("$id").is_some() { Some(original.to_raw()) } else { moved(&original.to_raw(), DEPTH_MAX) };
    let Some(moved) = moved else {
        return Shaped::Unknowable;
    };
    let mut wrapped = Members::new();
    if let Some(dialect) = dialect {
        wrapped.set_raw("$schema", dialect);
    }
    wrapped.set("type", "object");
    let mut properties = Members::new();
    properties.set_raw("result", moved);
    wrapped.set("properties", &properties);
    wrapped.set("required", &["result"]);
    Shaped::Wrapped(wrapped.to_raw())
}

/// `schema` with its local references pointing to where it is moved; none when it is too deep.
fn moved(schema: &RawValue, depth: u32) -> Option<Box<RawValue>> {
    let text = schema.get().trim_ascii_start();
    let deeper = depth.checked_sub(1)?;
    if text.starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        let elements: Option<Vec<_>> = elements.into_iter().map(|element| moved(element, deeper)).collect();
        return to_raw_value(&elements?).ok();
    }
    let Ok(members) = Members::open(schema) else {
        return Some(schema.to_owned());
    };
    if depth < DEPTH_MAX && members.get("$id").is_some() {
        return Some(schema.to_owned());
    }
    let mut rewritten = Members::new();
    for (name, value) in members.iter() {
        let value = match (name, serde_json::from_str::<String>(value.get())) {
            ("$ref" | "$dynamicRef", Ok(target)) if target == "#" || target.starts_with("#/") => {
                to_raw_value(&format!("{PLACE}{}", target.get(1..)?)).ok()?
            }
            (name, _) if VALUES.contains(&name) => value.to_owned(),
            _ => moved(value, deeper)?,
        };
        rewritten.set_raw(name, value);
    }
    Some(rewritten.to_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, prop, prop_oneof, proptest};

    fn schema() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![Just("true".to_owned()), Just("{ }".to_owned()), Just("{\"minimum\":1.10}".to_owned())];
        leaf.prop_recursive(5, 20, 3, |inner| {
            (prop::sample::select(vec!["items", "not", "const", "x"]), inner)
                .prop_map(|(name, inner)| format!("{{\"{name}\":{inner},\"y\":[{inner}]}}"))
        })
    }

    proptest! {
        #[test]
        fn without_references_the_original_stands_in_the_wrapped_one_to_the_letter(items in schema()) {
            let original = format!("{{\"type\":\"array\",\"items\":{items}}}");
            let normal: String = original.replace("{ }", "{}");
            let wrapped = check(&original).unwrap().replace("{ }", "{}");
            assert!(wrapped.contains(&normal), "{wrapped}");
        }
    }

    fn check(schema: &str) -> Option<String> {
        let raw: Box<RawValue> = serde_json::from_str(schema).unwrap();
        match as_object(&raw) {
            Shaped::AsItIs => Some(schema.to_owned()),
            Shaped::Wrapped(wrapped) => Some(wrapped.get().to_owned()),
            Shaped::Unknowable => None,
        }
    }

    #[test]
    fn a_schema_of_an_object_stays() {
        let schema = r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}}}"##;
        assert_eq!(check(schema).as_deref(), Some(schema));
    }

    #[test]
    fn any_other_is_wrapped_and_its_references_move_with_it() {
        let wrapped = check(
            r##"{"$schema":"s","type":"array","items":{"anyOf":[{"$ref":"#/$defs/x"},{"$ref":"#"},{"$ref":"#anchor"}]},"$defs":{"x":{"const":{"$ref":"#/y"},"maximum":1.0}}}"##,
        );
        let inner = r##"{"type":"array","items":{"anyOf":[{"$ref":"#/properties/result/$defs/x"},{"$ref":"#/properties/result"},{"$ref":"#anchor"}]},"$defs":{"x":{"const":{"$ref":"#/y"},"maximum":1.0}}}"##;
        let expected =
            format!(r##"{{"$schema":"s","type":"object","properties":{{"result":{inner}}},"required":["result"]}}"##);
        assert_eq!(wrapped, Some(expected));
        let own = r##"{"type":"array","items":{"$id":"i","$ref":"#/$defs/x"}}"##;
        assert!(check(own).unwrap().contains(r##""$ref":"#/$defs/x""##), "another resource's reference");
    }

    #[test]
    fn what_cannot_be_told_is_left_out() {
        for schema in [r#"{"anyOf":[{"type":"object"},{"type":"null"}]}"#, r#"{"type":["object","null"]}"#, "true"] {
            assert_eq!(check(schema), None, "{schema}");
        }
        let deep = format!(r#"{{"type":"array","items":{}{}{}}}"#, r#"{"not":"#.repeat(70), "{}", "}".repeat(70));
        assert_eq!(check(&deep), None);
    }
}
