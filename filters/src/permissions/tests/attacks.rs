//! What an agent with a good token tries, through the filter itself.

use super::*;
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use serde_json::json;

/// Attempts of one run.
const ATTEMPTS: usize = 10_000;
/// Exposed name, server, own name, whether a call writes.
const TOOLS: [(&str, &str, &str, bool); 8] = [
    ("slack_get_messages", "slack", "slack_get_messages", false),
    ("slack_post_message", "slack", "slack_post_message", true),
    ("slack_new_thing", "slack", "slack_new_thing", true),
    ("jira_jql", "jira", "jql", false),
    ("jira_create", "jira", "create", true),
    ("jira_delete", "jira", "delete", true),
    ("fs_read", "fs", "read", false),
    ("fs_write", "fs", "write", true),
];

fn names() -> Table {
    let rows: Vec<_> = TOOLS.iter().map(|(exposed, server, own, _)| (*exposed, *server, *own)).collect();
    Table::of(&rows).declaring(&["path", "channel"])
}

/// Read-only profiles of every server for ada; what is written lies in a project of bob's.
fn world(explain: bool) -> Permissions {
    let server = |name: &str, tools: serde_json::Value| {
        json!({"kind": "server", "name": name,
            "spec": {"transport": {"type": "stdio", "command": "x"}, "tools": tools}})
    };
    let objects = json!([
        server("slack", json!([{"tool": "slack_get_*", "class": "read"}, {"tool": "slack_post_*", "class": "write"}])),
        server("jira", json!([{"tool": "jql", "class": "read"}, {"tool": "create", "class": "write"}, {"tool": "delete", "class": "destructive"}])),
        server("fs", json!([{"tool": "read", "class": "read"}, {"tool": "write", "class": "write"}])),
        {"kind": "profile", "name": "slack-read", "spec": {"server": "slack"}},
        {"kind": "profile", "name": "jira-read", "spec": {"server": "jira"}},
        {"kind": "profile", "name": "fs-read", "spec": {"server": "fs", "arguments": [{"argument": "path", "under": "/safe"}]}},
        {"kind": "profile", "name": "all", "spec": {"server": "slack", "access": "full"}},
        {"kind": "project", "name": "weekly", "spec": {"profiles": ["slack-read", "jira-read", "fs-read"], "members": ["ada"]}},
        {"kind": "project", "name": "bots", "spec": {"profiles": ["all"], "members": ["bob"]}},
    ]);
    Permissions::compile(&testing::snapshot(objects), Arc::new(names()), explain)
}

/// An exchange about what `params` ask for, routed as the gateway's router does it.
fn routed(who: &str, project: Option<&str>, method: &str, params: &serde_json::Value) -> Exchange {
    let mut exchange = testing::request(method, &params.to_string());
    exchange.principal = testing::user(who, &[]);
    exchange.project = project.map(str::to_owned);
    exchange.target = exchange.primitive.as_ref().and_then(|primitive| names().target(None, primitive));
    if let Some(target) = exchange.target.clone() {
        exchange.request.params.set("name", &target.name);
    }
    exchange
}

/// What the server of the exchange would get: its own name of the tool.
fn sent(exchange: &Exchange) -> Option<String> {
    let called = exchange.request.method == method::TOOLS_CALL;
    called.then(|| exchange.request.params.read("name").unwrap_or_default())
}

fn pick<T: Clone + std::fmt::Debug + 'static>(runner: &mut TestRunner, of: &[T]) -> T {
    proptest::sample::select(of.to_vec()).new_tree(runner).unwrap().current()
}

/// The name `tool` as somebody spells it who wants to be read as another.
fn spelled(runner: &mut TestRunner, tool: &str) -> String {
    if pick(runner, &[true, false]) {
        return tool.to_owned();
    }
    let (head, tail) = tool.split_once('_').unwrap_or((tool, ""));
    let all = [
        tail.to_owned(),
        tool.to_uppercase(),
        format!("{tool} "),
        format!(" {tool}"),
        format!("{tool}\u{0}"),
        format!("{head}_{tool}"),
        format!("{head}.{tail}"),
        format!("{head}/{tail}"),
        tool.replace('s', "\u{455}"),
        tool.replace('_', "%5f"),
        format!("slack_get_messages\n{tool}"),
    ];
    pick(runner, &all)
}

/// Parameters of `method` that mean `tool`, in any of the places where a name can be.
fn parameters(runner: &mut TestRunner, method: &str, tool: &str) -> serde_json::Value {
    let arguments = [
        json!({"path": "/safe/x"}),
        json!({"path": "/safe/../x"}),
        json!({"channel": "C1", "name": "slack_post_message"}),
        json!({}),
        json!([{"method": "tools/call", "params": {"name": tool}}]),
    ];
    let mut params = match method {
        method::COMPLETE => json!({"ref": {"type": "ref/tool", "name": tool}, "argument": {"name": "a", "value": ""}}),
        method::LISTEN => json!({"notifications": {"resourceSubscriptions": [tool], "toolsListChanged": true}}),
        method::RESOURCES_READ | "resources/subscribe" => json!({"uri": tool}),
        _ => json!({"name": tool, "arguments": pick(runner, &arguments)}),
    };
    match pick(runner, &[0, 1, 2, 3]) {
        1 => params["task"] = json!({"ttl": 1_000}),
        2 => params["requestState"] = json!("state of a call that was allowed"),
        3 => params["Name"] = json!("slack_get_messages"),
        _ => {}
    }
    params
}

#[tokio::test]
async fn z02_ten_thousand_attempts_to_write_through_read_only_profiles_write_nothing() {
    let (permissions, mut runner) = (world(false), TestRunner::deterministic());
    let methods = [
        method::TOOLS_CALL,
        method::TOOLS_CALL,
        method::PROMPTS_GET,
        method::RESOURCES_READ,
        method::COMPLETE,
        method::LISTEN,
        "resources/subscribe",
        "tasks/update",
        "tools/execute",
    ];
    let (mut truth, mut read) = (Vec::new(), 0);
    for _ in 0..ATTEMPTS {
        let (tool, ..) = pick(&mut runner, &TOOLS);
        let (method, name) = (pick(&mut runner, &methods), spelled(&mut runner, tool));
        let project = pick(&mut runner, &[Some("weekly"), Some("weekly"), None, Some("bots"), Some("")]);
        let params = parameters(&mut runner, method, &name);
        let mut exchange = routed(pick(&mut runner, &["ada", "ada", ""]), project, method, &params);
        if permissions.on_request(&mut exchange).await.is_break() {
            continue;
        }
        let own = sent(&exchange);
        match TOOLS.iter().find(|(.., name, _)| own.as_deref() == Some(name)) {
            Some((.., true)) => truth.push(params),
            Some(_) => read += 1,
            None => {}
        }
    }
    assert!(truth.is_empty(), "{truth:#?}");
    assert!(read > 100, "only {read} calls that may be made were made: the attempts try nothing");
}

#[tokio::test]
async fn z01_z04_what_is_not_in_the_list_is_unknown_on_every_way_to_it() {
    let permissions = world(false);
    let tools: Vec<_> = TOOLS.iter().map(|(name, ..)| json!({"name": name})).collect();
    let list = serde_json::value::to_raw_value(&json!({"tools": tools})).unwrap();
    let mut asked = routed("ada", Some("weekly"), "tools/list", &json!({}));
    let mut message = Message::Response(Response::ok(asked.request.id.clone(), list));
    permissions.on_message(&mut asked, &mut message).await;
    let Message::Response(response) = message else { panic!("a response") };
    let shown = response.payload.unwrap().get().to_owned();
    for (exposed, _, own, writes) in TOOLS {
        assert_eq!(shown.contains(&format!("\"{exposed}\"")), !writes, "{exposed} in {shown}");
        for name in [exposed, own] {
            for extra in [json!({}), json!({"task": {}}), json!({"requestState": "s", "inputResponses": {}})] {
                let mut params = json!({"name": name, "arguments": {"path": "/safe/x"}});
                params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
                let mut call = routed("ada", Some("weekly"), "tools/call", &params);
                match permissions.on_request(&mut call).await {
                    ControlFlow::Continue(()) => assert!(!writes && name == exposed, "{params}"),
                    ControlFlow::Break(reply) => assert_eq!(reply.error.message, format!("unknown tool `{name}`")),
                }
            }
        }
    }
}

/// What who asks for `path` is told; none if it is allowed.
async fn told(explain: bool, params: serde_json::Value) -> Option<(i64, String, String)> {
    let mut exchange = routed("ada", Some("weekly"), "tools/call", &params);
    match world(explain).on_request(&mut exchange).await {
        ControlFlow::Continue(()) => None,
        ControlFlow::Break(reply) => Some((reply.error.code, reply.error.message, reply.reason)),
    }
}

#[tokio::test]
async fn a_refused_argument_is_named_and_nothing_of_the_profile_is() {
    let call = |arguments: serde_json::Value| json!({"name": "fs_read", "arguments": arguments});
    assert_eq!(told(false, call(json!({"path": "/safe/x"}))).await, None);
    let (code, told_afar, reason) = told(false, call(json!({"path": "/etc/shadow"}))).await.unwrap();
    assert_eq!(code, code::INVALID_PARAMS);
    assert_eq!(told_afar, "invalid arguments for tool `fs_read`: argument `path` has a value that is not allowed");
    let whole = "profile `fs-read` does not grant `read` with these arguments: argument `path` has a value that is not \
                 allowed (it must be a plain path under `/safe`)";
    assert_eq!(reason, whole);
    let (_, told_at_home, _) = told(true, call(json!({"path": "/etc/shadow"}))).await.unwrap();
    assert_eq!(told_at_home, format!("permission denied: {whole}"));
    for (arguments, words) in [
        (json!({}), "argument `path` is missing"),
        (json!({"path": 1}), "argument `path` is of another type than is allowed"),
        (json!({"path": "/safe/x", "filename": "/etc/shadow"}), "argument `filename` is none of the tool's"),
        (json!(["/safe/x"]), "they are not an object"),
    ] {
        assert_eq!(
            told(false, call(arguments)).await.unwrap().1,
            format!("invalid arguments for tool `fs_read`: {words}")
        );
    }
}

#[tokio::test]
async fn z02_a_retry_is_judged_by_the_arguments_it_is_sent_with() {
    let retry =
        |path: &str| json!({"name": "fs_read", "arguments": {"path": path}, "requestState": "s", "inputResponses": {}});
    assert_eq!(told(false, retry("/safe/x")).await, None);
    assert!(told(false, retry("/x")).await.is_some());
}
