//! What the SDK has types for, written down as the JSON that it is on the wire.

use rmcp::{
    ErrorData,
    model::{CallToolResult, JsonObject},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How long results may be kept, in milliseconds.
const TTL_MS: u64 = 60_000;

/// `value` as one of the SDK's types.
pub(crate) fn made<Made: DeserializeOwned>(value: Value) -> Result<Made, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// `members` as a result that is complete. What is not for a client's revision is left out by the SDK.
pub(crate) fn complete<Made: DeserializeOwned>(mut members: Value) -> Result<Made, ErrorData> {
    if let Value::Object(object) = &mut members {
        object.insert("resultType".to_owned(), json!("complete"));
    }
    made(members)
}

/// [`complete`], and everybody may keep it for a while.
pub(crate) fn cacheable<Made: DeserializeOwned>(mut members: Value) -> Result<Made, ErrorData> {
    if let Value::Object(object) = &mut members {
        object.insert("ttlMs".to_owned(), json!(TTL_MS));
        object.insert("cacheScope".to_owned(), json!("public"));
    }
    complete(members)
}

/// The result of a tool that says `words`.
pub(crate) fn text(words: impl Into<String>) -> Result<CallToolResult, ErrorData> {
    complete(json!({"content": [{"type": "text", "text": words.into()}]}))
}

/// `value`, which is an object.
pub(crate) fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}

/// The schema of an object with these properties, all of them required.
pub(crate) fn form(properties: Value) -> Value {
    let required: Vec<String> = object(properties.clone()).keys().cloned().collect();
    json!({"type": "object", "properties": properties, "required": required})
}
