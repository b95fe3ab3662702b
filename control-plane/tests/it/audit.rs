//! The audit log: shipped once or often, kept once as it was written, found by what was asked.

mod shipper;

use crate::{on_both_stores, stream::Gateway, world::World};
use control_plane::{maintenance, settings::DbCommand};
use control_plane_api::{
    audit::{
        chain::{Chain, Entry, Hash, Head},
        verify::{Fault, Remark},
    },
    timestamp::Timestamp,
};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
pub(crate) use shipper::{Log, event};
use shipper::{heads, ids, post, refused, ship, verify};

async fn what_is_left_of_a_chain_proves_itself_after_its_oldest_records_were_let_go(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let (mut log, july) = (Log::new(1_000), "2026-07-28T09:30:00.000Z".parse().unwrap());
    let mut old = log.events(&[event("a", 1, "outcome", "ok"), event("b", 2, "outcome", "ok")]);
    let upto = log.checkpoint_at(july);
    old.push(upto.text);
    // Also old, but no checkpoint follows before something new: it has to stay.
    let mut rest = log.events(&[event("c", 3, "outcome", "ok")]);
    let mut new = event("d", 4, "outcome", "ok");
    new["time"] = json!(Timestamp::now());
    rest.extend([log.event(&new).text, log.checkpoint().text]);
    ship(&world, &gateway, &log, &[old.clone(), rest.clone()].concat()).await;
    let days = 60;
    assert!(Timestamp::now().as_millis() - july.as_millis() > i64::from(days) * 86_400_000, "July is long ago");
    let retain = async |dry_run| {
        let done = maintenance::run(&world.settings, &DbCommand::Retain { days, dry_run }).await.unwrap();
        (done["events"].as_u64().unwrap(), done["records"].as_u64().unwrap())
    };
    assert_eq!(retain(true).await, (3, 3));
    assert_eq!(heads(&world, &gateway).await.chains[0].let_go, None, "nothing was done yet");
    assert_eq!(retain(false).await, (3, 3));
    assert_eq!(retain(false).await, (0, 0));
    assert_eq!(ids(&world, "user=ann").await, ["d"]);

    let said = heads(&world, &gateway).await;
    let chain = said.chains.iter().find(|chain| chain.gateway.as_str() == "laptop").unwrap();
    assert_eq!(chain.let_go, Some(upto.head));
    let read = verify(&world, &said, "laptop").await.unwrap();
    assert_eq!(read.count().0, 3);
    assert_eq!(read.remarks(), [Remark::LetGo { after: Head::NONE, upto: upto.head }]);
    verify(&world, &said, "mcpd").await.unwrap();
    let page = world.done("GET", "/api/v1/audit?action=admin&tool=audit", None).await;
    let reason = page["events"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("let go 3 records of laptop") && reason.contains(&upto.head.hash.to_string()), "{reason}");

    // Without the signed word for it the same records are missing.
    let mut unsaid = said;
    unsaid.chains.iter_mut().for_each(|chain| chain.let_go = None);
    assert_eq!(verify(&world, &unsaid, "laptop").await.unwrap_err().fault, Fault::Missing(3));
    // What comes once more, or anew, is taken as before.
    let more = log.checkpoint();
    assert_eq!(ship(&world, &gateway, &log, &[old, rest, vec![more.text]].concat()).await, more.head);
    let said = heads(&world, &gateway).await;
    assert_eq!(verify(&world, &said, "laptop").await.unwrap().count().0, 4);
}

async fn an_outcome_replaces_its_intent_and_never_the_other_way(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut log = Log::new(1);
    let records =
        log.events(&[event("a", 1, "intent", "ok"), event("a", 2, "outcome", "ok"), event("a", 3, "outcome", "error")]);
    let shown = async || world.done("GET", "/api/v1/audit?action=mcp_call", None).await["events"].clone();

    assert_eq!(ship(&world, &gateway, &log, &records[..1]).await.seq, 1);
    assert_eq!((&shown().await[0]["phase"], &shown().await[0]["outcome"]), (&json!("intent"), &json!("unknown")));
    for (batch, seq) in [(&records[1..2], 2), (&records[..1], 2), (&records[..2], 2), (&[], 2), (&records[..], 3)] {
        assert_eq!(ship(&world, &gateway, &log, batch).await.seq, seq);
        assert_eq!((&shown().await[0]["seq"], &shown().await[0]["outcome"]), (&json!(2), &json!("ok")));
    }
    let more = log.events(&[event("b", 4, "intent", "unknown"), event("c", 5, "outcome", "ok")]);
    assert_eq!(ship(&world, &gateway, &log, &more).await, log.chain.head());
    assert_eq!(ids(&world, "action=mcp_call").await, ["c", "b", "a"]);
    assert_eq!(verify(&world, &heads(&world, &gateway).await, "laptop").await.unwrap().head(), log.chain.head());
}

async fn a_gateway_ships_its_own_records_only(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut log = Log::new(1);
    let good = log.event(&event("b", 2, "outcome", "ok")).text;
    let mut own = Log::new(1);
    own.chain = Chain::new("mcpd".parse().unwrap(), 1, Head::NONE, Hash::NONE);
    let forged = own.event(&event("a", 1, "outcome", "ok")).text;
    for records in [
        vec![forged.clone()],
        vec![good.clone(), forged],
        vec![good.replace("\"gateway\":\"laptop\",\"seq\"", "\"gateway\":\"mcpd\",\"seq\"")],
    ] {
        refused(&world, &gateway, &log, &records, 422).await;
    }
    assert!(ids(&world, "action=mcp_call").await.is_empty());
    let bad = post(&world, &gateway, json!({"key": "zz", "records": []})).await;
    assert_eq!(bad.status, 422, "{}", bad.text);
}

async fn records_that_were_tampered_with_are_not_taken_and_nothing_of_their_batch_is(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut log = Log::new(1);
    let mut records =
        log.events(&[event("a", 1, "outcome", "ok"), event("b", 2, "outcome", "ok"), event("c", 3, "outcome", "ok")]);
    records.push(log.checkpoint().text);
    let changed: Vec<String> = records.iter().map(|text| text.replacen("slack_get", "slack_set", 1)).collect();
    assert!(
        refused(&world, &gateway, &log, &changed, 422).await.contains("record 1 (epoch 1) of `laptop`: it was changed")
    );
    let hole = [&records[..1], &records[2..]].concat();
    assert!(refused(&world, &gateway, &log, &hole, 422).await.contains("record 2 "));
    // Signed by a key that is not told.
    let mut stranger = Log { chain: Log::new(1).chain, key: SigningKey::from_bytes(&[6; 32]) };
    let unsigned = vec![stranger.checkpoint().text];
    assert!(refused(&world, &gateway, &log, &unsigned, 422).await.contains("signature"));
    assert!(ids(&world, "action=mcp_call").await.is_empty());

    ship(&world, &gateway, &log, &records).await;
    assert!(
        refused(&world, &gateway, &log, &changed, 409)
            .await
            .contains("record 1 of epoch 1 is not the one that is stored")
    );
    assert_eq!(verify(&world, &heads(&world, &gateway).await, "laptop").await.unwrap().count(), (4, 1));
}

async fn a_record_that_never_came_is_told_of_for_good_and_what_follows_is_kept(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut log = Log::new(1);
    let records = log.events(&[
        event("a", 1, "outcome", "ok"),
        event("b", 2, "outcome", "ok"),
        event("c", 3, "outcome", "ok"),
        event("d", 4, "outcome", "ok"),
    ]);
    ship(&world, &gateway, &log, &records[..1]).await;
    assert_eq!(ship(&world, &gateway, &log, &records[3..]).await, log.chain.head());
    let broken = verify(&world, &heads(&world, &gateway).await, "laptop").await.unwrap_err();
    assert_eq!(broken.to_string(), "record 2 (epoch 1) of `laptop`: it is missing (as is every one up to 3)");
    let notes = world.done("GET", "/api/v1/audit?action=admin&limit=1", None).await;
    assert_eq!(notes["events"][0]["reason"], "audit records 2 to 3 are missing");
    assert_eq!(ids(&world, "action=mcp_call").await, ["d", "a"]);
}

async fn a_log_that_begins_anew_and_a_new_key_are_taken_and_told_of(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut log = Log::new(1);
    let first = log.events(&[event("a", 1, "outcome", "ok")]);
    ship(&world, &gateway, &log, &first).await;
    let mut fresh = Log { key: SigningKey::from_bytes(&[6; 32]), ..Log::new(2) };
    let records = vec![fresh.event(&event("b", 2, "outcome", "ok")).text, fresh.checkpoint().text];
    ship(&world, &gateway, &fresh, &records).await;
    let told = world.done("GET", "/api/v1/audit?action=admin&limit=3", None).await;
    let told: Vec<&str> = (0..3).map(|at| told["events"][at]["reason"].as_str().unwrap()).collect();
    assert!(told[0].starts_with("its audit log began anew in epoch 2, after record 1 ("), "{told:?}");
    assert!(told[1].starts_with("signs its audit log with the new key "), "{told:?}");
    let read = verify(&world, &heads(&world, &gateway).await, "laptop").await.unwrap();
    assert_eq!((read.count(), read.remarks().len()), ((3, 1), 1));
    // An old log put in place of it is none that follows.
    refused(&world, &gateway, &log, &log_of_epoch_1(), 409).await;
}

fn log_of_epoch_1() -> Vec<String> {
    let mut log = Log::new(1);
    log.events(&[event("x", 1, "outcome", "ok")])
}

async fn changes_stand_in_a_chain_that_is_signed_soon(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    world.done("PUT", "/api/v1/projects/w", Some(json!({"name": "w", "spec": {}}))).await;
    let mut own = Vec::new();
    while own.last().is_none_or(|entry: &Entry| entry.event().is_some()) {
        let page = world.done("GET", "/api/v1/audit/records?gateway=mcpd&limit=1000", None).await;
        let texts: Vec<String> = serde_json::from_value(page["records"].clone()).unwrap();
        own = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    }
    assert!(own.iter().filter_map(Entry::event).any(|event| event.target.as_deref() == Some("project/w")));
    let read = verify(&world, &heads(&world, &gateway).await, "mcpd").await.unwrap();
    assert!(read.count().1 >= 1);
}

async fn events_are_found_by_what_was_asked(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut log = Log::new(1);
    let change = |mut event: Value, field: &str, value: &str| {
        event[field] = json!(value);
        event
    };
    let events = [
        event("call", 1, "outcome", "ok"),
        change(event("bob", 2, "outcome", "ok"), "user", "bob"),
        change(event("post", 3, "outcome", "denied"), "target", "slack_post_message"),
        change(event("deny", 4, "outcome", "denied"), "decision", "deny"),
        change(event("list", 5, "outcome", "ok"), "action", "mcp_list"),
        change(event("other", 6, "outcome", "ok"), "project", "x"),
    ];
    let records = log.events(&events);
    ship(&world, &gateway, &log, &records).await;
    let mcp = "action=mcp_call&action=mcp_list";
    assert_eq!(ids(&world, mcp).await, ["other", "list", "deny", "post", "bob", "call"]);
    assert_eq!(ids(&world, &format!("{mcp}&limit=2")).await, ["other", "list"]);
    assert_eq!(ids(&world, "user=bob").await, ["bob"]);
    assert_eq!(ids(&world, "tool=slack_post_message").await, ["post"]);
    assert_eq!(ids(&world, "decision=deny").await, ["deny"]);
    assert_eq!(ids(&world, "action=mcp_list").await, ["list"]);
    assert_eq!(ids(&world, "project=x").await, ["other"]);
    assert_eq!(ids(&world, &format!("{mcp}&since=2026-07-28T09:05:00Z")).await, ["other", "list"]);
    assert_eq!(ids(&world, &format!("{mcp}&until=2026-07-28T09:02:00Z")).await, ["call"]);
    assert_eq!(ids(&world, "outcome=denied").await, ["deny", "post"]);
    assert_eq!(ids(&world, "server=slack&outcome=ok&action=mcp_call").await, ["other", "bob", "call"]);
    assert!(ids(&world, "server=jira").await.is_empty());
    assert_eq!(ids(&world, "user=ann&decision=allow&action=mcp_call&project=w").await, ["post", "call"]);
    assert_eq!(ids(&world, "user=ann%27%20OR%201=1--").await, Vec::<String>::new());
    for bad in [
        "limit=0",
        "limit=10001",
        "decision=maybe",
        "since=yesterday",
        "action=x",
        "outcome=x",
        "until=x",
        "nonsense=1",
    ] {
        assert_eq!(world.admin("GET", &format!("/api/v1/audit?{bad}"), None).await.status, 400, "{bad}");
    }
}

async fn events_of_one_moment_come_in_the_order_of_their_log(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut log = Log::new(1);
    let at_once: Vec<Value> = (1..=5).map(|number| event(&format!("e{number}"), 0, "outcome", "ok")).collect();
    let records = log.events(&at_once);
    ship(&world, &gateway, &log, &records).await;
    assert_eq!(ids(&world, "action=mcp_call").await, ["e5", "e4", "e3", "e2", "e1"]);
}

async fn every_change_is_in_the_log_and_what_changes_nothing_is_not(world: World) {
    let body = json!({"name": "w", "spec": {}});
    world.done("PUT", "/api/v1/projects/w", Some(body.clone())).await;
    world.done("PUT", "/api/v1/projects/w", Some(body)).await;
    world.done("PUT", "/api/v1/secrets/s", Some(json!({"value": "v"}))).await;
    world.done("POST", "/api/v1/users/admin/tokens", Some(json!({"label": "x"}))).await;
    Gateway::enrol(&world, "laptop").await;
    world.done("DELETE", "/api/v1/projects/w", None).await;
    let page = world.done("GET", "/api/v1/audit?action=admin&limit=7", None).await;
    let rows: Vec<String> = page["events"].as_array().unwrap().iter().map(row).collect();
    let id = rows[3].rsplit('/').next().unwrap().split(' ').next().unwrap();
    assert_eq!(
        rows,
        [
            "admin DELETE /api/v1/projects/w project/w deleted",
            "- POST /api/v1/gateways/laptop/enrol gateway/laptop enrolled",
            "admin POST /api/v1/join-tokens gateway/laptop join token created",
            &format!("admin POST /api/v1/users/admin/tokens user/admin/tokens/{id} created"),
            "admin PUT /api/v1/secrets/s secret/s created",
            "admin PUT /api/v1/projects/w project/w created",
            &rows[6],
        ]
    );
    assert!(rows[6].starts_with("- mcpd (first start) user/admin/tokens/"), "{}", rows[6]);
}

fn row(event: &Value) -> String {
    assert_eq!(
        (&event["gateway"], &event["phase"], &event["outcome"]),
        (&json!("mcpd"), &json!("outcome"), &json!("ok"))
    );
    let text = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or("-").to_owned();
    [text("user"), text("method"), text("target"), text("reason")].join(" ")
}

async fn a_08_nothing_of_the_audit_log_can_be_changed_or_deleted_over_the_api(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut log = Log::new(1);
    let records = log.events(&[event("a", 1, "outcome", "ok")]);
    ship(&world, &gateway, &log, &records).await;
    let routes = control_plane::http::routes();
    let about: Vec<_> = routes.iter().filter(|route| route.path.contains("audit")).collect();
    assert_eq!(about.len(), 4);
    for route in about {
        let reads = route.method == "GET";
        assert!(reads || route.path == "/api/v1/gateways/{name}/audit", "{} {}", route.method, route.path);
        for method in ["PUT", "PATCH", "DELETE"] {
            let path = route.path.replace("{name}", "laptop");
            for token in [&world.admin, &gateway.token] {
                let status = world.call(method, &path, Some(token), Some(json!({}))).await.status;
                assert!([401, 403, 405].contains(&status), "{method} {path}: {status}");
            }
        }
    }
    // Neither does a gateway that is deleted take its log with it.
    world.done("DELETE", "/api/v1/gateways/laptop", None).await;
    assert_eq!(ids(&world, "action=mcp_call").await, ["a"]);
    let page = world.done("GET", "/api/v1/audit/records?gateway=laptop", None).await;
    assert_eq!(page["records"], json!(records));
}

/// The role of `docs/security/audit.md`.
#[tokio::test]
async fn a_08_a_database_role_that_can_neither_change_nor_delete_records_is_enough() {
    let world = World::on_postgres().await;
    let url = world.settings.database_url.clone().unwrap();
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    for statement in [
        "CREATE ROLE mcpd_service LOGIN PASSWORD 'only-for-tests'",
        "GRANT USAGE, CREATE ON SCHEMA public TO mcpd_service",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO mcpd_service",
        "REVOKE UPDATE, DELETE, TRUNCATE ON audit_records, audit_keys FROM mcpd_service",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let limited = url.replace("postgres://mcpctl:", "postgres://mcpd_service:");
    let world = world.replica_at(&limited).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut log = Log::new(1);
    let records = vec![
        log.event(&event("a", 1, "intent", "ok")).text,
        log.event(&event("a", 1, "outcome", "ok")).text,
        log.checkpoint().text,
    ];
    for _ in 0..2 {
        assert_eq!(ship(&world, &gateway, &log, &records).await, log.chain.head());
    }
    world.done("PUT", "/api/v1/projects/w", Some(json!({"name": "w", "spec": {}}))).await;
    let pool = sqlx::PgPool::connect(&limited).await.unwrap();
    for statement in [
        "UPDATE audit_records SET record = ''",
        "DELETE FROM audit_records",
        "TRUNCATE audit_records",
        "DELETE FROM audit_keys",
    ] {
        let refused = sqlx::query(statement).execute(&pool).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{statement}");
    }
    assert!(verify(&world, &heads(&world, &gateway).await, "laptop").await.is_ok());
}

on_both_stores!(
    what_is_left_of_a_chain_proves_itself_after_its_oldest_records_were_let_go,
    a_08_nothing_of_the_audit_log_can_be_changed_or_deleted_over_the_api,
    an_outcome_replaces_its_intent_and_never_the_other_way,
    a_gateway_ships_its_own_records_only,
    records_that_were_tampered_with_are_not_taken_and_nothing_of_their_batch_is,
    a_record_that_never_came_is_told_of_for_good_and_what_follows_is_kept,
    a_log_that_begins_anew_and_a_new_key_are_taken_and_told_of,
    changes_stand_in_a_chain_that_is_signed_soon,
    events_are_found_by_what_was_asked,
    events_of_one_moment_come_in_the_order_of_their_log,
    every_change_is_in_the_log_and_what_changes_nothing_is_not,
);
