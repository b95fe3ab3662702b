//! Tests: hunks, and the headers that stay with them.

use super::segment;

fn file(name: &str, hunks: usize) -> String {
    let hunk = |n: usize| {
        format!("@@ -{n}0,3 +{n}0,3 @@ fn f() {{\n context\n--- a comment of {name} {n}\n+++ another one\n context\n")
    };
    let hunks: String = (1..=hunks).map(hunk).collect();
    format!("diff --git a/{name} b/{name}\nindex 1..2 100644\n--- a/{name}\n+++ b/{name}\n{hunks}")
}

fn check(text: &str, kept: &[usize], expected: &str) {
    let segmented = segment(text).expect("a diff");
    assert_eq!(segmented.keep(text, &kept.iter().copied().collect()), expected);
}

#[test]
fn a_file_without_a_hunk_left_goes() {
    let text = format!("Unstaged changes:\n{}{}", file("a.rs", 1), file("b.rs", 2));
    check(&text, &[0], &format!("Unstaged changes:\n{}", file("a.rs", 1)));
    let second = file("b.rs", 2).replace("@@ -10", "@@ -x0").split("@@ -x0").next().unwrap().to_owned();
    let last = text.rfind("@@ -20").unwrap();
    check(&text, &[2], &format!("Unstaged changes:\n{second}{}", &text[last..]));
}

#[test]
fn commits_stay_with_their_hunks() {
    let commit = |n: u8| format!("commit 70febee{n}\nAuthor: a\n\n    change {n}\n\n{}\n", file("a.rs", 1));
    let text = [commit(1), commit(2), commit(3)].concat();
    assert_eq!(segment(&text).unwrap().records().len(), 3);
    check(&text, &[1], &commit(2));
}

#[test]
fn a_renamed_file_has_no_hunk_and_disturbs_none() {
    let renamed = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n";
    let text = format!("{}{renamed}{}", file("a.rs", 1), file("b.rs", 1));
    check(&text, &[1], &file("b.rs", 1));
    check(&text, &[0, 1], &text);
}

#[test]
fn hunks_speak_without_their_marks() {
    let found = segment(&file("a.rs", 2)).unwrap();
    let text = &found.records()[0].spoken.text;
    assert!(text.starts_with("b/a.rs\n") && text.contains("another one"), "{text}");
}

#[test]
fn rules_are_no_headers() {
    assert!(segment("--- a\n+++ b\nplain\n").is_none());
}
