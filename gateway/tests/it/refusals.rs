//! What is refused, how it is told, and that it is written down.

use crate::world::{World, objects, read, server, token_of};
use control_plane_api::audit::{Decision, Outcome, Phase};
use serde_json::json;

#[tokio::test]
async fn without_a_valid_token_there_is_nothing() {
    let world = World::start(&objects(&[server("old", "")]), &[]).await;
    for (who, challenge) in [("", "Bearer"), ("eve", "invalid_token"), ("late", "expired")] {
        let refused = world.modern("weekly", who, "tools/list", json!({})).await;
        assert_eq!(refused.status, 401, "{who}");
        assert!(refused.challenge.unwrap().contains(challenge));
        let refused =
            world.legacy(who, None, json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}})).await;
        assert_eq!((refused.status, refused.session), (401, None));
        assert_eq!(
            world.legacy(who, Some("s"), json!({"jsonrpc": "2.0", "method": "notifications/x"})).await.status,
            401
        );
    }
    let denied = world.audit().into_iter().filter(|e| e.decision == Decision::Deny && e.user.is_none()).count();
    assert!(denied >= 6, "{denied} refusals are in the audit log");
}

#[tokio::test]
async fn a_denied_call_never_reaches_the_server_and_its_owner_is_told_why() {
    let world = World::start(&objects(&[server("old", "")]), &[]).await;
    let (code, told) = world.call("ada", "old_die", json!({})).await.error();
    assert_eq!(code, -32602);
    assert!(
        told.starts_with("permission denied: profile `old-read-only` is read-only and `die` is classed write"),
        "{told}"
    );
    assert!(world.call("ada", "old_echo", json!({})).await.told()["pid"].is_u64(), "the server is alive");
    let (_, told) = world.call("bob", "old_echo", json!({})).await.error();
    assert!(told.contains("project `weekly` is not open to you"), "{told}");
    let audit = world.audit();
    let of = |tool: &str, user: &str| {
        audit
            .iter()
            .filter(|e| e.target.as_deref() == Some(tool) && e.user.as_ref().is_some_and(|u| u.as_str() == user))
            .collect::<Vec<_>>()
    };
    let died = of("old_die", "ada");
    assert_eq!(died.len(), 1, "no intent: nothing was about to be sent");
    assert_eq!((died[0].decision, died[0].outcome), (Decision::Deny, Outcome::Denied));
    let echoed = of("old_echo", "ada");
    assert_eq!(echoed.iter().map(|e| e.phase).collect::<Vec<_>>(), [Phase::Intent, Phase::Outcome]);
    assert_eq!(echoed[1].outcome, Outcome::Ok);
    assert!(echoed[0].seq < echoed[1].seq && echoed[0].arguments_digest.is_some());
}

#[tokio::test]
async fn a_central_gateway_tells_denied_and_unknown_apart_to_nobody() {
    let world = World::start(&objects(&[server("old", "")]), &["--role", "central"]).await;
    let plain = |told: String| told.split(" (audit id").next().unwrap_or_default().to_owned();
    let (code, denied) = world.call("ada", "old_die", json!({})).await.error();
    let (_, unknown) = world.call("ada", "old_nil", json!({})).await.error();
    assert_eq!(
        (code, plain(denied).as_str(), plain(unknown).as_str()),
        (-32602, "unknown tool `old_die`", "unknown tool `old_nil`")
    );
    let list = world.modern("weekly", "ada", "tools/list", json!({})).await;
    assert!(!list.last().to_string().contains("_context"), "relevance is the local gateway's affair");
}

#[tokio::test]
async fn a_request_that_two_readers_could_read_differently_is_refused() {
    let world = World::start(&objects(&[server("old", "")]), &[]).await;
    let raw = async |body: &str| {
        let request = world.http.post(world.url("weekly")).bearer_auth(token_of("ada"));
        read(request.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap()).await
    };
    for (body, code) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"old_echo","name":"old_die"}}"#, -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"old_echo","Name":"old_die"}}"#, -32600),
        ("[]", -32600),
        ("{", -32700),
        ("", -32700),
    ] {
        let refused = raw(body).await;
        assert_eq!((refused.status, refused.error().0), (400, code), "{body}");
    }
}

#[tokio::test]
async fn the_head_of_a_request_is_checked_before_its_body() {
    let world = World::start(&objects(&[]), &[]).await;
    let send = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let post = |url: &str| {
        world.http.post(url).bearer_auth(token_of("ada")).header("content-type", "application/json").body("{}")
    };
    assert_eq!(send(post(&world.url("weekly")).header("host", "evil.example")).await, 403);
    assert_eq!(send(post(&world.url("weekly")).header("origin", "http://evil.example")).await, 403);
    assert_eq!(send(post(&format!("http://{}/other", world.address))).await, 404);
    assert_eq!(send(world.http.post(world.url("weekly")).body("{}")).await, 415);
    assert_eq!(send(post(&world.url("weekly")).header("accept", "text/html")).await, 406);
    assert_eq!(send(world.http.put(world.url("weekly"))).await, 405);
    assert_eq!(send(world.http.get(world.url("weekly"))).await, 405);
    let unknown = world.http.get(world.url("weekly")).header("mcp-protocol-version", "1999-01-01");
    assert_eq!(send(unknown).await, 400);
    let modern = world.http.get(world.url("weekly")).header("mcp-protocol-version", "2026-07-28");
    assert_eq!(send(modern).await, 405);
    for removed in ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"] {
        let refused = world.modern("weekly", "ada", removed, json!({})).await;
        assert_eq!((refused.status, refused.error().0, &refused.last()["id"]), (404, -32601, &json!(7)), "{removed}");
        assert!(world.audit().iter().any(|e| e.method == removed && e.decision == Decision::Deny && e.user.is_some()));
    }
    assert_eq!(send(post(&world.url("weekly")).body("x".repeat((4 << 20) + 1))).await, 413);
    let modern = world.modern_request("weekly", "ada", "tools/list", json!({})).header("mcp-method", "tools/call");
    assert_eq!(read(modern.send().await.unwrap()).await.error().0, -32020, "two values for one mirrored header");
    let unknown = world.modern("weekly", "ada", "no/such", json!({})).await;
    assert_eq!((unknown.status, unknown.error().0), (404, -32601));
    let unknown = world.modern("nowhere", "ada", "tools/list", json!({})).await;
    assert_eq!(unknown.status, 404);
}
