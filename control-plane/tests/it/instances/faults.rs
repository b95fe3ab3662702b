//! What goes wrong at an engine (C-07), and what servers do wrong in it (C-06): nothing is doubled, nothing is lost, and
//! the reason is told.

use super::docker::{Engine, Fault};
use crate::{on_both_stores, world::World};
use serde_json::{Value, json};

fn reason(status: &Value) -> &str {
    status["reason"].as_str().unwrap_or_default()
}

/// Under `fault` a new server does not run, for a reason that holds `expected`; without it, it does.
async fn check(world: &World, engine: &Engine, (fault, expected): (Fault, &str)) {
    engine.forget_images();
    engine.fault(fault);
    world.put_wrapped("slack", "docker").await;
    world.instance_once("slack", |status| reason(status).contains(expected)).await;
    engine.heal();
    world.healthy("slack").await;
    assert_eq!(engine.all().len(), 1, "{fault:?}");
    world.done("DELETE", "/api/v1/servers/slack", None).await;
    super::until("it is gone", async || engine.networks().is_empty().then_some(())).await;
}

async fn an_engine_in_trouble_is_tried_again_until_it_is_well(world: World) {
    let engine = Engine::start(&world).await;
    for fault in [
        (Fault::Broken, "500: no space left on device"),
        (Fault::Silent, "the Docker engine failed (Timeout error"),
        (Fault::NoImage, "manifest unknown"),
        (Fault::PullFails, "no such host"),
        (Fault::AnswerLost, "context deadline exceeded"),
    ] {
        check(&world, &engine, fault).await;
    }
}

async fn an_image_with_another_digest_never_runs(world: World) {
    let engine = Engine::start(&world).await;
    engine.fault(Fault::WrongDigest);
    world.put_wrapped("slack", "docker").await;
    let refused = world.instance_once("slack", |status| status["state"] == "backing_off").await;
    assert!(reason(&refused).contains("something else than") && reason(&refused).contains("sha256:cdcd"), "{refused}");
    assert_eq!(engine.created(), 0);
}

async fn an_image_by_tag_is_refused_with_the_way_to_its_digest(world: World) {
    let transport = json!({"type": "stdio", "command": "server"});
    let runtime = json!({"type": "docker", "image": "ghcr.io/x/y:latest"});
    let body = json!({"name": "slack", "spec": {"transport": transport, "runtime": runtime}});
    let refused = world.admin("PUT", "/api/v1/servers/slack", Some(body)).await;
    let violation = refused.json()["violations"][0].clone();
    assert_eq!((refused.status, &violation["field"]), (422, &json!("runtime.image")));
    assert!(violation["message"].as_str().unwrap().contains("imagetools inspect ghcr.io/x/y:latest"), "{violation}");
}

async fn an_image_that_takes_its_time_holds_nobody_up_and_can_be_called_off(world: World) {
    let engine = Engine::start(&world).await;
    engine.fault(Fault::PullHangs);
    world.put_wrapped("slow", "docker").await;
    super::until("the image is being fetched", async || engine.pulling().then_some(())).await;
    world.order("slow", "stop").await;
    world.instance_once("slow", |status| status["state"] == "stopped").await;
    assert_eq!(engine.created(), 0);
    engine.heal();
    world.order("slow", "start").await;
    world.healthy("slow").await;
}

async fn a_crash_loop_backs_off_and_says_why(world: World) {
    let engine = Engine::start(&world).await;
    engine.fault(Fault::Crashes);
    world.put_wrapped("slack", "docker").await;
    let failed = world.instance_once("slack", |status| status["restarts"].as_u64() >= Some(2)).await;
    assert_eq!((&failed["state"], reason(&failed)), (&json!("backing_off"), "it exited with status 3"), "{failed}");
    let words: Vec<String> = (4..9).map(|n| format!("last word {n}")).collect();
    assert_eq!(failed["stderr"], json!(words));
    assert!(failed.get("endpoint").is_none() && engine.created() <= 3, "{failed}");
    engine.fault(Fault::OutOfMemory);
    world.instance_once("slack", |status| reason(status) == "it used more memory than it may").await;
    engine.heal();
    // An order of somebody who mended it is not made to wait.
    world.order("slack", "restart").await;
    let well = world.healthy("slack").await;
    assert!(well.get("stderr").is_none() && well.get("reason").is_none(), "{well}");
}

async fn an_instance_that_dies_later_is_started_again_without_being_asked_for(world: World) {
    let engine = Engine::start(&world).await;
    world.put_wrapped("slack", "docker").await;
    let before = world.healthy("slack").await;
    engine.end(137, &["killed by somebody"]);
    world.instance_once("slack", |status| status["restarts"] == 1 && status["health"] == "healthy").await;
    assert_ne!(world.instance("slack").await["runtime_id"], before["runtime_id"]);
    assert_eq!((engine.all().len(), engine.created()), (1, 2));
}

async fn an_engine_that_is_gone_takes_nothing_back(world: World) {
    let mut engine = Engine::start(&world).await;
    world.put_wrapped("slack", "docker").await;
    let before = world.healthy("slack").await;
    let revision = world.revision().await;
    engine.down();
    let path = "/api/v1/instances/slack/logs";
    let logs = world.admin("GET", path, None).await;
    assert_eq!(logs.status, 502, "{}", logs.text);
    world.put_wrapped("other", "docker").await;
    world.instance_once("other", |status| reason(status).contains("the Docker engine failed")).await;
    let during = world.instance("slack").await;
    assert_eq!(during["endpoint"], before["endpoint"]);
    assert_eq!(world.revision().await, revision + 1, "gateways are told of the new server only");
    engine.up();
    world.healthy("other").await;
    assert_eq!(world.healthy("slack").await["runtime_id"], before["runtime_id"], "it went on all the time");
    assert_eq!(engine.created(), 2);
}

async fn a_container_of_somebody_else_by_the_same_name_is_left_alone(world: World) {
    let engine = Engine::start(&world).await;
    world.put_wrapped("slack", "docker").await;
    world.healthy("slack").await;
    let name = engine.only().body["HostConfig"]["NetworkMode"].as_str().unwrap().to_owned();
    world.order("slack", "stop").await;
    world.instance_once("slack", |status| status["state"] == "stopped").await;
    engine.put(&name, &json!({"com.example": "theirs"}));
    world.order("slack", "start").await;
    world.instance_once("slack", |status| reason(status).contains("belongs to somebody else")).await;
    assert!(engine.get(&name).is_some());
}

on_both_stores!(
    an_engine_in_trouble_is_tried_again_until_it_is_well,
    an_image_with_another_digest_never_runs,
    an_image_by_tag_is_refused_with_the_way_to_its_digest,
    an_image_that_takes_its_time_holds_nobody_up_and_can_be_called_off,
    a_crash_loop_backs_off_and_says_why,
    an_instance_that_dies_later_is_started_again_without_being_asked_for,
    an_engine_that_is_gone_takes_nothing_back,
    a_container_of_somebody_else_by_the_same_name_is_left_alone,
);
