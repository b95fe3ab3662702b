//! What is left of the processes of servers when they, or the gateway, are gone: nothing.

use crate::{
    confinement::{marked, probe},
    process::Gateway,
    world::{PROGRAM, World, eventually, objects},
};
use serde_json::json;

/// Starts the gateway with namespaces forbidden to it.
const WITHOUT_NAMESPACES: [&str; 6] = [
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    "echo 0 > /proc/sys/user/max_pid_namespaces && exec \"$0\" \"$@\"",
];

/// Times the gateway is killed. Every one starts from nothing.
const KILLS: usize = 10;

/// Kills a gateway, started by the program `before`, again and again while its server has left a process in a session of its
/// own.
async fn check(before: &[&str], mark: &str) {
    let home = tempfile::tempdir().unwrap();
    for cycle in 0..KILLS {
        let line = [before, &[PROGRAM]].concat();
        let gateway = Gateway::start(&line, home.path(), &objects(&[probe(mark, &json!({}))]), &json!({})).await;
        eventually("the orphan", async || gateway.call("probe_orphan", json!({})).await.told().is_u64().then_some(()))
            .await;
        // The server, who watches over it, and what it left behind.
        assert!(marked(mark).len() >= 3, "{before:?} {cycle}: {:?}", marked(mark));
        drop(gateway);
        eventually("the end of all", async || marked(mark).is_empty().then_some(())).await;
    }
}

#[tokio::test]
async fn c05_nothing_outlives_a_gateway_that_is_killed() {
    check(&[], "c05-killed").await;
}

#[tokio::test]
async fn c05_nothing_outlives_a_gateway_that_is_killed_where_there_are_no_namespaces() {
    check(&WITHOUT_NAMESPACES, "c05-killed-without").await;
}

#[tokio::test]
async fn c05_a_process_that_left_its_session_goes_with_its_server() {
    let mark = "c05-stopped";
    let world = World::start(&objects(&[probe(mark, &json!({}))]), &[]).await;
    assert!(world.call("ada", "probe_orphan", json!({})).await.told().is_u64());
    world.configure(2, &objects(&[]));
    eventually("the end of all", async || marked(mark).is_empty().then_some(())).await;
}

#[tokio::test]
async fn c06_two_starts_at_once_give_one_instance() {
    let mark = "c06-once";
    let world = World::start(&objects(&[probe(mark, &json!({}))]), &[]).await;
    let calls = (0..20).map(|_| world.call("ada", "probe_look", json!({})));
    let said = futures::future::join_all(calls).await;
    assert!(said[0].told()["instance"].is_string());
    assert!(said.iter().all(|answer| answer.told()["instance"] == said[0].told()["instance"]));
    // That one and the one that is asked for lists, each with the two stages that watch over it.
    assert!(marked(mark).len() <= 6, "{:?}", marked(mark));
}
