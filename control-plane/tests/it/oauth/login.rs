//! N-05: logging a browser in with a password, and what becomes of its cookie.

use super::{Browser, Scene};
use crate::{on_both_stores, world::World};
use serde_json::json;

const PASSWORD: &str = "correct horse battery";

async fn log_in(browser: &mut Browser, user: &str, password: &str) -> u16 {
    let fields = [("user", user), ("password", password), ("server", "jira"), ("ticket", ""), ("scope", "")];
    browser.post("/login", &fields).await.status
}

async fn a_browser_logs_in_with_a_password_under_a_new_cookie_each_time(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let path = "/api/v1/users/ann/password";
    scene.world.done("PUT", path, Some(json!({"password": PASSWORD}))).await;
    let mut browser = Browser::new(&scene.world);
    let page = format!("http://{}/connect/jira", scene.world.address);
    // A cookie that somebody else has set is no session, and none that is taken over.
    let planted =
        format!("mcpd={}", control_plane_api::token::format(control_plane_api::token::TokenKind::Session, &[7; 32]));
    browser.cookie = Some(planted.clone());
    browser.get(&page).await.says(200, "Who are you?");
    assert_eq!(log_in(&mut browser, "ann", "wrong horse battery").await, 403);
    assert_eq!(browser.cookie.as_ref(), Some(&planted));
    assert_eq!(log_in(&mut browser, "ann", PASSWORD).await, 303);
    let first = browser.cookie.clone().unwrap();
    assert_ne!(first, planted);
    browser.get(&page).await.says(200, "You are logged in as");

    assert_eq!(log_in(&mut browser, "ann", PASSWORD).await, 303);
    let second = browser.cookie.clone().unwrap();
    assert_ne!(first, second);
    browser.cookie = Some(first);
    browser.get(&page).await.says(200, "Who are you?");
    // As a bearer token it is good for nothing.
    let bearer = second.split_once('=').unwrap().1;
    assert_eq!(scene.world.call("GET", "/api/v1/whoami", Some(bearer), None).await.status, 401);
    let list = scene.world.done("GET", "/api/v1/sessions", None).await;
    assert_eq!((list.as_array().unwrap().len(), &list[0]["audience"]), (1, &json!("browser")));

    browser.cookie = Some(second.clone());
    browser.post("/logout", &[]).await.says(200, "Logged out");
    browser.cookie = Some(second);
    browser.get(&page).await.says(200, "Who are you?");
}

async fn a_browser_is_out_when_its_user_is_or_has_another_password(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let path = "/api/v1/users/ann/password";
    let page = format!("http://{}/connect/jira", scene.world.address);
    let mut browser = Browser::new(&scene.world);
    for taken in ["password", "disabled"] {
        scene.world.done("PUT", path, Some(json!({"password": PASSWORD}))).await;
        assert_eq!(log_in(&mut browser, "ann", PASSWORD).await, 303);
        browser.get(&page).await.says(200, "You are logged in as");
        match taken {
            "password" => scene.world.done("PUT", path, Some(json!({"password": "another horse battery"}))).await,
            _ => {
                let shut = json!({"name": "ann", "spec": {"roles": ["developer"], "disabled": true}});
                scene.world.done("PUT", "/api/v1/users/ann", Some(shut)).await
            }
        };
        browser.get(&page).await.says(200, "Who are you?");
    }
    assert_eq!(log_in(&mut browser, "ann", PASSWORD).await, 403);
}

on_both_stores!(
    a_browser_logs_in_with_a_password_under_a_new_cookie_each_time,
    a_browser_is_out_when_its_user_is_or_has_another_password,
);
