//! Tests: which array is found, and what is left of it.

use crate::segment::segment;

fn check(text: &str, kept: &[usize], expected: &str) {
    let segmented = segment(text).expect("records");
    assert_eq!(segmented.keep(text, &kept.iter().copied().collect()), expected);
}

#[test]
fn the_envelope_stays() {
    let text =
        r#"{"ok":true,"messages":[{"text":"a"},{"text":"b"}, {"text":"c"}],"response_metadata":{"next_cursor":"x"}}"#;
    check(text, &[1], r#"{"ok":true,"messages":[{"text":"b"}],"response_metadata":{"next_cursor":"x"}}"#);
    check(
        text,
        &[0, 2],
        r#"{"ok":true,"messages":[{"text":"a"}, {"text":"c"}],"response_metadata":{"next_cursor":"x"}}"#,
    );
    check(text, &[], r#"{"ok":true,"messages":[],"response_metadata":{"next_cursor":"x"}}"#);
}

#[test]
fn numbers_and_spacing_are_not_touched() {
    let text = "[\n  {\"n\": 18446744073709551616, \"x\": 1.10},\n  {\"n\": 2}\n]\n";
    check(text, &[0], "[\n  {\"n\": 18446744073709551616, \"x\": 1.10}\n]\n");
    check(text, &[1], "[\n  {\"n\": 2}\n]\n");
}

#[test]
fn text_in_a_string_is_cut_inside_the_string() {
    let items: Vec<String> = (0..40).map(|i| format!("{{\\\"summary\\\":\\\"caf\\u00e9 {i}\\\"}}")).collect();
    let text = format!("{{\"result\":\"[{}]\"}}", items.join(",\\n"));
    check(&text, &[3, 4], &format!("{{\"result\":\"[{},\\n{}]\"}}", items[3], items[4]));
}

#[test]
fn the_largest_of_many_wins_over_the_larger_of_few() {
    let rows: Vec<String> = (0..30).map(|i| format!("{{\"t\":\"{i}\"}}")).collect();
    let text = format!("{{\"users\":[{{\"bio\":\"{}\"}},{{}}],\"rows\":[{}]}}", "x".repeat(2000), rows.join(","));
    assert_eq!(segment(&text).unwrap().records().len(), 30);
}

#[test]
fn a_page_in_a_list_of_one_is_opened() {
    let rows: Vec<String> = (0..30).map(|i| format!("\"message {i}\"")).collect();
    let text = format!("[{{\"page\":1,\"lines\":[{}]}}]", rows.join(","));
    assert_eq!(segment(&text).unwrap().records().len(), 30);
}
