//! Another master key while mcpd goes on, keys from elsewhere, and keys that are not the database's.

use crate::{
    on_both_stores,
    stream::Gateway,
    world::{World, settings},
};
use axum::{Json, Router, extract::Path, http::HeaderMap, http::StatusCode, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use control_plane::{MasterKeyError, StartError, serve, server, settings::Settings};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// More than two transactions rewrite.
const SECRETS: usize = 230;

async fn fill(world: &World) {
    for n in 0..SECRETS {
        world.done("PUT", &format!("/api/v1/secrets/s{n:03}"), Some(json!({"value": format!("value-{n}")}))).await;
    }
    world.server("slack", Some("s007")).await;
}

/// Rewrites at most `batches` batches; how many values, and whether that was all.
async fn rewrap(world: &World, batches: usize) -> (u64, bool) {
    let (mut after, mut done) = (Value::Null, 0);
    for _ in 0..batches {
        let reply = world.done("POST", "/api/v1/master-keys/rewrap", Some(json!({"after": after}))).await;
        done += reply["rewrapped"].as_u64().unwrap();
        assert!(reply["unreadable"].is_null(), "{reply}");
        match &reply["next"] {
            Value::Null => return (done, true),
            next => after = next.clone(),
        }
    }
    (done, false)
}

async fn keys(world: &World) -> Vec<Value> {
    world.done("GET", "/api/v1/master-keys", None).await["keys"].as_array().unwrap().clone()
}

async fn s_08_every_value_comes_under_a_new_key_also_after_an_interruption(mut world: World) {
    fill(&world).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let before = keys(&world).await;
    let made = world.admin("POST", "/api/v1/master-keys", None).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let old = keys(&world).await.into_iter().find(|key| key["current"] == false).unwrap();
    assert_eq!((&old["id"], old["values"].as_u64()), (&before[0]["id"], before[0]["values"].as_u64()));
    let refused = world.admin("DELETE", "/api/v1/master-keys/older", None).await;
    assert_eq!(refused.status, 409, "{}", refused.text);

    let (first, all) = rewrap(&world, 2).await;
    assert!(first > 0 && !all);
    // Stopped in the middle, both keys are wanted, and the rest is done later.
    world.again(&[]).await;
    let (rest, all) = rewrap(&world, 100).await;
    assert!(all && first + rest >= SECRETS as u64, "{first} and {rest}");
    assert_eq!(rewrap(&world, 100).await, (0, true));

    let status = world.done("DELETE", "/api/v1/master-keys/older", None).await;
    assert_eq!(status["keys"].as_array().unwrap().len(), 1, "{status}");
    let lines = fs::read_to_string(world.home("master-key")).unwrap();
    assert_eq!(lines.lines().count(), 1);
    // The gateway that enrolled before believes what is signed now, and opens what is sealed now.
    world.again(&[]).await;
    let snapshot = gateway.connect(&world).await.snapshot().await;
    assert_eq!(gateway.open(&snapshot, "s007"), "value-7");
    let audit = world.admin("GET", "/api/v1/audit?action=admin&limit=1000", None).await.text;
    assert!(audit.contains("master-key/") && audit.contains("older keys forgotten"), "{audit}");
    assert!(!audit.contains(lines.trim()));
}

async fn s_08_a_gateway_is_served_from_what_was_read_before_the_old_key_went(world: World) {
    fill(&world).await;
    world.done("POST", "/api/v1/master-keys", None).await;
    rewrap(&world, 100).await;
    world.done("DELETE", "/api/v1/master-keys/older", None).await;
    let gateway = Gateway::enrol(&world, "late").await;
    let mut stream = gateway.connect(&world).await;
    let mut snapshot = stream.snapshot().await;
    stream.follow(&mut snapshot, world.revision().await).await;
    assert_eq!(gateway.open(&snapshot, "s007"), "value-7");
}

on_both_stores! {
    s_08_every_value_comes_under_a_new_key_also_after_an_interruption,
    s_08_a_gateway_is_served_from_what_was_read_before_the_old_key_went,
}

async fn starts(settings: &Settings) -> Result<(), StartError> {
    let listener = server::bind(settings).await.unwrap();
    serve(settings, listener, async {}).await
}

fn key_file(world: &World, name: &str, keys: &[&str]) -> String {
    fs::write(world.home(name), keys.join("\n")).unwrap();
    fs::set_permissions(world.home(name), fs::Permissions::from_mode(0o600)).unwrap();
    format!("file:{}", world.home(name).display())
}

#[tokio::test]
async fn s_07_a_database_is_read_with_the_key_it_was_made_with_and_with_no_other() {
    let mut world = World::on_sqlite().await;
    fill(&world).await;
    let own = keys(&world).await[0]["id"].as_str().unwrap().to_owned();
    world.stop().await;
    let mut settings = world.settings.clone();
    settings.master_key_source = Some(key_file(&world, "other", &[&"ab".repeat(32)]));
    let error = starts(&settings).await.unwrap_err();
    assert!(matches!(error, StartError::MasterKey(MasterKeyError::Mismatch { .. })), "{error}");
    assert!(error.to_string().contains(&own) && error.to_string().contains("/other"), "{error}");
    assert!(!error.to_string().contains("abab"), "{error}");
    // The other one in front, the old one named: both are used.
    let old = format!("file:{}", world.home("master-key").display());
    let other = settings.master_key_source.unwrap_or_default();
    world.again(&["--master-key-source", &other, "--old-master-key-sources", &old]).await;
    assert_eq!(keys(&world).await.iter().map(|key| key["current"] == true).collect::<Vec<_>>(), [true, false]);
}

/// A service that speaks the Transit API of Vault and OpenBao as far as it is used.
#[derive(Clone, Default)]
struct Transit(Arc<Mutex<BTreeMap<String, Value>>>);

impl Transit {
    async fn start(&self) -> String {
        let (encrypting, decrypting) = (self.clone(), self.clone());
        let router = Router::new()
            .route(
                "/v1/transit/encrypt/{key}",
                post(move |Path(key): Path<String>, headers: HeaderMap, Json(body): Json<Value>| async move {
                    encrypting.answer(&headers, |kept| {
                        let ciphertext = format!("vault:v1:{key}-{}", kept.len());
                        kept.insert(ciphertext.clone(), body);
                        json!({"data": {"ciphertext": ciphertext, "key_version": 1}})
                    })
                }),
            )
            .route(
                "/v1/transit/decrypt/{key}",
                post(move |Path(key): Path<String>, headers: HeaderMap, Json(body): Json<Value>| async move {
                    decrypting.answer(&headers, |kept| {
                        let ciphertext = body["ciphertext"].as_str().unwrap();
                        assert!(ciphertext.starts_with(&format!("vault:v1:{key}-")));
                        let kept = &kept[ciphertext];
                        assert_eq!(kept["associated_data"], body["associated_data"]);
                        json!({"data": {"plaintext": kept["plaintext"]}})
                    })
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/transit/mcpctl", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn answer(
        &self,
        headers: &HeaderMap,
        answer: impl FnOnce(&mut BTreeMap<String, Value>) -> Value,
    ) -> (StatusCode, Json<Value>) {
        if headers.get("x-vault-token").is_none_or(|token| token != "hvs.good") {
            return (StatusCode::FORBIDDEN, Json(json!({"errors": ["permission denied"]})));
        }
        (StatusCode::OK, Json(answer(&mut self.0.lock().unwrap())))
    }
}

#[tokio::test]
async fn a_key_that_a_key_management_service_wraps_is_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let transit = Transit::default();
    let token = folder.path().join("vault-token");
    fs::write(&token, "hvs.good\n").unwrap();
    let mut settings = settings(&home, "");
    settings.master_key_source = Some(format!("transit:{}", transit.start().await));
    settings.vault_token_file = Some(token.clone());
    starts(&settings).await.unwrap();
    starts(&settings).await.unwrap();
    assert!(!home.join("master-key").exists());
    let kept = transit.0.lock().unwrap().clone();
    assert_eq!(kept.len(), 1, "the key was made once");
    let key = kept.values().next().unwrap()["plaintext"].as_str().unwrap().to_owned();
    let database = fs::read(home.join("mcpd.db")).unwrap();
    for form in
        [STANDARD.decode(&key).unwrap(), hex::encode(STANDARD.decode(&key).unwrap()).into_bytes(), key.into_bytes()]
    {
        assert!(!database.windows(form.len()).any(|window| window == form));
    }

    fs::write(&token, "hvs.bad").unwrap();
    let error = starts(&settings).await.unwrap_err();
    assert!(error.to_string().contains("refused (403): permission denied"), "{error}");
    assert!(error.hint().contains("VAULT_TOKEN") && !error.to_string().contains("hvs.bad"), "{error}");
    // Another service has another key; that is noticed.
    fs::write(&token, "hvs.good").unwrap();
    settings.master_key_source = Some(format!("transit:{}", Transit::default().start().await));
    let error = starts(&settings).await.unwrap_err();
    assert!(matches!(error, StartError::MasterKey(MasterKeyError::Mismatch { .. })), "{error}");
}
