//! Access tokens of an authorization server, and how a client finds out where to get one.

use crate::world::{Answer, MODERN, World, eventually, objects, read, server, token_of};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

const PUBLIC_URL: &str = "https://gw.example";

fn idp() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap()
}

fn issuer(scopes: &[&str]) -> Value {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": URL_SAFE_NO_PAD.encode(idp().public_key())});
    json!({"kind": "issuer", "name": "idp", "spec": {"issuer": "https://idp.example", "jwks": {"keys": [key]},
        "scopes_required": scopes}})
}

/// A token for the project `weekly`, with `changes` to its claims.
fn access_token(changes: &Value) -> String {
    let end = jiff::Timestamp::now().as_second() + 600;
    let mut claims = json!({"iss": "https://idp.example", "sub": "ada", "exp": end, "jti": "access-1",
        "aud": format!("{PUBLIC_URL}/projects/weekly/mcp")});
    for (claim, value) in changes.as_object().unwrap() {
        claims[claim] = value.clone();
    }
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&json!({"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"})), encode(&claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(idp().sign(message.as_bytes())))
}

async fn world(scopes: &[&str]) -> World {
    let mut objects = objects(&[server("old", "")]);
    objects.push(issuer(scopes));
    World::start(&objects, &["--public-url", PUBLIC_URL]).await
}

/// A modern request with `token` instead of one of ours.
async fn modern(world: &World, token: &str, method: &str, params: Value) -> Answer {
    let request = world.modern_request("weekly", "", method, params).bearer_auth(token);
    read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn an_access_token_for_this_endpoint_is_as_good_as_one_of_ours() {
    let world = world(&[]).await;
    let token = access_token(&json!({}));
    let echo = json!({"name": "old_echo", "arguments": {"a": 1}});
    let answer = modern(&world, &token, "tools/call", echo).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.told()["pid"].is_u64(), "{answer:?}");
    let recorded = world.audit().into_iter().find(|event| event.target.as_deref() == Some("old_echo")).unwrap();
    assert_eq!(recorded.user.unwrap().as_str(), "ada");
    assert_eq!(recorded.token_id.as_deref(), Some("access-1"));
    // A legacy session belongs to the user, whatever the token.
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25",
        "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}});
    let opened = read(world.post("weekly", "", &initialize).bearer_auth(&token).send().await.unwrap()).await;
    assert!(opened.session.is_some(), "{opened:?}");
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    assert_eq!(world.legacy("ada", opened.session.as_deref(), ping.clone()).await.status, 200);
    assert_eq!(world.legacy("bob", opened.session.as_deref(), ping).await.status, 404);
}

#[tokio::test]
async fn every_other_token_is_refused_alike_and_told_where_to_ask() {
    let world = world(&[]).await;
    let metadata = format!("{PUBLIC_URL}/.well-known/oauth-protected-resource/projects/weekly/mcp");
    let good = access_token(&json!({}));
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    let mut told = Vec::new();
    for token in [
        unsigned,
        access_token(&json!({"aud": format!("{PUBLIC_URL}/projects/other/mcp")})),
        access_token(&json!({"aud": "https://slack.example/mcp"})),
        access_token(&json!({"iss": "https://evil.example"})),
        access_token(&json!({"exp": 1_000})),
        access_token(&json!({"sub": "eve"})),
        token_of("eve"),
        "x".repeat(10_000),
    ] {
        let refused = modern(&world, &token, "tools/list", json!({})).await;
        let challenge = format!("Bearer resource_metadata=\"{metadata}\", error=\"invalid_token\"");
        assert_eq!((refused.status, refused.challenge), (401, Some(challenge)), "{token}");
        told.push(
            refused.messages[0]["error"]["message"].as_str().unwrap().split(" (audit").next().unwrap().to_owned(),
        );
    }
    told.dedup();
    assert_eq!(told, ["the token is not valid"]);
    let missing = world.modern("weekly", "", "tools/list", json!({})).await;
    assert_eq!((missing.status, missing.challenge), (401, Some(format!("Bearer resource_metadata=\"{metadata}\""))));
    // Neither the query nor a cookie nor the body is a place for a token.
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"access_token": good}});
    let asked = world.http.post(format!("{}?access_token={good}", world.url("weekly"))).json(&body);
    let asked = asked.header("cookie", format!("access_token={good}"));
    assert_eq!(asked.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_token_with_too_few_scopes_is_told_all_that_are_needed() {
    let world = world(&["mcp", "tools"]).await;
    let refused = modern(&world, &access_token(&json!({"scope": "mcp"})), "tools/list", json!({})).await;
    let challenge = refused.challenge.unwrap();
    assert_eq!(refused.status, 403);
    assert!(challenge.starts_with("Bearer error=\"insufficient_scope\", scope=\"mcp tools\", resource_metadata=\""));
    let answer = modern(&world, &access_token(&json!({"scope": "tools mcp"})), "tools/list", json!({})).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn every_endpoint_is_described_to_anybody() {
    let world = world(&["mcp"]).await;
    let get = async |path: &str| {
        let response = world.http.get(format!("http://{}{path}", world.address)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    for (path, resource) in [
        ("", "/mcp"),
        ("/mcp", "/mcp"),
        ("/projects/weekly/mcp", "/projects/weekly/mcp"),
        ("/projects/nobody-knows/mcp", "/projects/nobody-knows/mcp"),
        ("/projects/weekly/sse", "/projects/weekly/sse"),
    ] {
        let (status, text) = get(&format!("/.well-known/oauth-protected-resource{path}")).await;
        let expected = json!({"resource": format!("{PUBLIC_URL}{resource}"), "authorization_servers": ["https://idp.example"],
            "scopes_supported": ["mcp"], "bearer_methods_supported": ["header"], "resource_name": "mcpctl gateway"});
        assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()), (200, expected), "{path}");
    }
    for path in ["/x", "/mcp/", "/projects/weekly/mcp/x", "/projects/A/mcp"] {
        assert_eq!(get(&format!("/.well-known/oauth-protected-resource{path}")).await.0, 404, "{path}");
    }
    let url = format!("http://{}/.well-known/oauth-protected-resource/mcp", world.address);
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(status(world.http.get(&url).header("host", "evil.example")).await, 403);
    assert_eq!(status(world.http.get(&url).header("origin", "http://evil.example")).await, 403);
    assert_eq!(status(world.http.post(&url).body("{}")).await, 405);

    // Without an issuer there is nothing to describe, and challenges send nobody anywhere.
    world.configure(2, &objects(&[server("old", "")]));
    eventually("the issuer to be gone", async || (status(world.http.get(&url)).await == 404).then_some(())).await;
    let refused = modern(&world, &access_token(&json!({"scope": "mcp"})), "tools/list", json!({})).await;
    assert_eq!((refused.status, refused.challenge.as_deref()), (401, Some("Bearer error=\"invalid_token\"")));
}

#[tokio::test]
async fn nothing_that_identifies_the_client_reaches_a_server() {
    let upstream = crate::upstream::Upstream::start().await;
    let mut objects = objects(&[json!({"kind": "server", "name": "web", "spec": {"era": "modern",
        "transport": {"type": "http", "url": upstream.url, "headers": {"x-key": "the-servers-own"}},
        "tools": [{"tool": "*", "class": "read"}]}})]);
    objects.push(issuer(&[]));
    let world = World::start(&objects, &["--public-url", PUBLIC_URL]).await;
    let token = access_token(&json!({}));
    let hostile = [
        ("cookie", "session=of-the-client"),
        ("mcp-session-id", "of-the-client"),
        ("proxy-authorization", "Basic of-the-client"),
        ("x-forwarded-for", "of-the-client"),
        ("x-forwarded-user", "of-the-client"),
        ("x-user-id", "of-the-client"),
        ("last-event-id", "of-the-client"),
        ("x-key", "of-the-client"),
    ];
    eventually("the tool of the server", async || {
        modern(&world, &token, "tools/list", json!({})).await.last().to_string().contains("web_echo").then_some(())
    })
    .await;
    let params = json!({"name": "web_echo", "arguments": {}});
    let mut request = world.modern_request("weekly", "", "tools/call", params).bearer_auth(&token);
    for (name, value) in hostile {
        request = request.header(name, value);
    }
    let answer = read(request.send().await.unwrap()).await;
    assert!(answer.last()["result"].is_object(), "{answer:?}");
    let seen = upstream.seen();
    assert!(seen.contains("tools/call") && seen.contains(&format!("mcp-protocol-version: {MODERN}")), "{seen}");
    assert!(seen.contains("x-key: the-servers-own"), "the configured header is sent: {seen}");
    assert!(!seen.contains("of-the-client") && !seen.contains(&token), "{seen}");
    assert!(!seen.contains("authorization:"), "{seen}");
}
