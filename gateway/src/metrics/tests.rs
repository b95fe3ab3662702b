#[cfg(target_os = "linux")]
mod documented;
mod series;

use super::*;
use crate::audit::Standing;
use ::filters::{Exchange, Target};
use control_plane_api::{
    audit::{Fallback, Outcome},
    gateway::{ServerState, ServerStatus, ToolStatus},
    pin::Quarantine,
    server::ToolClass,
};
use http::{HeaderMap, HeaderValue, header::ACCEPT};
use protocol::method::{self, Primitive};
use std::time::Instant;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Nothing is configured, and nothing waits.
fn seen(servers: Vec<ServerStatus>) -> Seen {
    let audit = Standing { backlog: 0, queue: 0, ship_lag: Duration::ZERO, spool_bytes: 0 };
    Seen { servers, revision: None, age: Duration::ZERO, rejected: 0, in_flight: 0, audit }
}

fn status(name: &str, state: ServerState) -> ServerStatus {
    ServerStatus {
        name: name.parse().unwrap(),
        state,
        era: None,
        error: None,
        restarts: 0,
        pid: None,
        since: None,
        stderr: Vec::new(),
        tested: 0,
        probed: None,
        tools: Vec::new(),
        problems: Vec::new(),
    }
}

fn tool(name: &str, quarantine: Option<Quarantine>) -> ToolStatus {
    let (name, exposed) = (name.to_owned(), name.to_owned());
    ToolStatus {
        name,
        exposed,
        class: ToolClass::Read,
        arguments: None,
        offered: quarantine.is_none(),
        quarantine,
        read_only_hint: None,
    }
}

/// An exchange about the tool `name` of `server`; without one nobody offers it.
fn call(server: Option<&str>, name: &str) -> Exchange {
    let mut exchange = ::filters::testing::request(method::TOOLS_CALL, "{}");
    exchange.primitive = Some(Primitive::Tool(name.to_owned()));
    exchange.target = server.map(|server| Target::new(server.parse().unwrap(), name));
    exchange
}

/// `exchange`, which ends at once.
fn end(metrics: &Metrics, method: &str, exchange: &Exchange, outcome: Outcome) {
    metrics.course(Instant::now()).end((method, exchange), outcome, None);
}

fn check(record: impl FnOnce(&Metrics), expected: &[&str]) -> String {
    let metrics = Metrics::new().unwrap();
    record(&metrics);
    let text = metrics.scrape(&seen(Vec::new()), Format::OpenMetrics).unwrap();
    for line in expected {
        assert!(text.lines().any(|found| found == *line), "no `{line}` in\n{text}");
    }
    text
}

#[test]
fn a_method_nobody_knows_is_no_label_of_its_own() {
    let record = |metrics: &Metrics| {
        for method in ["evil/1", "evil/2"] {
            end(metrics, method, &::filters::testing::request(method, "{}"), Outcome::Ok);
        }
    };
    let labels = "mcp_method_name=\"other\",gen_ai_tool_name=\"\",server=\"\",error_type=\"\"";
    check(record, &[&format!("mcp_server_operation_duration_seconds_count{{{labels}}} 2")]);
}

#[test]
fn a_tool_is_named_with_its_server_and_one_that_nobody_offers_is_not() {
    let record = |metrics: &Metrics| {
        end(metrics, method::TOOLS_CALL, &call(Some("slack"), "slack_search"), Outcome::ToolError);
        end(metrics, method::TOOLS_CALL, &call(None, "made_up"), Outcome::Denied);
    };
    let count = |tool: &str, server: &str, error: &str| {
        format!(
            "mcp_server_operation_duration_seconds_count{{mcp_method_name=\"tools/call\",gen_ai_tool_name=\"{tool}\",\
             server=\"{server}\",error_type=\"{error}\"}} 1"
        )
    };
    let text = check(record, &[&count("slack_search", "slack", "tool_error"), &count("", "", "denied")]);
    assert!(!text.contains("made_up"), "{text}");
}

#[test]
fn the_latency_names_the_trace_it_was_seen_in() {
    let metrics = Metrics::new().unwrap();
    let trace = TraceId::new(TRACE);
    metrics.course(Instant::now()).end((method::TOOLS_CALL, &call(Some("slack"), "search")), Outcome::Ok, trace);
    let text = metrics.render().unwrap();
    let exemplar = format!(" # {{trace_id=\"{TRACE}\"}} ");
    let named = text.lines().filter(|line| line.contains(&exemplar)).collect::<Vec<_>>();
    assert!(
        matches!(&named[..], [line] if line.starts_with("mcp_server_operation_duration_seconds_bucket{")),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
    for id in ["", "4bf92f3577b34da6a3ce929d0e0e473", "4bf92f3577b34da6a3ce929d0e0e473g", &TRACE.repeat(2)] {
        assert_eq!(TraceId::new(id), None);
    }
}

#[test]
fn the_time_of_an_exchange_is_told_by_phase_and_a_phase_it_came_back_to_once() {
    let record = |metrics: &Metrics| {
        let mut course = metrics.course(Instant::now());
        for phase in [Phase::AuditIntent, Phase::Upstream, Phase::ReplyFilters, Phase::Upstream, Phase::AuditOutcome] {
            course.enter(phase);
        }
        course.end((method::TOOLS_CALL, &call(Some("slack"), "search")), Outcome::Ok, None);
        let mut refused = metrics.course(Instant::now());
        refused.enter(Phase::AuditOutcome);
        refused.end((method::TOOLS_CALL, &call(Some("slack"), "search")), Outcome::Denied, None);
    };
    let count =
        |phase: &str, times: u8| format!("mcpctl_exchange_phase_duration_seconds_count{{phase=\"{phase}\"}} {times}");
    let (both, one) = (["request_filters", "audit_outcome"], ["audit_intent", "upstream", "reply_filters"]);
    let expected: Vec<String> =
        both.map(|phase| count(phase, 2)).into_iter().chain(one.map(|phase| count(phase, 1))).collect();
    check(record, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn relevance_tells_what_was_kept_and_what_it_saved() {
    let outcome = RelevanceOutcome {
        kept: 30,
        total: 100,
        bytes_before: 5000,
        bytes_after: 900,
        elapsed_ms: 40,
        tier: "static+bm25".to_owned(),
        fallback: Some(Fallback::Deadline),
    };
    let record = |metrics: &Metrics| {
        let mut exchange = call(Some("slack"), "search");
        exchange.relevance = Some(outcome.clone());
        end(metrics, method::TOOLS_CALL, &exchange, Outcome::Ok);
        metrics.relevance(&"slack".parse().unwrap(), &RelevanceOutcome { tier: "made up".to_owned(), ..outcome });
    };
    check(
        record,
        &[
            "mcpctl_filter_items_total{action=\"dropped\",server=\"slack\"} 140",
            "mcpctl_filter_items_total{action=\"kept\",server=\"slack\"} 60",
            "mcpctl_filter_bytes_total{stage=\"out\",server=\"slack\"} 1800",
            "mcpctl_relevance_tokens_saved_total{server=\"slack\"} 2050",
            "mcpctl_relevance_duration_seconds_count{tier=\"static+bm25\"} 1",
            "mcpctl_relevance_duration_seconds_count{tier=\"other\"} 1",
            "mcpctl_filter_fallbacks_total{reason=\"deadline\"} 2",
        ],
    );
}

#[test]
fn what_a_server_is_asked_ends_once_and_given_up_where_nobody_waits() {
    let record = |metrics: &Metrics| {
        let server = "slack".parse().unwrap();
        let mut asked = metrics.asked(&server, method::TOOLS_CALL);
        asked.end("timed_out");
        asked.end("");
        drop(asked);
        drop(metrics.asked(&server, "made/up"));
    };
    let count = |method: &str, error: &str| {
        format!(
            "mcp_client_operation_duration_seconds_count{{mcp_method_name=\"{method}\",server=\"slack\",error_type=\"{error}\"}} 1"
        )
    };
    let text = check(record, &[&count("tools/call", "timed_out"), &count("other", "cancelled")]);
    assert_eq!(text.matches("mcp_client_operation_duration_seconds_count").count(), 2, "{text}");
}

#[test]
fn a_server_that_is_gone_disappears() {
    let metrics = Metrics::new().unwrap();
    let scrape = |servers| metrics.scrape(&seen(servers), Format::OpenMetrics).unwrap();
    let quarantine = Quarantine { digest: "d".to_owned(), definition: None, differences: Vec::new() };
    let mut slack = status("slack", ServerState::Ready);
    (slack.restarts, slack.tools) = (3, vec![tool("search", None), tool("post", Some(quarantine))]);
    let text = scrape(vec![slack.clone(), status("jira", ServerState::Failed)]);
    for line in [
        "mcpctl_upstream_up{server=\"jira\"} 0",
        "mcpctl_upstream_up{server=\"slack\"} 1",
        "mcpctl_instance_restarts_total{server=\"slack\"} 3",
        "mcpctl_tools_listed{server=\"slack\"} 2",
        "mcpctl_tools_quarantined{server=\"slack\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
    }
    let text = scrape(vec![slack]);
    assert!(text.contains("mcpctl_instance_restarts_total{server=\"slack\"} 3") && !text.contains("jira"), "{text}");
}

#[test]
fn the_state_of_the_gateway_is_there_from_the_start() {
    let metrics = Metrics::new().unwrap();
    metrics.audit_append_failed();
    let audit = Standing { backlog: 3, queue: 2, ship_lag: Duration::from_millis(1_500), spool_bytes: 9 };
    let seen = Seen { revision: Some(7), rejected: 4, in_flight: 5, audit, ..seen(Vec::new()) };
    let text = metrics.scrape(&seen, Format::OpenMetrics).unwrap();
    for line in [
        concat!("mcpctl_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\",component=\"gateway\"} 1"),
        "mcpctl_config_revision 7",
        "mcpctl_config_rejected_total 4",
        "mcpctl_exchanges_in_flight 5",
        "mcpctl_audit_backlog 3",
        "mcpctl_audit_queue 2",
        "mcpctl_audit_ship_lag_seconds 1.5",
        "mcpctl_audit_spool_bytes 9",
        "mcpctl_audit_append_failures_total 1",
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
    }
}

#[test]
fn what_lasts_is_counted_as_long_as_it_lasts() {
    let metrics = Metrics::new().unwrap();
    let open = || metrics.render().unwrap().contains("\nmcpctl_streams_open 1\n");
    let stream = metrics.stream();
    assert!(open());
    drop(stream);
    assert!(!open());
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_has_memory_descriptors_and_a_start_in_the_past() {
    let text = Metrics::new().unwrap().render().unwrap();
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no `{name}` in\n{text}")).parse().unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") > 2.0 && value("process_cpu_seconds_total") >= 0.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let age = now - value("process_start_time_seconds");
    assert!((-2.0..86_400.0).contains(&age), "{age}");
}

#[test]
fn who_knows_open_metrics_or_does_not_say_gets_it() {
    let asked = |accept: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        headers.extend(accept.map(|accept| (ACCEPT, HeaderValue::from_static(accept))));
        Format::of(&headers)
    };
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.2";
    for accept in [None, Some("*/*"), Some(prometheus)] {
        assert_eq!(asked(accept), Format::OpenMetrics, "{accept:?}");
    }
    assert_eq!(asked(Some("text/plain;version=0.0.4;q=0.5")), Format::Text);
}

#[test]
fn the_older_format_has_neither_units_nor_exemplars_nor_an_end() {
    let metrics = Metrics::new().unwrap();
    let trace = TraceId::new(TRACE);
    metrics.course(Instant::now()).end((method::TOOLS_CALL, &call(Some("slack"), "search")), Outcome::Ok, trace);
    metrics.shed("memory");
    let text = metrics.scrape(&seen(Vec::new()), Format::Text).unwrap();
    for line in [
        "# HELP mcpctl_requests_shed_total Requests refused for want of resources, or because of a drain.",
        "# TYPE mcpctl_requests_shed_total counter",
        "mcpctl_requests_shed_total{reason=\"memory\"} 1",
        "# TYPE mcp_server_operation_duration_seconds histogram",
        "# TYPE mcpctl_config_revision gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
    }
    assert!(!["# UNIT", "# EOF", TRACE].iter().any(|newer| text.contains(newer)), "{text}");
}
