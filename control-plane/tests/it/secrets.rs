//! Secrets: in, sealed, and never out.

use crate::{
    on_both_stores,
    stream::Gateway,
    world::{World, logged},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use control_plane_api::snapshot::ConfigEvent;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::fs;

async fn set(world: &World, name: &str, value: &str) -> (u16, u64) {
    let answer = world.admin("PUT", &format!("/api/v1/secrets/{name}"), Some(json!({"value": value}))).await;
    assert!(!answer.text.contains(value));
    (answer.status, answer.json()["revision"].as_u64().unwrap())
}

async fn a_secret_is_set_listed_and_removed(world: World) {
    let (created, first) = set(&world, "slack-token", "xoxb-one").await;
    let (same, still) = set(&world, "slack-token", "xoxb-one").await;
    let (changed, second) = set(&world, "slack-token", "xoxb-two").await;
    assert_eq!((created, same, changed), (201, 200, 200));
    assert_eq!((still, second), (first, first + 1));
    let list = world.done("GET", "/api/v1/secrets", None).await;
    assert_eq!(list, json!([{"name": "slack-token", "revision": second}]));
    assert_eq!(world.admin("GET", "/api/v1/secrets/slack-token", None).await.status, 405);

    world.server("slack", Some("slack-token")).await;
    let refused = world.admin("DELETE", "/api/v1/secrets/slack-token", None).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("server/slack"));
    world.done("DELETE", "/api/v1/servers/slack", None).await;
    world.done("DELETE", "/api/v1/secrets/slack-token", None).await;
    assert_eq!(world.admin("DELETE", "/api/v1/secrets/slack-token", None).await.status, 404);
    let empty = world.admin("PUT", "/api/v1/secrets/slack-token", Some(json!({"value": ""}))).await;
    assert_eq!(empty.status, 422);
}

async fn a_server_needs_the_secret_it_names(world: World) {
    let transport = json!({"type": "http", "url": "https://x/", "headers": {"authorization": {"secret": "absent"}}});
    let body = json!({"name": "x", "spec": {"transport": transport}});
    let refused = world.admin("PUT", "/api/v1/servers/x", Some(body)).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("secret `absent` does not exist"));
}

async fn a_gateway_opens_its_own_and_an_unchanged_one_is_not_sent_again(world: World) {
    set(&world, "used", "xoxb-used").await;
    set(&world, "unused", "xoxb-unused").await;
    world.server("slack", Some("used")).await;
    let (one, two) = (Gateway::enrol(&world, "one").await, Gateway::enrol(&world, "two").await);
    let (mut stream, mut other) = (one.connect(&world).await, two.connect(&world).await);
    let (mut have, others) = (stream.snapshot().await, other.snapshot().await);
    assert_eq!(one.open(&have, "used"), "xoxb-used");
    assert_eq!(have.secrets().count(), 1);
    assert_ne!(have.secrets().next().unwrap().1, others.secrets().next().unwrap().1);

    world.done("PUT", "/api/v1/projects/w", Some(json!({"name": "w", "spec": {}}))).await;
    let Some(ConfigEvent::ChangeSet(change)) = stream.next().await else { panic!("no change set") };
    assert_eq!(change.upserts.len(), 1, "{:?}", change.upserts);
    have.apply(change).unwrap();

    set(&world, "used", "xoxb-renewed").await;
    stream.follow(&mut have, world.revision().await).await;
    assert_eq!(one.open(&have, "used"), "xoxb-renewed");
}

async fn the_value_is_in_no_answer_no_log_and_no_table(world: World) {
    let canary = "xoxb-canary-7f3a91";
    set(&world, "canary", canary).await;
    world.server("slack", Some("canary")).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&world).await;
    let snapshot = stream.snapshot().await;
    assert_eq!(gateway.open(&snapshot, "canary"), canary);

    let mut seen = vec![("stream", stream.text.clone().into_bytes()), ("log", logged().into_bytes())];
    for path in ["servers", "users", "secrets", "audit", "gateways", "servers/slack", "openapi.json"] {
        seen.push((path, world.admin("GET", &format!("/api/v1/{path}"), None).await.text.into_bytes()));
    }
    let tables = database(&world).await;
    assert!(tables.windows(6).any(|window| window == b"canary"), "the tables were read");
    seen.push(("tables", tables));
    let base64 = STANDARD.encode(canary);
    for (place, bytes) in seen {
        for form in [canary.to_owned(), base64.trim_end_matches('=').to_owned(), hex::encode(canary)] {
            let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!found, "the secret is in: {place}");
        }
    }
}

/// Everything in the database, in some form.
pub(crate) async fn database(world: &World) -> Vec<u8> {
    match &world.settings.database_url {
        Some(url) if url.starts_with("postgres") => tables(url).await,
        _ => ["mcpd.db", "mcpd.db-wal"].iter().flat_map(|file| fs::read(world.home(file)).unwrap()).collect(),
    }
}

/// Every row of every table, as text.
async fn tables(url: &str) -> Vec<u8> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let names: Vec<(String,)> = sqlx::query_as("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let mut text = String::new();
    for (name,) in names {
        let sql = AssertSqlSafe(format!("SELECT row_to_json(t)::text FROM {name} t"));
        let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
        text.extend(rows.into_iter().map(|(row,)| row));
    }
    text.into_bytes()
}

on_both_stores!(
    a_secret_is_set_listed_and_removed,
    a_server_needs_the_secret_it_names,
    a_gateway_opens_its_own_and_an_unchanged_one_is_not_sent_again,
    the_value_is_in_no_answer_no_log_and_no_table,
);
