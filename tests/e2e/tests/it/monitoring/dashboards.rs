//! Dashboards: that they are what the script writes, and that every panel can be read without asking anybody.

use crate::programs::{repository, tool};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const SOURCE: &str = "${datasource}";

/// Every dashboard of a folder, by its file's name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let read =
        |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap());
    fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

/// Every dashboard, by its file's name.
fn all() -> BTreeMap<String, Value> {
    let parsed = |(name, text): (String, String)| (name, serde_json::from_str(&text).unwrap());
    files(&repository().join("deploy/grafana/dashboards")).into_iter().map(parsed).collect()
}

/// One query of a panel.
pub(crate) struct Query {
    /// The dashboard's file, and the panel's title.
    pub(crate) of: String,
    pub(crate) expression: String,
}

/// The queries of all panels, as Grafana would ask them with everything chosen.
pub(crate) fn queries() -> Vec<Query> {
    let mut found = Vec::new();
    for (file, dashboard) in all() {
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let mut expression = target["expr"].as_str().unwrap().to_owned();
                for (variable, value) in [("$__rate_interval", "1m"), ("$__range", "5m")] {
                    expression = expression.replace(variable, value);
                }
                for variable in ["job", "instance", "server", "tool"] {
                    expression = expression.replace(&format!("\"${variable}\""), "\".*\"");
                }
                assert!(!expression.contains('$'), "{file}: {expression}");
                found.push(Query { of: format!("{file}: {}", panel["title"].as_str().unwrap()), expression });
            }
        }
    }
    found
}

#[test]
fn they_are_what_the_script_writes() {
    let written = tempfile::tempdir().unwrap();
    let python = tool("E2E_PYTHON", "venv/bin/python").unwrap_or_else(|| PathBuf::from("python3"));
    let script = repository().join("deploy/grafana/generate.py");
    let status = Command::new(python).arg(&script).arg(written.path()).status().unwrap();
    assert!(status.success());
    let (expected, found) = (files(written.path()), files(&repository().join("deploy/grafana/dashboards")));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (name, text) in expected {
        assert!(found[&name] == text, "{name} is not what deploy/grafana/generate.py writes: run it");
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    let mut panels = 0;
    for (file, dashboard) in all() {
        for panel in dashboard["panels"].as_array().unwrap() {
            let at = format!("{file}: {}", panel["title"]);
            let said = |value: &Value| value.as_str().unwrap_or_default().len();
            assert!(said(&panel["title"]) > 1 && said(&panel["description"]) > 10, "{at}");
            assert!(said(&panel["fieldConfig"]["defaults"]["unit"]) > 0, "{at} has no unit");
            assert_eq!(panel["datasource"]["uid"], SOURCE, "{at}");
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{at} asks for nothing");
            for target in targets {
                let expression = target["expr"].as_str().unwrap();
                assert_eq!(target["datasource"]["uid"], SOURCE, "{at}");
                // What rules made has no instance; `job` tells enough there.
                let is_chosen = expression.contains("job=~\"$job\", instance=~\"$instance\"");
                assert!(
                    is_chosen || expression.contains("ALERTS{") || expression.contains("job:"),
                    "{at}: {expression}"
                );
            }
            panels += 1;
        }
    }
    assert!(panels > 70, "only {panels} panels");
}

#[test]
fn each_can_be_told_apart_and_has_its_choices() {
    let mut uids = BTreeSet::new();
    for (file, dashboard) in all() {
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{file}");
        let names: Vec<&str> = dashboard["templating"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| variable["name"].as_str().unwrap())
            .collect();
        assert_eq!(names[..3], ["datasource", "job", "instance"], "{file}");
        let text = dashboard["panels"].to_string();
        assert!(names[3..].iter().all(|name| text.contains(&format!("${name}"))), "{file}: {names:?}");
        nothing_covers_anything(&file, dashboard["panels"].as_array().unwrap());
    }
    let expected = ["audit", "fleet", "overview", "policy", "relevance", "servers", "upstreams"];
    assert_eq!(uids, expected.iter().map(|name| format!("mcpctl-{name}")).collect::<BTreeSet<_>>());
}

fn nothing_covers_anything(file: &str, panels: &[Value]) {
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{file}: {} is out of the grid", panel["title"]);
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
            assert!(cells.insert(cell), "{file}: {} covers another panel", panel["title"]);
        }
    }
}
