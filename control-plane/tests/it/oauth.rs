//! mcpd as the OAuth client of upstream servers, against an authorization server of our own.

mod browser;
mod fake;
mod hostile;
mod login;
mod refusal;
mod renewal;

use crate::{
    on_both_stores,
    stream::{Gateway, Stream},
    world::World,
};
use browser::{Browser, Page};
use control_plane_api::{
    oauth::ConnectionSpec, snapshot::Snapshot, ticket::ConnectTicket, timestamp::Timestamp, token,
};
use fake::Fake;
use serde_json::{Value, json};

/// A server `jira` at `fake` and its users: `ann` is a member of its project, `bob` is not.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) fake: Fake,
    pub(crate) ann: String,
    pub(crate) bob: String,
}

impl Scene {
    pub(crate) async fn new(world: World, oauth: Value) -> Self {
        let fake = Fake::start().await;
        let scene = Self {
            ann: world.user("ann", &["developer"], None).await,
            bob: world.user("bob", &["developer"], None).await,
            world,
            fake,
        };
        scene.server(&scene.fake.url(), oauth).await;
        let profile = json!({"name": "p", "spec": {"server": "jira"}});
        scene.world.done("PUT", "/api/v1/profiles/p", Some(profile)).await;
        let project = json!({"name": "w", "spec": {"profiles": ["p"], "members": ["ann"]}});
        scene.world.done("PUT", "/api/v1/projects/w", Some(project)).await;
        scene
    }

    pub(crate) async fn server(&self, url: &str, oauth: Value) {
        let body = json!({"name": "jira", "spec": {"transport": {"type": "http", "url": url}, "oauth": oauth}});
        self.world.done("PUT", "/api/v1/servers/jira", Some(body)).await;
    }

    /// A link as `mcpctl connect jira` gets one.
    pub(crate) async fn link(&self, token: &str) -> String {
        let path = "/api/v1/connections/jira/ticket";
        let answer = self.world.call("POST", path, Some(token), Some(json!({}))).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["url"].as_str().unwrap().to_owned()
    }

    /// The consent page, in a browser that was let in.
    pub(crate) async fn asked(&self, token: &str) -> (Browser, Page) {
        let mut browser = Browser::new(&self.world);
        let page = browser.get(&self.link(token).await).await;
        (browser, page)
    }

    /// The whole way.
    pub(crate) async fn connect(&self, token: &str) -> Page {
        let (mut browser, page) = self.asked(token).await;
        let back = browser.consent("jira", &page).await;
        browser.get(&back).await
    }

    pub(crate) async fn connections(&self) -> Value {
        self.world.done("GET", "/api/v1/connections", None).await
    }
}

/// Follows `stream` until the one connection in it is as wanted.
pub(crate) async fn connection(
    stream: &mut Stream<'_>,
    snapshot: &mut Snapshot,
    wanted: impl Fn(&ConnectionSpec) -> bool,
) -> ConnectionSpec {
    loop {
        if let Some((_, spec)) = snapshot.connections().next().filter(|(_, spec)| wanted(spec)) {
            return spec.clone();
        }
        let next = snapshot.revision + 1;
        stream.follow(snapshot, next).await;
    }
}

async fn a_user_connects_and_the_gateway_gets_the_token(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let gateway = Gateway::enrol(&scene.world, "laptop").await;
    let mut stream = gateway.connect(&scene.world).await;
    let mut snapshot = stream.snapshot().await;
    let (mut browser, page) = scene.asked(&scene.ann).await;
    for said in ["jira", "read:issues", "<b>ann</b> alone", &scene.fake.base] {
        page.says(200, said);
    }
    assert!(page.policy.contains("default-src 'none'") && page.policy.contains("frame-ancestors 'none'"));
    let onward = browser.agree("jira", &page).await;
    let asked: fake::Pairs = onward.link().query_pairs().into_owned().collect();
    assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
    assert_eq!(asked["resource"], scene.fake.url());
    assert_eq!(asked["scope"], "read:issues");
    assert_eq!(asked["redirect_uri"], format!("http://{}/oauth/callback", scene.world.address));
    let back = browser.get(onward.link().as_str()).await.location.unwrap();
    browser.get(&back).await.says(200, "is connected");

    let spec = connection(&mut stream, &mut snapshot, |_| true).await;
    assert_eq!((spec.server.as_str(), spec.user.as_ref().unwrap().as_str()), ("jira", "ann"));
    assert_eq!(
        (spec.url.as_str(), spec.scopes.as_slice()),
        (scene.fake.url().as_str(), &["read:issues".to_owned()][..])
    );
    assert_eq!(gateway.unseal(&spec.sealed), "access-canary-1");
    let (_, server) = snapshot.servers().next().unwrap();
    let connect = format!("http://{}/connect/jira", scene.world.address);
    assert_eq!(server.oauth.as_ref().unwrap().connect_url.as_ref(), Some(&connect));
    let registered = scene.fake.ways(|ways| ways.registrations.clone());
    assert_eq!((registered.len(), registered[0]["application_type"].as_str()), (1, Some("native")));

    let list = scene.connections().await;
    assert_eq!((list[0]["state"].as_str(), list[0]["user"].as_str()), (Some("connected"), Some("ann")));
    assert_eq!(scene.world.call("GET", "/api/v1/connections", Some(&scene.bob), None).await.json(), json!([]));
    let path = format!("/api/v1/connections/{}", list[0]["id"].as_str().unwrap());
    assert_eq!(scene.world.call("DELETE", &path, Some(&scene.bob), None).await.status, 404);
    assert_eq!(scene.world.call("DELETE", &path, Some(&scene.ann), None).await.status, 204);
    stream.follow(&mut snapshot, scene.world.revision().await).await;
    assert_eq!(snapshot.connections().count(), 0);
}

async fn tokens_are_in_no_answer_no_log_and_no_table(world: World) {
    let scene = Scene::new(world, json!({})).await;
    scene.connect(&scene.ann).await.says(200, "is connected");
    let mut seen = vec![("log", crate::world::logged().into_bytes())];
    for path in ["connections", "servers", "audit", "audit?action=all"] {
        seen.push((path, scene.world.admin("GET", &format!("/api/v1/{path}"), None).await.text.into_bytes()));
    }
    seen.push(("tables", crate::secrets::database(&scene.world).await));
    for (place, bytes) in seen {
        for secret in ["access-canary", "refresh-canary", "client-secret-canary", "code-0&"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in: {place}");
        }
    }
    let audit = scene.world.done("GET", "/api/v1/audit?action=admin", None).await;
    assert!(audit["events"].as_array().unwrap().iter().any(|event| event["target"] == "connection/jira/ann"));
}

async fn a_gateways_link_is_for_its_user_only(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let gateway = Gateway::enrol(&scene.world, "laptop").await;
    let ticket = |expires_in_ms: i64, digest: &str| {
        let ticket = ConnectTicket {
            gateway: "laptop".parse().unwrap(),
            user: "ann".parse().unwrap(),
            server: "jira".parse().unwrap(),
            scopes: vec!["write:issues".to_owned()],
            expires_at: Timestamp::now().plus_millis(expires_in_ms),
        };
        ticket.issue(digest).unwrap()
    };
    let digest = token::digest(&gateway.token);
    let good = ticket(60_000, &digest);
    let page = |ticket: String| format!("http://{}/connect/jira?ticket={ticket}", scene.world.address);
    for bad in [ticket(-1, &digest), ticket(60_000, "other"), "x.y".to_owned()] {
        Browser::new(&scene.world).get(&page(bad)).await.says(403, "not valid any more");
    }
    let other = format!("http://{}/connect/other?ticket={good}", scene.world.address);
    Browser::new(&scene.world).get(&other).await.says(403, "not valid any more");

    let mut browser = Browser::new(&scene.world);
    browser.get(&page(good.clone())).await.says(200, "Who are you?");
    browser.log_in("jira", &scene.bob, &good).await.says(403, "another user");
    browser.get(&page(good.clone())).await.says(403, "another user");
    browser.log_in("jira", "mcpctl_pat_wrong", &good).await.says(403, "unknown, expired or revoked");
    let asked = browser.log_in("jira", &scene.ann, &good).await;
    asked.says(200, "write:issues");
    let back = browser.consent("jira", &asked).await;
    browser.get(&back).await.says(200, "is connected");
    let tokens = scene.world.done("GET", "/api/v1/users/ann/tokens", None).await;
    let path = format!("/api/v1/users/ann/tokens/{}", tokens[0]["id"].as_str().unwrap());
    scene.world.done("DELETE", &path, None).await;
    browser.get(&page(good)).await.says(200, "Who are you?");
}

async fn a_link_lets_one_browser_in_once_and_only_its_user_connects(world: World) {
    let scene = Scene::new(world, json!({})).await;
    let link = scene.link(&scene.ann).await;
    let (mut first, mut second) = (Browser::new(&scene.world), Browser::new(&scene.world));
    first.get(&link).await.says(200, "Permissions asked for");
    second.get(&link).await.says(200, "Who are you?");
    let path = "/api/v1/connections/jira/ticket";
    assert_eq!(scene.world.call("POST", path, Some(&scene.bob), Some(json!({}))).await.status, 404);
    let url = format!("http://{}/connect/jira", scene.world.address);
    second.log_in("jira", &scene.bob, "").await.says(404, "may not connect");
    second.get(&url).await.says(404, "may not connect");
    first.post("/logout", &[]).await.says(200, "Logged out");
    first.get(&url).await.says(200, "Who are you?");
}

async fn a_servers_own_connection_is_an_operators(world: World) {
    let scene = Scene::new(world, json!({"mode": "service"})).await;
    let path = "/api/v1/connections/jira/ticket";
    assert_eq!(scene.world.call("POST", path, Some(&scene.ann), Some(json!({}))).await.status, 404);
    scene.connect(&scene.world.admin).await.says(200, "is connected");
    let list = scene.connections().await;
    assert!(list[0].get("user").is_none(), "{list}");
    let id = list[0]["id"].as_str().unwrap();
    let path = format!("/api/v1/connections/{id}");
    assert_eq!(scene.world.call("DELETE", &path, Some(&scene.ann), None).await.status, 404);
    scene.world.done("DELETE", "/api/v1/projects/w", None).await;
    scene.world.done("DELETE", "/api/v1/profiles/p", None).await;
    scene.world.done("DELETE", "/api/v1/servers/jira", None).await;
    assert_eq!(scene.connections().await, json!([]));
}

async fn a_client_is_known_to_its_own_issuer_only(world: World) {
    let scene = Scene::new(world, json!({})).await;
    scene.connect(&scene.ann).await.says(200, "is connected");
    scene.connect(&scene.ann).await.says(200, "is connected");
    assert_eq!(scene.fake.ways(|ways| ways.registrations.len()), 1);
    let other = Fake::start().await;
    scene.fake.ways(|ways| ways.resource["authorization_servers"] = json!([other.base]));
    scene.connect(&scene.ann).await.says(200, "is connected");
    assert_eq!(other.ways(|ways| ways.registrations.len()), 1);
    let used = other.ways(|ways| ways.exchanges[0]["authorization"].clone());
    assert!(used.starts_with("Basic "));
    assert_eq!(scene.connections().await[0]["issuer"], other.base);
    assert_eq!(scene.fake.ways(|ways| ways.exchanges.len()), 2);
}

async fn a_pre_registered_client_and_a_document_come_before_registration(world: World) {
    let scene = Scene::new(world, json!({"client_id": "by-hand", "token_endpoint_auth_method": "none"})).await;
    scene.connect(&scene.ann).await.says(200, "is connected");
    assert_eq!(
        scene.fake.ways(|ways| (ways.registrations.len(), ways.exchanges[0]["client_id"].clone())),
        (0, "by-hand".to_owned())
    );
    let document = scene.world.call("GET", "/oauth/client.json", None, None).await;
    assert_eq!(document.status, 404);

    let url = "https://mcpd.example/oauth/client.json";
    let mut world = World::with(&["--oauth-client-id-url", url]).await;
    let document = world.call("GET", "/oauth/client.json", None, None).await.json();
    assert_eq!(
        (document["client_id"].as_str(), document["token_endpoint_auth_method"].as_str()),
        (Some(url), Some("none"))
    );
    let scene = Scene::new(world, json!({})).await;
    scene.fake.ways(|ways| ways.metadata["client_id_metadata_document_supported"] = json!(true));
    scene.connect(&scene.ann).await.says(200, "is connected");
    assert_eq!(
        scene.fake.ways(|ways| (ways.registrations.len(), ways.exchanges[0]["client_id"].clone())),
        (0, url.to_owned())
    );
    world = scene.world;
    world.stop().await;
}

async fn stepping_up_keeps_what_is_there_and_ends_after_three_times(world: World) {
    let scene = Scene::new(world, json!({})).await;
    scene.connect(&scene.ann).await.says(200, "is connected");
    let (mut browser, _) = scene.asked(&scene.ann).await;
    let url = format!("http://{}/connect/jira?scope=write:issues", scene.world.address);
    for _ in 0..3 {
        let page = browser.get(&url).await;
        page.says(200, "<code>write:issues</code>, <code>read:issues</code>");
        let back = browser.consent("jira", &page).await;
        browser.get(&back).await.says(200, "is connected");
    }
    browser.get(&url).await.says(409, "again and again");
}

async fn a_server_of_2025_03_26_is_its_own_authorization_server(world: World) {
    let scene = Scene::new(world, json!({})).await;
    scene.fake.ways(|ways| {
        ways.challenge = "Bearer".to_owned();
        ways.resource = Value::Null;
        ways.metadata = Value::Null;
        ways.iss = None;
    });
    scene.connect(&scene.ann).await.says(200, "is connected");
}

on_both_stores!(
    a_user_connects_and_the_gateway_gets_the_token,
    tokens_are_in_no_answer_no_log_and_no_table,
    a_gateways_link_is_for_its_user_only,
    a_link_lets_one_browser_in_once_and_only_its_user_connects,
    a_servers_own_connection_is_an_operators,
    a_client_is_known_to_its_own_issuer_only,
    a_pre_registered_client_and_a_document_come_before_registration,
    stepping_up_keeps_what_is_there_and_ends_after_three_times,
    a_server_of_2025_03_26_is_its_own_authorization_server,
);
