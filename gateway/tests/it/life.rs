//! What changes while a gateway runs: configuration, servers, clients that go away.

use crate::{
    eras::initialize,
    world::{World, eventually, objects, read, server, token_of, with_relevance},
};
use control_plane_api::audit::{Outcome, Phase};
use futures::StreamExt as _;
use serde_json::json;

#[tokio::test]
async fn a_client_that_goes_away_cancels_what_it_asked_for() {
    let world = World::start(&objects(&[server("old", "")]), &[]).await;
    let call = json!({"name": "old_hang", "arguments": {}, "_meta": {"progressToken": "p"}});
    let mut pending = world.modern_request("weekly", "ada", "tools/call", call).send().await.unwrap().bytes_stream();
    let hanging = |e: &control_plane_api::audit::AuditEvent| e.target.as_deref() == Some("old_hang");
    let begun = String::from_utf8(pending.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(begun.contains("notifications/progress"), "the server has it: {begun}");
    drop(pending);
    eventually("the cancellation in the audit log", async || {
        world
            .audit()
            .iter()
            .any(|e| hanging(e) && e.outcome == Outcome::Cancelled && e.phase == Phase::Outcome)
            .then_some(())
    })
    .await;
    eventually("the cancellation at the server", async || {
        let told = world.call("ada", "old_echo", json!({})).await.told();
        told["cancelled"].as_array().is_some_and(|c| !c.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_legacy_client_cancels_by_notification() {
    let world = World::start(&objects(&[server("old", "")]), &[]).await;
    let session = initialize(&world).await.session.unwrap();
    let hang =
        json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "old_hang", "arguments": {}}});
    let note = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}});
    let call = world.legacy("ada", Some(&session), hang);
    let cancel = async {
        let hanging = |e: &control_plane_api::audit::AuditEvent| e.target.as_deref() == Some("old_hang");
        eventually("the intent", async || world.audit().iter().any(hanging).then_some(())).await;
        world.legacy("ada", Some(&session), note).await
    };
    let (answer, cancelled) = tokio::join!(call, cancel);
    assert_eq!((answer.messages.len(), cancelled.status), (0, 202));
}

#[tokio::test]
async fn a_new_configuration_is_in_force_at_once_and_listeners_are_told() {
    let world = World::start(&objects(&[server("one", "modern")]), &[]).await;
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let mut stream =
        world.modern_request("weekly", "ada", "subscriptions/listen", wanted).send().await.unwrap().bytes_stream();
    let first = String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(
        first.contains("notifications/subscriptions/acknowledged") && first.contains(r#""toolsListChanged":true"#),
        "{first}"
    );
    world.configure(2, &objects(&[server("one", "modern"), server("two", "")]));
    let mut told = String::new();
    while let Some(Ok(chunk)) = stream.next().await {
        told.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(told.contains("notifications/tools/list_changed"), "{told}");
    assert!(told.contains(r#""resultType":"complete""#), "the stream of the old pipeline completes: {told}");
    assert!(world.call("ada", "two_echo", json!({})).await.told()["pid"].is_u64());
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_leaves_the_old_one_in_force() {
    let world = World::start(&objects(&[server("old", "")]), &[]).await;
    let pid = world.call("ada", "old_echo", json!({})).await.told()["pid"].clone();
    world.configure(2, &[json!({"kind": "profile", "name": "p", "spec": {"server": "gone"}})]);
    let mut better = objects(&[server("old", "")]);
    better.push(
        json!({"kind": "project", "name": "second", "spec": {"profiles": ["old-read-only"], "members": ["ada"]}}),
    );
    assert_eq!(world.call("ada", "old_echo", json!({})).await.told()["pid"], pid);
    world.configure(3, &better);
    eventually("the second project", async || {
        let list = world.modern("second", "ada", "tools/list", json!({})).await;
        (list.status == 200).then_some(())
    })
    .await;
    assert_eq!(
        world.call("ada", "old_echo", json!({})).await.told()["pid"],
        pid,
        "an unchanged server goes on running"
    );
}

#[tokio::test]
async fn a_dead_server_takes_nothing_from_the_others() {
    let mut broken = server("broken", "");
    broken["spec"]["transport"]["command"] = json!("no-such-command-anywhere");
    let world =
        World::start(&objects(&[broken, server("dying", "dies-at-start"), server("fine", "modern")]), &[]).await;
    let list = world.modern("weekly", "ada", "tools/list", json!({})).await;
    assert!(list.last().to_string().contains("fine_echo"));
    assert_eq!(list.last()["result"]["ttlMs"], json!(0), "a list without every server is not kept");
    assert!(world.call("ada", "fine_echo", json!({})).await.told()["pid"].is_u64());
}

#[tokio::test]
async fn a_server_that_dies_on_a_call_is_told_of_and_started_again() {
    let mut objects = objects(&[server("old", "")]);
    objects.retain(|o| o["kind"] != "profile");
    objects.push(json!({"kind": "profile", "name": "old-read-only", "spec": {"server": "old", "access": "full"}}));
    let world = World::start(&objects, &[]).await;
    let (code, told) = world.call("ada", "old_die", json!({})).await.error();
    assert_eq!(code, -32603);
    assert!(told.contains("server `old` went away before it answered"), "{told}");
    eventually("the server's return", async || {
        world.call("ada", "old_echo", json!({})).await.told()["pid"].is_u64().then_some(())
    })
    .await;
    let outcome = world.audit().into_iter().rfind(|e| e.target.as_deref() == Some("old_die")).unwrap().outcome;
    assert_eq!(outcome, Outcome::Error);
}

#[tokio::test]
async fn a_local_gateway_has_a_central_one_as_its_upstream() {
    let central = World::start(&objects(&[server("old", "")]), &["--role", "central"]).await;
    let url = central.url("weekly");
    let bearer = format!("Bearer {}", token_of("ada"));
    let upstream = json!({"kind": "server", "name": "company", "spec": {"prefix": "",
        "transport": {"type": "http", "url": url, "headers": {"Authorization": bearer}},
        "tools": [{"tool": "*", "class": "read"}]}});
    let local = World::start(&with_relevance(objects(&[upstream]), &json!({"enabled": true})), &[]).await;
    let list = local.modern("weekly", "ada", "tools/list", json!({})).await;
    assert!(list.last().to_string().contains(r#""name":"old_echo""#), "names are not prefixed twice");
    let told = local.call("ada", "old_echo", json!({"a": 1, "_context": "x"})).await.told();
    assert_eq!(told["arguments"], json!({"a": 1}));
    let (_, told) = local.call("ada", "old_die", json!({})).await.error();
    assert!(told.contains("no server of this project offers"), "{told}");
    let raw = local.modern_request("weekly", "ada", "tools/call", json!({"name": "old_echo", "arguments": {}}));
    assert_eq!(read(raw.send().await.unwrap()).await.status, 200);
    let users: Vec<_> = central.audit().into_iter().filter_map(|e| e.target).collect();
    assert!(users.contains(&"old_echo".to_owned()), "the central gateway has its own record");
}
