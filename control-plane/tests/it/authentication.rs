//! Who may call what: every route of the table with every kind of caller, against a checked-in matrix.

use crate::{
    on_both_stores,
    stream::{Gateway, join_token},
    world::World,
};
use control_plane::{Access, http::route::Route};
use control_plane_api::token::{self, TokenKind};
use serde_json::json;
use std::fmt::Write as _;

/// What a caller is called in the matrix, and what it presents.
type Callers = Vec<(&'static str, Option<String>)>;

async fn callers(world: &World) -> Callers {
    vec![
        ("none", None),
        ("garbage", Some("xoxb-garbage' OR 1=1--".to_owned())),
        ("unknown", Some(token::format(TokenKind::Personal, &[9; 32]))),
        ("expired", Some(world.user("late", &["admin"], Some(-1)).await)),
        ("roleless", Some(world.user("roleless", &[], None).await)),
        ("developer", Some(world.user("developer", &["developer"], None).await)),
        ("auditor", Some(world.user("auditor", &["auditor"], None).await)),
        ("operator", Some(world.user("operator", &["operator"], None).await)),
        ("admin", Some(world.user("admin2", &["admin"], Some(3_600)).await)),
        ("disabled", Some(disabled(world).await)),
        ("session", Some(session(world).await)),
        ("gateway", Some(Gateway::enrol(world, "probe").await.token)),
        ("other gw", Some(Gateway::enrol(world, "other").await.token)),
        ("bad join", Some(token::format(TokenKind::Join, &[9; 32]))),
        ("join", Some(join_token(world, "nobody").await)),
    ]
}

/// The token of an administrator who is shut out.
async fn disabled(world: &World) -> String {
    let token = world.user("shut", &["admin"], None).await;
    let body = json!({"name": "shut", "spec": {"roles": ["admin"], "disabled": true}});
    world.done("PUT", "/api/v1/users/shut", Some(body)).await;
    token
}

/// An operator who logged in with a password.
async fn session(world: &World) -> String {
    world.user("logged-in", &["operator"], None).await;
    let password = json!({"password": "correct horse battery"});
    world.done("PUT", "/api/v1/users/logged-in/password", Some(password)).await;
    let body = json!({"user": "logged-in", "password": "correct horse battery"});
    let opened = world.call("POST", "/api/v1/sessions", None, Some(body)).await;
    opened.json()["token"].as_str().unwrap().to_owned()
}

fn path(route: &Route) -> String {
    let name = if route.access == Access::Gateway { "probe" } else { "nobody" };
    route.path.replace("{name}", name).replace("{id}", "none")
}

/// The matrix: the status where access is refused, `·` where the route itself had its say.
async fn matrix(world: &World) -> String {
    let callers = callers(world).await;
    let mut table = format!("{:<50}", "");
    for (name, _) in &callers {
        write!(table, "{name:>10}").unwrap();
    }
    for route in control_plane::http::routes() {
        write!(table, "\n{:<50}", format!("{} {}", route.method, route.path)).unwrap();
        for (_, token) in &callers {
            let bearer = token.as_ref().map(|token| format!("Bearer {token}"));
            let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
            let body = (route.method != "GET").then(|| json!({"objects": 1}));
            let status = world.send(route.method.as_str(), &path(&route), &headers, body).await.status();
            assert!(!status.is_server_error(), "{} {}: {status}", route.method, route.path);
            let cell = if matches!(status.as_u16(), 401 | 403) { status.as_str() } else { "·" };
            write!(table, "{cell:>10}").unwrap();
        }
    }
    table
}

async fn every_route_admits_whom_the_matrix_says(world: World) {
    insta::assert_snapshot!("access_matrix", matrix(&world).await);
}

async fn a_refusal_says_how_to_authenticate_and_nothing_else(world: World) {
    let missing = world.call("GET", "/api/v1/whoami", None, None).await;
    assert_eq!((missing.status, missing.challenge.as_deref()), (401, Some("Bearer realm=\"mcpd\"")));
    assert_eq!(missing.media, "application/problem+json");
    let expired = world.user("late", &["admin"], Some(0)).await;
    let unknown = token::format(TokenKind::Personal, &[9; 32]);
    let mut texts = Vec::new();
    for token in [expired.as_str(), unknown.as_str(), "garbage", ""] {
        let refused = world.call("GET", "/api/v1/whoami", Some(token), None).await;
        assert_eq!(refused.status, 401);
        assert_eq!(refused.challenge.as_deref(), Some("Bearer realm=\"mcpd\", error=\"invalid_token\""));
        texts.push(refused.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

async fn what_is_not_there_is_hidden_from_those_without_a_token(world: World) {
    for path in ["/", "/api/v1", "/api/v1/nothing", "/api/v1/servers/a/b", "/admin", "/api/v1/../whoami"] {
        assert_eq!(world.call("GET", path, None, None).await.status, 401, "{path}");
        assert_eq!(world.admin("GET", path, None).await.status, 404, "{path}");
    }
    assert_eq!(world.call("PATCH", "/api/v1/servers", None, None).await.status, 401);
    let refused = world.admin("PATCH", "/api/v1/servers", None).await;
    assert_eq!((refused.status, refused.media.as_str()), (405, "application/problem+json"));
    assert_eq!(world.call("POST", "/healthz", None, None).await.status, 401);
    assert_eq!(world.call("HEAD", "/api/v1/servers", None, None).await.status, 401);
    assert_eq!(world.call("HEAD", "/healthz", None, None).await.status, 204);
}

async fn a_token_counts_only_in_one_authorization_header(world: World) {
    let bearer = format!("Bearer {}", world.admin);
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(world.send("GET", "/api/v1/whoami", &twice, None).await.status(), 401);
    let elsewhere = [("x-authorization", bearer.as_str()), ("cookie", world.admin.as_str())];
    let path = format!("/api/v1/whoami?access_token={}", world.admin);
    assert_eq!(world.send("GET", &path, &elsewhere, None).await.status(), 401);
}

async fn a_developer_sees_own_projects_and_no_others(world: World) {
    let token = world.user("dev", &["developer"], None).await;
    for (name, members) in [("mine", json!(["dev"])), ("theirs", json!(["admin"]))] {
        let body = json!({"name": name, "spec": {"members": members}});
        world.done("PUT", &format!("/api/v1/projects/{name}"), Some(body)).await;
    }
    let list = world.call("GET", "/api/v1/projects", Some(&token), None).await.json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["name"], "mine");
    assert_eq!(world.call("GET", "/api/v1/projects/mine", Some(&token), None).await.status, 200);
    let hidden = world.call("GET", "/api/v1/projects/theirs", Some(&token), None).await;
    let absent = world.call("GET", "/api/v1/projects/absent", Some(&token), None).await;
    assert_eq!((hidden.status, absent.status), (404, 404));
    assert_eq!(hidden.text.replace("theirs", "absent"), absent.text);
}

async fn an_operator_does_not_change_users_by_applying(world: World) {
    let token = world.user("op", &["operator"], None).await;
    let user = json!({"kind": "user", "name": "op", "spec": {"roles": ["admin"]}});
    let refused = world.call("POST", "/api/v1/apply", Some(&token), Some(json!({"objects": [user]}))).await;
    assert_eq!(refused.status, 403);
    let project = json!({"kind": "project", "name": "w", "spec": {}});
    let done = world.call("POST", "/api/v1/apply", Some(&token), Some(json!({"objects": [project]}))).await;
    assert_eq!(done.status, 200, "{}", done.text);
}

/// N-02: what is no token of ours is refused alike, and before the database is asked.
async fn what_has_no_good_checksum_costs_no_query(world: World) {
    let good = world.user("ann", &["developer"], None).await;
    let swapped = format!("{}{}", &good[..59], if good.ends_with('0') { "1" } else { "0" });
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.";
    let huge = "x".repeat(8 << 10);
    let bad = [
        "Bearer ' OR 1=1--",
        "Bearer '; DROP TABLE tokens;--",
        "bearer",
        "BEARER x",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer mcpctl_pat_",
        "Bearer \u{661}\u{662}\u{663}",
        &format!("Bearer {swapped}"),
        &format!("Bearer {}", good.to_uppercase()),
        &format!("Bearer {good},"),
        &format!("Bearer {good} {good}"),
        &format!("Bearer {good}, Bearer {good}"),
        &format!("Bearer\t{good}"),
        &format!("Token {good}"),
        &format!("Bearer {}", good.replace("_pat_", "_gw_")),
        &format!("Bearer {jwt}"),
        &format!("Bearer {huge}"),
    ];
    let mut texts = Vec::new();
    for (n, value) in bad.iter().enumerate() {
        let path = format!("/api/v1/servers/n02-{}-{n}", world.address.replace([':', '.'], "-"));
        let answer = world.send("GET", &path, &[("authorization", value)], None).await;
        assert_eq!(answer.status(), 401, "{value}");
        texts.push(answer.text().await.unwrap());
        assert_eq!(asked(&path), 0, "{value}");
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    // The look would see a query.
    let path = format!("/api/v1/servers/n02-{}-good", world.address.replace([':', '.'], "-"));
    assert_eq!(world.call("GET", &path, Some(&good), None).await.status, 403);
    assert!(asked(&path) > 0);
}

/// Z-08: on every route with an id in its path, what is another user's is answered with the bytes of what is not there.
async fn what_is_anothers_looks_like_nothing_on_every_route(world: World) {
    let bob = world.user("bob", &["developer"], None).await;
    world.user("ann", &["developer"], None).await;
    world.server("anns", None).await;
    world.done("PUT", "/api/v1/profiles/anns", Some(json!({"name": "anns", "spec": {"server": "anns"}}))).await;
    world.done("PUT", "/api/v1/projects/anns", Some(json!({"name": "anns", "spec": {"members": ["ann"]}}))).await;
    world.done("PUT", "/api/v1/secrets/anns", Some(json!({"value": "x"}))).await;
    let issuer =
        json!({"name": "anns", "spec": {"issuer": "https://idp.example", "jwks_uri": "https://idp.example/jwks"}});
    world.done("PUT", "/api/v1/issuers/anns", Some(issuer)).await;
    Gateway::enrol(&world, "anns").await;
    let token = world.done("GET", "/api/v1/users/ann/tokens", None).await[0]["id"].as_str().unwrap().to_owned();
    let mut looked = 0;
    for route in control_plane::http::routes() {
        let for_users = !matches!(route.access, Access::Open | Access::Join | Access::Gateway);
        if !(for_users && route.path.contains('{')) {
            continue;
        }
        let (name, id) =
            if route.path.starts_with("/api/v1/users") { ("ann", token.as_str()) } else { ("anns", "anns") };
        let path = |name: &str, id: &str| route.path.replace("{name}", name).replace("{id}", id);
        let body = (route.method != "GET" && route.method != "DELETE").then(|| json!({"name": "x", "spec": {}}));
        let ask = async |path: String| world.call(route.method.as_str(), &path, Some(&bob), body.clone()).await;
        let (theirs, nobodys) = (ask(path(name, id)).await, ask(path("nope", "nope")).await);
        let told = theirs.text.replace(&format!("`{name}`"), "`nope`").replace(&format!("/{name}"), "/nope");
        assert_eq!((theirs.status, told), (nobodys.status, nobodys.text), "{} {}", route.method, route.path);
        assert!(theirs.status >= 400, "{} {}: {}", route.method, route.path, theirs.status);
        looked += 1;
    }
    assert!(looked > 20, "{looked}");
}

/// The look-ups of tokens that were made for a request to `path`.
fn asked(path: &str) -> usize {
    let log = crate::world::logged();
    log.lines().filter(|line| line.contains(&format!("path=\"{path}\"")) && line.contains("FROM tokens")).count()
}

on_both_stores!(
    what_has_no_good_checksum_costs_no_query,
    what_is_anothers_looks_like_nothing_on_every_route,
    every_route_admits_whom_the_matrix_says,
    a_refusal_says_how_to_authenticate_and_nothing_else,
    what_is_not_there_is_hidden_from_those_without_a_token,
    a_token_counts_only_in_one_authorization_header,
    a_developer_sees_own_projects_and_no_others,
    an_operator_does_not_change_users_by_applying,
);
