//! `mcp-gateway wrap`: a server that speaks stdio, reached over HTTP, by itself and behind a gateway.

use crate::world::{Answer, MODERN, PROGRAM, World, eventually, objects, provide_tls, read};
use gateway::{confine::Confiner, wrap::Means};
use scrubber::Scrubber;
use serde_json::{Value, json};
use std::{net::TcpListener, path::PathBuf};
use tokio::sync::oneshot;

struct Wrapped {
    address: String,
    http: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

impl Wrapped {
    fn start(traits: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stdio_server.py");
        let command = ["python3".to_owned(), script.to_str().unwrap().to_owned(), traits.to_owned()];
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            let confiner = Confiner::probe(PROGRAM.into(), std::env::temp_dir()).await;
            let means = Means { confiner, scrubber: Scrubber::default() };
            gateway::wrap::serve_on(listener, &command, means, stop).await.unwrap();
        });
        provide_tls();
        Self { address, http: reqwest::Client::builder().no_proxy().build().unwrap(), _stop: stop }
    }

    fn message(&self, method: &str, mut params: Value) -> reqwest::RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = self.http.post(format!("http://{}/mcp", self.address)).json(&body);
        let request = request.header("accept", "application/json, text/event-stream");
        let request = request.header("mcp-protocol-version", MODERN).header("mcp-method", method);
        match params["name"].as_str() {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    }

    async fn ask(&self, method: &str, params: Value) -> Answer {
        read(self.message(method, params).send().await.unwrap()).await
    }
}

#[tokio::test]
async fn a_server_of_either_era_is_served_over_http() {
    for traits in ["", "modern"] {
        let wrapped = Wrapped::start(traits);
        let discovered = wrapped.ask("server/discover", json!({})).await;
        assert!(discovered.last()["result"]["capabilities"]["tools"].is_object(), "{discovered:?}");
        let listed = wrapped.ask("tools/list", json!({})).await;
        assert_eq!(listed.last()["result"]["tools"][0]["name"], "echo", "{listed:?}");
        let call = json!({"name": "echo", "arguments": {"a": 1}});
        let answer = wrapped.ask("tools/call", call).await;
        assert_eq!(answer.told()["arguments"]["a"], 1, "{answer:?}");
    }
}

#[tokio::test]
async fn it_says_whether_the_server_is_well() {
    let well = Wrapped::start("modern");
    let health = async |wrapped: &Wrapped| {
        let url = format!("http://{}/healthz", wrapped.address);
        wrapped.http.get(url).send().await.unwrap()
    };
    assert_eq!(health(&well).await.status(), 204);
    let ill = Wrapped::start("dies-at-start");
    let failed = ill.ask("tools/list", json!({})).await;
    assert!(failed.error().1.contains("status 3"), "{failed:?}");
    let told = health(&ill).await;
    assert_eq!(told.status(), 503);
    assert!(told.text().await.unwrap().contains("status 3"));
}

#[tokio::test]
async fn it_is_for_gateways_and_for_nobody_else() {
    let wrapped = Wrapped::start("modern");
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let list = || wrapped.message("tools/list", json!({}));
    assert_eq!(status(list()).await, 200);
    assert_eq!(status(list().header("host", "evil.example")).await, 403);
    assert_eq!(status(list().header("origin", "http://localhost")).await, 403);
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}});
    let url = format!("http://{}/mcp", wrapped.address);
    let legacy = wrapped.http.post(&url).header("accept", "application/json, text/event-stream").json(&initialize);
    assert_eq!(status(legacy).await, 400);
    assert_eq!(status(wrapped.http.get(&url)).await, 405);
    assert_eq!(status(wrapped.http.post(format!("http://{}/projects/w/mcp", wrapped.address))).await, 415);
}

#[tokio::test]
async fn behind_a_gateway_it_is_a_server_like_any_other() {
    for traits in ["", "modern"] {
        let wrapped = Wrapped::start(traits);
        let transport = json!({"type": "http", "url": format!("http://{}/mcp", wrapped.address)});
        let tools = json!([{"tool": "*", "class": "read"}]);
        let server = json!({"kind": "server", "name": "box", "spec": {"transport": transport, "tools": tools}});
        let world = World::start(&objects(&[server]), &[]).await;
        let echo = async || world.call("ada", "box_echo", json!({"a": 1})).await.told()["arguments"]["a"].as_u64();
        assert_eq!(eventually("an answer", echo).await, 1);
        let big = world.call("ada", "box_big", json!({"n": 3_000_000})).await;
        assert!(big.told().as_str().is_some_and(|text| text.len() >= 3_000_000), "{traits}");
        let steps = json!({"name": "box_progress", "arguments": {}, "_meta": {"progressToken": "p"}});
        let told = world.modern("weekly", "ada", "tools/call", steps).await;
        assert_eq!(told.messages.len(), 4, "three notifications and an answer: {told:?}");
        let died = world.call("ada", "box_die", json!({})).await;
        assert!(died.last().to_string().contains("status 7"), "{died:?}");
        assert_eq!(eventually("it is started again", echo).await, 1);
    }
}
