//! Tests: every mode, and that ranges give back what was sent.

use super::*;
use crate::relevance::Options;
use proptest::prelude::{prop_assert_eq, proptest};
use serde_json::{Value, json};
use std::sync::LazyLock;

fn kept(original: &str, unit: Unit, indices: Vec<u32>) -> Kept {
    let handle = Handle { id: "x".to_owned(), tool: "mcpctl_more".to_owned() };
    Kept { original: original.to_owned(), rest: Rest { unit, indices }, handle }
}

fn rows(count: usize) -> String {
    let text = |i: usize| if i.is_multiple_of(10) { "the firewall blocks port 22" } else { "lunch is served" };
    let rows: Vec<Value> = (0..count).map(|i| json!({"n": i, "text": text(i)})).collect();
    json!({"content": [{"type": "text", "text": json!({"rows": rows, "next": "c"}).to_string()}]}).to_string()
}

fn serve(kept: Kept, wanted: Wanted, budget_tokens: u32) -> Result<(Value, Served), String> {
    let settings = Settings { budget_tokens, ..Settings::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    static RELEVANCE: LazyLock<Relevance> =
        LazyLock::new(|| Relevance::start(Options::new("no/such/directory".into())));
    let served = runtime.block_on(RELEVANCE.more(More { kept, wanted, settings }))?;
    Ok((serde_json::from_str(served.result.get()).unwrap(), served))
}

/// The numbers of the records in a result of `rows`, and the note.
fn check(wanted: Wanted, rest: Vec<u32>, budget_tokens: u32) -> Result<(Vec<u64>, String), String> {
    let (result, served) = serve(kept(&rows(200), Unit::Records, rest), wanted, budget_tokens)?;
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text["next"], "c", "what stands around the records stays");
    let numbers: Vec<u64> = text["rows"].as_array().unwrap().iter().map(|row| row["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers.iter().map(|n| usize::try_from(*n).unwrap()).collect::<BTreeSet<_>>(), served.shown);
    assert_eq!(result["_meta"][crate::result::META_KEY]["id"], "x");
    Ok((numbers, result["content"][1]["text"].as_str().unwrap().to_owned()))
}

#[test]
fn the_next_ones_are_the_best_that_were_not_shown() {
    let rest: Vec<u32> = (100..200).rev().collect();
    let (numbers, note) = check(Wanted::Next, rest.clone(), 600).unwrap();
    assert!((5..60).contains(&numbers.len()) && numbers.last() == Some(&199), "{numbers:?}");
    assert!(note.contains(&format!("{} were not shown yet", 100 - numbers.len())), "{note}");
    let (numbers, note) = check(Wanted::Next, rest, 0).unwrap();
    assert!(numbers == (100..200).collect::<Vec<_>>() && note.contains("All of them were shown now"), "{note}");
    let error = check(Wanted::Next, Vec::new(), 0).unwrap_err();
    assert!(error.contains("all 200 records were shown already"), "{error}");
}

#[test]
fn a_range_counts_records_and_says_where_it_had_to_stop() {
    let (numbers, note) = check(Wanted::Range(100..103), Vec::new(), 9_000).unwrap();
    assert_eq!((numbers, note.contains("records 101-103 of 200")), (vec![100, 101, 102], true), "{note}");
    let (numbers, note) = check(Wanted::Range(190..usize::MAX), Vec::new(), 9_000).unwrap();
    assert_eq!((numbers.len(), note.contains("records 191-200 of 200")), (10, true), "{note}");
    let (numbers, note) = check(Wanted::Range(0..200), Vec::new(), 600).unwrap();
    assert!(note.contains(&format!("go on with \"range\": \"{}-200\"", numbers.len() + 1)), "{note}");
    let (numbers, _) = check(Wanted::Range(0..200), Vec::new(), 1).unwrap();
    assert_eq!(numbers, [0], "who asks for some gets some");
    assert!(check(Wanted::Range(200..300), Vec::new(), 0).unwrap_err().contains("only 200 records"));
}

#[test]
fn a_query_filters_the_original_again() {
    let query = |words: &str| check(Wanted::Query(Intent::read(words).unwrap()), Vec::new(), 9_000);
    let (numbers, note) = query("firewall").unwrap();
    assert!(numbers.iter().all(|n| n.is_multiple_of(10)) && numbers.len() == 20, "{numbers:?}");
    assert!(note.contains("relevant to \"firewall\"") && note.contains("mcpctl://results/x"), "{note}");
}

proptest! {
    #[test]
    fn ranges_give_back_every_record_byte_for_byte(
        texts in proptest::collection::vec("[ -~\u{e9}\u{1f600}\\n]{0,40}", 2..40),
        step in 1_usize..12,
    ) {
        let rows: Vec<String> = texts.iter().enumerate().map(|(i, text)| {
            format!("{{\"n\":{i}.50, \"text\":{}}}", serde_json::to_string(text).unwrap())
        }).collect();
        let text = format!("[{}]", rows.join(", "));
        let original = json!({"content": [{"type": "text", "text": text}]}).to_string();
        let mut given = Vec::new();
        for start in (0..rows.len()).step_by(step) {
            let (result, _) = serve(kept(&original, Unit::Records, Vec::new()), Wanted::Range(start..start + step), 0).unwrap();
            let text = result["content"][0]["text"].as_str().unwrap().to_owned();
            let rows: Vec<Box<RawValue>> = serde_json::from_str(&text).unwrap();
            given.extend(rows.iter().map(|row| row.get().to_owned()));
        }
        prop_assert_eq!(given, rows);
    }

    #[test]
    fn ranges_of_lines_give_back_the_text(lines in proptest::collection::vec("[a-z {}\"\\\\]{1,60}", 2..40), step in 1_usize..12) {
        let text = lines.join("\n");
        let original = json!({"content": [{"type": "text", "text": text}]}).to_string();
        let mut given = String::new();
        let mut start = 0;
        while let Ok((result, _)) = serve(kept(&original, Unit::Lines, Vec::new()), Wanted::Range(start..start + step), 0) {
            given.push_str(result["content"][0]["text"].as_str().unwrap());
            start += step;
        }
        prop_assert_eq!(given, text);
    }
}
