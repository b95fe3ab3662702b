//! Tests: both halves stay the same, everything else stays as it was.

use super::*;
use serde_json::{Value, json};

fn rows(count: usize) -> Vec<Value> {
    (0..count).map(|i| json!({"id": i, "text": format!("message {i}")})).collect()
}

fn keep(source: &str, kept: &[usize]) -> Option<String> {
    let result = ToolResult::open(source)?;
    let found = result.find()?;
    let kept = kept.iter().copied().collect();
    let rewritten = result.rewrite(Some((&found, &kept)), "a \"note\"", |bytes| format!("{{\"bytes\":{bytes}}}"))?;
    Some(rewritten.get().to_owned())
}

fn check(source: &str, kept: &[usize], expected: &str) {
    assert_eq!(keep(source, kept).as_deref(), Some(expected));
}

#[test]
fn text_is_cut_and_a_note_is_appended() {
    check(
        r#"{"content":[{"type":"text","text":"[{\"text\":\"a\"},{\"text\":\"b\"}]","annotations":{"priority":0.50}}],"unknown": 1e400}"#,
        &[1],
        r#"{"content":[{"type":"text","text":"[{\"text\":\"b\"}]","annotations":{"priority":0.50}},{"type":"text","text":"a \"note\""}],"unknown": 1e400,"_meta":{"mcpctl/relevance":{"bytes":142}}}"#,
    );
}

#[test]
fn structured_content_is_cut_alike() {
    let rows = rows(40);
    let wrapped = json!({"items": rows}).to_string();
    for structured in [json!({"result": wrapped}), json!({"items": rows})] {
        let source = json!({
            "content": [{"type": "text", "text": wrapped}],
            "structuredContent": structured,
            "_meta": {"fastmcp": {"wrap_result": true}},
        })
        .to_string();
        let result: Value = serde_json::from_str(&keep(&source, &[3, 17]).unwrap()).unwrap();
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        let structured = match &result["structuredContent"]["result"] {
            Value::String(inner) => serde_json::from_str(inner).unwrap(),
            _ => result["structuredContent"].clone(),
        };
        assert_eq!(text, json!({"items": [rows[3], rows[17]]}));
        assert_eq!(text, structured);
        assert_eq!(result["_meta"]["fastmcp"]["wrap_result"], true);
        assert!(result["_meta"][META_KEY].is_object());
    }
}

#[test]
fn halves_that_differ_are_left_alone() {
    let text = json!({"items": rows(40)}).to_string();
    for structured in
        [json!({"items": rows(39)}), json!({"count": 40}), json!({"items": vec![json!({"text": "other"}); 40]})]
    {
        let source = json!({"content": [{"type": "text", "text": text}], "structuredContent": structured}).to_string();
        assert_eq!(keep(&source, &[1]), None);
    }
}

#[test]
fn a_short_remark_beside_structured_records_stays() {
    let source = json!({"content": [{"type": "text", "text": "Found 40."}], "structuredContent": {"items": rows(40)}});
    let result: Value = serde_json::from_str(&keep(&source.to_string(), &[0]).unwrap()).unwrap();
    assert_eq!(result["structuredContent"]["items"], json!(rows(1)));
    assert_eq!(result["content"][0]["text"], "Found 40.");
}

#[test]
fn one_block_per_record_is_cut_by_blocks() {
    let blocks: Vec<Value> = rows(40).iter().map(|row| json!({"type": "text", "text": row.to_string()})).collect();
    let source = json!({"content": blocks, "structuredContent": {"result": rows(40)}}).to_string();
    let result: Value = serde_json::from_str(&keep(&source, &[5, 6]).unwrap()).unwrap();
    assert_eq!(result["content"][0], blocks[5]);
    assert_eq!(result["content"].as_array().unwrap().len(), 3);
    assert_eq!(result["structuredContent"]["result"], json!(rows(40)[5..7]));
}

#[test]
fn errors_images_and_free_text_have_no_records() {
    let text = json!({"items": rows(40)}).to_string();
    for source in [
        json!({"content": [{"type": "text", "text": text}], "isError": true}),
        json!({"content": [{"type": "image", "data": "aGk=", "mimeType": "image/png"}]}),
        json!({"content": [{"type": "text", "text": "All is well."}]}),
        json!({"content": []}),
        json!([]),
    ] {
        assert_eq!(keep(&source.to_string(), &[0]), None, "{source}");
    }
}

#[test]
fn a_note_alone_goes_into_any_result() {
    let note = |source: &str| {
        let result = ToolResult::open(source)?;
        result.rewrite(None, "n", |_| "1".to_owned()).map(|raw| raw.get().to_owned())
    };
    let block = r#"{"type":"text","text":"n"}"#;
    let meta = r#""_meta":{"mcpctl/relevance":1}"#;
    assert_eq!(note("{}"), Some(format!(r#"{{"content":[{block}],{meta}}}"#)));
    assert_eq!(note(r#"{"content":[]}"#), Some(format!(r#"{{"content":[{block}],{meta}}}"#)));
    let replaced = note(r#"{"content":[],"_meta":{"mcpctl/relevance":{"kept":1},"x":2}}"#);
    assert_eq!(replaced, Some(format!(r#"{{"content":[{block}],"_meta":{{"mcpctl/relevance":1,"x":2}}}}"#)));
    assert_eq!(note(r#"{"content":"odd"}"#), None);
}
