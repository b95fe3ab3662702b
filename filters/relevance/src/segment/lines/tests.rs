//! Tests: listings, plain lines, and what is neither.

use super::segment;

#[test]
fn tagged_lines_are_records() {
    let text = "[FILE] a.txt\n[DIR] repo\n[FILE] b.txt\n";
    assert_eq!(segment(text).unwrap().keep(text, &[1].into()), "[DIR] repo\n");
}

#[test]
fn paths_and_places_are_records() {
    for text in
        ["/srv/a.rs\n/srv/b c\n", "./a.md\n./b.md\n/etc/x\n", "src/a.rs:1:fn main() {\nsrc/b.rs:20:}\nb.rs:3:x;\n"]
    {
        let has_blank = text.contains("b c");
        assert_eq!(segment(text).is_none(), has_blank, "{text}");
    }
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
