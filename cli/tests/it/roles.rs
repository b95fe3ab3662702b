//! `mcpctl role`: what is shown of roles, and what is sent to give and take them.

use crate::{
    stub::{Reply, Seen, Stub},
    world::World,
};

fn answer(seen: &Seen) -> Reply {
    match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/roles") => Reply::json(
            r#"[{"name": "operator", "purpose": "servers and profiles", "may": [
                    {"method": "GET", "path": "/api/v1/servers", "summary": "The servers"},
                    {"method": "DELETE", "path": "/api/v1/servers/{name}", "summary": "Delete a server"}]},
                {"name": "developer", "purpose": "uses projects", "may": []}]"#,
        ),
        ("GET", "/api/v1/users") => Reply::json(
            r#"[{"name": "alice", "revision": 1, "spec": {"roles": ["developer", "operator"]}},
                {"name": "bob", "revision": 1, "spec": {"roles": ["developer"], "disabled": true}}]"#,
        ),
        ("GET", "/api/v1/users/alice") => {
            Reply::json(r#"{"name": "alice", "revision": 1, "spec": {"roles": ["developer", "operator"]}}"#)
        }
        ("GET", "/api/v1/users/bob") => {
            Reply::json(r#"{"name": "bob", "revision": 1, "spec": {"roles": ["developer"], "disabled": true}}"#)
        }
        ("GET", _) => Reply::status(404),
        ("POST", "/api/v1/apply") => Reply::json(
            r#"{"revision": 2, "objects": [{"object": {"kind": "user", "name": "alice"}, "effect": "unchanged"},
                {"object": {"kind": "user", "name": "bob"}, "effect": "configured"}]}"#,
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn roles_are_shown_with_who_has_them_and_what_each_may_do() {
    let stub = Stub::start(|seen, _| answer(seen));
    let world = World::connected(&stub.url);
    assert_eq!(
        world.run(&["role", "list"]).succeeds(),
        "NAME       USERS  PURPOSE\noperator   1      servers and profiles\ndeveloper  2      uses projects\n"
    );
    assert_eq!(
        world.run(&["role", "describe", "operator"]).succeeds(),
        "Name:     operator
Purpose:  servers and profiles
Users:    alice
May:      GET    /api/v1/servers  The servers
May:      DELETE /api/v1/servers/{name}  Delete a server
"
    );
    world.run(&["role", "describe", "king"]).fails(2, &["[possible values: admin, operator, auditor, developer]"]);
}

#[test]
fn a_role_is_given_to_several_users_at_once_and_nothing_else_of_them_changes() {
    let stub = Stub::start(|seen, _| answer(seen));
    let world = World::connected(&stub.url);
    let ran = world.run(&["role", "grant", "operator", "alice", "bob"]);
    assert_eq!(ran.succeeds(), "user/alice unchanged\nuser/bob changed\n");
    let sent = stub.wait_for(|seen| seen.method == "POST").body;
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["objects"][0]["spec"], serde_json::json!({"roles": ["developer", "operator"]}));
    assert_eq!(sent["objects"][1]["spec"], serde_json::json!({"roles": ["developer", "operator"], "disabled": true}));

    let stub = Stub::start(|seen, _| answer(seen));
    let world = World::connected(&stub.url);
    world.run(&["role", "revoke", "operator", "alice", "--dry-run"]).succeeds();
    let sent = stub.wait_for(|seen| seen.method == "POST").body;
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(
        (&sent["objects"][0]["spec"]["roles"], &sent["dry_run"]),
        (&serde_json::json!(["developer"]), &true.into())
    );
    world.run(&["role", "grant", "operator", "alise"]).fails(5, &["did you mean `alice`?"]);
    world.run(&["role", "grant", "operator"]).fails(2, &["<USER>"]);
}
