//! Whose token is sent where.

use super::*;
use control_plane_api::object::Object;
use http::StatusCode;
use serde_json::{Value, json};

const URL: &str = "https://jira.example/mcp";

/// Opens what a variable of this test's environment holds.
fn snapshot(mode: &str, connections: &[Value]) -> Snapshot {
    let transport = json!({"type": "http", "url": URL});
    let mut objects = vec![
        json!({"kind": "server", "name": "jira", "spec": {"transport": transport, "oauth": {"mode": mode}}}),
        json!({"kind": "server", "name": "open", "spec": {"transport": transport}}),
    ];
    objects.extend(connections.iter().cloned());
    let objects: Vec<Object> = serde_json::from_value(Value::Array(objects)).unwrap();
    Snapshot { revision: 1, objects, ..Snapshot::empty() }
}

fn connection(id: &str, user: Option<&str>, url: &str, variable: &str) -> Value {
    json!({"kind": "connection", "name": id, "spec": {"server": "jira", "user": user, "url": url,
        "sealed": format!("env:{variable}")}})
}

fn replace(tokens: &Tokens, snapshot: &Snapshot) {
    tokens.put(tokens.open(snapshot, &Keyring::Environment));
}

fn caller(user: &str) -> Caller {
    Caller { principal: user.parse().ok(), affinity: None }
}

/// The variable whose value is sent.
fn check(tokens: &Tokens, server: &str, caller: &Caller, expected: Result<Option<&str>, ()>) {
    let found = tokens.of(&server.parse().unwrap()).bearer(caller);
    let expected = expected.map(|variable| variable.map(|variable| std::env::var(variable).unwrap()));
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found.as_ref().map(Bearer::expose), expected.as_deref()),
        (Err(UpstreamError::NeedsConsent { server: named, .. }), Err(())) => assert_eq!(named.as_str(), server),
        (found, expected) => panic!("{} instead of {expected:?}", found.is_ok()),
    }
}

#[test]
fn a_users_token_is_sent_for_that_user_only() {
    let tokens = Tokens::default();
    let ann = connection("c1", Some("ann"), URL, "PATH");
    replace(&tokens, &snapshot("per_user", &[ann]));
    check(&tokens, "jira", &caller("ann"), Ok(Some("PATH")));
    check(&tokens, "jira", &caller("bob"), Err(()));
    check(&tokens, "jira", &Caller::GATEWAY, Ok(Some("PATH")));
    check(&tokens, "open", &caller("ann"), Ok(None));
    check(&tokens, "unknown", &caller("ann"), Ok(None));
    // Gone from the snapshot, gone from use.
    replace(&tokens, &snapshot("per_user", &[]));
    check(&tokens, "jira", &caller("ann"), Err(()));
    check(&tokens, "jira", &Caller::GATEWAY, Err(()));
}

#[test]
fn a_service_token_is_sent_for_everybody() {
    let tokens = Tokens::default();
    replace(&tokens, &snapshot("service", &[connection("c1", None, URL, "PATH")]));
    for who in [caller("ann"), caller("bob"), Caller::GATEWAY] {
        check(&tokens, "jira", &who, Ok(Some("PATH")));
    }
    // What was one user's is not everybody's, and the other way round.
    replace(&tokens, &snapshot("service", &[connection("c1", Some("ann"), URL, "PATH")]));
    check(&tokens, "jira", &caller("ann"), Err(()));
    replace(&tokens, &snapshot("per_user", &[connection("c1", None, URL, "PATH")]));
    check(&tokens, "jira", &caller("ann"), Err(()));
}

#[test]
fn a_token_is_not_sent_to_another_url_nor_after_its_end() {
    let tokens = Tokens::default();
    let elsewhere = connection("c1", Some("ann"), "https://jira.example/mcp/", "PATH");
    replace(&tokens, &snapshot("per_user", &[elsewhere]));
    check(&tokens, "jira", &caller("ann"), Err(()));
    let mut over = connection("c1", Some("ann"), URL, "PATH");
    over["spec"]["expires_at"] = json!(Timestamp::from_millis(1_000));
    replace(&tokens, &snapshot("per_user", &[over]));
    check(&tokens, "jira", &caller("ann"), Err(()));
}

#[test]
fn a_token_that_cannot_be_opened_leaves_the_others_in_use() {
    let tokens = Tokens::default();
    let (bad, good) = (connection("c1", Some("ann"), URL, "NOT_SET_X"), connection("c2", Some("bob"), URL, "PATH"));
    replace(&tokens, &snapshot("per_user", &[bad, good]));
    check(&tokens, "jira", &caller("ann"), Err(()));
    check(&tokens, "jira", &caller("bob"), Ok(Some("PATH")));
    // A renewed token of the same connection is in use at once.
    replace(&tokens, &snapshot("per_user", &[connection("c2", Some("bob"), URL, "HOME")]));
    check(&tokens, "jira", &caller("bob"), Ok(Some("HOME")));
}

#[test]
fn tokens_are_told_before_they_are_in_use() {
    let tokens = Tokens::default();
    replace(&tokens, &snapshot("per_user", &[]));
    // The tokens are known before they are in use, so that nothing can tell of them first.
    let opened =
        tokens.open(&snapshot("per_user", &[connection("c1", Some("ann"), URL, "PATH")]), &Keyring::Environment);
    let secrets: Vec<_> =
        opened.secrets().map(|(server, secret)| (server.as_str(), secret.expose().to_owned())).collect();
    assert_eq!(secrets, [("jira", std::env::var("PATH").unwrap())]);
    check(&tokens, "jira", &caller("ann"), Err(()));
}

#[tokio::test]
async fn whoever_waits_for_a_token_goes_on_when_it_arrives() {
    let tokens = Tokens::default();
    replace(&tokens, &snapshot("per_user", &[]));
    let (waiting, server) = (tokens.clone(), "jira".parse().unwrap());
    let wait = tokio::spawn(async move { waiting.arrived(&server, &caller("ann"), Duration::from_secs(30)).await });
    tokio::task::yield_now().await;
    replace(&tokens, &snapshot("per_user", &[connection("c1", Some("ann"), URL, "PATH")]));
    let begun = std::time::Instant::now();
    wait.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
    tokens.arrived(&"jira".parse().unwrap(), &caller("bob"), Duration::from_millis(1)).await;
}

#[test]
fn a_refusal_says_which_scopes_are_wanted() {
    let wanted = |status: u16, challenge: Option<&str>| {
        consent_wanted(StatusCode::from_u16(status).unwrap(), challenge).map(|scopes| scopes.join(" "))
    };
    let full = r#"Bearer error="insufficient_scope", scope="read write", resource_metadata="https://x/y?scope=no""#;
    assert_eq!(wanted(403, Some(full)).as_deref(), Some("read write"));
    assert_eq!(wanted(403, Some("Bearer error=insufficient_scope, scope=one")).as_deref(), Some("one"));
    assert_eq!(wanted(401, Some(r#"Bearer resource_metadata="https://x", scope="a""#)).as_deref(), Some("a"));
    assert_eq!(wanted(401, None).as_deref(), Some(""));
    assert_eq!(wanted(403, Some(r#"Bearer error_description="insufficient_scope""#)), None);
    assert_eq!(wanted(403, None), None);
    assert_eq!(wanted(500, Some(full)), None);
}

#[test]
fn a_token_is_refused_unless_more_permissions_are_all_that_is_missing() {
    let refused = |status: u16, challenge| is_token_refused(StatusCode::from_u16(status).unwrap(), challenge);
    assert!(refused(401, None) && refused(401, Some(r#"Bearer error="invalid_token", scope="a""#)));
    assert!(!refused(401, Some(r#"Bearer error="insufficient_scope", scope="a""#)));
    assert!(!refused(403, Some("Bearer")) && !refused(400, None));
}

#[tokio::test]
async fn without_a_control_plane_a_refused_token_leads_to_consent() {
    let tokens = Tokens::default();
    replace(&tokens, &snapshot("per_user", &[connection("c1", Some("ann"), URL, "PATH")]));
    let of_jira = tokens.of(&"jira".parse().unwrap());
    let refused = of_jira.bearer(&caller("ann")).ok().flatten().unwrap();
    let patience = Duration::from_secs(30);
    let replaced = of_jira.replaced(&refused, patience).await;
    assert!(matches!(replaced, Err(UpstreamError::NeedsConsent { .. })));
    // One that has another in its place already is nobody's loss.
    replace(&tokens, &snapshot("per_user", &[connection("c1", Some("ann"), URL, "HOME")]));
    let replaced = of_jira.replaced(&refused, patience).await;
    assert_eq!(replaced.ok().unwrap().expose(), std::env::var("HOME").unwrap());
    // Another user's is none in its place.
    replace(&tokens, &snapshot("per_user", &[connection("c2", Some("bob"), URL, "HOME")]));
    let replaced = of_jira.replaced(&refused, patience).await;
    assert!(matches!(replaced, Err(UpstreamError::NeedsConsent { .. })));
}
