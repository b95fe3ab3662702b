//! The rules every shape keeps: dropping nothing changes nothing, what is kept is unchanged, what is left is valid.

mod samples;
mod soup;

use super::*;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Text with quotes, delimiters, escapes and line ends in it.
fn words() -> impl Strategy<Value = String> {
    "[a-zé😀 ,;\"'\\\\{}\\[\\]:\t.-]{0,30}"
}

/// A text of at least 30 records in one of the shapes.
fn texts() -> impl Strategy<Value = String> {
    let rows = || vec((words(), words()), 30..60);
    prop_oneof![
        rows().prop_map(|rows| {
            let items: Vec<Value> = rows.iter().map(|(a, b)| json!({"id": 1.50, "title": a, "body": b})).collect();
            serde_json::to_string_pretty(&json!({"total": 3, "items": items, "next": null})).unwrap()
        }),
        rows().prop_map(|rows| {
            let items: Vec<Value> = rows.iter().map(|(a, b)| json!([a, 7, b])).collect();
            json!({"result": json!({"rows": items}).to_string()}).to_string()
        }),
        rows().prop_map(|rows| {
            let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |(a, b): &(String, String)| format!("{},{}\n{},\n", "1", quoted(&format!("{a}\n{b}")), "2,x");
            format!("ID,Text,Cursor\n{}", rows.iter().map(line).collect::<String>().replace("\n2,x,\n", ",\n"))
        }),
        rows().prop_map(|rows| {
            let line = |(a, b): &(String, String)| format!("2026-11-02 10:00:00 {a}\n    at {b}\n");
            rows.iter().map(line).collect()
        }),
        rows().prop_map(|rows| {
            let block = |(a, b): &(String, String)| format!("Commit: 1\nAuthor: {a}\nMessage: {b}.\n\n");
            format!("Commit history:\n{}", rows.iter().map(block).collect::<String>())
        }),
    ]
}

fn spans(text: &str, segmented: &Segmented) -> Vec<String> {
    segmented.records().iter().map(|record| text[record.span.clone()].to_owned()).collect()
}

proptest! {
    #[test]
    fn keeping_all_changes_nothing(text in texts()) {
        let segmented = segment(&text).expect("a known shape");
        let all = (0..segmented.records().len()).collect();
        prop_assert_eq!(segmented.keep(&text, &all), text);
    }

    #[test]
    fn kept_records_are_unchanged_and_found_again(text in texts(), seed in any::<u64>()) {
        let segmented = segment(&text).expect("a known shape");
        let count = segmented.records().len();
        // At least four stay, so that the rest is still recognised.
        let kept: BTreeSet<usize> =
            (0..count).filter(|index| index % 8 == 1 || (seed >> (index % 64)) & 1 == 1).collect();
        let rest = segmented.keep(&text, &kept);
        let all = spans(&text, &segmented);
        let expected: Vec<&String> = kept.iter().map(|index| &all[*index]).collect();
        let again = segment(&rest).expect("still of its shape");
        let found = spans(&rest, &again);
        // The last kept row may have got the cursor of the last row.
        prop_assert_eq!(found.len(), expected.len());
        prop_assert!(found.iter().zip(&expected).all(|(a, b)| a == *b || text.starts_with("ID,Text,Cursor")));
        if text.starts_with('{') {
            prop_assert!(serde_json::from_str::<Value>(&rest).is_ok());
        }
    }

    #[test]
    fn junk_never_panics(text in any::<String>(), picks in vec(0..50_usize, 0..9)) {
        if let Some(segmented) = segment(&text) {
            let all = (0..segmented.records().len()).collect();
            prop_assert_eq!(segmented.keep(&text, &all), text.clone());
            let _ = segmented.keep(&text, &picks.into_iter().collect());
        }
    }

    #[test]
    fn broken_shapes_never_panic(text in texts(), cut in 0..2_000_usize, junk in prop_oneof![Just("\""), Just("\n"), Just(",")]) {
        let at = text.floor_char_boundary(cut.min(text.len()));
        let broken = format!("{}{junk}{}", &text[..at], &text[at..]);
        for text in [&broken, &text[..at]] {
            if let Some(segmented) = segment(text) {
                let _ = segmented.keep(text, &[0, 2].into());
            }
        }
    }
}

#[test]
fn what_is_not_recognised_is_left_alone() {
    for text in [
        "",
        "A paragraph of prose, with commas,\nover a few lines.\n\nAnd another one.",
        "fn main() {\n    println!();\n}\n",
        "# Title\n\nSome text.\n\n## Section\n\nMore text.\n",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - image: i\n",
        r#"{"timezone":"Europe/Berlin","is_dst":false}"#,
        "[1,2,3,4,5,6,7,8,9]",
    ] {
        assert_eq!(segment(text), None, "{text}");
    }
}
