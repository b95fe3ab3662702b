//! Tests: labelled blocks, and blocks between rules.

use super::segment;

fn check(text: &str, kept: &[usize], expected: &str) {
    let segmented = segment(text).expect("blocks");
    assert_eq!(segmented.keep(text, &kept.iter().copied().collect()), expected);
}

#[test]
fn the_first_block_may_follow_its_heading() {
    let commit = |n: u8| format!("Commit: {n}\nAuthor: a\nMessage: init {n}\n\n");
    let text = format!("Commit history:\n{}{}{}{}", commit(1), commit(2), commit(3), commit(4));
    check(&text, &[0, 2], &format!("Commit history:\n{}{}", commit(1), commit(3)));
}

#[test]
fn paragraphs_of_a_block_stay_with_it() {
    let commit = |n: u8| format!("commit 70febee{n}\nAuthor: a\n\n    title {n}\n\n    body\n\n");
    let text = [commit(1), commit(2), commit(3)].concat();
    check(&text, &[1], &commit(2));
}

#[test]
fn numbered_blocks_need_no_indentation() {
    let text = "1. First\nURL: a\n\n2. Second\nURL: b\n\nmore of it\n\n3. Third\nURL: c\n";
    check(text, &[1], "2. Second\nURL: b\n\nmore of it\n");
}

#[test]
fn rules_between_blocks_stay_rules() {
    let text = "Available documentation:\n\nEach result has:\n---\n\n- providerDocID: 1\n- Title: a\n---\n- providerDocID: 2\n- Title: b\n---\n- providerDocID: 3\n- Title: c\n---\n";
    check(
        text,
        &[0, 2],
        "Available documentation:\n\nEach result has:\n---\n\n- providerDocID: 1\n- Title: a\n---\n- providerDocID: 3\n- Title: c\n---\n",
    );
}

#[test]
fn chunks_between_rules_need_no_label() {
    let text = "apples\n\nred\n---\nb: 1\n---\n\n* pears\n---\nfigs\n";
    check(text, &[0, 2], "apples\n\nred\n---\n\n* pears\n");
}
