//! Enrolment, the configuration stream, reports.

use crate::{
    on_both_stores,
    stream::{Gateway, enrolment, join_token},
    world::World,
};
use control_plane_api::{pepper::Peppers, snapshot::ConfigEvent, timestamp::Timestamp};
use crypto_box::SecretKey;
use rand::rngs::OsRng;
use serde_json::json;

async fn a_join_token_enrols_one_gateway_once(world: World) {
    let join = join_token(&world, "laptop").await;
    let body = enrolment(&SecretKey::generate(&mut OsRng));
    let enrol = async |name: &str, join: &str| {
        let path = format!("/api/v1/gateways/{name}/enrol");
        world.call("POST", &path, Some(join), Some(body.clone())).await.status
    };
    assert_eq!(enrol("other", &join).await, 401);
    assert_eq!(enrol("laptop", &world.admin).await, 401);
    let bad = json!({"sealing_key": "00", "role": "local", "version": "0"});
    let refused = world.call("POST", "/api/v1/gateways/laptop/enrol", Some(&join), Some(bad)).await;
    assert_eq!(refused.status, 422);
    assert_eq!(enrol("laptop", &join).await, 201);
    assert_eq!(enrol("laptop", &join).await, 401);

    let late = world.done("POST", "/api/v1/join-tokens", Some(json!({"gateway": "late", "expires_in_s": 0}))).await;
    assert_eq!(enrol("late", late["token"].as_str().unwrap()).await, 401);
    let own = world.admin("POST", "/api/v1/join-tokens", Some(json!({"gateway": "mcpd"}))).await;
    assert_eq!(own.status, 422);
}

async fn a_gateway_speaks_for_itself_only(world: World) {
    let (one, two) = (Gateway::enrol(&world, "one").await, Gateway::enrol(&world, "two").await);
    for path in ["/api/v1/gateways/two/config", "/api/v1/gateways/%74wo/config"] {
        assert_eq!(world.call("GET", path, Some(&one.token), None).await.status, 403, "{path}");
    }
    world.done("DELETE", "/api/v1/gateways/two", None).await;
    assert_eq!(world.call("GET", "/api/v1/gateways/two/config", Some(&two.token), None).await.status, 401);
    assert_eq!(world.admin("GET", "/api/v1/gateways/two", None).await.status, 404);
    assert_eq!(world.admin("DELETE", "/api/v1/gateways/two", None).await.status, 404);
}

async fn a_gateway_that_comes_back_is_told_what_it_missed_and_no_more(mut world: World) {
    let put = async |world: &World, name: &str| {
        let spec = json!({"name": name, "spec": {}});
        world.done("PUT", &format!("/api/v1/projects/{name}"), Some(spec)).await;
    };
    world.done("PUT", "/api/v1/secrets/token", Some(json!({"value": "first"}))).await;
    world.server("slack", Some("token")).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut have = gateway.connect(&world).await.snapshot().await;

    // Nothing happened: it is told so, with a signature.
    let mut stream = gateway.come_back(&world, have.revision).await;
    let Some(ConfigEvent::ChangeSet(nothing)) = stream.next().await else { panic!("no change set") };
    assert!(nothing.is_nothing_since(have.revision));
    // What follows builds on it.
    put(&world, "one").await;
    stream.follow(&mut have, world.revision().await).await;
    drop(stream);

    // While it was away an object and a secret changed.
    put(&world, "two").await;
    world.done("PUT", "/api/v1/secrets/token", Some(json!({"value": "second"}))).await;
    let mut stream = gateway.come_back(&world, have.revision).await;
    let now = world.revision().await;
    let Some(ConfigEvent::ChangeSet(change)) = stream.next().await else { panic!("no change set") };
    assert_eq!((change.base, change.revision, change.upserts.len()), (have.revision, now, 2));
    have.apply(change).unwrap();
    assert_eq!(gateway.open(&have, "token"), "second");
    drop(stream);

    // A new mcpd knows nothing of revisions before its own.
    world.again(&[]).await;
    let mut stream = gateway.come_back(&world, now).await;
    let Some(ConfigEvent::ChangeSet(nothing)) = stream.next().await else { panic!("no change set") };
    assert!(nothing.is_nothing_since(now));
    for unknown in [1, now - 1, now + 1, u64::MAX] {
        assert_eq!(gateway.come_back(&world, unknown).await.snapshot().await.revision, now, "{unknown}");
    }
}

async fn a_stream_is_a_snapshot_and_then_what_changes(world: World) {
    world.server("slack", None).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&world).await;
    let mut have = stream.snapshot().await;
    assert_eq!(have.revision, world.revision().await);
    assert_eq!(have.servers().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["slack"]);
    let (_, admin) = have.users().next().unwrap();
    let peppers = Peppers::read(&gateway.unseal(&have.peppers.as_ref().unwrap().sealed)).unwrap();
    assert_eq!(admin.tokens.first().unwrap().digest, peppers.digest(&world.admin));

    let profile = json!({"name": "p", "spec": {"server": "slack"}});
    world.done("PUT", "/api/v1/profiles/p", Some(profile)).await;
    let Some(ConfigEvent::ChangeSet(change)) = stream.next().await else { panic!("no change set") };
    assert_eq!((change.base, change.revision), (have.revision, have.revision + 1));
    assert_eq!(change.upserts.len(), 1);
    have.apply(change).unwrap();

    world.done("DELETE", "/api/v1/profiles/p", None).await;
    let Some(ConfigEvent::ChangeSet(change)) = stream.next().await else { panic!("no change set") };
    assert_eq!((change.upserts.len(), change.removals.len()), (0, 1));
    have.apply(change).unwrap();

    world.user("ann", &["developer"], Some(-5)).await;
    stream.follow(&mut have, world.revision().await).await;
    let (_, ann) = have.users().find(|(name, _)| name.as_str() == "ann").unwrap();
    assert!(ann.tokens.first().unwrap().expires_at.unwrap() < Timestamp::now());
    world.done("DELETE", "/api/v1/users/ann", None).await;
    stream.follow(&mut have, world.revision().await).await;

    let fresh = gateway.connect(&world).await.snapshot().await;
    assert_eq!((fresh.revision, &fresh.objects), (have.revision, &have.objects));
}

async fn a_change_made_by_a_replica_arrives_too(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let replica = world.replica().await;
    let mut stream = gateway.connect(&replica).await;
    let mut have = stream.snapshot().await;
    world.server("slack", None).await;
    stream.follow(&mut have, world.revision().await).await;
    assert_eq!(have.servers().count(), 1);
}

async fn a_stream_ends_with_the_gateways_enrolment(world: World) {
    let (one, two) = (Gateway::enrol(&world, "one").await, Gateway::enrol(&world, "two").await);
    let (mut first, mut second) = (one.connect(&world).await, two.connect(&world).await);
    first.snapshot().await;
    let mut have = second.snapshot().await;
    world.done("DELETE", "/api/v1/gateways/one", None).await;
    assert!(first.next().await.is_none());
    second.follow(&mut have, world.revision().await).await;
    Gateway::enrol(&world, "two").await;
    assert!(second.next().await.is_none());
}

async fn a_stream_ends_when_the_control_plane_stops(mut world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&world).await;
    stream.snapshot().await;
    world.stop().await;
    assert!(stream.next().await.is_none());
}

async fn a_report_is_kept_as_the_last_one(world: World) {
    let gateway = Gateway::enrol(&world, "laptop").await;
    let summary = world.done("GET", "/api/v1/gateways/laptop", None).await;
    assert!(summary.get("status").is_none() && summary.get("seen_at").is_none());
    let report = json!({
        "config": {"state": "rejected", "revision": 2, "in_force": 1, "violations": []},
        "role": "local", "version": "0.1.0", "started_at": "2026-07-28T09:00:00.000Z",
        "listen_url": "http://127.0.0.1:9229", "audit_backlog": 3,
        "model": {"state": "missing", "reason": "not pulled"},
        "servers": [{"name": "slack", "state": "ready", "restarts": 0, "tools": []}],
    });
    let path = "/api/v1/gateways/laptop/status";
    let kept = world.call("PUT", path, Some(&gateway.token), Some(report.clone())).await;
    assert_eq!(kept.status, 204, "{}", kept.text);
    let list = world.done("GET", "/api/v1/gateways", None).await;
    assert_eq!(list[0]["status"], report);
    assert!(list[0]["seen_at"].is_string());
    assert_eq!(world.call("PUT", path, Some(&gateway.token), Some(json!({}))).await.status, 400);
}

async fn a_gateway_is_drained_until_it_is_resumed(mut world: World) {
    let (one, two) = (Gateway::enrol(&world, "one").await, Gateway::enrol(&world, "two").await);
    let (mut first, mut second) = (one.connect(&world).await, two.connect(&world).await);
    let (mut have, mut other) = (first.snapshot().await, second.snapshot().await);
    assert!(!have.draining);

    let ordered = world.done("POST", "/api/v1/gateways/one/drain", None).await;
    assert_eq!(ordered["revision"], world.revision().await);
    first.follow(&mut have, world.revision().await).await;
    second.follow(&mut other, world.revision().await).await;
    assert_eq!((have.draining, other.draining), (true, false));
    assert!(world.done("GET", "/api/v1/gateways/one", None).await["drained_at"].is_string());
    let again = world.done("POST", "/api/v1/gateways/one/drain", None).await;
    assert_eq!((again, world.revision().await), (ordered, have.revision), "what it does already is no change");

    // Neither a restart of the control plane nor one of the gateway ends it.
    drop((first, second));
    world.again(&[]).await;
    let fresh = one.connect(&world).await.snapshot().await;
    assert!(fresh.draining);
    assert!(Gateway::enrol(&world, "one").await.connect(&world).await.snapshot().await.draining);

    let ann = world.user("ann", &["operator"], None).await;
    assert_eq!(world.call("POST", "/api/v1/gateways/one/resume", Some(&ann), None).await.status, 403);
    assert_eq!(world.admin("POST", "/api/v1/gateways/three/drain", None).await.status, 404);
    world.done("POST", "/api/v1/gateways/one/resume", None).await;
    assert!(world.done("GET", "/api/v1/gateways/one", None).await.get("drained_at").is_none());
    let log = world.done("GET", "/api/v1/audit?action=admin&tool=gateway/one&limit=3", None).await;
    let reasons: Vec<_> = log["events"].as_array().unwrap().iter().map(|event| event["reason"].clone()).collect();
    assert_eq!(reasons, ["to serve again", "enrolled", "join token created"]);
}

on_both_stores!(
    a_gateway_is_drained_until_it_is_resumed,
    a_join_token_enrols_one_gateway_once,
    a_gateway_speaks_for_itself_only,
    a_gateway_that_comes_back_is_told_what_it_missed_and_no_more,
    a_stream_is_a_snapshot_and_then_what_changes,
    a_change_made_by_a_replica_arrives_too,
    a_stream_ends_with_the_gateways_enrolment,
    a_stream_ends_when_the_control_plane_stops,
    a_report_is_kept_as_the_last_one,
);
