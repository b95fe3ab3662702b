//! What the audit log holds of arguments: their digest, or what the profile asks for.

use crate::world::{World, objects, server};
use control_plane_api::audit::{AuditEvent, Phase};
use serde_json::json;

/// Two servers, of which only the profile of `open` wants arguments.
async fn world(flags: &[&str]) -> World {
    let mut objects = objects(&[server("open", ""), server("shut", "")]);
    for object in objects.iter_mut().filter(|object| object["name"] == "open-read-only") {
        object["spec"]["audit"] = json!({"arguments": "values"});
    }
    World::start(&objects, flags).await
}

fn told(world: &World, tool: &str, phase: Phase) -> AuditEvent {
    let wanted = |event: &AuditEvent| event.target.as_deref() == Some(tool) && event.phase == phase;
    world.audit().into_iter().rfind(wanted).unwrap()
}

#[tokio::test]
async fn arguments_are_recorded_where_the_profile_asks_for_it_and_secrets_nowhere() {
    let world = world(&[]).await;
    let token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let arguments = json!({"channel": "general", "password": 47_110_815_471_108_i64, "note": format!("use {token}")});
    for tool in ["open_echo", "shut_echo"] {
        assert_eq!(world.call("ada", tool, arguments.clone()).await.status, 200);
    }
    let values = told(&world, "open_echo", Phase::Intent).arguments.unwrap();
    assert_eq!(values["channel"], "general");
    assert_eq!((&values["password"]["type"], &values["note"]["type"]), (&json!("number"), &json!("string")));
    let hmac = values["note"]["hmac"].as_str().unwrap();
    assert_eq!(hmac.len(), 64);
    // The same secret is the same digest, in the outcome too: that is what it is for.
    assert_eq!(told(&world, "open_echo", Phase::Outcome).arguments.as_ref(), Some(&values));
    let shut = told(&world, "shut_echo", Phase::Intent);
    assert_eq!((shut.arguments, shut.arguments_digest.unwrap().len()), (None, 64));
    let all = serde_json::to_string(&world.audit()).unwrap();
    assert!(!all.contains("47110815471108") && !all.contains(&token[4..]), "{all}");
}

#[tokio::test]
async fn a_relaxed_gateway_writes_every_record_all_the_same() {
    let world = world(&["--audit-mode", "relaxed"]).await;
    for _ in 0..20 {
        assert_eq!(world.call("ada", "shut_echo", json!({})).await.status, 200);
    }
    let outcomes = || world.audit().iter().filter(|event| event.target.as_deref() == Some("shut_echo")).count();
    crate::world::eventually("both records of every call", async || (outcomes() == 40).then_some(())).await;
}
