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

#[test]
fn objects_by_their_ids_are_records() {
    let user = |n: u8| format!("\"U{n}\": {{\"name\": \"user {n}\", \"title\": \"x\"}}");
    let users: Vec<String> = (0..9).map(user).collect();
    let text = format!("{{\"ok\": true, \"users\": {{ {} }}, \"total\": 9}}", users.join(",\n "));
    check(&text, &[0, 8], &format!("{{\"ok\": true, \"users\": {{ {},\n {} }}, \"total\": 9}}", user(0), user(8)));
    check(&text, &[4], &format!("{{\"ok\": true, \"users\": {{ {} }}, \"total\": 9}}", user(4)));
}

#[test]
fn names_of_members_speak_if_they_are_words() {
    let members = |name: &str| (0..9).map(|n| format!("\"{name}{n}\":{{\"note\":\"late again\"}}")).collect::<Vec<_>>();
    let spoken = |name: &str| {
        let text = format!("{{{}}}", members(name).join(","));
        segment(&text).unwrap().records()[0].spoken.text.clone()
    };
    assert_eq!(spoken("orders_daily_"), "orders_daily_0 \nlate again");
    assert_eq!(spoken("U"), "late again");
}

#[test]
fn the_parts_of_one_object_are_no_records() {
    let part = |n: u8| format!("\"part{n}\":{{\"name{n}\":1,\"value{n}\":2}}");
    let parts: Vec<String> = (0..20).map(part).collect();
    assert!(segment(&format!("{{{}}}", parts.join(","))).is_none());
}

#[test]
fn lists_at_the_same_path_are_one() {
    let stream = |name: &str, lines: &[&str]| {
        let rows: Vec<String> = lines.iter().map(|line| format!("[\"17\",\"{line}: a line of the log\"]")).collect();
        format!("{{\"stream\":{{\"app\":\"{name}\"}},\"values\":[{}]}}", rows.join(","))
    };
    let text = format!("{{\"result\":[{},{}]}}", stream("a", &["x", "y", "z"]), stream("b", &["v", "w"]));
    check(&text, &[1, 4], &format!("{{\"result\":[{},{}]}}", stream("a", &["y"]), stream("b", &["w"])));
    let many: Vec<String> = (0..12).map(|_| stream("a", &["some words"; 9])).collect();
    assert_eq!(segment(&format!("[{}]", many.join(","))).unwrap().records().len(), 108);
}

#[test]
fn rows_speak_by_the_names_beside_them() {
    let text = r#"{"columns":["id","title","author"],"rows":[[1,"late","bob"],[2,"lost","eve"]]}"#;
    let found = segment(text).unwrap();
    let spoken = &found.records()[1].spoken;
    assert_eq!((spoken.text.as_str(), spoken.aside.as_str()), ("lost", "eve"));
}

#[test]
fn values_among_text_are_found() {
    let array = "[\n  {\"title\": \"a\"},\n  {\"title\": \"b\"}\n]";
    let kept = "[\n  {\"title\": \"b\"}\n]";
    for (head, tail) in [("Found 2 issues:\n", ""), ("```json\n", "\n```\n"), ("A.\n\n", "\n\nAsk for page 2.")] {
        check(&format!("{head}{array}{tail}"), &[1], &format!("{head}{kept}{tail}"));
    }
}

#[test]
fn values_that_follow_each_other_are_records() {
    check("{\"t\":\"a\"}\r\n{\"t\":\"b\"}\r\n{\"t\":\"c\"}\r\n", &[0, 2], "{\"t\":\"a\"}\r\n{\"t\":\"c\"}\r\n");
    check("{\n \"t\": \"a\"\n}\n{\n \"t\": \"b\"\n}\n{\"cut off", &[1], "{\n \"t\": \"b\"\n}\n{\"cut off");
}

#[test]
fn the_labels_of_records_are_no_records() {
    let issue = |n: u8| {
        format!(
            "{{\"title\":\"{}\",\"labels\":[{{\"name\":\"a\"}},{{\"name\":\"b\"}},{{\"name\":\"c\"}}]}}",
            "x".repeat(100 + usize::from(n))
        )
    };
    let text = format!(
        "{{\"users\":[{{\"name\":\"u\"}},{{\"name\":\"v\"}}],\"issues\":[{},{},{}]}}",
        issue(0),
        issue(1),
        issue(2)
    );
    assert_eq!(segment(&text).unwrap().records().len(), 3);
}
