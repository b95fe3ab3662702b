//! The schema of a spec as `mcpctl explain` walks it: references followed, alternatives and lists looked into.

use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// Deepest field that is looked at, and longest chain of references that is followed.
pub(super) const DEPTH_MAX: usize = 8;

/// The schema of a spec, and what it refers to.
pub(super) struct Schemas {
    /// What the spec itself says.
    pub(super) spec: Value,
    parts: Map<String, Value>,
}

impl Schemas {
    /// That of `S`.
    pub(super) fn of<S: ToSchema + PartialSchema>() -> Self {
        let mut parts: Vec<(String, RefOr<Schema>)> = Vec::new();
        S::schemas(&mut parts);
        let value = |schema: &RefOr<Schema>| serde_json::to_value(schema).unwrap_or_default();
        Self {
            spec: value(&S::schema()),
            parts: parts.iter().map(|(name, schema)| (name.clone(), value(schema))).collect(),
        }
    }

    /// `schema` with what it refers to in its place; its own description goes before.
    pub(super) fn resolved(&self, schema: &Value) -> Value {
        let mut schema = schema.clone();
        for _ in 0..DEPTH_MAX {
            let inner = match alone(&schema) {
                Some(inner) => inner.clone(),
                None => match schema.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next()) {
                    Some(name) => self.parts.get(name).cloned().unwrap_or_default(),
                    None => break,
                },
            };
            let mut inner = inner;
            for member in ["description", "default"] {
                if let (Some(said), Value::Object(inner)) = (schema.get(member), &mut inner) {
                    inner.insert(member.to_owned(), said.clone());
                }
            }
            schema = inner;
        }
        schema
    }
}

/// The one schema that a schema with nothing but alternatives comes to: `T or nothing`, `all of T`.
fn alone(schema: &Value) -> Option<&Value> {
    let all = ["oneOf", "anyOf", "allOf"].iter().find_map(|word| schema.get(*word)?.as_array())?;
    let mut meant = all.iter().filter(|one| one.get("type").and_then(Value::as_str) != Some("null"));
    match (meant.next(), meant.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// The fields of what `schema` describes: of an object, of the items of a list, of every alternative.
pub(super) fn fields(schemas: &Schemas, schema: &Value) -> Vec<(String, Value, bool)> {
    let schema = schemas.resolved(schema);
    let mut found: Vec<(String, Value, bool)> = Vec::new();
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        found.push((name.clone(), schemas.resolved(field), required.contains(&name.as_str())));
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        found.push(("*".to_owned(), schemas.resolved(values), false));
    }
    if let Some(items) = schema.get("items") {
        found.extend(fields(schemas, items));
    }
    for word in ["oneOf", "anyOf", "allOf"] {
        for one in schema.get(word).and_then(Value::as_array).into_iter().flatten() {
            let is_all = word == "allOf";
            for (name, field, required) in fields(schemas, one) {
                match found.iter_mut().find(|(known, ..)| *known == name) {
                    Some((_, known, _)) => widen(known, &field),
                    None => found.push((name, field, required && is_all)),
                }
            }
        }
    }
    found
}

/// Adds to the words that `known` takes those that another alternative's `field` takes.
fn widen(known: &mut Value, field: &Value) {
    let more: Vec<Value> = field.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(words) = known.get_mut("enum").and_then(Value::as_array_mut) {
        words.extend(more.into_iter().filter(|word| !words.contains(word)).collect::<Vec<_>>());
    }
}

/// The type in a word or two.
pub(super) fn type_of(schemas: &Schemas, schema: &Value) -> String {
    let schema = schemas.resolved(schema);
    let word = match schema.get("type") {
        Some(Value::String(word)) => word.clone(),
        Some(Value::Array(words)) => {
            let words = words.iter().filter_map(Value::as_str).filter(|word| *word != "null");
            words.collect::<Vec<_>>().join("|")
        }
        _ if !values(schemas, &schema).is_empty() => "string".to_owned(),
        _ => "object".to_owned(),
    };
    match (word.as_str(), schema.get("items")) {
        ("array", Some(items)) => format!("[]{}", type_of(schemas, items)),
        ("object", _) if schema.get("additionalProperties").is_some_and(Value::is_object) => {
            format!("map[]{}", type_of(schemas, schema.get("additionalProperties").unwrap_or(&Value::Null)))
        }
        _ => word,
    }
}

/// The words that can be written, where only some can.
pub(super) fn values(schemas: &Schemas, schema: &Value) -> Vec<String> {
    let schema = schemas.resolved(schema);
    let own = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let mut found: Vec<String> = own.filter_map(Value::as_str).map(str::to_owned).collect();
    for one in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        // An object among the alternatives is no word.
        if one.get("enum").is_some() {
            found.extend(values(schemas, one));
        }
    }
    if let Some(items) = schema.get("items") {
        found.extend(values(schemas, items));
    }
    found
}
