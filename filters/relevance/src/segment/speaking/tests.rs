//! Tests: which fields speak, and as what.

use super::*;
use serde_json::json;

fn check(value: &Value, text: &str, aside: &str) {
    let spoken = Spoken::of_value(value);
    assert_eq!((spoken.text.as_str(), spoken.aside.as_str()), (text, aside));
}

#[test]
fn titles_come_first_then_texts_then_labels() {
    let issue = json!({"id": "1", "labels": ["etl"], "description": "load fails", "summary": "schema drift",
        "browse_url": "https://acme.test/browse/P-1", "created": "2026-11-11 10:00:00 UTC",
        "status": {"name": "In Progress", "color": "yellow"}, "assignee": {"display_name": "Bob"}});
    check(&issue, "schema drift \nload fails \netl", "In Progress Bob");
}

#[test]
fn a_message_is_its_text_and_its_attachments_not_its_reactions() {
    let message = json!({"type": "message", "username": "ci-bot", "text": "Build green", "ts": "1795335525.000400",
        "attachments": [{"title": "main", "text": "all tests passed"}], "reactions": [{"name": "eyes"}]});
    check(&message, "main \nBuild green \nall tests passed", "ci-bot");
}

#[test]
fn an_envelope_inside_the_record_is_opened() {
    let commit = json!({"sha": "aaaaaaaa11112222", "commit": {"message": "fix load", "author": {"name": "bob"}}});
    check(&commit, "fix load", "bob");
}

#[test]
fn without_a_known_name_everything_wordy_speaks() {
    check(&json!({"fruit": "green apple", "code": "a8f3b2c94d11", "link": "https://x.test/y"}), "green apple", "");
    check(&json!(["alice", 3, "likes tea"]), "alice \nlikes tea", "");
    check(&json!("plain words"), "plain words", "");
}

#[test]
fn what_has_only_a_name_speaks_with_its_sentences() {
    let entity =
        json!({"name": "note-99", "entityType": "note", "observations": ["the heating is broken again", "open"]});
    check(&entity, "note-99 \nthe heating is broken again", "");
    let told = json!({"name": "note-99", "text": "all is well", "observations": ["the heating is broken again"]});
    check(&told, "note-99 \nall is well", "");
}

#[test]
fn a_hit_of_a_code_search_speaks_with_the_lines_around_it() {
    let hit = json!({"name": "main.tf", "path": "modules/drops/main.tf", "sha": "aaaaaaaa11112222", "repository": "acme/shop",
        "text_matches": [{"object_type": "FileContent", "property": "content", "fragment": "acl = \"public-read\"",
            "matches": [{"text": "acl", "indices": [0, 3]}]}]});
    check(&hit, "main.tf \nacl = \"public-read\" \nacl \nmodules/drops/main.tf", "acme/shop");
}

#[test]
fn threads_are_found_by_name() {
    let thread = |value: Value| Spoken::of_value(&value).thread;
    assert_eq!(thread(json!({"text": "x", "thread_ts": "17.5"})).as_deref(), Some("17.5"));
    assert_eq!(thread(json!({"text": "x", "threadId": 9})).as_deref(), Some("9"));
    assert_eq!(thread(json!({"text": "x"})), None);
}

#[test]
fn labelled_lines_speak_by_their_label() {
    let spoken = Spoken::of_text("Commit: 70febee4b1ea\nAuthor: ada\nDate: 2026-11-22\nMessage: close the port");
    assert_eq!((spoken.text.as_str(), spoken.aside.as_str()), ("Message: close the port", "ada"));
}

#[test]
fn a_column_beside_its_value_speaks_by_its_name() {
    let row = json!([{"field": "@timestamp", "value": "2026-11-02 10:00"}, {"field": "@message", "value": "disk full"},
        {"field": "@logStream", "value": "web one"}]);
    check(&row, "disk full", "");
}

#[test]
fn the_same_words_twice_speak_once() {
    check(&json!({"title": [{"text": {"content": "Plan"}, "plain_text": "Plan"}]}), "Plan", "");
}
