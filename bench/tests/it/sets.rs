//! The labelled sets of `relevance/` are what their README says. Nothing is measured here.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("relevance")
}

/// The lines of every set, by its name.
fn sets() -> Vec<(String, Vec<Value>)> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut sets: Vec<(String, Vec<Value>)> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}"));
            let lines = text.lines().map(parse).collect();
            (name, lines)
        })
        .collect();
    sets.sort_by(|one, other| one.0.cmp(&other.0));
    sets
}

/// The case that carries the records of `case`.
fn source<'a>(lines: &'a [Value], case: &'a Value) -> &'a Value {
    case["texts_of"].as_u64().map_or(case, |line| &lines[usize::try_from(line).unwrap()])
}

fn texts(case: &Value) -> Vec<&str> {
    case["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn indices(case: &Value, member: &str) -> Option<Vec<usize>> {
    let list = case.get(member)?.as_array().unwrap();
    Some(list.iter().map(|at| usize::try_from(at.as_u64().unwrap()).unwrap()).collect())
}

#[test]
fn every_case_points_at_records_that_are_there() {
    for (name, lines) in sets() {
        for case in &lines {
            let intent = case["intent"].as_str().unwrap();
            assert!(!intent.trim().is_empty(), "{name}");
            assert!(case.get("texts").is_some() != case.get("texts_of").is_some(), "{name}: {intent}");
            let count = texts(source(&lines, case)).len();
            let relevant = indices(case, "relevant").unwrap();
            assert!(relevant.iter().all(|at| *at < count), "{name}: {intent}");
            assert!(relevant.is_sorted_by(|one, other| one < other), "{name}: {intent}");
            let core = indices(case, "core").unwrap_or_else(|| relevant.clone());
            assert!(core.iter().all(|at| relevant.contains(at)), "{name}: {intent}");
            assert!(relevant.len() * 100 <= count * 26, "{name}: {intent} asks for {} of {count}", relevant.len());
        }
    }
}

#[test]
fn no_text_is_empty_and_most_are_different() {
    for (name, lines) in sets() {
        for case in lines.iter().filter(|case| case.get("texts").is_some()) {
            let texts = texts(case);
            assert!((300..=1_300).contains(&texts.len()), "{name}: {}", texts.len());
            assert!(texts.iter().all(|text| !text.trim().is_empty()), "{name}");
            let different: BTreeSet<&str> = texts.iter().copied().collect();
            assert!(different.len() * 100 >= texts.len() * 95, "{name}: {} of {}", different.len(), texts.len());
            for member in ["authors", "threads"] {
                let length = case.get(member).map(|list| list.as_array().unwrap().len());
                assert!(length.is_none_or(|length| length == texts.len()), "{name}: {member}");
            }
        }
    }
}

#[test]
fn some_asks_have_no_answer() {
    let sets = sets();
    let unanswered = sets.iter().flat_map(|(_, lines)| lines).filter(|case| case["relevant"] == serde_json::json!([]));
    assert!(unanswered.count() >= 5);
}

#[test]
fn the_readme_says_the_truth_about_every_set() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let sets = sets();
    for (name, lines) in &sets {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[2].replace(',', ""), texts(&lines[0]).len().to_string(), "{name}: records");
        assert_eq!(cells[3].split(' ').next().unwrap(), lines.len().to_string(), "{name}: asks");
        let tuned = ["slack_demo", "jira_demo", "logs", "commits"].contains(&name.as_str());
        assert_eq!(cells[5], if tuned { "yes" } else { "**held out**" }, "{name}");
    }
    assert_eq!(sets.len(), 10);
}
