//! A tool's result as the contents of a resource: what its blocks hold, in their order.

use protocol::Members;
use serde_json::value::RawValue;

/// The contents of the resource at `uri` that is the result `original`. A block that is neither text nor binary stands there
/// as the JSON it is; so does structured content that no text repeats.
pub(super) fn of(uri: &str, original: &str) -> Vec<Members> {
    let result: Members = serde_json::from_str(original).unwrap_or_default();
    let blocks: Vec<Box<RawValue>> = result.read("content").unwrap_or_default();
    let mut contents: Vec<Members> = blocks.iter().map(|block| of_block(uri, block)).collect();
    if let Some(structured) = result.get("structuredContent").filter(|_| contents.is_empty()) {
        contents.push(text(uri, "application/json", structured.get()));
    }
    contents
}

fn of_block(uri: &str, block: &RawValue) -> Members {
    let members = Members::open(block).unwrap_or_default();
    let read = |name: &str| members.read::<String>(name);
    match read("type").as_deref() {
        Some("text") => {
            let text = members.get("text").map(ToOwned::to_owned);
            let mut content = with_type(uri, "text/plain");
            content.set_raw("text", text.unwrap_or_else(|| RawValue::NULL.to_owned()));
            content
        }
        Some("image" | "audio") => {
            let mut content = with_type(uri, &read("mimeType").unwrap_or_default());
            content.set("blob", &read("data").unwrap_or_default());
            content
        }
        Some("resource") => members.object("resource").unwrap_or_default(),
        _ => text(uri, "application/json", block.get()),
    }
}

fn text(uri: &str, mime_type: &str, text: &str) -> Members {
    let mut content = with_type(uri, mime_type);
    content.set("text", text);
    content
}

fn with_type(uri: &str, mime_type: &str) -> Members {
    let mut content = Members::new();
    content.set("uri", uri);
    content.set("mimeType", mime_type);
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(result: &Value, expected: &Value) {
        let contents = of("u", &result.to_string());
        assert_eq!(&serde_json::to_value(contents).unwrap(), expected);
    }

    #[test]
    fn every_block_is_there() {
        let link = json!({"type": "resource_link", "uri": "file:///a", "name": "a"});
        let embedded = json!({"uri": "file:///b", "mimeType": "text/x", "text": "b"});
        let content = json!([
            {"type": "text", "text": "one"},
            {"type": "image", "data": "aGk=", "mimeType": "image/png"},
            {"type": "resource", "resource": embedded},
            link,
        ]);
        check(
            &json!({"content": content, "structuredContent": {"n": 1}}),
            &json!([
                {"uri": "u", "mimeType": "text/plain", "text": "one"},
                {"uri": "u", "mimeType": "image/png", "blob": "aGk="},
                embedded,
                {"uri": "u", "mimeType": "application/json", "text": link.to_string()},
            ]),
        );
        let structured = json!({"uri": "u", "mimeType": "application/json", "text": r#"{"n":1}"#});
        check(&json!({"content": [], "structuredContent": {"n": 1}}), &json!([structured]));
    }

    #[test]
    fn a_text_is_the_same_letter_by_letter() {
        let original = r#"{"content":[{"type":"text","text":"\u00e9\/\n"}]}"#;
        assert_eq!(of("u", original)[0].get("text").unwrap().get(), r#""\u00e9\/\n""#);
    }
}
