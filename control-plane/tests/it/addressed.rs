//! Whom the listener lets in before it looks at a token: bytes over a socket.

use crate::{on_both_stores, world::World};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What comes back for `head`, to which the end and the token are added.
async fn told(world: &World, head: &str) -> String {
    let mut stream = TcpStream::connect(&world.address).await.unwrap();
    let request = format!("{head}Authorization: Bearer {}\r\nConnection: close\r\n\r\n", world.admin);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

async fn a_page_of_another_host_reaches_nothing(world: World) {
    let own = &world.address;
    let port = own.rsplit(':').next().unwrap();
    for path in ["/api/v1/status", "/healthz", "/nothing"] {
        for head in [
            format!("Host: evil.example:{port}\r\n"),
            format!("Host: 0.0.0.0:{port}\r\n"),
            "Host: a/?x#\r\n".to_owned(),
            "Host: user@localhost\r\n".to_owned(),
            format!("Host: {own}\r\nOrigin: http://evil.example\r\n"),
            format!("Host: {own}\r\nOrigin: null\r\n"),
            format!("Host: {own}\r\nHost: {own}\r\n"),
            String::new(),
        ] {
            let reply = told(&world, &format!("GET {path} HTTP/1.1\r\n{head}")).await;
            assert!(reply.starts_with("HTTP/1.1 403 ") || reply.starts_with("HTTP/1.1 400 "), "{path} {head}: {reply}");
        }
    }
    for head in [format!("Host: {own}\r\nOrigin: http://{own}\r\n"), format!("Host: localhost:{port}\r\n")] {
        let reply = told(&world, &format!("GET /api/v1/whoami HTTP/1.1\r\n{head}")).await;
        assert!(reply.starts_with("HTTP/1.1 200 "), "{head}: {reply}");
    }
    let refused = told(&world, "GET /api/v1/whoami HTTP/1.1\r\nHost: evil.example\r\n").await;
    assert!(refused.contains("application/problem+json") && refused.contains("MCPD_ALLOWED_HOSTS"), "{refused}");
}

async fn a_path_leads_only_where_it_says(world: World) {
    for path in [
        "//api/v1/whoami",
        "/x/../api/v1/whoami",
        "/api/v1/%77hoami",
        "/api/v1/whoami;x",
        "/API/v1/whoami",
        "/api/v1/whoami/",
    ] {
        let reply = told(&world, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n")).await;
        assert!(reply.starts_with("HTTP/1.1 404 ") || reply.starts_with("HTTP/1.1 400 "), "{path}: {reply}");
    }
    for line in
        ["GET ! HTTP/1.1", "GET /api/v1/whoami HTTP/3.0", "GET", &format!("GET /{} HTTP/1.1", "x".repeat(9_000))]
    {
        let reply = told(&world, &format!("{line}\r\nHost: localhost\r\n")).await;
        assert!(reply.starts_with("HTTP/1.1 4"), "{line}: {reply}");
    }
}

async fn only_administrators_say_whose_tokens_count(world: World) {
    let spec =
        json!({"issuer": "https://idp.example", "jwks_uri": "https://idp.example/keys", "users": {"a@x": "admin"}});
    let object = json!({"kind": "issuer", "name": "idp", "spec": spec});
    let operator = world.user("op", &["operator"], None).await;
    let body = json!({"objects": [object]});
    assert_eq!(world.call("POST", "/api/v1/apply", Some(&operator), Some(body.clone())).await.status, 403);
    world.done("POST", "/api/v1/apply", Some(body)).await;
    let stored = world.done("GET", "/api/v1/issuers/idp", None).await;
    assert_eq!(stored["spec"], spec);
    let refused = world.admin("DELETE", "/api/v1/users/admin", None).await;
    assert!(refused.status == 409 && refused.text.contains("issuer/idp"), "{}", refused.text);
    let weak = json!({"name": "idp", "spec": {"issuer": "https://idp.example", "algorithms": ["HS256"]}});
    assert_eq!(world.admin("PUT", "/api/v1/issuers/idp", Some(weak)).await.status, 400);
    let keyless = json!({"name": "idp", "spec": {"issuer": "http://idp.example"}});
    let refused = world.admin("PUT", "/api/v1/issuers/idp", Some(keyless)).await;
    assert_eq!((refused.status, refused.json()["violations"].as_array().unwrap().len()), (422, 2));
    world.done("DELETE", "/api/v1/issuers/idp", None).await;
}

on_both_stores!(
    a_page_of_another_host_reaches_nothing,
    a_path_leads_only_where_it_says,
    only_administrators_say_whose_tokens_count,
);
