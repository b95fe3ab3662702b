//! A gateway with a control plane, and a server that wants a token of every user.

use crate::{
    control_plane::ControlPlane,
    upstream::Upstream,
    world::{Answer, MODERN, World, eventually, objects, read},
};
use control_plane_api::{ticket::ConnectTicket, timestamp::Timestamp};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: &str = "https://mcpd.example/connect/web";

pub(crate) struct Company {
    pub(crate) control_plane: ControlPlane,
    pub(crate) upstream: Upstream,
    pub(crate) world: World,
    revision: AtomicU64,
}

impl Company {
    /// Ada is connected, Bob is not.
    pub(crate) async fn start() -> Self {
        let company = Self::unconnected(&[]).await;
        company.connected(&[("ada", "token-of-ada")]);
        company.offers("ada", "web_echo").await;
        company
    }

    /// Nobody is connected.
    pub(crate) async fn unconnected(flags: &[&str]) -> Self {
        let (control_plane, upstream) = (ControlPlane::start().await, Upstream::start().await);
        let home = tempfile::tempdir().unwrap();
        let join = home.path().join("join-token");
        std::fs::write(&join, ControlPlane::join_token()).unwrap();
        // Nothing of use is in it: the gateway has to enrol before anything can be sealed to it.
        control_plane.publish(1, &objects(&[]));
        let flags = [&["--mcpd-url", &control_plane.url, "--join-token-file", join.to_str().unwrap()], flags].concat();
        let world = World::run(home, &flags).await;
        let company = Self { control_plane, upstream, world, revision: AtomicU64::new(1) };
        company.connected(&[]);
        company.offers("ada", "web_connect").await;
        company
    }

    /// Waits until a list of `who` has the tool.
    pub(crate) async fn offers(&self, who: &str, tool: &str) {
        eventually(tool, async || self.tools("weekly", who).await.iter().any(|name| name == tool).then_some(())).await;
    }

    /// The tools that `who` is shown.
    pub(crate) async fn tools(&self, project: &str, who: &str) -> Vec<String> {
        let list = self.world.modern(project, who, "tools/list", json!({})).await;
        let tools = list.last()["result"]["tools"].as_array().cloned().unwrap_or_default();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Puts a configuration into force in which these users are connected, by these tokens.
    pub(crate) fn connected(&self, users: &[(&str, &str)]) {
        let (url, revision) = (&self.upstream.url, self.revision.fetch_add(1, Ordering::Relaxed) + 1);
        let mut objects = objects(&[json!({"kind": "server", "name": "web", "spec": {"era": "modern",
            "transport": {"type": "http", "url": url}, "oauth": {"connect_url": PAGE},
            "tools": [{"tool": "*", "class": "read"}]}})]);
        objects.push(json!({"kind": "project", "name": "solo",
            "spec": {"profiles": ["web-read-only"], "members": ["ada"]}}));
        objects.push(json!({"kind": "project", "name": "bare", "spec": {"profiles": [], "members": ["ada", "bob"]}}));
        for project in objects.iter_mut().filter(|object| object["name"] == "weekly") {
            project["spec"]["members"] = json!(["ada", "bob"]);
        }
        for (user, token) in users {
            let sealed = self.control_plane.seal(token);
            objects.push(json!({"kind": "connection", "name": format!("c-{user}"), "revision": revision,
                "spec": {"server": "web", "user": user, "url": url, "sealed": sealed}}));
        }
        self.control_plane.publish(revision, &objects);
    }

    /// A call of a tool by a modern client with these capabilities.
    pub(crate) async fn call(&self, who: &str, tool: &str, capabilities: Value, responses: Option<Value>) -> Answer {
        let mut params = json!({"name": tool, "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": capabilities}});
        if let Some(responses) = responses {
            params["inputResponses"] = responses;
        }
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
        let request = self.world.post("weekly", who, &body).header("mcp-protocol-version", MODERN);
        let request = request.header("mcp-method", "tools/call").header("mcp-name", tool);
        read(request.send().await.unwrap()).await
    }

    /// Whether the server has served a request with this token.
    pub(crate) fn served(&self, token: &str) -> bool {
        self.upstream.seen().contains(&format!("authorization: bearer {token}"))
    }
}

/// The link leads to the connect page, for Bob and nobody else.
pub(crate) fn check_link(link: &str) {
    let ticket = link.strip_prefix(PAGE).and_then(|rest| rest.strip_prefix("?ticket=")).unwrap();
    let digest = ControlPlane::gateway_token_digest();
    let ticket = ConnectTicket::read(ticket).unwrap().verify(&digest, Timestamp::now()).unwrap();
    assert_eq!((ticket.gateway.as_str(), ticket.user.as_str(), ticket.server.as_str()), ("local", "bob", "web"));
}

/// A client that can show links.
pub(crate) fn able() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}})
}
