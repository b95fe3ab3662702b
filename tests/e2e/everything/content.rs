//! Tools whose answers are always the same: each content type, and an error.

use rmcp::{ErrorData, model::CallToolResult};
use serde_json::{Value, json};

use crate::made::{complete, text};

/// A red pixel, as PNG.
pub(crate) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
/// A wave file of no samples.
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// What the tool `name` answers; none if it is none of these.
pub(crate) fn answer(name: &str) -> Option<Result<CallToolResult, ErrorData>> {
    let result = match name {
        "test_simple_text" => text("Plain words, as the test of simple text wants them."),
        "test_image_content" => told(&[picture()]),
        "test_audio_content" => told(&[json!({"type": "audio", "data": SILENCE, "mimeType": "audio/wav"})]),
        "test_embedded_resource" => {
            told(&[embedded("test://embedded-resource", "text/plain", "Embedded in a result.")])
        }
        "test_multiple_content_types" => told(&[
            json!({"type": "text", "text": "Three kinds of content:"}),
            picture(),
            embedded("test://mixed-content-resource", "application/json", r#"{"kind":3}"#),
        ]),
        "test_error_handling" => {
            let words = json!({"type": "text", "text": "This tool always fails, on purpose."});
            complete(json!({"content": [words], "isError": true}))
        }
        "test_streaming_elicitation" => text("A result, and no request of the server before it."),
        _ => return None,
    };
    Some(result)
}

fn told(content: &[Value]) -> Result<CallToolResult, ErrorData> {
    complete(json!({ "content": content }))
}

fn picture() -> Value {
    json!({"type": "image", "data": PIXEL, "mimeType": "image/png"})
}

pub(crate) fn embedded(uri: &str, kind: &str, text: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": text}})
}
