//! What `docs/operations/disaster.md` tells an operator to do after a loss, done.

use crate::{
    backup::private,
    database::refusal,
    on_both_stores,
    postgres::Cluster,
    stream::Gateway,
    world::{World, settings},
};
use control_plane::server;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};
use std::fs;

async fn secret(world: &World) {
    world.done("PUT", "/api/v1/secrets/slack-token", Some(json!({"value": "canary-secret-4242"}))).await;
    world.server("slack", Some("slack-token")).await;
    let profile = json!({"name": "p", "spec": {"server": "slack"}});
    world.done("PUT", "/api/v1/profiles/p", Some(profile)).await;
    let project = json!({"name": "w", "spec": {"profiles": ["p"]}});
    world.done("PUT", "/api/v1/projects/w", Some(project)).await;
}

async fn a_gateway_that_is_lost_is_enrolled_anew_and_the_old_one_is_shut_out(world: World) {
    secret(&world).await;
    let lost = Gateway::enrol(&world, "central").await;
    lost.connect(&world).await.snapshot().await;
    let next = Gateway::enrol(&world, "central").await;
    let snapshot = next.connect(&world).await.snapshot().await;
    assert_eq!(next.open(&snapshot, "slack-token"), "canary-secret-4242");
    assert!(lost.try_connect(&world).await.is_none(), "whoever has its disk is shut out");
}

#[tokio::test]
async fn another_mcpd_with_the_database_and_the_master_key_goes_on() {
    let url = crate::postgres::database();
    let mut world = World::on(&url, &[]).await;
    secret(&world).await;
    let gateway = Gateway::enrol(&world, "central").await;
    let revision = world.revision().await;
    let key = fs::read_to_string(world.home("master-key")).unwrap();
    world.stop().await;
    drop(world);

    let machine = tempfile::tempdir().unwrap();
    private(&machine.path().join("master-key"), &key);
    server::reset_admin_token(&settings(machine.path(), &url)).await.unwrap();
    let world = World::on_home(machine, &url).await;
    assert!(world.revision().await > revision);
    // The same token, and signatures that verify with the same key.
    let snapshot = gateway.connect(&world).await.snapshot().await;
    assert_eq!(gateway.open(&snapshot, "slack-token"), "canary-secret-4242");
}

#[tokio::test]
async fn a_certificate_of_a_new_authority_is_taken_while_both_are_trusted() {
    let cluster = Cluster::start();
    let url = cluster.database();
    let certificates = cluster.tell("tls");
    let by_name = url.replace("127.0.0.1", "localhost");
    let with = |ca: &str| format!("{by_name}?sslmode=verify-full&sslrootcert={ca}");
    let (old, new) = (format!("{certificates}/ca.crt"), format!("{certificates}/other.crt"));
    let folder = tempfile::tempdir().unwrap();
    let both = folder.path().join("both.crt");
    fs::write(&both, [fs::read(&old).unwrap(), fs::read(&new).unwrap()].concat()).unwrap();
    let world = World::on(&with(both.to_str().unwrap()), &[]).await;
    secret(&world).await;

    assert_eq!(cluster.tell("renew"), "renewed");
    let mut session = PgConnection::connect(&format!("{by_name}?sslmode=require")).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'mcpd/%'";
    session.execute(end).await.unwrap();
    world.done("GET", "/api/v1/servers/slack", None).await;
    let refused = refusal(&with(&old)).await;
    assert!(refused.contains("no safe connection") && refused.contains("sslrootcert"), "{refused}");
    World::beside(&world, &with(&new)).await.done("GET", "/api/v1/servers/slack", None).await;
}

#[tokio::test]
async fn the_file_of_authorities_is_read_at_every_connection() {
    let cluster = Cluster::start();
    let url = cluster.database();
    let certificates = cluster.tell("tls");
    let by_name = url.replace("127.0.0.1", "localhost");
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("trusted.crt");
    let trust = |names: &[&str]| {
        let files = names.iter().map(|name| fs::read(format!("{certificates}/{name}.crt")).unwrap());
        fs::write(&trusted, files.collect::<Vec<_>>().concat()).unwrap();
    };
    trust(&["ca"]);
    let world = World::on(&format!("{by_name}?sslmode=verify-full&sslrootcert={}", trusted.display()), &[]).await;
    secret(&world).await;

    // Renewed before anybody thought of trust.
    assert_eq!(cluster.tell("renew"), "renewed");
    let mut session = PgConnection::connect(&format!("{by_name}?sslmode=require")).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'mcpd/%'";
    session.execute(end).await.unwrap();
    assert_eq!(world.admin("GET", "/api/v1/servers/slack", None).await.status, 503);
    trust(&["ca", "other"]);
    world.done("GET", "/api/v1/servers/slack", None).await;
}

on_both_stores!(a_gateway_that_is_lost_is_enrolled_anew_and_the_old_one_is_shut_out);
