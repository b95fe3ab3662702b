//! Consent at a server, from the refused call to the served one: a link, a person, a token, the same call again.

use crate::{
    client::Client,
    control_plane::ControlPlane,
    upstream::Upstream,
    world::{Answer, MODERN, World, eventually, objects, read},
};
use control_plane_api::{ticket::ConnectTicket, timestamp::Timestamp};
use serde_json::{Value, json};

const PAGE: &str = "https://mcpd.example/connect/web";

struct Company {
    control_plane: ControlPlane,
    upstream: Upstream,
    world: World,
}

impl Company {
    /// Ada is connected, Bob is not.
    async fn start() -> Self {
        let (control_plane, upstream) = (ControlPlane::start().await, Upstream::start().await);
        let home = tempfile::tempdir().unwrap();
        let join = home.path().join("join-token");
        std::fs::write(&join, ControlPlane::join_token()).unwrap();
        // Nothing of use is in it: the gateway has to enrol before anything can be sealed to it.
        control_plane.publish(1, &objects(&[]));
        let flags = ["--mcpd-url", &control_plane.url, "--join-token-file", join.to_str().unwrap()];
        let world = World::run(home, &flags).await;
        let company = Self { control_plane, upstream, world };
        company.connected(2, &["ada"]);
        eventually("the tool of the server", async || {
            let list = company.world.modern("weekly", "ada", "tools/list", json!({})).await;
            list.last().to_string().contains("web_echo").then_some(())
        })
        .await;
        company
    }

    /// Puts a configuration into force in which these users are connected.
    fn connected(&self, revision: u64, users: &[&str]) {
        let url = &self.upstream.url;
        let mut objects = objects(&[json!({"kind": "server", "name": "web", "spec": {"era": "modern",
            "transport": {"type": "http", "url": url}, "oauth": {"connect_url": PAGE},
            "tools": [{"tool": "*", "class": "read"}]}})]);
        for project in objects.iter_mut().filter(|object| object["kind"] == "project") {
            project["spec"]["members"] = json!(["ada", "bob"]);
        }
        for user in users {
            let sealed = self.control_plane.seal(&format!("token-of-{user}"));
            objects.push(json!({"kind": "connection", "name": format!("c-{user}"), "revision": revision,
                "spec": {"server": "web", "user": user, "url": url, "sealed": sealed}}));
        }
        self.control_plane.publish(revision, &objects);
    }

    /// A call of Bob's by a modern client with these capabilities.
    async fn call(&self, capabilities: Value, responses: Option<Value>) -> Answer {
        let mut params = json!({"name": "web_echo", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": capabilities}});
        if let Some(responses) = responses {
            params["inputResponses"] = responses;
        }
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
        let request = self.world.post("weekly", "bob", &body).header("mcp-protocol-version", MODERN);
        let request = request.header("mcp-method", "tools/call").header("mcp-name", "web_echo");
        read(request.send().await.unwrap()).await
    }

    /// Whether the server has served Bob, and with his own token.
    fn served_bob(&self) -> bool {
        self.upstream.seen().contains("authorization: bearer token-of-bob")
    }
}

/// The link leads to the connect page, for Bob and nobody else.
fn check_link(link: &str) {
    let ticket = link.strip_prefix(PAGE).and_then(|rest| rest.strip_prefix("?ticket=")).unwrap();
    let digest = ControlPlane::gateway_token_digest();
    let ticket = ConnectTicket::read(ticket).unwrap().verify(&digest, Timestamp::now()).unwrap();
    assert_eq!((ticket.gateway.as_str(), ticket.user.as_str(), ticket.server.as_str()), ("local", "bob", "web"));
}

fn able() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}})
}

#[tokio::test]
async fn a_modern_client_is_asked_to_show_the_link_and_its_call_goes_on_with_the_token() {
    let company = Company::start().await;
    let asked = company.call(able(), None).await;
    let result = &asked.last()["result"];
    assert_eq!(result["resultType"], "input_required", "{asked:?}");
    let (key, question) = result["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
    check_link(question["params"]["url"].as_str().unwrap());
    // Whoever does not want to is told once more, and not asked again.
    let declined = company.call(able(), Some(json!({key: {"action": "decline"}}))).await;
    assert_eq!(declined.last()["result"]["isError"], true);
    assert!(!company.served_bob());

    let again = company.call(able(), Some(json!({key: {"action": "accept"}})));
    let consents = async {
        // The person needs a moment; the call waits for it.
        eventually("the call to wait", async || {
            let waiting = company.world.audit().iter().filter(|e| e.target.as_deref() == Some("web_echo")).count() % 2;
            (waiting == 1).then_some(())
        })
        .await;
        company.connected(3, &["ada", "bob"]);
    };
    let (served, ()) = tokio::join!(again, consents);
    assert_eq!(served.told(), "done", "{served:?}");
    assert!(company.served_bob());
    assert!(!company.upstream.seen().contains("mcpctl/connect"), "the question was the gateway's own");
}

#[tokio::test]
async fn a_legacy_client_is_asked_in_its_own_way() {
    let company = Company::start().await;
    let bob = Client::open(&company.world, "bob", "2025-11-25", able()).await;
    let mut stream = bob.stream(1, "web_echo", json!({})).await;
    let question = stream.message().await;
    assert_eq!((&question["method"], &question["params"]["mode"]), (&json!("elicitation/create"), &json!("url")));
    check_link(question["params"]["url"].as_str().unwrap());
    company.connected(3, &["ada", "bob"]);
    assert_eq!(bob.answer(&question, json!({"action": "accept"})).await, 202);
    assert_eq!(stream.told().await, "done");
    assert!(company.served_bob());
}

#[tokio::test]
async fn a_client_that_cannot_show_links_gets_it_as_text() {
    let company = Company::start().await;
    for capabilities in [json!({}), json!({"elicitation": {"form": {}}})] {
        let told = company.call(capabilities, None).await;
        assert_eq!((told.status, &told.last()["result"]["isError"]), (200, &json!(true)));
        let text = told.told();
        check_link(text.as_str().unwrap().rsplit(' ').next().unwrap());
    }
    assert!(!company.served_bob());
}
