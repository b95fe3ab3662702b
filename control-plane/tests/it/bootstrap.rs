//! The first administrator.

use crate::{on_both_stores, world::World};
use control_plane::{serve, server};
use std::{fs, os::unix::fs::PermissionsExt as _};

async fn the_first_administrator_is_made_once(world: World) {
    let whoami = world.done("GET", "/api/v1/whoami", None).await;
    assert_eq!(whoami, serde_json::json!({"user": "admin", "roles": ["admin"]}));
    let file = world.home("admin-token");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(world.home("")).unwrap().permissions().mode() & 0o077, 0);

    let replica = world.replica().await;
    assert_eq!(replica.admin, world.admin);
    assert_eq!(world.done("GET", "/api/v1/users/admin/tokens", None).await.as_array().unwrap().len(), 1);

    fs::remove_file(&file).unwrap();
    let listener = server::bind(&world.settings).await.unwrap();
    serve(&world.settings, listener, async {}).await.unwrap();
    assert!(!file.exists());
}

async fn a_new_token_for_the_administrator_ends_the_one_before(world: World) {
    server::reset_admin_token(&world.settings).await.unwrap();
    let new = fs::read_to_string(world.home("admin-token")).unwrap();
    assert_ne!(new.trim(), world.admin);
    assert_eq!(world.admin("GET", "/api/v1/whoami", None).await.status, 401);
    assert_eq!(world.call("GET", "/api/v1/whoami", Some(new.trim()), None).await.status, 200);
}

async fn the_address_file_is_there_while_it_serves(mut world: World) {
    let file = world.home("mcpd.addr");
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", world.address));
    world.stop().await;
    assert!(!file.exists());
}

async fn no_token_is_ever_logged(world: World) {
    let token = world.user("ann", &["developer"], None).await;
    assert_eq!(world.call("GET", "/api/v1/whoami", Some(&token), None).await.status, 200);
    let log = crate::world::logged();
    assert!(log.contains("Wrote the token of the first administrator"));
    for token in [&token, &world.admin] {
        assert!(!log.contains(token.as_str()));
        assert!(!log.contains(&control_plane_api::token::digest(token)));
    }
}

on_both_stores!(
    the_first_administrator_is_made_once,
    a_new_token_for_the_administrator_ends_the_one_before,
    the_address_file_is_there_while_it_serves,
    no_token_is_ever_logged,
);
