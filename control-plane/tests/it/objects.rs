//! Servers, profiles, projects and users: put, get, delete, apply.

use crate::{on_both_stores, world::World};
use serde_json::{Value, json};

fn project(description: &str) -> Value {
    json!({"name": "w", "spec": {"description": description}})
}

fn applied(kind: &str, name: &str, spec: Value) -> Value {
    json!({"kind": kind, "name": name, "spec": spec})
}

async fn an_object_is_created_changed_left_alone_and_deleted(world: World) {
    let path = "/api/v1/projects/w";
    assert_eq!(world.admin("GET", path, None).await.status, 404);
    let created = world.admin("PUT", path, Some(project("one"))).await;
    assert_eq!(created.status, 201);
    let revision = created.json()["revision"].as_u64().unwrap();
    assert_eq!(created.etag, Some(format!("\"{revision}\"")));
    assert_eq!(world.revision().await, revision);

    let same = world.admin("PUT", path, Some(project("one"))).await;
    assert_eq!((same.status, same.json()["revision"].as_u64().unwrap()), (200, revision));
    assert_eq!(world.revision().await, revision);

    let changed = world.admin("PUT", path, Some(project("two"))).await;
    assert_eq!((changed.status, changed.json()["revision"].as_u64().unwrap()), (200, revision + 1));
    assert_eq!(world.done("GET", path, None).await, changed.json());
    assert_eq!(world.done("GET", "/api/v1/projects", None).await, json!([changed.json()]));

    // On trial nothing changes, whatever the precondition.
    assert_eq!(world.admin("DELETE", "/api/v1/projects/w?dry_run=true", None).await.status, 204);
    assert_eq!(world.admin("DELETE", "/api/v1/projects/absent?dry_run=true", None).await.status, 404);
    assert_eq!(world.admin("DELETE", "/api/v1/projects/w?dry_run=perhaps", None).await.status, 400);
    assert_eq!(world.done("GET", path, None).await, changed.json());
    assert_eq!(world.revision().await, revision + 1);

    assert_eq!(world.admin("DELETE", "/api/v1/projects/w?dry_run=false", None).await.status, 204);
    assert_eq!(world.revision().await, revision + 2);
    assert_eq!(world.admin("DELETE", path, None).await.status, 404);
    assert_eq!(world.done("GET", "/api/v1/projects", None).await, json!([]));
}

async fn a_change_built_on_an_old_revision_is_refused(world: World) {
    let path = "/api/v1/projects/w";
    assert_eq!(world.put_if(path, "*", project("new")).await.status, 412);
    assert_eq!(world.put_if(path, "\"1\"", project("new")).await.status, 412);
    let first = world.admin("PUT", path, Some(project("one"))).await.etag.unwrap();
    let second = world.put_if(path, &first, project("two")).await;
    assert_eq!(second.status, 200);
    let stale = world.put_if(path, &first, project("three")).await;
    assert_eq!((stale.status, stale.json()["type"].as_str().unwrap()), (412, "urn:mcpctl:problem:stale"));
    assert!(stale.json()["hint"].as_str().unwrap().contains("read it again"));
    assert_eq!(world.put_if(path, "unquoted", project("three")).await.status, 400);
    let bearer = format!("Bearer {}", world.admin);
    let headers = [("authorization", bearer.as_str()), ("if-match", first.as_str())];
    assert_eq!(world.send("DELETE", path, &headers, None).await.status(), 412);
    assert_eq!(world.done("GET", path, None).await["spec"]["description"], "two");
}

async fn what_is_referred_to_is_not_deleted(world: World) {
    world.server("slack", None).await;
    let objects = json!([
        applied("profile", "p", json!({"server": "slack"})),
        applied("project", "w", json!({"profiles": ["p"], "members": ["admin"]})),
    ]);
    world.done("POST", "/api/v1/apply", Some(json!({"objects": objects}))).await;
    for (path, by) in [("servers/slack", "profile/p"), ("profiles/p", "project/w"), ("users/admin", "project/w")] {
        for query in ["", "?dry_run=true"] {
            let refused = world.admin("DELETE", &format!("/api/v1/{path}{query}"), None).await;
            assert_eq!(refused.status, 409);
            assert!(refused.json()["detail"].as_str().unwrap().contains(by), "{}", refused.text);
        }
    }
    for path in ["projects/w", "profiles/p", "servers/slack"] {
        world.done("DELETE", &format!("/api/v1/{path}"), None).await;
    }
}

async fn the_last_administrator_stays(world: World) {
    let demoted = json!({"name": "admin", "spec": {"roles": ["developer"]}});
    assert_eq!(world.admin("PUT", "/api/v1/users/admin", Some(demoted.clone())).await.status, 409);
    assert_eq!(world.admin("DELETE", "/api/v1/users/admin", None).await.status, 409);
    let token = world.user("second", &["admin"], None).await;
    assert_eq!(world.admin("PUT", "/api/v1/users/admin", Some(demoted)).await.status, 200);
    assert_eq!(world.admin("GET", "/api/v1/users", None).await.status, 403);
    assert_eq!(world.call("DELETE", "/api/v1/users/admin", Some(&token), None).await.status, 204);
    assert_eq!(world.admin("GET", "/api/v1/whoami", None).await.status, 401);
}

async fn many_objects_are_applied_all_or_none(world: World) {
    let stdio = json!({"transport": {"type": "stdio", "command": "true"}});
    let good = json!([
        applied("project", "w", json!({"profiles": ["p"]})),
        applied("profile", "p", json!({"server": "slack"})),
        applied("server", "slack", stdio),
    ]);
    let before = world.revision().await;
    let dry = world.done("POST", "/api/v1/apply", Some(json!({"objects": good, "dry_run": true}))).await;
    assert_eq!((&dry["objects"][0]["effect"], dry["revision"].as_u64().unwrap()), (&json!("created"), before));
    assert_eq!((world.revision().await, world.admin("GET", "/api/v1/servers/slack", None).await.status), (before, 404));

    let done = world.done("POST", "/api/v1/apply", Some(json!({"objects": good}))).await;
    assert_eq!(done["revision"].as_u64().unwrap(), before + 1);
    assert_eq!(done["objects"][2], json!({"object": {"kind": "server", "name": "slack"}, "effect": "created"}));
    let changed = applied("project", "w", json!({"profiles": ["p"], "description": "new"}));
    let objects = json!([changed, applied("profile", "p", json!({"server": "slack"}))]);
    let done = world.done("POST", "/api/v1/apply", Some(json!({"objects": objects}))).await;
    assert_eq!(
        (&done["objects"][0]["effect"], &done["objects"][1]["effect"]),
        (&json!("configured"), &json!("unchanged"))
    );

    let bad = json!([applied("project", "x", json!({})), applied("profile", "q", json!({"server": "jira"}))]);
    let refused = world.admin("POST", "/api/v1/apply", Some(json!({"objects": bad}))).await;
    assert_eq!(refused.status, 422);
    let violation = &refused.json()["violations"][0];
    assert_eq!((&violation["object"]["name"], &violation["field"]), (&json!("q"), &json!("server")));
    assert_eq!(world.admin("GET", "/api/v1/projects/x", None).await.status, 404);
    assert_eq!(world.revision().await, before + 2);
}

async fn what_cannot_be_read_is_refused_with_its_place(world: World) {
    let unknown = json!({"objects": [applied("project", "w", json!({"profile": ["p"]}))]});
    let refused = world.admin("POST", "/api/v1/apply", Some(unknown)).await;
    assert_eq!(refused.status, 400);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("unknown field `profile`") && detail.contains("line 1 column"), "{detail}");

    let path = "/api/v1/projects/w";
    for (body, status) in [
        (json!({"name": "w", "spec": {}, "extra": 1}), 400),
        (json!({"name": "w"}), 400),
        (json!({"name": "W!", "spec": {}}), 400),
        (json!({"name": "other", "spec": {}}), 422),
        (json!("text"), 400),
    ] {
        let refused = world.admin("PUT", path, Some(body)).await;
        assert_eq!((refused.status, refused.media.as_str()), (status, "application/problem+json"), "{}", refused.text);
    }
    let bad_name = world.admin("PUT", "/api/v1/projects/W%21", Some(project(""))).await;
    assert_eq!(bad_name.status, 400);
    assert!(bad_name.text.contains("not a valid name"), "{}", bad_name.text);
    let refused =
        world.admin("PUT", path, Some(json!({"name": "w", "spec": {"description": "x".repeat(17 << 20)}}))).await;
    assert_eq!(refused.status, 413);
}

async fn changes_at_the_same_time_each_get_a_revision_of_their_own(world: World) {
    let put = |n: usize| {
        let body = json!({"name": format!("p{n}"), "spec": {}});
        let world = &world;
        async move { world.done("PUT", &format!("/api/v1/projects/p{n}"), Some(body)).await["revision"].as_u64().unwrap() }
    };
    let before = world.revision().await;
    let mut revisions = futures::future::join_all((0..20).map(put)).await;
    revisions.sort_unstable();
    assert_eq!(revisions, (before + 1..=before + 20).collect::<Vec<_>>());
}

on_both_stores!(
    an_object_is_created_changed_left_alone_and_deleted,
    a_change_built_on_an_old_revision_is_refused,
    what_is_referred_to_is_not_deleted,
    the_last_administrator_stays,
    many_objects_are_applied_all_or_none,
    what_cannot_be_read_is_refused_with_its_place,
    changes_at_the_same_time_each_get_a_revision_of_their_own,
);
