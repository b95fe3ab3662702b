use super::*;
use crate::testing;
use serde_json::json;
use std::cell::Cell;

thread_local! {
    static NOW_MS: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Timestamp {
    Timestamp::from_millis(NOW_MS.get())
}

/// The gateway's memory, and its filter under `rule`.
fn filter(rule: &str, flows: &Arc<Flows>) -> FlowFilter {
    let rules = json!([
        {"tool": "read_page", "class": "read", "flow": ["untrusted"]},
        {"tool": "read_mail", "class": "read", "flow": ["private"]},
        {"tool": "read_issue", "class": "read", "flow": ["untrusted", "private"]},
        {"tool": "send", "class": "write", "flow": ["public"]},
        {"tool": "fetch", "class": "read", "flow": ["untrusted", "public"]},
        {"tool": "note", "class": "write"},
    ]);
    let objects = json!([
        {"kind": "server", "name": "s", "spec": {"transport": {"type": "stdio", "command": "x"}, "tools": rules}},
        {"kind": "profile", "name": "p", "spec": {"server": "s", "access": "full"}},
        {"kind": "project", "name": "w", "spec": {"profiles": ["p"], "flow": rule}},
    ]);
    FlowFilter::compile(&testing::snapshot(objects), flows.clone(), now)
}

/// Which of the calls `user tool` go on, one minute apart; `project` is the one in the URL.
async fn check(rule: &str, project: Option<&str>, calls: &[&str]) -> Vec<bool> {
    let filter = filter(rule, &Arc::default());
    let mut passed = Vec::new();
    NOW_MS.set(0);
    for call in calls {
        NOW_MS.set(NOW_MS.get() + 60_000);
        let (user, tool) = call.split_once(' ').unwrap();
        passed.push(goes_on(&filter, project, user, tool).await);
    }
    passed
}

async fn goes_on(filter: &FlowFilter, project: Option<&str>, user: &str, tool: &str) -> bool {
    let (method, params) = match tool.contains("://") {
        true => ("resources/read", json!({"uri": tool})),
        false => ("tools/call", json!({"name": tool})),
    };
    let mut exchange = testing::request(method, &params.to_string());
    exchange.principal = testing::user(user, &[]);
    exchange.project = project.map(str::to_owned);
    exchange.target = Some(Target::new("s".parse().unwrap(), tool));
    exchange.allowed_by = Some("p".parse().unwrap());
    filter.on_request(&mut exchange).await.is_continue()
}

#[tokio::test]
async fn z_13_the_third_leg_of_the_trifecta_is_refused() {
    let calls = ["ann read_page", "ann send", "ann read_mail", "ann send", "ann note", "bob send"];
    for project in [Some("w"), None] {
        assert_eq!(check("apart", project, &calls).await, [true, true, true, false, true, true], "{project:?}");
        assert_eq!(check("open", project, &calls).await, [true; 6], "{project:?}");
    }
    assert_eq!(check("apart", Some("w"), &["ann read_issue", "ann send"]).await, [true, false]);
    // One tool may be two of the legs: a request to any URL brings in a page and carries out what is in the URL.
    assert_eq!(check("apart", Some("w"), &["ann fetch", "ann read_mail", "ann fetch"]).await, [true, true, false]);
}

#[tokio::test]
async fn a_resource_counts_as_what_the_servers_tools_bring_in() {
    assert_eq!(check("apart", Some("w"), &["ann file://x", "ann send"]).await, [true, false]);
}

#[tokio::test]
async fn what_was_read_is_forgotten_after_the_window_and_not_because_a_clock_was_set_back() {
    let filter = filter("apart", &Arc::default());
    NOW_MS.set(7_200_000);
    assert!(goes_on(&filter, Some("w"), "ann", "read_issue").await);
    for (now_ms, passes) in [(0, false), (10_799_999, false), (10_800_000, true)] {
        NOW_MS.set(now_ms);
        assert_eq!(goes_on(&filter, Some("w"), "ann", "send").await, passes, "{now_ms}");
    }
}

#[tokio::test]
async fn a_new_configuration_forgets_nothing() {
    let flows = Arc::default();
    assert!(goes_on(&filter("apart", &flows), Some("w"), "ann", "read_issue").await);
    assert!(!goes_on(&filter("apart", &flows), Some("w"), "ann", "send").await);
}
