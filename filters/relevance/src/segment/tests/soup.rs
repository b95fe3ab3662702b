//! The same rules for texts in which the marks of all shapes are mixed, and for arbitrary JSON.

use super::*;
use proptest::prelude::ProptestConfig;
use proptest::sample::{Index, select};

/// Lines that begin, continue, separate or end something in one of the shapes.
const LINES: [&str; 44] = [
    "",
    " ",
    "---",
    "===",
    "```",
    "~~~ sh",
    "# Title",
    "## Part",
    "#!/bin/sh",
    "- item",
    "- key: value",
    "  - key: value",
    "    indented",
    "\tat a.rs:1",
    "1. first",
    "[FILE] a",
    "a.rs:1:x",
    "/a/b",
    "| a | b |",
    "|---|---|",
    "+---+---+",
    "a | b",
    "--+--",
    "NAME  READY",
    "a     1/1",
    "a,b,Cursor",
    "1,2,",
    "1,\"x",
    "y\",z",
    "a\tb",
    "{\"a\":1}",
    "{",
    "}",
    "[{'a': 1}, {'b': 2}]",
    "[",
    "2026-11-02 10:00:00 INFO é",
    "diff --git a/x b/x",
    "--- a/x",
    "+++ b/x",
    "@@ -1,2 +1,2 @@",
    "-a",
    "+b",
    "commit 70febee4b1",
    "Some words that end, like a sentence \u{1f600}.",
];

fn soup() -> impl Strategy<Value = String> {
    let line = prop_oneof![4 => select(&LINES[..]).prop_map(str::to_owned), 1 => words()];
    let end = prop_oneof![6 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r"), 1 => Just("")];
    let runs = vec((vec((line, end), 1..6), 1..7_usize), 0..12);
    // Repeated runs look like records.
    runs.prop_map(|runs| {
        let run = |(lines, times): (Vec<(String, &str)>, usize)| {
            lines.iter().map(|(line, end)| format!("{line}{end}")).collect::<String>().repeat(times)
        };
        runs.into_iter().map(run).collect()
    })
}

fn values() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![any::<i64>().prop_map(Value::from), words().prop_map(Value::from), soup().prop_map(Value::from)];
    leaf.prop_recursive(4, 200, 24, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..24).prop_map(Value::from),
            vec(("[a-c\"\\\\]{1,2}", inner.clone()), 0..6).prop_map(|members| members.into_iter().collect()),
            (inner, 8..30_usize).prop_map(|(value, times)| {
                (0..times).map(|n| (format!("U{n}"), json!({"text": value, "n": n}))).collect()
            }),
        ]
    })
}

/// The rules for one text; `picks` says what is kept.
fn obeys(text: &str, picks: &[Index]) {
    let Some(found) = segment(text) else { return };
    let count = found.records().len();
    assert_eq!(found.keep(text, &(0..count).collect()), text);
    let kept: BTreeSet<usize> = picks.iter().map(|pick| pick.index(count)).collect();
    let rest = found.keep(text, &kept);
    let is_json = serde_json::from_str::<Value>(text).is_ok();
    assert!(!is_json || serde_json::from_str::<Value>(&rest).is_ok(), "{rest}");
    assert!(found.records().windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
    // The last kept row of CSV may have got the cursor of the last row.
    let same = kept.len() - usize::from(found.shape() == Shape::Csv && !kept.is_empty());
    let mut left = rest.as_str();
    for record in kept.iter().take(same).map(|index| &text[found.records()[*index].span.clone()]) {
        let at = left.find(record).unwrap_or_else(|| panic!("`{record}` is not in `{left}`"));
        left = &left[at + record.len()..];
    }
    if found.shape() == Shape::Csv {
        assert!(rest.starts_with(&text[..found.records()[0].span.start]), "the header is gone from {rest}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn soup_obeys(text in soup(), picks in vec(any::<Index>(), 0..9)) {
        obeys(&text, &picks);
    }

    #[test]
    fn arbitrary_json_obeys(value in values(), picks in vec(any::<Index>(), 0..9), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        obeys(&text.unwrap(), &picks);
    }
}
