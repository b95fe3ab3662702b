//! How many series there can be, whatever clients, servers and their owners do.

use super::super::labels::{METHODS, OUTCOMES, TIERS};
use super::*;
use std::collections::BTreeMap;

/// Labels of a server: those of their own, the gateway itself, and the rest.
const SERVERS: usize = SERVER_LABELS_MAX + 2;
/// Words of `error_type` of what servers are asked: fine, an error, given up, and seven reasons for no answer.
const ENDS: usize = 10;
/// Sets of labels of each metric at the most. Of a histogram each has as many lines as buckets, and three more.
const SETS_MAX: [(&str, usize); 14] = [
    (
        "mcp_server_operation_duration_seconds",
        (TOOL_LABELS_MAX + SERVERS + SERVERS * (METHODS.len() + 1)) * OUTCOMES.len(),
    ),
    ("mcp_client_operation_duration_seconds", SERVERS * (METHODS.len() + 1) * ENDS),
    ("mcpctl_exchange_phase_duration_seconds", Phase::ALL.len()),
    ("mcpctl_policy_decisions", (Cause::ALL.len() + 1) * SERVERS),
    ("mcpctl_filter_items", 2 * SERVERS),
    ("mcpctl_filter_bytes", 2 * SERVERS),
    ("mcpctl_relevance_tokens_saved", SERVERS),
    ("mcpctl_relevance_duration_seconds", TIERS.len() + 1),
    ("mcpctl_upstream_up", SERVER_LABELS_MAX),
    ("mcpctl_upstream_breaker_open", SERVER_LABELS_MAX),
    ("mcpctl_upstream_messages_dropped", SERVERS),
    ("mcpctl_instance_restarts", SERVER_LABELS_MAX),
    ("mcpctl_tools_listed", SERVER_LABELS_MAX),
    ("mcpctl_tools_quarantined", SERVER_LABELS_MAX),
];
const TOOLS: usize = 10_000;
const USERS: usize = 1_000;
const ALL_OUTCOMES: [Outcome; OUTCOMES.len()] = [
    Outcome::Ok,
    Outcome::InputRequired,
    Outcome::ToolError,
    Outcome::Error,
    Outcome::Denied,
    Outcome::Cancelled,
    Outcome::Partial,
    Outcome::Unknown,
];

/// Every tool with every outcome, by users in turn, spread over `servers`; every method with every outcome by every user,
/// among them methods they make up; every refusal; and what there is to be told of every server.
fn everything(metrics: &Metrics, servers: usize) {
    let server = |number: usize| format!("server-{}", number % servers);
    let user = |exchange: &mut Exchange, number: usize| {
        exchange.principal = ::filters::testing::user(&format!("user-{}", number % USERS), &[]);
        exchange.project = Some(format!("project-{}", number % USERS));
    };
    for number in 0..TOOLS {
        let mut exchange = call(Some(&server(number)), &format!("tool-{number}"));
        user(&mut exchange, number);
        ALL_OUTCOMES.into_iter().for_each(|outcome| end(metrics, method::TOOLS_CALL, &exchange, outcome));
        end(metrics, method::TOOLS_CALL, &call(None, &format!("made-up-{number}")), Outcome::Denied);
    }
    for number in 0..USERS {
        let of_users = format!("made/up-{number}");
        for method in METHODS.into_iter().chain([of_users.as_str()]) {
            let mut exchange = ::filters::testing::request(method, "{}");
            user(&mut exchange, number);
            exchange.target = (number % 2 == 0).then(|| Target::new(server(number).parse().unwrap(), method));
            ALL_OUTCOMES.into_iter().for_each(|outcome| end(metrics, method, &exchange, outcome));
        }
    }
    for number in 0..servers {
        let name: Name = server(number).parse().unwrap();
        metrics.allowed(Some(&name));
        Cause::ALL.into_iter().for_each(|cause| metrics.denied(cause, Some(&name)));
        METHODS.into_iter().for_each(|method| metrics.asked(&name, method).end("timed_out"));
        metrics.upstream_message_dropped(&name);
        metrics.breaker(&name, Some(true));
        let tier = format!("tier-{number}");
        let (kept, total, bytes_before, bytes_after, elapsed_ms) = (1, 2, 9, 1, 1);
        let outcome = RelevanceOutcome { kept, total, bytes_before, bytes_after, elapsed_ms, tier, fallback: None };
        metrics.relevance(&name, &outcome);
    }
}

/// Of each metric, how many sets of labels it has.
fn sets(text: &str) -> BTreeMap<String, usize> {
    let mut sets = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        match line.strip_prefix("# TYPE ") {
            Some(described) => name = described.split(' ').next().unwrap(),
            None if line.starts_with('#') => {}
            None => {
                let ends = ["_bucket", "_sum"].map(|end| format!("{name}{end}"));
                let counts = !ends.iter().any(|end| line.starts_with(end.as_str()));
                *sets.entry(name.to_owned()).or_default() += usize::from(counts);
            }
        }
    }
    sets
}

/// Runs [`everything`] over so many servers, and holds the result to the bounds.
fn check(servers: usize) -> BTreeMap<String, usize> {
    let metrics = Metrics::new().unwrap();
    everything(&metrics, servers);
    let statuses = (0..servers).map(|number| status(&format!("server-{number}"), ServerState::Ready)).collect();
    let text = metrics.scrape(&seen(statuses), Format::OpenMetrics).unwrap();
    for chosen in ["user-", "project-", "made-up", "made/up"] {
        assert!(!text.contains(chosen), "a client chose a label that begins with `{chosen}`");
    }
    let sets = sets(&text);
    let bound: BTreeMap<&str, usize> = SETS_MAX.into_iter().collect();
    for (name, found) in &sets {
        // What is not named above has one set, or one for each word that stands in this program's text.
        let max = bound.get(name.as_str()).copied().unwrap_or(16);
        assert!(*found <= max, "{name}: {found} of at most {max}");
    }
    for name in bound.keys() {
        assert!(sets.contains_key(*name), "{name} is not there");
    }
    sets
}

#[test]
fn ten_thousand_tools_and_a_thousand_users_make_no_more_series_than_there_are_words() {
    let sets = check(20);
    let tools = TOOL_LABELS_MAX + 20;
    // The gateway itself has all methods and the rest; of the servers, every other one has them, tools apart.
    let methods = METHODS.len() + 1 + 10 * METHODS.len();
    assert_eq!(sets["mcp_server_operation_duration_seconds"], (tools + methods) * OUTCOMES.len());
}

#[test]
fn more_servers_than_have_a_label_share_one() {
    let sets = check(3 * SERVER_LABELS_MAX);
    assert_eq!(sets["mcpctl_relevance_tokens_saved"], SERVER_LABELS_MAX + 1);
    assert_eq!(sets["mcpctl_upstream_breaker_open"], SERVER_LABELS_MAX);
}
