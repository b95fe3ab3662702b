//! P-05: a gateway that was cut off from its control plane for long refuses what profiles say, tells why, writes down how old
//! its configuration is, and serves everything again as soon as it hears from it.

use crate::{
    control_plane::ControlPlane,
    world::{Answer, World, eventually, objects, server},
};
use control_plane_api::{
    audit::{AuditEvent, Decision},
    timestamp::Timestamp,
};
use serde_json::{Value, json};

const READ: &str = "new_env";
const WRITE: &str = "new_echo";

/// A tool that reads and one that writes, both granted, by a profile with these words about staleness.
fn granting(stale: &Value) -> Vec<Value> {
    let mut server = server("new", "modern");
    server["spec"]["tools"] = json!([{"tool": "echo", "class": "write"}, {"tool": "*", "class": "read"}]);
    let mut objects = objects(&[server]);
    for profile in objects.iter_mut().filter(|object| object["kind"] == "profile") {
        profile["spec"]["access"] = json!("read-write");
        profile["spec"]["stale"] = stale.clone();
    }
    objects
}

/// A gateway that begins `hours` after its configuration was last confirmed, and the control plane from which it is cut off.
async fn cut_off(stale: &Value, hours: u64) -> (World, ControlPlane) {
    let control_plane = ControlPlane::start().await;
    let home = tempfile::tempdir().unwrap();
    let join = home.path().join("join-token");
    std::fs::write(&join, ControlPlane::join_token()).unwrap();
    control_plane.publish(1, &granting(stale));
    let flags = ["--mcpd-url", &control_plane.url, "--join-token-file", join.to_str().unwrap()];
    let world = World::run(home, &flags).await;
    assert!(is_served(&call(&world, WRITE).await), "confirmed");
    let kept = world.home.path().join("gateway/local/config.jsonl");
    eventually("the last-known-good", async || std::fs::read_to_string(&kept).ok().filter(|text| text.ends_with('\n')))
        .await;
    control_plane.is_away(true);
    let stamp = json!({"revision": 1, "age_ms": hours * 3_600_000, "boot": "", "boot_ms": 0, "at": Timestamp::now()});
    (world.moved_with(&[("confirmed.json", stamp.to_string())]).await, control_plane)
}

async fn call(world: &World, tool: &str) -> Answer {
    eventually("the server", async || {
        let answer = world.call("ada", tool, json!({})).await;
        // The tools of a server that starts are not known yet.
        (!answer.error().1.contains("no server of this project offers")).then_some(answer)
    })
    .await
}

fn is_served(answer: &Answer) -> bool {
    answer.last()["result"].is_object()
}

async fn listed(world: &World) -> Vec<String> {
    let list = world.modern("weekly", "ada", "tools/list", json!({})).await;
    let tools = list.last()["result"]["tools"].as_array().cloned().unwrap_or_default();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// What is in the audit log of calls of `tool`.
fn events(world: &World, tool: &str) -> Vec<AuditEvent> {
    world.audit().into_iter().filter(|event| event.target.as_deref() == Some(tool)).collect()
}

#[tokio::test]
async fn p05_who_is_cut_off_refuses_what_profiles_say() {
    for (stale, hours, reads, writes) in [
        (json!({}), 2, true, false),
        (json!({"then": "serve"}), 2_000, true, true),
        (json!({"then": "deny-writes", "after_ms": 10_800_000}), 2, true, true),
        (json!({"then": "deny"}), 2, true, false),
        (json!({"then": "deny", "after_ms": 3_600_000}), 2, false, false),
        (json!({"then": "deny"}), 25, false, false),
    ] {
        let (world, _control_plane) = cut_off(&stale, hours).await;
        let (read, write) = (call(&world, READ).await, call(&world, WRITE).await);
        assert_eq!((is_served(&read), is_served(&write)), (reads, writes), "{stale} {hours}: {read:?} {write:?}");
        let list = listed(&world).await;
        let shown = |tool: &str| list.iter().any(|name| name == tool);
        assert_eq!((shown(READ), shown(WRITE)), (reads, writes), "{stale} {hours}: a list shows what may be called");
    }
}

#[tokio::test]
async fn p05_the_owner_and_the_audit_log_are_told_why() {
    let (world, _control_plane) = cut_off(&json!({}), 2).await;
    let told = call(&world, WRITE).await.error().1;
    let reason = "the configuration was last confirmed 120 minutes ago, and profile `new-read-only` denies writes after 60 \
                  minutes: is mcpd reachable?";
    assert!(told.starts_with(&format!("permission denied: {reason} (audit id ")), "{told}");
    assert!(is_served(&call(&world, READ).await));
    let refused = events(&world, WRITE).pop().unwrap();
    assert_eq!((refused.decision, refused.reason.as_str()), (Decision::Deny, reason));
    for event in events(&world, WRITE).iter().chain(&events(&world, READ)) {
        assert!(event.stale_s.is_some_and(|age_s| (7_200..7_300).contains(&age_s)), "{event:?}");
    }
}

#[tokio::test]
async fn p05_everything_is_served_again_once_the_control_plane_is_heard() {
    let (world, control_plane) = cut_off(&json!({"then": "deny", "after_ms": 60_000}), 2).await;
    assert!(!is_served(&call(&world, READ).await));
    assert_eq!(listed(&world).await, [""; 0]);
    control_plane.is_away(false);
    eventually("the write", async || is_served(&world.call("ada", WRITE, json!({})).await).then_some(())).await;
    assert!(listed(&world).await.iter().any(|tool| tool == WRITE));
    let last = events(&world, WRITE).pop().unwrap();
    assert_eq!((last.decision, last.stale_s), (Decision::Allow, None));
}

#[tokio::test]
async fn p05_a_gateway_without_a_control_plane_is_never_stale() {
    let world = World::start(&granting(&json!({"then": "deny", "after_ms": 60_000})), &[]).await;
    assert!(is_served(&call(&world, WRITE).await));
    assert_eq!(events(&world, WRITE).pop().unwrap().stale_s, None);
}
