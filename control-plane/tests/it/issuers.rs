//! The keys of issuers: fetched by mcpd, pushed to gateways, kept through outages.

use crate::{on_both_stores, stream::Gateway, world::World};
use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse as _, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use control_plane_api::{issuer::KeySet, snapshot::Snapshot, timestamp::Timestamp};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// An issuer's key document that a test may change.
async fn issuer(document: &Arc<Mutex<Value>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let answer = async |State(document): State<Arc<Mutex<Value>>>| match document.lock().unwrap().clone() {
        Value::Null => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        document => Json(document).into_response(),
    };
    let router = Router::new().route("/jwks", get(answer)).with_state(Arc::clone(document));
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

async fn put(world: &World, base: &str, jwks: &Value) {
    let spec = json!({"issuer": base, "jwks_uri": format!("{base}/jwks"), "jwks": jwks});
    world.done("PUT", "/api/v1/issuers/login", Some(json!({"name": "login", "spec": spec}))).await;
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    let keys = |keys: &KeySet| keys.keys.iter().filter_map(|key| key.kid.clone()).collect();
    snapshot.issuers().next().map(|(_, issuer)| keys(&issuer.jwks)).unwrap_or_default()
}

async fn keys_are_fetched_pushed_and_kept_through_an_outage(mut world: World) {
    let key = |kid: &str| json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "a", "d": "private"});
    let document = Arc::new(Mutex::new(json!({"keys": [key("one"), {"kty": "oct", "k": "shared", "kid": "no"}]})));
    let base = issuer(&document).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&world).await;
    let mut snapshot = stream.snapshot().await;
    put(&world, &base, &json!({"keys": [key("own")]})).await;
    while names(&snapshot) != ["own", "one"] {
        let next = snapshot.revision + 1;
        stream.follow(&mut snapshot, next).await;
    }
    assert!(!stream.text.contains("private") && !stream.text.contains("shared"));
    // What an administrator wrote is what an administrator reads.
    let read = world.done("GET", "/api/v1/issuers/login", None).await;
    assert_eq!(read["spec"]["jwks"]["keys"].as_array().unwrap().len(), 1);

    *document.lock().unwrap() = Value::Null;
    let replica = world.replica().await;
    world.stop().await;
    assert_eq!(names(&gateway.connect(&replica).await.snapshot().await), ["own", "one"]);

    replica.done("DELETE", "/api/v1/issuers/login", None).await;
    put(&replica, &base, &json!({"keys": []})).await;
    assert_eq!(names(&gateway.connect(&replica).await.snapshot().await), Vec::<String>::new());
}

/// A token signed by the issuer `login`; `claims` and `header` as JSON text.
fn token(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(idp().sign(message.as_bytes()).to_bytes());
    format!("{message}.{signature}")
}

fn idp() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

/// N-06 at the API; the reader of tokens itself is tested where it is.
async fn the_api_takes_tokens_of_an_issuer_for_its_own_url(world: World) {
    let x = URL_SAFE_NO_PAD.encode(idp().verifying_key().as_bytes());
    let spec = json!({"issuer": "https://idp.example", "control_plane_audiences": ["api://mcpd"], "audiences": ["api://mcp"],
        "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]}});
    world.done("PUT", "/api/v1/issuers/login", Some(json!({"name": "login", "spec": spec}))).await;
    let ann = |spec: Value| json!({"name": "ann", "spec": spec});
    world.done("PUT", "/api/v1/users/ann", Some(ann(json!({"roles": ["auditor"]})))).await;
    // A gateway's snapshot comes of what is published.
    let snapshot = Gateway::enrol(&world, "laptop").await.connect(&world).await.snapshot().await;
    assert!(snapshot.issuers().all(|(_, issuer)| issuer.control_plane_audiences.is_empty()), "no business of gateways");

    let (header, now) = (r#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#, Timestamp::now().as_millis() / 1_000);
    let url = format!("http://{}", world.address);
    let claims = |changes: Value| {
        let mut claims = json!({"iss": "https://idp.example", "sub": "ann", "aud": url, "exp": now + 600});
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims.to_string()
    };
    let whoami = async |token: &str| world.call("GET", "/api/v1/whoami", Some(token), None).await;
    let good = token(header, &claims(json!({})));
    assert_eq!(whoami(&good).await.json(), json!({"user": "ann", "roles": ["auditor"]}));
    assert_eq!(world.call("GET", "/api/v1/users", Some(&good), None).await.status, 200);
    assert_eq!(world.call("PUT", "/api/v1/users/ann", Some(&good), Some(ann(json!({})))).await.status, 403);
    assert_eq!(whoami(&token(header, &claims(json!({"aud": ["x", "api://mcpd"]})))).await.status, 200);

    let unsigned =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims(json!({}))));
    let twice = claims(json!({})).replacen('{', r#"{"sub":"admin","#, 1);
    let mut bad = vec![unsigned, good.replace('.', ".."), format!("{good}x"), token(header, &twice)];
    bad.push(token(r#"{"alg":"HS256","kid":"k1"}"#, &claims(json!({}))));
    bad.push(token(r#"{"alg":"EdDSA","kid":"../../k1"}"#, &claims(json!({}))));
    for changes in [
        json!({"aud": format!("{url}/")}),
        json!({"aud": "api://mcp"}),
        json!({"aud": "http://127.0.0.1:9229/mcp"}),
        json!({"iss": "https://other.example"}),
        json!({"sub": "nobody"}),
        json!({"exp": now - 61}),
        json!({"nbf": now + 120}),
    ] {
        bad.push(token(header, &claims(changes)));
    }
    for bad in bad {
        let refused = whoami(&bad).await;
        assert_eq!(refused.status, 401, "{bad}");
        assert!(refused.challenge.unwrap().contains("invalid_token"));
    }

    world.done("PUT", "/api/v1/users/ann", Some(ann(json!({"roles": ["developer"]})))).await;
    assert_eq!(whoami(&good).await.json()["roles"], json!(["developer"]), "roles are the user's, at once");
    world.done("PUT", "/api/v1/users/ann", Some(ann(json!({"disabled": true})))).await;
    assert_eq!(whoami(&good).await.status, 401);
}

/// RFC 8628 ends with an id token for the client of `mcpctl login`, which opens a session and does nothing else.
async fn a_login_at_the_issuer_opens_a_session(world: World) {
    let x = URL_SAFE_NO_PAD.encode(idp().verifying_key().as_bytes());
    let spec = json!({"issuer": "https://idp.example", "device_client_id": "mcpctl", "scopes_required": ["mcp"],
        "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]}});
    world.done("PUT", "/api/v1/issuers/login", Some(json!({"name": "login", "spec": spec}))).await;
    let ann = |spec: Value| json!({"name": "ann", "spec": spec});
    world.done("PUT", "/api/v1/users/ann", Some(ann(json!({"roles": ["developer"]})))).await;
    let snapshot = Gateway::enrol(&world, "laptop").await.connect(&world).await.snapshot().await;
    assert!(snapshot.issuers().all(|(_, issuer)| issuer.device_client_id.is_none()), "no business of gateways");
    let methods = world.call("GET", "/api/v1/login", None, None).await.json();
    let offer = json!({"name": "login", "issuer": "https://idp.example", "client_id": "mcpctl", "scopes": ["openid"]});
    assert_eq!(methods, json!({"device": [offer], "laptops": false}));

    let (header, now) = (r#"{"alg":"EdDSA","kid":"k1","typ":"JWT"}"#, Timestamp::now().as_millis() / 1_000);
    let shown = |changes: Value| {
        let mut claims = json!({"iss": "https://idp.example", "sub": "ann", "aud": "mcpctl", "exp": now + 600});
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        token(header, &claims.to_string())
    };
    let open =
        async |token: &str| world.call("POST", "/api/v1/sessions", None, Some(json!({"issuer_token": token}))).await;
    let good = shown(json!({}));
    let opened = open(&good).await;
    assert_eq!(opened.status, 201, "{}", opened.text);
    let session = opened.json()["token"].as_str().unwrap().to_owned();
    let whoami = async |token: &str| world.call("GET", "/api/v1/whoami", Some(token), None).await;
    assert_eq!(whoami(&session).await.json()["user"], "ann");
    assert_eq!(whoami(&good).await.status, 401, "an id token is no access token");
    // An access token for the control plane will do as well, if it has the scopes that are needed.
    let url = format!("http://{}", world.address);
    assert_eq!(open(&shown(json!({"aud": url, "scope": "mcp"}))).await.status, 201);
    for bad in [
        json!({"aud": url}),
        json!({"aud": "other"}),
        json!({"aud": ["mcpctl", "other"]}),
        json!({"sub": "nobody"}),
        json!({"exp": now - 600}),
    ] {
        assert_eq!(open(&shown(bad.clone())).await.status, 401, "{bad}");
    }
    assert_eq!(open(&format!("{good}x")).await.status, 401);
    let both = json!({"issuer_token": good, "user": "ann", "password": "x"});
    assert_eq!(world.call("POST", "/api/v1/sessions", None, Some(both)).await.status, 400);
    world.done("PUT", "/api/v1/users/ann", Some(ann(json!({"disabled": true})))).await;
    assert_eq!(open(&good).await.status, 401);
    assert_eq!(whoami(&session).await.status, 401);
}

on_both_stores!(
    a_login_at_the_issuer_opens_a_session,
    keys_are_fetched_pushed_and_kept_through_an_outage,
    the_api_takes_tokens_of_an_issuer_for_its_own_url,
);
