//! Configuration that changes under load (case P-03): every call is decided by one revision, and its record names that one.

use crate::{
    changing::{Changing, project, shows, tool},
    control_plane::ControlPlane,
    world::World,
};
use control_plane_api::audit::{Decision, Phase};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

const FIRST: u64 = 10;
const REVISIONS: u64 = 100;
/// Time between two revisions.
const PACE: Duration = Duration::from_millis(10);

/// Ada may call `old_get` under even revisions only.
fn configuration(server: &Value, revision: u64) -> Vec<Value> {
    let mut all = project(std::slice::from_ref(server));
    if !revision.is_multiple_of(2) {
        for profile in all.iter_mut().filter(|object| object["kind"] == "profile") {
            profile["spec"]["deny"] = json!(["get"]);
        }
    }
    all
}

#[tokio::test]
async fn p_03_a_call_is_decided_by_the_revision_that_its_record_names() {
    let server = Changing::new(&[tool("get")]);
    let object = server.object("old");
    let control_plane = ControlPlane::start().await;
    let home = tempfile::tempdir().unwrap();
    let join = home.path().join("join-token");
    std::fs::write(&join, ControlPlane::join_token()).unwrap();
    control_plane.publish(FIRST, &configuration(&object, FIRST));
    let world =
        World::run(home, &["--mcpd-url", &control_plane.url, "--join-token-file", join.to_str().unwrap()]).await;
    shows(&world, &["get"]).await;
    let over = AtomicBool::new(false);
    let pushing = async {
        let mut pace = tokio::time::interval(PACE);
        for revision in FIRST + 1..=FIRST + REVISIONS {
            pace.tick().await;
            control_plane.publish(revision, &configuration(&object, revision));
        }
        over.store(true, Ordering::SeqCst);
    };
    let calling = futures::future::join_all((0..8).map(async |_| {
        let mut calls = 0_usize;
        while !over.load(Ordering::SeqCst) {
            let answer = world.call("ada", "old_get", json!({})).await;
            let (allowed, code) = (answer.last().get("result").is_some(), answer.error().0);
            assert!(allowed || code == -32602, "{answer:?}");
            calls += 1;
        }
        calls
    }));
    let ((), calls) = tokio::join!(pushing, calling);
    let mut seen = BTreeSet::new();
    let (mut allowed, mut revoked, mut denied) = (0, 0, 0);
    for event in world.audit().into_iter().filter(|event| event.target.as_deref() == Some("old_get")) {
        if event.phase != Phase::Outcome {
            continue;
        }
        seen.insert(event.revision);
        match (event.decision, event.revision.is_multiple_of(2)) {
            (Decision::Allow, true) => allowed += 1,
            // The revision that took the answer back is named; its intent names the one that let it go.
            (Decision::Deny, false) if event.reason.starts_with("revoked while it ran") => revoked += 1,
            (Decision::Deny, false) => denied += 1,
            _ => panic!("{event:?}"),
        }
    }
    assert_eq!(allowed + revoked + denied, calls.iter().sum::<usize>(), "every call is written down once");
    assert!(
        seen.len() > 10 && allowed > 0 && denied > 0,
        "{} revisions, {allowed} allowed, {denied} denied",
        seen.len()
    );
    // What was revoked while it ran may have been taken back before the server had it.
    let truth = server.called().iter().filter(|name| *name == "get").count();
    assert!((allowed..=allowed + revoked).contains(&truth), "{truth} calls, {allowed} allowed, {revoked} revoked");
}
