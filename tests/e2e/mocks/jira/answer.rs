//! The result shape of FastMCP servers that return a text: the text as content, and again under
//! `structuredContent.result`, with an output schema that requires it.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::{Value, json};

/// `value` as indented JSON, twice.
pub(crate) fn wrapped(value: &Value) -> CallToolResult {
    let text = format!("{value:#}");
    let mut result = CallToolResult::structured(json!({ "result": text }));
    result.content = vec![ContentBlock::text(text)];
    result
}

/// The output schema of every tool.
pub(crate) fn schema() -> Arc<JsonObject> {
    let schema = json!({
        "type": "object",
        "properties": {"result": {"type": "string"}},
        "required": ["result"],
        "x-fastmcp-wrap-result": true
    });
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{schema, wrapped};

    #[test]
    fn text_and_structure_say_the_same() {
        let result = serde_json::to_value(wrapped(&json!({"total": 1}))).unwrap();
        assert_eq!(result["content"][0]["text"], result["structuredContent"]["result"]);
        assert_eq!(result["structuredContent"]["result"], "{\n  \"total\": 1\n}");
        assert_eq!(schema()["required"], json!(["result"]));
    }
}
