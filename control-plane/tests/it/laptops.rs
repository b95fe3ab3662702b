//! Local gateways of developers: enrolled with a user's own authority, with that user's projects and nothing else, and ended at once.

use crate::{
    on_both_stores,
    stream::{Gateway, enrolment},
    world::World,
};
use control_plane_api::{
    object::Kind,
    snapshot::{ConfigEvent, Snapshot},
    token,
};
use crypto_box::SecretKey;
use rand::rngs::OsRng;
use serde_json::{Value, json};

const CENTRAL: &str = "https://mcp.example";

/// Ann is a member of `weekly`, which reads from a Slack with a secret; `hidden` is somebody else's.
async fn company(world: &mut World) -> String {
    world.again(&["--central-url", CENTRAL]).await;
    world.done("PUT", "/api/v1/secrets/slack", Some(json!({"value": "xoxb-of-the-company"}))).await;
    world.server("slack", Some("slack")).await;
    let tools = json!([{"tool": "get_*", "class": "read", "relevance": {"max_records": 5}}]);
    let transport = json!({"type": "stdio", "command": "true", "env": {"TOKEN": {"secret": "slack"}}});
    let slack = json!({"name": "slack", "spec": {"transport": transport, "tools": tools}});
    world.done("PUT", "/api/v1/servers/slack", Some(slack)).await;
    world.done("PUT", "/api/v1/profiles/p", Some(json!({"name": "p", "spec": {"server": "slack"}}))).await;
    let token = world.user("ann", &["developer"], None).await;
    for (project, members) in [("weekly", json!(["ann"])), ("hidden", json!([]))] {
        let spec = json!({"profiles": ["p"], "members": members, "relevance": {"budget_tokens": 70}});
        world.done("PUT", &format!("/api/v1/projects/{project}"), Some(json!({"name": project, "spec": spec}))).await;
    }
    token
}

/// What a machine gets that asks for `who`.
async fn allowed(world: &World, who: &str, host: &str) -> Value {
    let answer = world.call("POST", "/api/v1/laptops", Some(who), Some(json!({"host": host}))).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

async fn laptop(world: &World, who: &str, host: &str) -> (Gateway, Value) {
    let grant = allowed(world, who, host).await;
    let (name, join) = (grant["join"]["gateway"].as_str().unwrap(), grant["join"]["token"].as_str().unwrap());
    (Gateway::enrol_with(world, name, join).await, grant)
}

fn digests(snapshot: &Snapshot, user: &str) -> Vec<String> {
    let of = snapshot.users().filter(|(name, _)| name.as_str() == user);
    of.flat_map(|(_, spec)| spec.tokens.iter().map(|grant| grant.digest.clone())).collect()
}

async fn a_local_gateway_has_its_users_projects_and_nothing_else(mut world: World) {
    let ann = company(&mut world).await;
    let (gateway, grant) = laptop(&world, &ann, "Anns-Book.local").await;
    assert_eq!(gateway.name, "laptop-ann-anns-book");
    let central = Gateway::enrol(&world, "central").await;
    let mut stream = gateway.connect(&world).await;
    let mut have = stream.snapshot().await;

    let names = |snapshot: &Snapshot| snapshot.projects().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&have), ["weekly"]);
    assert_eq!(have.users().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["ann"]);
    assert!(have.secrets().next().is_none() && have.peppers.is_none() && have.pins().next().is_none());
    assert!(!stream.text.contains("xoxb") && !stream.text.contains("hidden"));
    let (name, server) = have.servers().next().unwrap();
    let spec = serde_json::to_value(server).unwrap();
    assert_eq!(name.as_str(), "weekly");
    assert_eq!(spec["transport"], json!({"type": "http", "url": "https://mcp.example/projects/weekly/mcp"}));
    assert_eq!((&spec["central"], &spec["prefix"]), (&json!(true), &json!("")));
    let rule = json!({"tool": "slack_get_*", "class": "read", "relevance": {"max_records": 5}});
    assert_eq!(spec["tools"][0], rule, "what is known of tools, by the names they have there");

    // What its clients show it is known to it; what it shows the central gateway, to that one alone.
    let session = grant["session"]["token"].as_str().unwrap();
    assert_eq!(digests(&have, "ann"), [token::digest(session)]);
    let (_, connection) = have.connections().next().unwrap();
    let upstream = gateway.unseal(&connection.sealed);
    assert_ne!(upstream, session);
    let there = central.connect(&world).await.snapshot().await;
    let known = digests(&there, "ann");
    assert!(known.contains(&token::digest(&upstream)) && known.contains(&token::digest(session)), "{known:?}");
    for gateways_only in [session, &upstream] {
        assert_eq!(world.call("GET", "/api/v1/whoami", Some(gateways_only), None).await.status, 401);
    }

    // A project that she may use from now on.
    let hidden = json!({"name": "hidden", "spec": {"profiles": ["p"], "members": ["ann"]}});
    world.done("PUT", "/api/v1/projects/hidden", Some(hidden)).await;
    stream.follow(&mut have, world.revision().await).await;
    assert_eq!(names(&have), ["hidden", "weekly"]);
    let listed = world.call("GET", "/api/v1/laptops", Some(&ann), None).await.json();
    assert_eq!((listed[0]["name"].as_str(), listed[0]["owner"].as_str()), (Some("laptop-ann-anns-book"), Some("ann")));
}

/// Follows until nobody may do anything through the gateway, whether the stream goes on or not.
async fn emptied(stream: &mut crate::stream::Stream<'_>, have: &mut Snapshot) {
    while have.projects().next().is_some() || !digests(have, "ann").is_empty() {
        match stream.next().await {
            Some(ConfigEvent::ChangeSet(change)) => have.apply(change).unwrap(),
            other => panic!("it has something still: {other:?}"),
        }
    }
    assert!(have.servers().next().is_none() && have.connections().next().is_none());
}

async fn it_ends_with_its_user_and_with_its_enrolment(mut world: World) {
    let ann = company(&mut world).await;
    let (gateway, _) = laptop(&world, &ann, "one").await;
    let central = Gateway::enrol(&world, "central").await;
    let (mut stream, mut there) = (gateway.connect(&world).await, central.connect(&world).await);
    let (mut have, mut known) = (stream.snapshot().await, there.snapshot().await);
    let before = digests(&known, "ann").len();

    // Shut out: the central gateway refuses what it shows, and it has nothing any more.
    let ann_is = |spec: Value| json!({"name": "ann", "spec": spec});
    let disabled = json!({"roles": ["developer"], "disabled": true});
    world.done("PUT", "/api/v1/users/ann", Some(ann_is(disabled))).await;
    emptied(&mut stream, &mut have).await;
    there.follow(&mut known, world.revision().await).await;
    assert!(before >= 3 && digests(&known, "ann").is_empty());
    // Let in again: the token counts, what was opened for the machine does not.
    world.done("PUT", "/api/v1/users/ann", Some(ann_is(json!({"roles": ["developer"]})))).await;
    stream.follow(&mut have, world.revision().await).await;
    there.follow(&mut known, world.revision().await).await;
    assert!(have.connections().next().is_none() && digests(&have, "ann").is_empty());
    assert_eq!(digests(&known, "ann").len(), 1);

    // Enrolled anew, and given up.
    let (again, _) = laptop(&world, &ann, "one").await;
    // Its token is another one: the stream ends, and shows nothing to the central gateway on the way.
    while let Some(event) = stream.next().await {
        let ConfigEvent::ChangeSet(change) = event else { panic!("a whole snapshot") };
        assert!(change.upserts.iter().all(|object| object.reference().kind != Kind::Connection));
    }
    let mut stream = again.connect(&world).await;
    let mut have = stream.snapshot().await;
    assert!(have.connections().next().is_some());
    let bob = world.user("bob", &["developer"], None).await;
    let end = async |who: &str| world.call("DELETE", "/api/v1/laptops/laptop-ann-one", Some(who), None).await.status;
    assert_eq!(end(&bob).await, 404);
    assert_eq!(end(&ann).await, 204);
    emptied(&mut stream, &mut have).await;
    assert!(stream.next().await.is_none());
    there.follow(&mut known, world.revision().await).await;
    assert_eq!(digests(&known, "ann").len(), 1);

    // Removed by an administrator, and with its user.
    for (kind, path) in [("gateway", "/api/v1/gateways/laptop-ann-one"), ("user", "/api/v1/users/ann")] {
        let (gateway, _) = laptop(&world, &ann, "one").await;
        let mut stream = gateway.connect(&world).await;
        let mut have = stream.snapshot().await;
        if kind == "user" {
            let weekly = json!({"name": "weekly", "spec": {"profiles": ["p"]}});
            world.done("PUT", "/api/v1/projects/weekly", Some(weekly)).await;
        }
        world.done("DELETE", path, None).await;
        emptied(&mut stream, &mut have).await;
        assert_eq!(
            world.call("GET", "/api/v1/gateways/laptop-ann-one/config", Some(&gateway.token), None).await.status,
            401
        );
    }
}

async fn nobody_has_too_many_or_somebody_elses(mut world: World) {
    let ann = company(&mut world).await;
    let ask = async |who: &str, host: &str| {
        world.call("POST", "/api/v1/laptops", Some(who), Some(json!({"host": host}))).await
    };
    for host in ["", "---", &"x".repeat(256)] {
        assert_eq!(ask(&ann, host).await.status, 422, "{host}");
    }
    for host in 0..8 {
        assert_eq!(ask(&ann, &format!("m{host}")).await.status, 201);
    }
    let full = ask(&ann, "m8").await;
    assert!(full.status == 409 && full.text.contains("8 local gateways"), "{}", full.text);
    assert_eq!(ask(&ann, "m7").await.status, 201, "the same machine again");
    // A name that is an administrator's, or another user's.
    Gateway::enrol(&world, "laptop-bob-x").await;
    let bob = world.user("bob", &["developer"], None).await;
    assert_eq!(ask(&bob, "x").await.status, 409);
    let nobody = world.user("eve", &[], None).await;
    assert_eq!(ask(&nobody, "x").await.status, 403);

    // A join token outlives neither the one that came after it, nor its user.
    let first = allowed(&world, &bob, "y").await["join"]["token"].as_str().unwrap().to_owned();
    let second = allowed(&world, &bob, "y").await["join"]["token"].as_str().unwrap().to_owned();
    let key = SecretKey::generate(&mut OsRng);
    let enrol = async |join: &str| {
        world.call("POST", "/api/v1/gateways/laptop-bob-y/enrol", Some(join), Some(enrolment(&key))).await.status
    };
    assert_eq!(enrol(&first).await, 401);
    let disabled = json!({"name": "bob", "spec": {"roles": ["developer"], "disabled": true}});
    world.done("PUT", "/api/v1/users/bob", Some(disabled)).await;
    assert_eq!(enrol(&second).await, 401);
    world.again(&[]).await;
    let alone = world.call("POST", "/api/v1/laptops", Some(&ann), Some(json!({"host": "m1"}))).await;
    assert!(alone.status == 409 && alone.text.contains("MCPD_CENTRAL_URL"), "{}", alone.text);
}

async fn what_it_says_counts_for_its_user_alone(mut world: World) {
    let ann = company(&mut world).await;
    let (gateway, _) = laptop(&world, &ann, "one").await;
    let path = |rest: &str| format!("/api/v1/gateways/{}/{rest}", gateway.name);
    let say = async |method: &str, rest: &str, body: Value| {
        world.call(method, &path(rest), Some(&gateway.token), Some(body)).await
    };
    // A revision nobody made, and a server that is in no such state.
    let report = json!({"config": {"state": "applied", "revision": 9_000_000}, "role": "local", "version": "1",
        "started_at": "2026-07-28T09:00:00.000Z", "listen_url": "http://127.0.0.1:9229", "audit_backlog": 0,
        "model": {"state": "unused"}, "servers": [{"name": "slack", "state": "failed", "tools": []}]});
    assert_eq!(say("PUT", "status", report).await.status, 204);
    let audit = world.done("GET", "/api/v1/audit?action=admin&limit=100", None).await.to_string();
    assert!(!audit.contains("went back"), "{audit}");
    let instances = world.done("GET", "/api/v1/instances/slack", None).await.to_string();
    assert!(!instances.contains("failed") && !instances.contains("laptop"), "{instances}");
    let pin = json!({"server": "slack", "made_at": 1, "tools": {"get": {"digest": "0".repeat(64),
        "pinned_at": "2026-07-28T09:00:00.000Z"}}});
    assert_eq!(say("POST", "pins", pin).await.status, 403);
    let refused = json!({"connection": "weekly", "digest": "0".repeat(64)});
    assert_eq!(say("POST", "refused-token", refused).await.json()["replacement"], "needs_consent");
}

on_both_stores!(
    a_local_gateway_has_its_users_projects_and_nothing_else,
    it_ends_with_its_user_and_with_its_enrolment,
    nobody_has_too_many_or_somebody_elses,
    what_it_says_counts_for_its_user_alone,
);
