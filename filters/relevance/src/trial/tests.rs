//! What a text is taken for, and what is left of it.

use super::*;

const ROWS: &str = r#"[{"text":"lunch at noon"},{"text":"a parcel was lost"},{"text":"the build is green"}]"#;

fn settings() -> Settings {
    Settings { min_records: 1, max_records: 1, ..Settings::default() }
}

fn check(source: &str, kind: Kind, shape: &str, left: impl Fn(&str) -> bool) {
    let trial = Trial::open(source, None).unwrap();
    assert_eq!((trial.kind(), trial.shape().map(shape_name).as_deref()), (kind, Some(shape)));
    let intent = Intent::read("lost parcels").unwrap();
    let tried = trial.judge(&intent, &settings(), None, Some("there is no model")).unwrap();
    assert_eq!(tried.judgement.kept, [1].into());
    assert_eq!(tried.judgement.scores.len(), 3);
    assert!(left(&tried.left), "{}", tried.left);
}

#[test]
fn a_plain_text_loses_records_and_gains_nothing() {
    check(ROWS, Kind::Text, "json", |left| left == r#"[{"text":"a parcel was lost"}]"#);
    let csv = "id,text\n1,lunch at noon\n2,a parcel was lost\n3,the build is green\n";
    check(csv, Kind::Text, "csv", |left| left == "id,text\n2,a parcel was lost\n");
}

#[test]
fn a_result_is_recognised_alone_and_in_its_response_and_says_what_was_done() {
    let result = serde_json::json!({"content": [{"type": "text", "text": ROWS}]}).to_string();
    let said = |left: &str| {
        left.contains("kept 1 of 3 records") && left.contains(crate::result::META_KEY) && !left.contains("lunch")
    };
    check(&result, Kind::ToolResult, "json", said);
    let response = format!("{{\"jsonrpc\": \"2.0\", \"id\": 1, \"result\": {result}}}\n");
    check(&response, Kind::ToolResult, "json", |left| said(left) && !left.contains("jsonrpc"));
}

#[test]
fn what_it_is_can_be_said_and_is_checked() {
    let result = serde_json::json!({"content": [{"type": "text", "text": ROWS}]}).to_string();
    assert_eq!(Trial::open(&result, Some(Kind::Text)).unwrap().kind(), Kind::Text);
    assert_eq!(Trial::open(ROWS, Some(Kind::ToolResult)).err(), Some(NoToolResult));
}

#[test]
fn a_text_without_records_is_not_judged() {
    let trial = Trial::open("just one sentence", None).unwrap();
    assert_eq!((trial.shape(), trial.records().len()), (None, 0));
    assert!(trial.judge(&Intent::read("anything").unwrap(), &settings(), None, None).is_none());
}
