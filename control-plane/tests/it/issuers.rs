//! The keys of issuers: fetched by mcpd, pushed to gateways, kept through outages.

use crate::{on_both_stores, stream::Gateway, world::World};
use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse as _, routing::get};
use control_plane_api::{issuer::KeySet, snapshot::Snapshot};
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

on_both_stores!(keys_are_fetched_pushed_and_kept_through_an_outage);
