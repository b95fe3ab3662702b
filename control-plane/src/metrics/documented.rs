//! `docs/metrics-mcpd.md` says of every metric what a scrape says, and no scrape says more.

use super::{Metrics, fleet::Fleet, now::Now, process::Process};
use crate::{
    http::routes,
    store::{CredentialEnd, InstanceCount, SeenGateway},
};
use axum::http::Method;
use control_plane_api::{gateway::ConfigState, timestamp::Timestamp};
use std::{collections::BTreeMap, env, fs, sync::Arc};

const BEGIN: &str = "<!-- begin: written by `UPDATE_DOCS=1 cargo test -p control-plane documented` -->\n";
const END: &str = "<!-- end -->\n";

/// A look at a crowd of so many gateways and servers.
pub(super) fn crowded(size: u64) -> Now {
    let now = Timestamp::from_millis(1_000_000_000);
    let gateway = |number| SeenGateway {
        name: format!("gateway-{number}"),
        is_laptop: false,
        enrolled_at: now,
        seen_at: Some(now),
        reported: Some((ConfigState::Applied { revision: 7 }, false)),
    };
    let end = |number| CredentialEnd { server: format!("server-{number}"), kind: "server".to_owned(), at: now };
    let fleet = Fleet {
        read_at: now,
        revision: 7,
        gateways: (0..size).map(gateway).collect(),
        instances: vec![InstanceCount { runtime: "docker".to_owned(), state: "running".to_owned(), count: size }],
        credential_ends: (0..size).map(end).collect(),
        sessions: size,
    };
    Now { started_at: Some(now), process: Process::now(), connections: (1, 2), fleet: Some(Arc::new(fleet)) }
}

/// One row of the table.
#[derive(Default)]
struct Metric {
    help: String,
    kind: String,
    labels: Vec<String>,
}

/// Of the labels of a line; none of our values has a comma or a quote in it.
fn labels(line: &str) -> Vec<String> {
    let inner = line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(inner, _)| inner);
    let keys = inner.split("\",").filter_map(|label| label.split_once("=\"")).map(|(key, _)| key);
    keys.filter(|key| *key != "le").map(|key| format!("`{key}`")).collect()
}

fn written() -> String {
    let metrics = Metrics::new(&routes());
    metrics.answered(Some("/api/v1/status"), &Method::GET, 200, 0.01);
    let mut found: BTreeMap<String, Metric> = BTreeMap::new();
    let text = metrics.render(crowded(1)).unwrap();
    let mut of = String::new();
    for line in text.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|line| line.split_once(' ')) {
            name.clone_into(&mut of);
            found.entry(of.clone()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            found.get_mut(name).unwrap().kind = kind.to_owned();
        } else {
            assert!(line.starts_with(&of), "{line}");
            found.get_mut(&of).unwrap().labels = labels(line);
        }
    }
    let mut table = "| metric | type | labels | what |\n|---|---|---|---|\n".to_owned();
    for (name, Metric { help, kind, labels }) in found {
        let suffix = if kind == "counter" { "_total" } else { "" };
        table.push_str(&format!("| `{name}{suffix}` | {kind} | {} | {help} |\n", labels.join(", ")));
    }
    table
}

#[test]
fn the_page_about_metrics_is_of_this_mcpd() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics-mcpd.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has its mark");
    let (found, after) = rest.split_once(END).expect("the page has its mark");
    let written = written();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}{written}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, written, "write it anew: UPDATE_DOCS=1 cargo test -p control-plane documented");
}
