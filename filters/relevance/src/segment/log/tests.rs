//! Tests: what starts a record, and what goes with it.

use super::segment;

fn check(text: &str, kept: &[usize], expected: &str) {
    let segmented = segment(text).expect("a log");
    assert_eq!(segmented.keep(text, &kept.iter().copied().collect()), expected);
}

#[test]
fn a_stack_trace_belongs_to_its_log_line() {
    let text = "2026-11-22T10:00:00Z ok\n2026-11-22T10:00:01Z ERROR failed\n    at a.rs:1\n    at b.rs:2\n2026-11-22T10:00:02Z ok\n2026-11-22T10:00:03Z ok\n2026-11-22T10:00:04Z ok\n";
    check(text, &[1], "2026-11-22T10:00:01Z ERROR failed\n    at a.rs:1\n    at b.rs:2\n");
}

#[test]
fn a_trace_may_have_lines_at_the_margin() {
    let failed = "10:00:01 ERROR load failed\nTraceback (most recent call last):\n  File \"a.py\", line 1\nValueError: x\n\nDuring handling of the above exception:\nKeyError: y\n";
    let text = format!("10:00:00 start\n{failed}10:00:02 stop\n10:00:03 bye\n");
    check(&text, &[1], failed);
    check(&text, &[0, 2], "10:00:00 start\n10:00:02 stop\n");
}

#[test]
fn levels_keys_and_json_lines_are_stamps() {
    for line in [
        "ERROR: disk full",
        "[warn] slow",
        "level=info msg=started",
        "{\"msg\":\"x\"}",
        "I1122 10:00:01.2 main.go:3] x",
        "web-1  | 2026-11-22 10:00:01 up",
    ] {
        assert!(super::is_stamped(line), "{line}");
    }
    for line in ["Information is power", "  2026-11-22 indented", "plain", "Date: 2026-11-22 10:00:00"] {
        assert!(!super::is_stamped(line), "{line}");
    }
}

#[test]
fn stamps_are_not_spoken() {
    let found =
        segment("2026-11-22 10:00:01,123 [12] WARN slow disk\n  sda1\n2026-11-22 10:00:02,001 [12] INFO fine\n")
            .unwrap();
    assert_eq!(found.records()[0].spoken.text, "WARN slow disk\n  sda1");
}
