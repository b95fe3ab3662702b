//! What is pinned, what is withheld, and what outlives the process.

use super::*;
use crate::audit;
use control_plane_api::{object::Object, pin::PINS_MAX};
use serde_json::{Value, json, value::to_raw_value};

fn definitions(tools: &[(&str, &str)]) -> Definitions {
    let definition = |(name, description): &(&str, &str)| {
        let entry = to_raw_value(&json!({"name": name, "description": description})).unwrap();
        ((*name).to_owned(), Ok(Definition::of(&entry).unwrap()))
    };
    tools.iter().map(definition).collect()
}

fn snapshot(revision: u64, pins: &Value) -> Snapshot {
    let server = json!({"kind": "server", "name": "old", "spec": {"transport": {"type": "stdio", "command": "x"}}});
    let mut objects: Vec<Object> = vec![serde_json::from_value(server).unwrap()];
    if !pins.is_null() {
        objects.push(serde_json::from_value(json!({"kind": "pin", "name": "old", "spec": pins})).unwrap());
    }
    Snapshot { revision, objects, ..Snapshot::empty() }
}

fn name() -> Name {
    "old".parse().unwrap()
}

async fn open(home: &Path, under: &Snapshot) -> Pins {
    let auditor = audit::tests::open(&home.join("audit"));
    let pins = Pins::open(&home.join("pins.json"), auditor, ("local".parse().unwrap(), Scrubber::default())).unwrap();
    pins.adopt(under).await;
    pins
}

/// The tools withheld of those described so.
fn check(pins: &Pins, tools: &[(&str, &str)], withheld: &[&str]) {
    let found = pins.withheld(&name(), &definitions(tools));
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), withheld);
}

#[tokio::test]
async fn the_first_definition_is_trusted_until_another_is_approved() {
    let home = tempfile::tempdir().unwrap();
    let pins = open(home.path(), &snapshot(1, &Value::Null)).await;
    check(&pins, &[("a", "1")], &["a"]);
    pins.meet(&name(), &definitions(&[("a", "1")])).await;
    pins.meet(&name(), &definitions(&[("a", "2"), ("b", "1")])).await;
    check(&pins, &[("a", "1"), ("b", "1")], &[]);
    check(&pins, &[("a", "2"), ("b", "1")], &["a"]);
    let digest = definitions(&[("a", "2")])["a"].as_ref().unwrap().digest().to_owned();
    let approved = json!({"tools": {"a": {"digest": digest, "pinned_at": "2026-07-28T00:00:00.000Z"}}});
    pins.adopt(&snapshot(2, &approved)).await;
    check(&pins, &[("a", "2"), ("b", "1")], &[]);
    check(&pins, &[("a", "1"), ("b", "2")], &["a", "b"]);
}

#[tokio::test]
async fn pins_outlive_the_process_and_never_the_server() {
    let home = tempfile::tempdir().unwrap();
    let made_at = |revision: u64| snapshot(revision, &json!({"made_at": revision}));
    let pins = open(home.path(), &made_at(5)).await;
    pins.meet(&name(), &definitions(&[("a", "1")])).await;
    drop(pins);
    std::fs::remove_dir_all(home.path().join("audit")).unwrap();
    let pins = open(home.path(), &made_at(5)).await;
    check(&pins, &[("a", "2")], &["a"]);
    let report = pins.book.load().unreported(&std::collections::BTreeSet::new()).unwrap();
    assert_eq!((report.made_at, report.tools.len()), (5, 1));
    // The server was removed and made again while this gateway did not look.
    pins.adopt(&made_at(7)).await;
    assert_eq!(pins.book.load().unreported(&std::collections::BTreeSet::new()), None);
    pins.meet(&name(), &definitions(&[("a", "2")])).await;
    check(&pins, &[("a", "1")], &["a"]);
}

#[tokio::test]
async fn a_tool_that_cannot_be_pinned_is_offered_to_nobody() {
    let home = tempfile::tempdir().unwrap();
    let pins = open(home.path(), &snapshot(1, &Value::Null)).await;
    // The place of the file is taken by a folder: nothing can be written down.
    std::fs::remove_file(home.path().join("pins.json")).unwrap();
    std::fs::create_dir_all(home.path().join("pins.json/x")).unwrap();
    pins.meet(&name(), &definitions(&[("a", "1")])).await;
    check(&pins, &[("a", "1")], &["a"]);
    std::fs::remove_dir_all(home.path().join("pins.json")).unwrap();
    let many: Vec<String> = (0..=PINS_MAX).map(|n| format!("t{n:05}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|tool| (tool.as_str(), "")).collect();
    pins.meet(&name(), &definitions(&many)).await;
    check(&pins, &many, &["t04096"]);
    let unusable = Definitions::from([("a".to_owned(), Err("it is too long".to_owned()))]);
    pins.meet(&name(), &unusable).await;
    assert_eq!(pins.withheld(&name(), &unusable)["a"].to_string(), "it is too long");
}

#[tokio::test]
async fn a_damaged_file_is_no_first_sight() {
    let home = tempfile::tempdir().unwrap();
    let auditor = audit::tests::open(&home.path().join("audit"));
    let file = home.path().join("pins.json");
    for text in ["", "{", "{}", r#"{"revision":1,"servers":{},"more":1}"#] {
        std::fs::write(&file, text).unwrap();
        let Err(error) = Pins::open(&file, auditor.clone(), ("local".parse().unwrap(), Scrubber::default())) else {
            panic!("{text}")
        };
        assert!(error.to_string().contains("restore the file, or remove it"), "{error}");
    }
}

#[tokio::test]
async fn what_the_central_gateway_offers_is_not_pinned_once_more() {
    let home = tempfile::tempdir().unwrap();
    let transport = json!({"type": "http", "url": "https://mcp.example/projects/old/mcp"});
    let server = json!({"kind": "server", "name": "old", "spec": {"transport": transport, "central": true}});
    let objects = vec![serde_json::from_value(server).unwrap()];
    let pins = open(home.path(), &Snapshot { revision: 1, objects, ..Snapshot::empty() }).await;
    for description in ["1", "2"] {
        pins.meet(&name(), &definitions(&[("a", description)])).await;
        check(&pins, &[("a", description)], &[]);
    }
    assert!(pins.book.load().servers.is_empty() && pins.book.load().own.is_empty());
}
