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

/// What both halves say after only `kept` were kept.
fn halves(text: &str, structured: &Value, kept: &[usize]) -> (String, Value) {
    let source = json!({"content": [{"type": "text", "text": text}], "structuredContent": structured}).to_string();
    let result: Value = serde_json::from_str(&keep(&source, kept).expect("records")).unwrap();
    (result["content"][0]["text"].as_str().unwrap().to_owned(), result["structuredContent"].clone())
}

#[test]
fn a_pretty_text_and_its_structure_are_cut_alike() {
    let labels: Vec<Value> = (0..30).map(|i| json!({"name": format!("label {i}")})).collect();
    let whole = json!({"labels": labels, "items": rows(40), "total": 40});
    let pretty = serde_json::to_string_pretty(&whole).unwrap();
    let (text, structured) = halves(&pretty, &whole, &[7]);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), structured);
    assert_eq!(structured, json!({"labels": labels, "items": rows(40)[7..8], "total": 40}));
}

#[test]
fn text_of_any_shape_is_cut_alike_where_the_structure_repeats_it() {
    let line = |i: usize| format!("2026-11-22 10:00:{i:02} INFO \"é\" message {i}\r\n");
    let log: String = (0..40).map(line).collect();
    let row = |i: usize| format!("{i},\"message, {i}\",{}\n", if i == 39 { "bmV4dA" } else { "" });
    let csv = format!("ID,Text,Cursor\n{}", (0..40).map(row).collect::<String>());
    for (text, member, expected) in [
        (log, "content", [line(3), line(9)].concat()),
        (csv, "result", format!("ID,Text,Cursor\n{}9,\"message, 9\",bmV4dA\n", row(3))),
    ] {
        assert_eq!(halves(&text, &json!({member: text}), &[3, 9]), (expected.clone(), json!({member: expected})));
    }
}

#[test]
fn what_is_no_text_stays_beside_text() {
    let others = [
        json!({"type": "image", "data": "aGk=", "mimeType": "image/png"}),
        json!({"type": "audio", "data": "aGk=", "mimeType": "audio/wav"}),
        json!({"type": "resource_link", "uri": "file:///a", "name": "a"}),
        json!({"type": "resource", "resource": {"uri": "file:///b", "text": json!(rows(50)).to_string()}}),
    ];
    let mut content = others.to_vec();
    content.insert(2, json!({"type": "text", "text": json!(rows(40)).to_string()}));
    let result: Value = serde_json::from_str(&keep(&json!({"content": content}).to_string(), &[1]).unwrap()).unwrap();
    let mut left = result["content"].as_array().unwrap().clone();
    assert_eq!(left.remove(2)["text"], json!(rows(40)[1..2]).to_string());
    assert_eq!(left[..4], others);
}

#[test]
fn keeping_all_only_adds_the_note() {
    let source = json!({"content": [{"type": "text", "text": json!(rows(40)).to_string()}]}).to_string();
    let result = ToolResult::open(&source).unwrap();
    let found = result.find().unwrap();
    let all = (0..40).collect();
    let rewritten = |kept| result.rewrite(kept, "n", |bytes| bytes.to_string()).unwrap().get().to_owned();
    assert_eq!(rewritten(Some((&found, &all))), rewritten(None));
}
