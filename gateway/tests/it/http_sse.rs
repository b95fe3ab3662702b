//! HTTP+SSE, the transport of 2024-11-05, from the first event to the end.

use crate::{
    client::Events,
    world::{World, eventually, objects, server, token_of},
};
use control_plane_api::audit::Outcome;
use serde_json::{Value, json};

struct Old<'a> {
    world: &'a World,
    endpoint: String,
    events: Events,
}

impl<'a> Old<'a> {
    async fn open(world: &'a World) -> Self {
        let url = format!("http://{}/projects/weekly/sse", world.address);
        let get = world.http.get(url).bearer_auth(token_of("ada")).header("accept", "text/event-stream");
        let mut events = Events::of(get.send().await.unwrap());
        let first = events.event().await.unwrap();
        assert_eq!((first.event.as_str(), first.id), ("endpoint", None));
        assert!(first.data.starts_with("/projects/weekly/messages?session="), "{}", first.data);
        Self { world, endpoint: first.data, events }
    }

    async fn post(&self, who: &str, message: &Value) -> u16 {
        let url = format!("http://{}{}", self.world.address, self.endpoint);
        self.world.http.post(url).bearer_auth(token_of(who)).json(message).send().await.unwrap().status().as_u16()
    }

    async fn ask(&mut self, id: u32, method: &str, params: Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        assert_eq!(self.post("ada", &message).await, 202);
        loop {
            let message = self.events.message().await;
            if message["id"] == json!(id) && message.get("method").is_none() {
                return message;
            }
        }
    }

    async fn initialize(&mut self, able: Value) -> Value {
        let params = json!({"protocolVersion": "2024-11-05", "capabilities": able, "clientInfo": {"name": "old", "version": "1"}});
        let answer = self.ask(0, "initialize", params).await;
        assert_eq!(self.post("ada", &json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await, 202);
        answer
    }
}

#[tokio::test]
async fn an_old_client_is_served_on_its_two_endpoints() {
    let world = World::start(&objects(&[server("new", "modern"), server("old", "")]), &[]).await;
    let mut client = Old::open(&world).await;
    assert_eq!(client.ask(9, "tools/list", json!({})).await["error"]["code"], -32000, "`initialize` comes first");
    let opened = client.initialize(json!({})).await;
    assert_eq!(opened["result"]["protocolVersion"], "2024-11-05");
    assert!(opened["result"]["capabilities"].get("completions").is_none());
    assert!(client.ask(1, "tools/list", json!({})).await.to_string().contains("new_echo"));
    let call = json!({"name": "old_progress", "arguments": {}, "_meta": {"progressToken": "p"}});
    assert_eq!(
        client.post("ada", &json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})).await,
        202
    );
    for step in 0..3 {
        assert_eq!(client.events.message().await["params"], json!({"progressToken": "p", "progress": step}));
    }
    assert_eq!(client.events.told().await, "done");
    assert_eq!(client.ask(3, "ping", json!({})).await["result"], json!({}));
    assert_eq!(client.ask(4, "no/such", json!({})).await["error"]["code"], -32601);
}

#[tokio::test]
async fn its_session_is_its_owners_and_ends_with_its_stream() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let mut client = Old::open(&world).await;
    client.initialize(json!({})).await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    assert_eq!(client.post("bob", &ping).await, 404);
    let session = client.endpoint.split('=').next_back().unwrap().to_owned();
    assert_eq!(world.legacy("ada", Some(&session), ping.clone()).await.status, 404, "not on the other transport");
    let hang =
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "new_hang", "arguments": {}}});
    assert_eq!(client.post("ada", &hang).await, 202);
    let hanging = |e: &control_plane_api::audit::AuditEvent| e.target.as_deref() == Some("new_hang");
    eventually("the call", async || world.audit().iter().any(hanging).then_some(())).await;
    let Old { endpoint, events, .. } = client;
    drop(events);
    eventually("the end of the call", async || {
        world.audit().iter().any(|e| hanging(e) && e.outcome == Outcome::Cancelled).then_some(())
    })
    .await;
    let gone = world.http.post(format!("http://{}{endpoint}", world.address)).bearer_auth(token_of("ada")).json(&ping);
    assert_eq!(gone.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn its_endpoints_are_guarded_like_the_other() {
    let world = World::start(&objects(&[]), &[]).await;
    let url = |path: &str| format!("http://{}{path}", world.address);
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let sse = || world.http.get(url("/sse")).header("accept", "text/event-stream");
    assert_eq!(status(sse()).await, 401);
    assert_eq!(status(sse().bearer_auth(token_of("ada")).header("origin", "http://evil.example")).await, 403);
    assert_eq!(
        status(world.http.get(url("/sse")).bearer_auth(token_of("ada")).header("accept", "text/html")).await,
        406
    );
    assert_eq!(status(world.http.post(url("/sse")).json(&json!({})).bearer_auth(token_of("ada"))).await, 405);
    assert_eq!(status(world.http.get(url("/messages"))).await, 405);
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    assert_eq!(status(world.http.post(url("/messages?session=x")).json(&ping)).await, 401);
    assert_eq!(status(world.http.post(url("/messages")).json(&ping).bearer_auth(token_of("ada"))).await, 400);
}

#[tokio::test]
async fn a_server_can_ask_an_old_client() {
    let world = World::start(&objects(&[server("new", "modern")]), &[]).await;
    let mut client = Old::open(&world).await;
    client.initialize(json!({"roots": {"listChanged": true}})).await;
    let call = json!({"name": "new_ask", "arguments": {"questions": ["roots"]}});
    let message = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": call});
    assert_eq!(client.post("ada", &message).await, 202);
    let question = client.events.message().await;
    assert_eq!(question["method"], "roots/list");
    let roots = json!({"roots": [{"uri": "file:///home"}]});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": roots});
    assert_eq!(client.post("ada", &answer).await, 202);
    assert_eq!(client.events.told().await["responses"], json!({"roots": roots}));
}
