//! Tables of who may do what.

use super::*;
use serde_json::{Value, json, value::RawValue};

fn objects() -> Value {
    let server = |name: &str, tools: Value| json!({"kind": "server", "name": name, "spec": {"transport": {"type": "stdio", "command": "x"}, "tools": tools}});
    let rules = |read: &str, write: &str| json!([{"tool": read, "class": "read"}, {"tool": write, "class": "write"}]);
    json!([
        server("slack", rules("get_*", "post_*")),
        server("jira", rules("jql", "create")),
        server("git", json!([])),
        {"kind": "profile", "name": "slack-read", "spec": {"server": "slack", "resources": ["slack://*"], "prompts": []}},
        {"kind": "profile", "name": "slack-write", "spec": {"server": "slack", "access": "read-write", "arguments":
            [{"tools": ["post_*"], "argument": "channel", "one_of": ["C1"]}]}},
        {"kind": "profile", "name": "slack-quiet", "spec": {"server": "slack", "allow": [], "deny": ["post_secret", "get_dms"]}},
        {"kind": "profile", "name": "empty", "spec": {"server": "jira", "allow": []}},
        {"kind": "profile", "name": "git-full", "spec": {"server": "git", "access": "full", "deny": ["push*"]}},
        {"kind": "profile", "name": "orphan", "spec": {"server": "gone", "access": "full"}},
        {"kind": "project", "name": "weekly", "spec": {"profiles": ["slack-read", "empty"], "members": ["ada"]}},
        {"kind": "project", "name": "bots", "spec": {"profiles": ["slack-write", "git-full"], "members": ["bob"]}},
        {"kind": "project", "name": "mixed", "spec":
            {"profiles": ["slack-quiet", "slack-write", "orphan", "nowhere"], "members": ["ada", "bob"]}},
    ])
}

fn policy(objects: Value) -> Policy {
    Policy::compile(&Snapshot { objects: serde_json::from_value(objects).unwrap(), ..Snapshot::empty() })
}

/// `who` does `deed` at `server` through `project`: the profile that allows it, or words of the reason.
fn check(who: &str, project: Option<&str>, server: &str, deed: Deed<'_>, expected: Result<&str, &str>) {
    let name: Option<Name> = who.parse().ok();
    let who = name.as_ref().map_or(Who::Nobody, |name| Who::User { name, admin: name.as_str() == "root" });
    let server = server.parse().unwrap();
    let request = Request { who, project, act: Act::At(&server, deed), age_ms: 0 };
    let policy = policy(objects());
    match (policy.decide(&request), expected) {
        (Ok(profile), Ok(expected)) => assert_eq!(profile.map(Name::as_str), Some(expected)),
        (Err(denial), Err(words)) => assert!(denial.to_string().contains(words), "{denial} / {words}"),
        (decided, _) => panic!("{request:?}: {decided:?}, expected {expected:?}"),
    }
}

fn with<'a>(tool: &'a str, arguments: &'a RawValue) -> Deed<'a> {
    Deed::Call(Call { tool, arguments: Some(arguments), declared: &nothing_declared })
}

fn raw(text: &str) -> Box<RawValue> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_call_is_judged_by_class_name_and_arguments() {
    let (c1, c2) = (raw(r#"{"channel":"C1"}"#), raw(r#"{"channel":"C2"}"#));
    check("ada", Some("weekly"), "slack", with("get_users", &c1), Ok("slack-read"));
    check("ada", Some("weekly"), "slack", with("post_x", &c1), Err("is read-only and `post_x` is classed write"));
    check("ada", Some("weekly"), "slack", with("new", &c1), Err("classed unknown"));
    check("bob", Some("bots"), "slack", with("post_x", &c1), Ok("slack-write"));
    check(
        "bob",
        Some("bots"),
        "slack",
        with("post_x", &c2),
        Err("argument `channel` has a value that is not allowed (it must be"),
    );
    check("bob", Some("bots"), "slack", Deed::See("post_x"), Ok("slack-write"));
    check("ada", Some("weekly"), "jira", with("jql", &c1), Err("does not grant `jql`"));
    check("ada", Some("weekly"), "git", with("log", &c1), Err("no profile of this project covers server `git`"));
}

#[test]
fn prompts_resources_tasks_connections_and_methods_are_judged_by_the_same_profiles() {
    check("ada", Some("weekly"), "slack", Deed::Resource("slack://x"), Ok("slack-read"));
    check("ada", Some("weekly"), "slack", Deed::Resource("file:///x"), Err("does not grant `file:///x`"));
    check("ada", Some("weekly"), "slack", Deed::Prompt("p"), Err("does not grant `p`"));
    check("ada", Some("weekly"), "slack", Deed::Task, Ok("slack-read"));
    check("ada", Some("weekly"), "jira", Deed::Connect, Ok("empty"));
    check("ada", Some("weekly"), "slack", Deed::Method("x/y"), Err("does not grant `x/y`"));
    check("bob", Some("bots"), "git", Deed::Method("x/y"), Ok("git-full"));
    for deed in [Deed::Task, Deed::Connect, Deed::Method("x/y"), Deed::Prompt("p")] {
        check("ada", Some("weekly"), "git", deed, Err("no profile"));
        check("eve", Some("weekly"), "slack", deed, Err("not open to you"));
        check("", None, "slack", deed, Err("no profile"));
    }
}

#[test]
fn z07_a_deny_wins_over_every_grant_of_its_project_and_of_no_other() {
    let c1 = raw(r#"{"channel":"C1"}"#);
    check("bob", Some("bots"), "slack", with("post_secret", &c1), Ok("slack-write"));
    check("bob", Some("mixed"), "slack", with("post_secret", &c1), Err("profile `slack-quiet` denies `post_secret`"));
    check("bob", Some("mixed"), "slack", Deed::See("post_secret"), Err("denies"));
    check("bob", Some("mixed"), "slack", with("post_x", &c1), Ok("slack-write"));
    check("bob", None, "slack", with("post_secret", &c1), Ok("slack-write"));
    check("ada", None, "slack", with("post_secret", &c1), Err("denies"));
    check("root", Some("mixed"), "slack", with("get_dms", &c1), Err("denies"));
}

#[test]
fn z07_an_empty_profile_and_a_broken_one_grant_nothing() {
    let any = raw("{}");
    check("ada", Some("weekly"), "jira", with("jql", &any), Err("does not grant"));
    let mut broken = objects();
    broken[4]["spec"]["arguments"] = json!([{"argument": "channel", "matches": "("}]);
    let (policy, name, slack) = (policy(broken), "bob".parse().unwrap(), "slack".parse().unwrap());
    let c1 = raw(r#"{"channel":"C1"}"#);
    let act = Act::At(&slack, with("post_x", &c1));
    let request = Request { who: Who::User { name: &name, admin: false }, project: Some("bots"), act, age_ms: 0 };
    assert!(matches!(policy.decide(&request), Err(Denial::Arguments { .. })));
}

#[test]
fn z07_an_operator_or_a_field_nobody_knows_is_no_configuration() {
    for (field, value) in [
        ("argument", json!([{"argument": "a", "prefix": "x"}])),
        ("arguments", json!([{"argument": "a", "none_of": ["x"]}])),
        ("arguments", json!([{"argument": "a", "prefix": "x", "when": "night"}])),
        ("arguments", json!([{"argument": "a", "range": {"above": 1}}])),
        ("access", json!("read-mostly")),
    ] {
        let mut changed = objects();
        changed[4]["spec"][field] = value.clone();
        assert!(serde_json::from_value::<Vec<control_plane_api::object::Object>>(changed).is_err(), "{field} {value}");
    }
}

#[test]
fn z09_a_grant_is_for_its_server_and_none_that_comes_under_another_name() {
    let any = raw("{}");
    check("bob", Some("mixed"), "gone", with("x", &any), Err("no profile"));
    for other in ["slack2", "slac", "slack-read"] {
        check("ada", Some("weekly"), other, with("get_users", &any), Err("no profile"));
    }
}

#[test]
fn z10_a_project_that_is_not_there_is_never_all_of_them() {
    let any = raw("{}");
    let long = "x".repeat(10_000);
    for name in ["", "WEEKLY", "weekly ", "weekly/", "week%6cy", "*", "\u{0}", "we\u{435}kly", &long] {
        check("ada", Some(name), "slack", with("get_users", &any), Err("not open to you"));
        check("root", Some(name), "slack", with("get_users", &any), Err("not open to you"));
    }
    check("bob", Some("weekly"), "slack", with("get_users", &any), Err("not open to you"));
    check("", Some("weekly"), "slack", with("get_users", &any), Err("not open to you"));
}

#[test]
fn what_takes_no_more_than_an_open_project() {
    let (policy, ada) = (policy(objects()), "ada".parse().unwrap());
    let who = Who::User { name: &ada, admin: false };
    let decide =
        |who, project, act| policy.decide(&Request { who, project, act, age_ms: 0 }).map(|profile| profile.is_none());
    assert_eq!(decide(who, Some("weekly"), Act::Open), Ok(true));
    assert_eq!(decide(who, None, Act::Open), Ok(true));
    assert_eq!(decide(Who::Nobody, Some("weekly"), Act::Open), Err(Denial::Project("weekly".to_owned())));
    assert_eq!(decide(who, Some("weekly"), Act::Own("more")), Ok(true));
    assert_eq!(decide(who, None, Act::Own("more")), Ok(true));
    assert_eq!(decide(Who::Nobody, None, Act::Own("more")), Err(Denial::NotOffered("more".to_owned())));
    assert_eq!(decide(who, Some("weekly"), Act::Unknown("x")), Err(Denial::NotOffered("x".to_owned())));
    assert_eq!(decide(who, Some("bots"), Act::Unknown("x")), Err(Denial::Project("bots".to_owned())));
    assert_eq!(policy.open_to(who).collect::<Vec<_>>(), ["mixed", "weekly"]);
    assert_eq!(policy.open_to(Who::Nobody).count(), 0);
}

#[test]
fn every_profile_that_was_considered_says_why() {
    let (policy, ada, slack) = (policy(objects()), "ada".parse().unwrap(), "slack".parse().unwrap());
    let act = Act::At(&slack, Deed::See("post_secret"));
    let considered =
        policy.consider(&Request { who: Who::User { name: &ada, admin: false }, project: None, act, age_ms: 0 });
    let said: Vec<(&str, &str, String)> = considered
        .iter()
        .map(|one| {
            (
                one.project,
                one.profile.as_str(),
                one.verdict.as_ref().map_or_else(ToString::to_string, |()| "grants".to_owned()),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("mixed", "slack-quiet", "profile `slack-quiet` denies `post_secret`".to_owned()),
            ("mixed", "slack-write", "grants".to_owned()),
            ("weekly", "slack-read", "profile `slack-read` is read-only and `post_secret` is classed write".to_owned()),
        ]
    );
}

/// Who may still do what with a configuration of `age_ms`, by a profile with these words about that.
fn check_age(stale: Value, age_ms: u64, read: Option<&str>, write: Option<&str>) {
    let mut objects = objects();
    objects[4]["spec"]["stale"] = stale;
    let (policy, bob, slack) = (policy(objects), "bob".parse().unwrap(), "slack".parse().unwrap());
    let c1 = raw(r#"{"channel":"C1"}"#);
    let who = Who::User { name: &bob, admin: false };
    for (tools, expected) in [(["get_users", "get_users"], read), (["post_x", "post_x"], write)] {
        for deed in [Deed::See(tools[0]), with(tools[1], &c1)] {
            let request = Request { who, project: Some("bots"), act: Act::At(&slack, deed), age_ms };
            match (policy.decide(&request), expected) {
                (Ok(_), None) => {}
                (Err(denial), Some(words)) => assert!(denial.to_string().contains(words), "{denial} / {words}"),
                (decided, _) => panic!("{age_ms} ms, {deed:?}: {decided:?}, expected {expected:?}"),
            }
        }
    }
}

#[test]
fn p05_who_hears_nothing_for_long_grants_less() {
    const HOUR: u64 = 3_600_000;
    let (writes, all) = (Some("denies writes after"), Some("denies every call after"));
    check_age(json!({}), HOUR, None, None);
    check_age(json!({}), HOUR + 1, None, writes);
    check_age(json!({}), 100 * HOUR, None, writes);
    check_age(json!({}), u64::MAX, None, Some("an unknown time ago"));
    check_age(json!({"then": "serve"}), u64::MAX, None, None);
    check_age(json!({"then": "deny-writes", "after_ms": 60_000}), 65_000, None, Some("65 seconds ago"));
    check_age(json!({"then": "deny"}), 2 * HOUR, None, writes);
    check_age(json!({"then": "deny"}), 25 * HOUR, all, Some("1500 minutes ago, and profile `slack-write`"));
    check_age(json!({"then": "deny", "after_ms": 2 * HOUR}), 2 * HOUR, None, None);
    check_age(json!({"then": "deny", "after_ms": 2 * HOUR}), 2 * HOUR + 1, all, all);
}

#[test]
fn what_is_not_granted_anyway_is_not_said_to_be_refused_for_its_age() {
    let (policy, ada) = (policy(objects()), "ada".parse().unwrap());
    let slack = "slack".parse().unwrap();
    let act = Act::At(&slack, Deed::See("post_x"));
    let who = Who::User { name: &ada, admin: false };
    let denial = policy.decide(&Request { who, project: Some("weekly"), act, age_ms: u64::MAX }).unwrap_err();
    assert!(matches!(denial, Denial::Ceiling { .. }), "{denial}");
}
