//! Rules: that Prometheus takes them, that each alert was tried out, and that each names a runbook that is there.

use super::{prometheus, runbooks};
use serde_json::Value;
use std::{collections::BTreeSet, fs, process::Command};

/// A file as values.
fn read(path: &std::path::Path) -> Value {
    serde_yaml_ng::from_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All the rules of a file.
pub(crate) fn of(file: &str) -> Vec<Value> {
    let groups = read(&prometheus::folder().join("rules").join(file))["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn test_files() -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(prometheus::folder().join("rules/tests")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn promtool_takes_the_configuration_and_every_case_holds() {
    let Some(promtool) = prometheus::found("promtool") else { return };
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    };
    run(Command::new(&promtool).args(["check", "config"]).arg(prometheus::folder().join("prometheus.yml")));
    run(Command::new(&promtool).args(["test", "rules"]).args(test_files()));
}

#[test]
fn every_alert_is_seen_to_fire_and_to_be_silent() {
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for file in test_files() {
        for case in read(&file)["tests"].as_array().unwrap() {
            for expected in case["alert_rule_test"].as_array().unwrap() {
                let name = expected["alertname"].as_str().unwrap().to_owned();
                let is_silent = expected["exp_alerts"].as_array().unwrap().is_empty();
                if is_silent {
                    silent.insert(name)
                } else {
                    fires.insert(name)
                };
            }
        }
    }
    let alerts: BTreeSet<String> =
        of("alerts.yml").iter().map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect();
    assert!(alerts.len() > 30, "{alerts:?}");
    assert_eq!((&fires, &silent), (&alerts, &alerts));
}

#[test]
fn every_alert_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on() {
    for rule in of("alerts.yml") {
        let name = &rule["alert"];
        assert!(["page", "ticket"].iter().any(|severity| rule["labels"]["severity"] == *severity), "{name}");
        let words = |key: &str| rule["annotations"][key].as_str().unwrap_or_default().to_owned();
        assert!(words("summary").len() > 10 && words("description").len() > 10, "{name}: {rule}");
        let link = words("runbook_url");
        assert!(link.starts_with("docs/operations/runbooks/") && link.contains(".md#"), "{name}: {link}");
        runbooks::exists(&link).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        let alert = name.as_str().unwrap();
        let (path, _) = link.split_once('#').unwrap();
        let text = fs::read_to_string(crate::programs::repository().join(path)).unwrap();
        // The slower of two that burn a budget stands as `…Slowly` behind the other.
        let known = alert.strip_suffix("Slowly").unwrap_or(alert);
        assert!(text.contains(known), "{path} does not say that it is about {alert}");
    }
}

/// The names of metrics in `expression` that no rule made.
fn metrics(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let prefixes = ["mcp_server_", "mcp_client_", "mcpctl_", "mcpd_", "process_"];
    words.filter(move |word| prefixes.iter().any(|prefix| word.starts_with(prefix)))
}

#[test]
fn only_metrics_are_asked_for_that_are_listed() {
    let lists = ["docs/metrics.md", "docs/metrics-mcpd.md"].map(|path| crate::programs::repository().join(path));
    let listed = lists.map(|path| fs::read_to_string(path).unwrap()).concat();
    let rules = [of("recording.yml"), of("alerts.yml")].concat();
    let of_rules = rules.iter().map(|rule| rule["expr"].as_str().unwrap().to_owned());
    let mut asked = 0;
    for expression in of_rules.chain(super::dashboards::queries().into_iter().map(|query| query.expression)) {
        for name in metrics(&expression) {
            let family =
                ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
            assert!(listed.contains(&format!("`{family}`")), "{name} is in neither list: {expression}");
            asked += 1;
        }
    }
    assert!(asked > 150, "only {asked} names");
}
