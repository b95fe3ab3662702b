//! Tables of who may do what.

mod attacks;

use super::*;
use crate::testing::{self, Table};
use control_plane_api::access::Role;
use protocol::Response;

const TABLE: [(&str, &str, &str); 5] = [
    ("slack_get_messages", "slack", "slack_get_messages"),
    ("slack_post_message", "slack", "slack_post_message"),
    ("slack_new_thing", "slack", "slack_new_thing"),
    ("jira_jql", "jira", "jql"),
    ("git_log", "git", "log"),
];

fn permissions(explain: bool) -> Permissions {
    let rules = |read: &str, write: &str| serde_json::json!([{"tool": read, "class": "read"}, {"tool": write, "class": "write"}]);
    let server = |name: &str, tools: serde_json::Value| {
        serde_json::json!({"kind": "server", "name": name,
            "spec": {"transport": {"type": "stdio", "command": "x"}, "tools": tools}})
    };
    let objects = serde_json::json!([
        server("slack", rules("slack_get_*", "slack_post_*")),
        server("jira", rules("jql", "create")),
        server("git", serde_json::json!([])),
        {"kind": "profile", "name": "slack-read-only", "spec": {"server": "slack"}},
        {"kind": "profile", "name": "slack-write", "spec": {"server": "slack", "access": "read-write"}},
        {"kind": "profile", "name": "jira-none", "spec": {"server": "jira", "allow": []}},
        {"kind": "profile", "name": "git-full", "spec": {"server": "git", "access": "full", "deny": ["push*"]}},
        {"kind": "project", "name": "weekly", "spec": {"profiles": ["slack-read-only", "jira-none"], "members": ["ada"]}},
        {"kind": "project", "name": "bots", "spec": {"profiles": ["slack-write", "git-full"], "members": ["bob"]}},
    ]);
    Permissions::compile(&testing::snapshot(objects), Arc::new(Table::of(&TABLE)), explain)
}

fn check(user: &str, project: Option<&str>, tool: &str, expected: Result<&str, &str>) {
    let permissions = permissions(true);
    let roles = if user == "root" { vec![Role::Admin] } else { vec![Role::Developer] };
    let primitive = Primitive::Tool(tool.to_owned());
    let target = Table::of(&TABLE).target(None, &primitive);
    let decided =
        permissions.decide(&testing::user(user, &roles), project, (&primitive, target.as_ref()), Asked::Used(None));
    match (decided, expected) {
        (Ok(profile), Ok(expected)) => assert_eq!(profile.map(Name::as_str), Some(expected)),
        (Err(denial), Err(words)) => assert!(denial.to_string().contains(words), "{denial} / {words}"),
        (decided, _) => panic!("{user} {project:?} {tool}: {decided:?}, expected {expected:?}"),
    }
}

#[test]
fn a_read_only_profile_reads_and_nothing_else() {
    check("ada", Some("weekly"), "slack_get_messages", Ok("slack-read-only"));
    check("ada", Some("weekly"), "slack_post_message", Err("is read-only and `slack_post_message` is classed write"));
    check("ada", Some("weekly"), "slack_new_thing", Err("classed unknown"));
    check("ada", Some("weekly"), "jira_jql", Err("does not grant `jql`"));
    check("ada", Some("weekly"), "git_log", Err("no profile of this project covers server `git`"));
    check("ada", Some("weekly"), "slack_gone", Err("offers `slack_gone`"));
    check("ada", Some("weekly"), "", Err("offers"));
}

#[test]
fn a_project_is_open_to_its_members_and_administrators() {
    check("bob", Some("weekly"), "slack_get_messages", Err("not open to you"));
    check("", Some("weekly"), "slack_get_messages", Err("not open to you"));
    check("root", Some("weekly"), "slack_get_messages", Ok("slack-read-only"));
    check("root", Some("weekly"), "slack_post_message", Err("read-only"));
    check("ada", Some("nowhere"), "slack_get_messages", Err("not open to you"));
    check("bob", Some("bots"), "slack_post_message", Ok("slack-write"));
    check("bob", Some("bots"), "git_log", Ok("git-full"));
}

#[test]
fn whoever_has_a_profile_of_a_server_may_connect_it() {
    let permissions = permissions(true);
    let (primitive, target) =
        (Primitive::Tool("c".to_owned()), |server: &str| Target::connecting(server.parse().unwrap(), "c"));
    let decided = |user: &str, project: Option<&str>, server: &str| {
        let decided = permissions.decide(
            &testing::user(user, &[]),
            project,
            (&primitive, Some(&target(server))),
            Asked::Used(None),
        );
        decided.map(|profile| profile.map_or("", Name::as_str))
    };
    assert_eq!(decided("ada", Some("weekly"), "jira"), Ok("jira-none"));
    assert_eq!(decided("ada", None, "slack"), Ok("slack-read-only"));
    assert_eq!(decided("ada", Some("weekly"), "git"), Err(Denial::NoProfile("git".parse().unwrap())));
    assert_eq!(decided("bob", Some("weekly"), "jira"), Err(Denial::Project("weekly".to_owned())));
    assert_eq!(decided("eve", None, "jira"), Err(Denial::NoProfile("jira".parse().unwrap())));
}

/// Names that have the gateway's own tool in the project `weekly` only.
struct WithMore;

impl Names for WithMore {
    fn target(&self, project: Option<&str>, primitive: &Primitive) -> Option<Target> {
        Table::of(&TABLE).target(project, primitive)
    }

    fn more(&self, project: Option<&str>) -> Option<String> {
        (project == Some("weekly")).then(|| testing::MORE.to_owned())
    }
}

#[test]
fn what_is_the_gateways_own_is_for_whoever_may_use_the_project() {
    let permissions = Permissions { names: Arc::new(WithMore), ..permissions(true) };
    let decided = |user: &str, project: &str, primitive: Primitive| {
        permissions
            .decide(&testing::user(user, &[]), Some(project), (&primitive, None), Asked::Used(None))
            .map(|profile| profile.is_none())
    };
    let own = [Primitive::Tool(testing::MORE.to_owned()), Primitive::Resource(originals::uri("x"))];
    for own in own {
        assert_eq!(decided("ada", "weekly", own.clone()), Ok(true));
        assert_eq!(decided("bob", "weekly", own.clone()), Err(Denial::Project("weekly".to_owned())));
        assert_eq!(decided("bob", "bots", own.clone()), Err(Denial::NotOffered(own.name().to_owned())));
    }
    let prompt = Primitive::Prompt(testing::MORE.to_owned());
    assert_eq!(decided("ada", "weekly", prompt), Err(Denial::NotOffered(testing::MORE.to_owned())));
}

#[test]
fn without_a_project_all_open_ones_count() {
    check("bob", None, "slack_post_message", Ok("slack-write"));
    check("ada", None, "slack_post_message", Err("read-only"));
    check("eve", None, "slack_get_messages", Err("no profile"));
    check("", None, "slack_get_messages", Err("no profile"));
}

async fn refusal(explain: bool, project: &str, tool: &str) -> (StatusCode, String) {
    let mut exchange = testing::request("tools/call", &serde_json::json!({"name": tool}).to_string());
    exchange.principal = testing::user("ada", &[]);
    exchange.project = Some(project.to_owned());
    exchange.target = exchange.primitive.as_ref().and_then(|p| Table::of(&TABLE).target(None, p));
    match permissions(explain).on_request(&mut exchange).await {
        ControlFlow::Break(reply) => (reply.status, reply.error.message),
        ControlFlow::Continue(()) => panic!("not refused"),
    }
}

#[tokio::test]
async fn to_the_caller_denied_is_the_same_as_unknown() {
    let denied = refusal(false, "weekly", "slack_post_message").await;
    let unknown = refusal(false, "weekly", "slack_no_message").await;
    let closed = refusal(false, "bots", "slack_post_message").await;
    assert_eq!(denied, (StatusCode::OK, "unknown tool `slack_post_message`".to_owned()));
    assert_eq!(unknown, (StatusCode::OK, "unknown tool `slack_no_message`".to_owned()));
    assert_eq!(closed, denied);
    let (_, told) = refusal(true, "weekly", "slack_post_message").await;
    assert!(told.starts_with("permission denied: profile `slack-read-only` is read-only"), "{told}");
}

#[tokio::test]
async fn lists_show_what_may_be_called() {
    let tools = TABLE.iter().map(|(name, ..)| serde_json::json!({"name": name, "x": 1})).collect::<Vec<_>>();
    let result = serde_json::value::to_raw_value(&serde_json::json!({"tools": tools, "ttlMs": 5})).unwrap();
    let mut exchange = testing::request("tools/list", "{}");
    exchange.principal = testing::user("ada", &[]);
    exchange.project = Some("weekly".to_owned());
    let mut message = Message::Response(Response::ok(exchange.request.id.clone(), result));
    permissions(true).on_message(&mut exchange, &mut message).await;
    let Message::Response(response) = message else { panic!("a response") };
    assert_eq!(response.payload.unwrap().get(), r#"{"tools":[{"name":"slack_get_messages","x":1}],"ttlMs":5}"#);
}

/// What bob is told who posts through a profile that lets him, with a configuration of this age.
async fn told_of_age(explain: bool, age: Duration) -> Option<(String, String)> {
    let permissions = permissions(explain).aged(Arc::new(move || age));
    let mut exchange = testing::request(method::TOOLS_CALL, r#"{"name":"slack_post_message","arguments":{}}"#);
    exchange.principal = testing::user("bob", &[]);
    exchange.project = Some("bots".to_owned());
    exchange.target = Table::of(&TABLE).target(None, exchange.primitive.as_ref().unwrap());
    match permissions.on_request(&mut exchange).await {
        ControlFlow::Continue(()) => None,
        ControlFlow::Break(reply) => Some((reply.error.message, reply.reason)),
    }
}

#[tokio::test]
async fn who_is_refused_for_the_age_of_the_configuration_is_told_so() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!(told_of_age(true, minutes(60)).await, None);
    let reason = "the configuration was last confirmed 65 minutes ago, and profile `slack-write` denies writes after 60 \
                  minutes: is mcpd reachable?";
    let (told, why) = told_of_age(true, minutes(65)).await.unwrap();
    assert_eq!((told, why.as_str()), (format!("permission denied: {reason}"), reason));
    let (told, why) = told_of_age(false, minutes(65)).await.unwrap();
    assert_eq!(why, reason);
    assert!(told.contains("`slack_post_message` is refused for now") && !told.contains("slack-write"), "{told}");
}

#[tokio::test]
async fn a_list_shows_what_may_be_called_at_that_age() {
    let shown = async |age: Duration| {
        let permissions = permissions(true).aged(Arc::new(move || age));
        let mut exchange = testing::request(method::TOOLS_LIST, "{}");
        exchange.principal = testing::user("bob", &[]);
        exchange.project = Some("bots".to_owned());
        let tools = r#"{"tools":[{"name":"slack_get_messages"},{"name":"slack_post_message"}]}"#;
        let result = serde_json::from_str(tools).unwrap();
        let mut message = Message::Response(Response::ok(exchange.request.id.clone(), result));
        permissions.on_message(&mut exchange, &mut message).await;
        message.to_json().matches("\"name\"").count()
    };
    assert_eq!(shown(Duration::ZERO).await, 2);
    assert_eq!(shown(Duration::from_secs(4_000)).await, 1);
}
