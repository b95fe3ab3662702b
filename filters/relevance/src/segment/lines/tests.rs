//! Tests: logs, tables, listings, plain lines, and what is none of them.

use super::segment;

fn check(text: &str, kept: &[usize], expected: &str) {
    let segmented = segment(text).expect("lines");
    assert_eq!(segmented.keep(text, &kept.iter().copied().collect()), expected);
}

#[test]
fn a_stack_trace_belongs_to_its_log_line() {
    let text = "2026-11-22T10:00:00Z ok\n2026-11-22T10:00:01Z ERROR failed\n    at a.rs:1\n    at b.rs:2\n2026-11-22T10:00:02Z ok\n2026-11-22T10:00:03Z ok\n2026-11-22T10:00:04Z ok\n";
    check(text, &[1], "2026-11-22T10:00:01Z ERROR failed\n    at a.rs:1\n    at b.rs:2\n");
}

#[test]
fn levels_keys_and_json_lines_are_stamps() {
    for line in [
        "ERROR: disk full",
        "[warn] slow",
        "level=info msg=started",
        "{\"msg\":\"x\"}",
        "I1122 10:00:01.2 main.go:3] x",
    ] {
        assert!(super::is_stamped(line), "{line}");
    }
    for line in ["Information is power", "  2026-11-22 indented", "plain"] {
        assert!(!super::is_stamped(line), "{line}");
    }
}

#[test]
fn a_table_keeps_its_header() {
    let text = "NAMESPACE   KIND   NAME        STATUS\ndata        Pod    airflow-0   Running\ndata        Pod    etl-1       Failed\n";
    check(text, &[1], "NAMESPACE   KIND   NAME        STATUS\ndata        Pod    etl-1       Failed\n");
    check("| a | b |\n|---|---|\n| 1 | x |\n| 2 | y |\n", &[0], "| a | b |\n|---|---|\n| 1 | x |\n");
}

#[test]
fn tagged_lines_are_records() {
    check("[FILE] a.txt\n[DIR] repo\n[FILE] b.txt\n", &[1], "[DIR] repo\n");
}

#[test]
fn many_plain_lines_are_records_and_code_is_not() {
    let plain: String = (0..40).map(|i| format!("message number {i} from alice\n")).collect();
    assert_eq!(segment(&plain).unwrap().records().len(), 40);
    let code: String = (0..40).map(|i| format!("let x{i} = 1;\n")).collect();
    assert!(segment(&code).is_none());
    let prose: String =
        (0..40).map(|i| format!("a wrapped line of prose {i}\n{}", if i % 5 == 0 { "\n" } else { "" })).collect();
    assert!(segment(&prose).is_none());
}
