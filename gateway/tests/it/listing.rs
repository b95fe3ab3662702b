//! Lists over time and over projects: a server comes late, nothing changes, and projects do not get in each other's way.

use crate::{
    aggregation::{crowd, shared},
    client::Events,
    world::{World, eventually},
};
use control_plane_api::timestamp::Timestamp;
use serde_json::{Value, json};

/// A gateway with `objects` under `limits`.
async fn limited(objects: &[Value], limits: &Value) -> World {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("snapshot.json");
    let snapshot = json!({"revision": 1, "issued_at": Timestamp::now(), "objects": objects, "limits": limits});
    std::fs::write(&file, snapshot.to_string()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    World::run(home, &["--config-file", &file]).await
}

async fn listen(world: &World, wanted: Value) -> Events {
    let params = json!({"notifications": wanted});
    let request = world.modern_request("weekly", "ada", "subscriptions/listen", params);
    let mut events = Events::of(request.send().await.unwrap());
    assert_eq!(events.message().await["method"], "notifications/subscriptions/acknowledged");
    events
}

async fn tools(world: &World, project: &str) -> (Vec<String>, u64) {
    let list = world.modern(project, "ada", "tools/list", json!({})).await;
    let result = &list.last()["result"];
    let names = result["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
    (names.collect(), result["ttlMs"].as_u64().unwrap())
}

#[tokio::test]
async fn a_server_that_comes_late_is_told_of_and_costs_the_others_nothing() {
    let hold = tempfile::NamedTempFile::new().unwrap();
    let mut late = crowd("late", "modern");
    late["spec"]["transport"]["env"] = json!({"HOLD": hold.path()});
    let limits = json!({"upstream_list_timeout_ms": 200, "upstream_call_timeout_ms": 1_000, "restart_backoff_ms": 50,
        "restart_backoff_max_ms": 200});
    let world = limited(&shared(&[crowd("good", "modern"), late]), &limits).await;
    let mine = ["good_mark", "good_ask", "good_touch"];
    // The good one may be late as well, by as long as its process takes to start.
    eventually("the list of the good server", async || (tools(&world, "weekly").await.0 == mine).then_some(())).await;
    assert_eq!(tools(&world, "weekly").await, (mine.map(str::to_owned).to_vec(), 0));
    let mut events = listen(&world, json!({"toolsListChanged": true})).await;
    hold.close().unwrap();
    assert_eq!(events.message().await["method"], "notifications/tools/list_changed");
    let (names, ttl_ms) = tools(&world, "weekly").await;
    assert_eq!((names.len(), ttl_ms), (6, 60_000));
}

#[tokio::test]
async fn lists_that_stay_the_same_are_no_news() {
    let world = limited(&shared(&[crowd("one", "modern,counts")]), &json!({"list_ttl_ms": 50})).await;
    let wanted = json!({"toolsListChanged": true, "resourceSubscriptions": ["mem://note"]});
    let mut events = listen(&world, wanted).await;
    let listed = async || world.call("ada", "one_lists", json!({})).await.told().as_u64().unwrap();
    let before = listed().await;
    eventually("a few more lists", async || (listed().await > before + 3).then_some(())).await;
    world.call("ada", "one_touch", json!({})).await;
    assert_eq!(events.message().await["method"], "notifications/resources/updated");
}

#[tokio::test]
async fn servers_of_different_projects_may_offer_the_same_names() {
    let unprefixed = |name: &str| {
        let mut server = crowd(name, "modern");
        server["spec"]["prefix"] = json!("");
        server
    };
    let mut all = shared(&[unprefixed("one"), unprefixed("two")]);
    for object in all.iter_mut().filter(|object| object["kind"] == "project") {
        object["spec"]["profiles"] = json!(["one-read-only"]);
    }
    all.push(json!({"kind": "project", "name": "other", "spec": {"profiles": ["two-read-only"], "members": ["ada"]}}));
    let world = World::start(&all, &[]).await;
    for project in ["weekly", "other"] {
        assert_eq!(tools(&world, project).await.0, ["mark", "ask", "touch"], "{project}");
        let call = json!({"name": "mark", "arguments": {"marker": project}});
        assert_eq!(world.modern(project, "ada", "tools/call", call).await.told(), project);
    }
    let servers: Vec<String> = world
        .audit()
        .into_iter()
        .filter(|event| event.target.is_some())
        .filter_map(|event| event.server.map(|server| server.to_string()))
        .collect();
    assert!(servers.contains(&"one".to_owned()) && servers.contains(&"two".to_owned()), "{servers:?}");
    // Where both are seen at once, neither can be meant.
    assert_eq!(tools(&world, "").await.0, [""; 0]);
}

#[tokio::test]
async fn a_list_that_was_asked_for_is_the_same_for_who_sees_the_same_and_another_for_who_does_not() {
    let mut all = shared(&[crowd("one", "modern")]);
    let member = |profile: &str, project: &str| {
        json!({"kind": "project", "name": project,
        "spec": {"profiles": [profile], "members": ["ada", "bob"]}})
    };
    all.retain(|object| object["kind"] != "project");
    all.push(json!({"kind": "profile", "name": "narrow",
        "spec": {"server": "one", "access": "read-only", "allow": ["mark"]}}));
    all.extend([member("one-read-only", "weekly"), member("narrow", "other")]);
    let world = World::start(&all, &[]).await;
    let asked = async |project: &str, who: &str| {
        let list = world.modern(project, who, "tools/list", json!({})).await;
        let tools = list.last()["result"]["tools"].as_array().cloned().unwrap_or_default();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for _ in 0..3 {
        for who in ["ada", "bob"] {
            assert_eq!(asked("weekly", who).await, ["one_mark", "one_ask", "one_touch"], "{who}");
            assert_eq!(asked("other", who).await, ["one_mark"], "{who}");
        }
        assert_eq!(asked("weekly", "eve").await, [""; 0]);
    }
    // The configuration that is in force decides, and nothing that was kept under another.
    all.iter_mut().filter(|object| object["name"] == "one-read-only").for_each(|profile| {
        profile["spec"]["allow"] = json!(["ask"]);
    });
    world.configure(2, &all);
    eventually("the new list", async || (asked("weekly", "ada").await == ["one_ask"]).then_some(())).await;
    assert_eq!(asked("weekly", "bob").await, ["one_ask"]);
}
