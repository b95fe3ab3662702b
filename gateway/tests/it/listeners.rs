//! N-01, Z-11: both listeners, every path there could be, every kind of caller, against a checked-in table.

use crate::world::{World, objects, server, token_of, user};
use control_plane_api::token::{self, TokenKind};
use reqwest::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;

const PATHS: [(&str, &str); 23] = [
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("DELETE", "/mcp"),
    ("PUT", "/mcp"),
    ("OPTIONS", "/mcp"),
    ("POST", "/projects/weekly/mcp"),
    ("GET", "/projects/weekly/mcp"),
    ("POST", "/projects/absent/mcp"),
    ("GET", "/sse"),
    ("GET", "/projects/weekly/sse"),
    ("POST", "/messages"),
    ("GET", "/.well-known/oauth-protected-resource/mcp"),
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/status"),
    ("GET", "/debug/pprof"),
    ("GET", "/admin"),
    ("POST", "/admin"),
    ("POST", "/api/v1/apply"),
    ("GET", "/api/v1/users"),
    ("POST", "/MCP"),
];

/// Headers by which some proxies tell what they already know.
const INTERNAL: [(&str, &str); 9] = [
    ("x-internal", "true"),
    ("mcp-init-host", "localhost"),
    ("router-key", "secret-api-key"),
    ("x-contextforge-user", "ada"),
    ("x-original-url", "/metrics"),
    ("x-rewrite-url", "/metrics"),
    ("x-forwarded-user", "ada"),
    ("x-user-id", "ada"),
    ("x-forwarded-for", "127.0.0.1"),
];

fn callers() -> Vec<(&'static str, Option<String>)> {
    let of = |kind| Some(token::format(kind, &[9; 32]));
    vec![
        ("none", None),
        ("garbage", Some("' OR 1=1--".to_owned())),
        ("unknown", of(TokenKind::Personal)),
        ("gateway", of(TokenKind::Gateway)),
        ("join", of(TokenKind::Join)),
        ("expired", Some(token_of("late"))),
        ("disabled", Some(token_of("shut"))),
        ("other", Some(token_of("bob"))),
        ("member", Some(token_of("ada"))),
        ("session", Some(session())),
        ("auditor", Some(token_of("rev"))),
        ("operator", Some(token_of("ops"))),
        ("admin", Some(token_of("root"))),
    ]
}

fn session() -> String {
    token::format(TokenKind::Session, &[8; 32])
}

fn configuration() -> Vec<Value> {
    let mut objects = objects(&[server("old", "")]);
    let mut shut = user("shut", &["admin"], None);
    shut["spec"]["disabled"] = json!(true);
    let grant = json!({"id": "s1", "digest": token::digest(&session())});
    let logged_in = json!({"kind": "user", "name": "ses", "spec": {"roles": ["developer"], "tokens": [grant]}});
    let others = [user("rev", &["auditor"], None), user("ops", &["operator"], None), user("root", &["admin"], None)];
    objects.extend([shut, logged_in].into_iter().chain(others));
    for object in objects.iter_mut().filter(|object| object["kind"] == "project") {
        object["spec"]["members"] = json!(["ada", "late", "ses", "shut"]);
    }
    objects
}

/// What comes back of a list of tools, or of nothing: the status, `+` where tools are in it, `-` where an error is.
async fn told(world: &World, origin: &str, (method, path): (&str, &str), token: Option<&str>) -> String {
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}});
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = world.http.request(method.clone(), format!("{origin}{path}"));
    request = request.header("accept", "application/json, text/event-stream");
    if method == Method::POST {
        request =
            request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "tools/list").json(&message);
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let mut response = request.send().await.unwrap();
    let status = response.status().as_u16();
    // An event stream without an end says what it is at once.
    let first = response.chunk().await.unwrap().unwrap_or_default();
    let text = String::from_utf8_lossy(&first);
    let mark = if text.contains("old_echo") || text.contains("event: endpoint") {
        "+"
    } else if text.contains("\"error\"") {
        "-"
    } else {
        ""
    };
    format!("{status}{mark}")
}

async fn matrix(world: &World, origin: &str) -> String {
    let callers = callers();
    let mut table = format!("{:<50}", "");
    for (name, _) in &callers {
        write!(table, "{name:>10}").unwrap();
    }
    for (method, path) in PATHS {
        write!(table, "\n{:<50}", format!("{method} {path}")).unwrap();
        for (_, token) in &callers {
            write!(table, "{:>10}", told(world, origin, (method, path), token.as_deref()).await).unwrap();
        }
    }
    table
}

/// A gateway, and the origin of its admin listener.
async fn world() -> (World, String) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let world = World::start(&configuration(), &["--admin-listen", &free]).await;
    crate::world::eventually("the tools", async || {
        let list = world.modern("weekly", "ada", "tools/list", json!({})).await;
        list.last().to_string().contains("old_echo").then_some(())
    })
    .await;
    (world, format!("http://{free}"))
}

#[tokio::test]
async fn the_data_listener_admits_whom_the_table_says() {
    let (world, _) = world().await;
    insta::assert_snapshot!("data_listener", matrix(&world, &format!("http://{}", world.address)).await);
}

#[tokio::test]
async fn the_admin_listener_tells_health_and_numbers_whatever_is_presented_and_nothing_else() {
    let (world, admin) = world().await;
    insta::assert_snapshot!("admin_listener", matrix(&world, &admin).await);
}

#[tokio::test]
async fn no_header_says_who_somebody_is() {
    let (world, _) = world().await;
    for (name, value) in INTERNAL {
        let request = world.modern_request("weekly", "", "tools/list", json!({})).header(name, value);
        assert_eq!(request.send().await.unwrap().status(), 401, "{name}");
        let request = world.modern_request("weekly", "bob", "tools/list", json!({})).header(name, value);
        let answer = crate::world::read(request.send().await.unwrap()).await;
        assert!(!answer.last().to_string().contains("old_echo"), "{name}: {answer:?}");
    }
}
