//! Passwords, sessions, and users who are shut out.

use crate::{
    on_both_stores,
    stream::Gateway,
    world::{Answer, World},
};
use control_plane_api::{
    pepper::Peppers,
    token::{self, TokenKind},
};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

async fn password(world: &World, user: &str, password: Option<&str>) -> Answer {
    world.admin("PUT", &format!("/api/v1/users/{user}/password"), Some(json!({"password": password}))).await
}

async fn log_in(world: &World, user: &str, password: &str) -> Answer {
    world.call("POST", "/api/v1/sessions", None, Some(json!({"user": user, "password": password}))).await
}

/// A user with a password, and a session of the user.
async fn logged_in(world: &World, user: &str, roles: &[&str]) -> (String, Value) {
    world.done("PUT", &format!("/api/v1/users/{user}"), Some(json!({"name": user, "spec": {"roles": roles}}))).await;
    assert_eq!(password(world, user, Some(PASSWORD)).await.status, 204);
    let opened = log_in(world, user, PASSWORD).await;
    assert_eq!(opened.status, 201, "{}", opened.text);
    (opened.json()["token"].as_str().unwrap().to_owned(), opened.json())
}

async fn whoami(world: &World, token: &str) -> u16 {
    world.call("GET", "/api/v1/whoami", Some(token), None).await.status
}

async fn a_password_opens_a_session_that_speaks_for_its_user(world: World) {
    let (token, opened) = logged_in(&world, "ann", &["developer"]).await;
    assert!(token::is_well_formed(TokenKind::Session, &token));
    let known = world.call("GET", "/api/v1/whoami", Some(&token), None).await.json();
    assert_eq!((&known["user"], &known["session"]), (&json!("ann"), &opened["id"]));
    assert_eq!(world.call("GET", "/api/v1/users", Some(&token), None).await.status, 403);
    let list = world.call("GET", "/api/v1/sessions", Some(&token), None).await;
    assert_eq!(list.json().as_array().unwrap().len(), 1);
    assert!(!list.text.contains(&token) && !list.text.contains("digest"), "{}", list.text);
    assert!(list.json()[0]["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
}

async fn every_login_is_a_new_session_and_the_one_before_stays_or_ends_by_itself(world: World) {
    let (first, opened) = logged_in(&world, "ann", &["developer"]).await;
    let again = log_in(&world, "ann", PASSWORD).await.json();
    let second = again["token"].as_str().unwrap();
    assert_ne!((&opened["id"], first.as_str()), (&again["id"], second));
    assert_eq!(world.call("DELETE", "/api/v1/sessions/current", Some(&first), None).await.status, 204);
    assert_eq!((whoami(&world, &first).await, whoami(&world, second).await), (401, 200));
    assert_eq!(world.call("DELETE", "/api/v1/sessions/current", Some(&world.admin), None).await.status, 404);
}

async fn whatever_is_wrong_with_a_login_the_answer_is_the_same(world: World) {
    logged_in(&world, "ann", &["developer"]).await;
    world.done("PUT", "/api/v1/users/bob", Some(json!({"name": "bob", "spec": {}}))).await;
    logged_in(&world, "eve", &["developer"]).await;
    world.done("PUT", "/api/v1/users/eve", Some(json!({"name": "eve", "spec": {"disabled": true}}))).await;
    let mut texts = Vec::new();
    for (user, password) in [
        ("ann", "wrong horse battery"),
        ("ann", ""),
        ("ann", &"x".repeat(5_000)),
        ("bob", PASSWORD),
        ("eve", PASSWORD),
        ("nobody", PASSWORD),
        ("' OR 1=1--", PASSWORD),
        ("Ann", PASSWORD),
        ("", PASSWORD),
    ] {
        let refused = log_in(&world, user, password).await;
        assert_eq!((refused.status, refused.challenge), (401, None), "{user}");
        texts.push(refused.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let log = world.done("GET", "/api/v1/audit?decision=deny&limit=100", None).await;
    let targets: Vec<_> = log["events"].as_array().unwrap().iter().map(|event| event["target"].clone()).collect();
    assert_eq!(targets.len(), 9);
    assert_eq!(targets.iter().filter(|target| **target == "user/ann").count(), 3);
    assert_eq!(targets.iter().filter(|target| **target == "user").count(), 3, "no text of a stranger's in the log");
}

async fn too_many_wrong_passwords_have_to_wait_and_a_token_does_not(world: World) {
    let (session, _) = logged_in(&world, "ann", &["developer"]).await;
    let mut last = 401;
    for _ in 0..6 {
        last = log_in(&world, "ann", "wrong horse battery").await.status;
    }
    assert_eq!(last, 429);
    let body = json!({"user": "ann", "password": PASSWORD}).to_string();
    let refused = world.send("POST", "/api/v1/sessions", &[], Some(serde_json::from_str(&body).unwrap())).await;
    assert_eq!(refused.status(), 429, "the right one has to wait too");
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(whoami(&world, &session).await, 200);
    let (_, other) = logged_in(&world, "bob", &["developer"]).await;
    assert_eq!(other["user"], "bob", "another account is not slowed");
}

async fn a_token_does_not_become_a_password(world: World) {
    let token = world.user("ann", &["developer"], None).await;
    let path = "/api/v1/users/ann/password";
    let own = |body: Value| world.call("PUT", path, Some(&token), Some(body));
    assert_eq!(own(json!({"password": "another horse battery"})).await.status, 403, "the first is an administrator's");
    assert_eq!(password(&world, "ann", Some(PASSWORD)).await.status, 204);
    assert_eq!(own(json!({"password": "another horse battery"})).await.status, 422);
    assert_eq!(own(json!({})).await.status, 422, "neither is it removed");
    assert_eq!(log_in(&world, "ann", PASSWORD).await.status, 201);
}

async fn a_password_ends_every_session_when_it_changes(world: World) {
    let (session, _) = logged_in(&world, "ann", &["developer"]).await;
    let own = |body: Value| world.call("PUT", "/api/v1/users/ann/password", Some(&session), Some(body));
    assert_eq!(own(json!({"password": "another horse battery"})).await.status, 422, "the one so far is missing");
    assert_eq!(own(json!({"password": "another horse", "current": "wrong"})).await.status, 403);
    assert_eq!(own(json!({"password": "too short", "current": PASSWORD})).await.status, 422);
    assert_eq!(whoami(&world, &session).await, 200);
    let changed = own(json!({"password": "another horse battery", "current": PASSWORD})).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    assert_eq!(whoami(&world, &session).await, 401);
    assert_eq!(log_in(&world, "ann", PASSWORD).await.status, 401);
    assert_eq!(log_in(&world, "ann", "another horse battery").await.status, 201);
    assert_eq!(password(&world, "ann", None).await.status, 204);
    assert_eq!(log_in(&world, "ann", "another horse battery").await.status, 401);
}

async fn a_disabled_user_is_out_everywhere_and_comes_back_without_sessions(world: World) {
    let token = world.user("ann", &["developer"], None).await;
    let (session, _) = logged_in(&world, "ann", &["developer"]).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&world).await;
    let mut have = stream.snapshot().await;
    let grants = |have: &control_plane_api::snapshot::Snapshot| {
        have.users().find(|(name, _)| name.as_str() == "ann").map(|(_, spec)| spec.tokens.len()).unwrap()
    };
    assert_eq!(grants(&have), 2, "the token and the session");
    let shut = |disabled: bool| json!({"name": "ann", "spec": {"roles": ["developer"], "disabled": disabled}});
    world.done("PUT", "/api/v1/users/ann", Some(shut(true))).await;
    assert_eq!((whoami(&world, &token).await, whoami(&world, &session).await), (401, 401));
    assert_eq!(log_in(&world, "ann", PASSWORD).await.status, 401);
    stream.follow(&mut have, world.revision().await).await;
    assert_eq!(grants(&have), 0);

    world.done("PUT", "/api/v1/users/ann", Some(shut(false))).await;
    assert_eq!((whoami(&world, &token).await, whoami(&world, &session).await), (200, 401));
    stream.follow(&mut have, world.revision().await).await;
    assert_eq!(grants(&have), 1);
    let last = json!({"name": "admin", "spec": {"roles": ["admin"], "disabled": true}});
    assert_eq!(world.admin("PUT", "/api/v1/users/admin", Some(last)).await.status, 409, "nobody would be left");
}

async fn a_session_ends_when_the_roles_of_its_user_change(world: World) {
    let (session, _) = logged_in(&world, "ann", &["developer"]).await;
    let same = json!({"name": "ann", "spec": {"roles": ["developer", "developer"]}});
    world.done("PUT", "/api/v1/users/ann", Some(same)).await;
    assert_eq!(whoami(&world, &session).await, 200, "the same roles");
    world.done("PUT", "/api/v1/users/ann", Some(json!({"name": "ann", "spec": {"roles": ["operator"]}}))).await;
    assert_eq!(whoami(&world, &session).await, 401);
}

async fn what_belongs_to_another_user_looks_like_nothing(world: World) {
    let (ann, opened) = logged_in(&world, "ann", &["developer"]).await;
    let (bob, _) = logged_in(&world, "bob", &["developer"]).await;
    let id = opened["id"].as_str().unwrap();
    let end = |id: &str| format!("/api/v1/sessions/{id}");
    let (foreign, absent) = (
        world.call("DELETE", &end(id), Some(&bob), None).await,
        world.call("DELETE", &end("0123456789abcdef01234567"), Some(&bob), None).await,
    );
    assert_eq!((foreign.status, &foreign.text), (404, &absent.text));
    let change = Some(json!({"password": "another horse battery"}));
    let (foreign, absent) = (
        world.call("PUT", "/api/v1/users/ann/password", Some(&bob), change.clone()).await,
        world.call("PUT", "/api/v1/users/nobody/password", Some(&bob), change.clone()).await,
    );
    assert_eq!((foreign.status, foreign.text.replace("ann", "nobody")), (404, absent.text));
    assert_eq!(whoami(&world, &ann).await, 200);
    let auditor = world.user("auditor", &["auditor"], None).await;
    assert_eq!(world.call("GET", "/api/v1/sessions", Some(&auditor), None).await.json().as_array().unwrap().len(), 2);
    assert_eq!(world.call("DELETE", &end(id), Some(&auditor), None).await.status, 404);
    assert_eq!(world.admin("DELETE", &end(id), None).await.status, 204);
    assert_eq!(whoami(&world, &ann).await, 401);
}

async fn neither_passwords_nor_digests_leave_in_objects_or_snapshots(world: World) {
    let (session, _) = logged_in(&world, "ann", &["developer"]).await;
    let gateway = Gateway::enrol(&world, "laptop").await;
    let mut stream = gateway.connect(&world).await;
    let snapshot = stream.snapshot().await;
    let text = serde_json::to_string(&snapshot).unwrap();
    assert!(!text.contains("argon2") && !text.contains(&session) && !text.contains(&world.admin));
    // What it gets is enough to recognise a token, and sealed.
    let peppers = Peppers::read(&gateway.unseal(&snapshot.peppers.unwrap().sealed)).unwrap();
    assert!(text.contains(&peppers.digest(&session)) && text.contains(&peppers.digest(&world.admin)));
    assert!(!text.contains(&token::digest(&session)) && !text.contains(&token::digest(&world.admin)));
    let users = world.admin("GET", "/api/v1/users", None).await.text;
    assert!(!users.contains("argon2") && !users.contains("digest"));
    let log = crate::world::logged();
    assert!(!log.contains(PASSWORD) && !log.contains("$argon2") && !log.contains(&session));
}

on_both_stores!(
    a_password_opens_a_session_that_speaks_for_its_user,
    every_login_is_a_new_session_and_the_one_before_stays_or_ends_by_itself,
    whatever_is_wrong_with_a_login_the_answer_is_the_same,
    too_many_wrong_passwords_have_to_wait_and_a_token_does_not,
    a_token_does_not_become_a_password,
    a_password_ends_every_session_when_it_changes,
    a_disabled_user_is_out_everywhere_and_comes_back_without_sessions,
    a_session_ends_when_the_roles_of_its_user_change,
    what_belongs_to_another_user_looks_like_nothing,
    neither_passwords_nor_digests_leave_in_objects_or_snapshots,
);
