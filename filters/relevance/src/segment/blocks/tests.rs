//! Tests: labelled blocks and lists.

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
fn rules_between_blocks_stay_rules() {
    let text = "Available documentation:\n\nEach result has:\n---\n\n- providerDocID: 1\n- Title: a\n---\n- providerDocID: 2\n- Title: b\n---\n- providerDocID: 3\n- Title: c\n---\n";
    check(
        text,
        &[0, 2],
        "Available documentation:\n\nEach result has:\n---\n\n- providerDocID: 1\n- Title: a\n---\n- providerDocID: 3\n- Title: c\n---\n",
    );
}

#[test]
fn list_items_take_their_indented_lines_along() {
    let text = "# The following events were found:\n- Kind: Pod\n  Message: a\n- Kind: Pod\n  Message: b\n- Kind: Pod\n  Message: c\n";
    check(text, &[1], "# The following events were found:\n- Kind: Pod\n  Message: b\n");
}

#[test]
fn text_after_a_list_makes_it_no_collection() {
    assert!(segment("- one\n- two\n- three\n\nAnd so on.\n").is_none());
}
