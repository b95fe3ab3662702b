//! A real Prometheus scrapes a real system; then every panel of every dashboard has data, and every rule can be evaluated.

use super::{
    dashboards,
    prometheus::{self, Prometheus},
    rules,
    traffic::System,
};
use std::collections::BTreeMap;

/// Times that traffic is made before what shows nothing is taken for broken. A rate needs two scrapes of a series, and some
/// series are made by the first event.
const ROUNDS_MAX: usize = 6;

/// What shows nothing here, and why.
const EMPTY: [(&str, &str); 2] = [
    ("fleet.json: Instances", "mcpd runs none here: there is no container engine"),
    ("upstreams.json: Credentials", "no server here asks for a consent that ends"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_shows_something_and_every_rule_is_evaluated() {
    let Some(program) = prometheus::found("prometheus") else { return };
    let system = System::start().await;
    let prometheus = Prometheus::start(&system.world, &program, &system.jobs()).await;
    prometheus.catches_up().await;
    let mut missing = BTreeMap::new();
    for _ in 0..ROUNDS_MAX {
        system.goes_on().await;
        prometheus.catches_up().await;
        missing = empty(&prometheus).await;
        if missing.is_empty() {
            break;
        }
    }
    assert!(missing.is_empty(), "no data for {missing:#?}");
    for rule in prometheus.rules().await {
        assert!(rule["health"] == "ok" && rule["lastError"].is_null(), "{rule:#}");
    }
    let alerts = prometheus.query("ALERTS{alertname=~\"McpctlGatewayDown|McpctlControlPlaneDown\"}").await.unwrap();
    assert!(alerts.is_empty(), "{alerts:?}");
}

/// The panels and recorded rules without a single number, with what they ask.
async fn empty(prometheus: &Prometheus) -> BTreeMap<String, String> {
    let mut missing = BTreeMap::new();
    let of_rules = rules::of("recording.yml").into_iter().map(|rule| rule["record"].as_str().unwrap().to_owned());
    let asked = dashboards::queries().into_iter().map(|query| (query.of, query.expression));
    for (of, expression) in asked.chain(of_rules.map(|name| (name.clone(), name))) {
        let found = prometheus.query(&expression).await.unwrap_or_else(|error| panic!("{of}: {error}: {expression}"));
        let is_empty = !found.iter().any(|series| prometheus::value(series).is_some());
        if is_empty && !EMPTY.iter().any(|(name, _)| *name == of) {
            missing.insert(of, expression);
        }
    }
    missing
}
