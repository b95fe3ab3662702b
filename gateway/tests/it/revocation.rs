//! P-05: what is taken away while nothing happens, in the middle of a call, and in the middle of a stream.

use crate::{
    client::{Client, Events},
    world::{World, eventually, objects, read, server, user},
};
use control_plane_api::audit::{AuditEvent, Decision, Outcome, Phase};
use serde_json::{Value, json};

/// What an administrator takes away.
#[derive(Debug, Clone, Copy)]
enum Taken {
    Token,
    User,
    Membership,
    Profile,
}

const ALL: [Taken; 4] = [Taken::Token, Taken::User, Taken::Membership, Taken::Profile];

/// The server `new`, open to ada and bob.
fn before() -> Vec<Value> {
    let mut objects = objects(&[server("new", "modern")]);
    for object in objects.iter_mut().filter(|object| object["kind"] == "project") {
        object["spec"]["members"] = json!(["ada", "bob"]);
    }
    objects
}

/// The same without what is taken away from ada.
fn after(taken: Taken) -> Vec<Value> {
    let mut objects = before();
    for object in &mut objects {
        match (taken, object["kind"].as_str().unwrap(), object["name"].as_str().unwrap()) {
            (Taken::Token, "user", "ada") => object["spec"]["tokens"] = json!([]),
            (Taken::User, "user", "ada") => object["spec"]["disabled"] = json!(true),
            (Taken::Membership, "project", _) => object["spec"]["members"] = json!(["bob"]),
            (Taken::Profile, "project", _) => object["spec"]["profiles"] = json!([]),
            _ => {}
        }
    }
    objects
}

fn is_hang(event: &AuditEvent) -> bool {
    event.target.as_deref() == Some("new_hang")
}

async fn intent(world: &World) {
    eventually("the intent", async || world.audit().iter().any(is_hang).then_some(())).await;
}

/// The server was told that what hung is not wanted any more, and the audit log why.
async fn broken_off(world: &World, taken: Taken) {
    let outcome = eventually("the outcome", async || {
        world.audit().into_iter().find(|event| is_hang(event) && event.phase == Phase::Outcome)
    })
    .await;
    assert_eq!((outcome.decision, outcome.outcome), (Decision::Deny, Outcome::Denied), "{taken:?}");
    assert!(outcome.reason.starts_with("revoked while it ran: "), "{taken:?}: {}", outcome.reason);
    let intent = world.audit().into_iter().find(|event| is_hang(event) && event.phase == Phase::Intent).unwrap();
    assert_eq!((intent.revision, outcome.revision), (1, 2), "{taken:?}: each names the revision that decided");
}

#[tokio::test]
async fn nothing_new_begins_once_it_is_taken_away() {
    for taken in ALL {
        let world = World::start(&before(), &[]).await;
        assert!(world.call("ada", "new_echo", json!({})).await.told()["pid"].is_u64());
        world.configure(2, &after(taken));
        let refused = eventually("the refusal", async || {
            let answer = world.call("ada", "new_echo", json!({})).await;
            (answer.status == 401 || answer.last()["error"].is_object()).then_some(answer)
        })
        .await;
        let expected = if matches!(taken, Taken::Token | Taken::User) { 401 } else { 200 };
        assert_eq!(refused.status, expected, "{taken:?}");
    }
}

#[tokio::test]
async fn a_call_is_broken_off_in_the_middle() {
    for taken in ALL {
        let world = World::start(&before(), &[]).await;
        let call = json!({"name": "new_hang", "arguments": {}, "_meta": {"progressToken": "p"}});
        // Begins to be answered when the server has it and said so.
        let pending = world.modern_request("weekly", "ada", "tools/call", call).send().await.unwrap();
        world.configure(2, &after(taken));
        let answer = read(pending).await;
        assert!(answer.last()["error"].is_object(), "{taken:?}: {answer:?}");
        broken_off(&world, taken).await;
        if !matches!(taken, Taken::Profile) {
            let told = world.call("bob", "new_echo", json!({})).await.told();
            assert!(!told["cancelled"].as_array().unwrap().is_empty(), "{taken:?}: the server is told");
        }
    }
}

#[tokio::test]
async fn a_stream_is_cut_in_the_middle() {
    for taken in ALL {
        let world = World::start(&before(), &[]).await;
        let params = json!({"name": "new_hang", "arguments": {}, "_meta": {"progressToken": 1}});
        let mut events = Events::of(world.modern_request("weekly", "ada", "tools/call", params).send().await.unwrap());
        assert_eq!(events.message().await["method"], "notifications/progress");
        world.configure(2, &after(taken));
        let last = events.message().await;
        assert!(last["error"].is_object(), "{taken:?}: {last}");
        assert!(events.message().await.is_null(), "{taken:?}: the stream ends");
        broken_off(&world, taken).await;
    }
}

#[tokio::test]
async fn a_session_loses_its_call_and_its_event_stream() {
    for taken in [Taken::Token, Taken::User, Taken::Membership] {
        let world = World::start(&before(), &[]).await;
        let ada = Client::open(&world, "ada", "2025-11-25", json!({})).await;
        let mut own = Events::of(ada.get(None).await);
        let mut call = ada.stream(1, "new_hang", json!({})).await;
        intent(&world).await;
        world.configure(2, &after(taken));
        while let Some(event) = own.event().await {
            assert!(!event.data.contains("result"), "{taken:?}: {}", event.data);
        }
        while !call.message().await.is_null() {}
        broken_off(&world, taken).await;
        let again = ada.ask(2, "tools/list", json!({})).await;
        assert!(again.status == 401 || again.last()["error"].is_object(), "{taken:?}: {again:?}");
    }
}

#[tokio::test]
async fn who_listens_is_told_no_more() {
    for taken in [Taken::Token, Taken::User, Taken::Membership] {
        let world = World::start(&before(), &[]).await;
        let wanted = json!({"notifications": {"toolsListChanged": true}});
        let request = world.modern_request("weekly", "ada", "subscriptions/listen", wanted);
        let mut events = Events::of(request.send().await.unwrap());
        assert_eq!(events.message().await["method"], "notifications/subscriptions/acknowledged");
        world.configure(2, &after(taken));
        let last = events.message().await;
        assert!(last["error"].is_object(), "{taken:?}: {last}");
        assert!(events.message().await.is_null(), "{taken:?}");
    }
}

#[tokio::test]
async fn what_is_still_allowed_is_not_disturbed() {
    let world = World::start(&before(), &[]).await;
    let params = json!({"name": "new_deaf", "arguments": {"n": 2}, "_context": {"looking_for": "x"}});
    let request = world.modern_request("weekly", "ada", "tools/call", params);
    let pending = tokio::spawn(async move { read(request.send().await.unwrap()).await });
    eventually("the intent", async || {
        world.audit().iter().any(|event| event.target.as_deref() == Some("new_deaf")).then_some(())
    })
    .await;
    let mut other = before();
    other.push(user("eve", &["developer"], None));
    world.configure(2, &other);
    assert_eq!(pending.await.unwrap().told(), "done");
}
