//! A legacy client: a session of a revision, and event streams read as they come.

use crate::world::{Answer, World, read, token_of};
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use protocol::sse::{Decoder, Event};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait for an event that must come.
const PATIENCE: Duration = Duration::from_secs(30);
const BOTH: &str = "application/json, text/event-stream";

pub(crate) struct Client<'a> {
    pub(crate) world: &'a World,
    pub(crate) who: &'static str,
    pub(crate) session: String,
    pub(crate) initialized: Value,
    revision: &'static str,
}

impl<'a> Client<'a> {
    pub(crate) async fn open(world: &'a World, who: &'static str, revision: &'static str, able: Value) -> Self {
        let params =
            json!({"protocolVersion": revision, "capabilities": able, "clientInfo": {"name": "it", "version": "1"}});
        let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let answer = world.legacy(who, None, message).await;
        let initialized = answer.last()["result"].clone();
        assert_eq!(initialized["protocolVersion"], revision);
        Self { world, who, session: answer.session.unwrap(), initialized, revision }
    }

    fn request(&self, builder: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let builder = builder.bearer_auth(token_of(self.who)).header("mcp-session-id", &self.session);
        if self.revision >= "2025-06-18" { builder.header("mcp-protocol-version", self.revision) } else { builder }
    }

    /// Posts `message`, taking what `accept` says.
    pub(crate) async fn post(&self, message: &Value, accept: &str) -> reqwest::Response {
        let url = self.world.url("weekly");
        self.request(self.world.http.post(url)).header("accept", accept).json(message).send().await.unwrap()
    }

    pub(crate) async fn send(&self, message: Value) -> Answer {
        read(self.post(&message, BOTH).await).await
    }

    pub(crate) async fn ask(&self, id: u32, method: &str, params: Value) -> Answer {
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await
    }

    /// Posts a `tools/call` and reads its stream as it comes.
    pub(crate) async fn stream(&self, id: u32, tool: &str, arguments: Value) -> Events {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": id}});
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        Events::of(self.post(&message, BOTH).await)
    }

    /// GET, for the stream of its own or the rest of another.
    pub(crate) async fn get(&self, last_event_id: Option<&str>) -> reqwest::Response {
        let request = self.request(self.world.http.get(self.world.url("weekly"))).header("accept", "text/event-stream");
        let request = match last_event_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        request.send().await.unwrap()
    }

    /// The client's answer to a request of the server's.
    pub(crate) async fn answer(&self, question: &Value, result: Value) -> u16 {
        self.send(json!({"jsonrpc": "2.0", "id": question["id"], "result": result})).await.status
    }
}

/// An event stream, read as it comes.
pub(crate) struct Events {
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    decoder: Decoder,
}

impl Events {
    pub(crate) fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { chunks: response.bytes_stream().boxed(), decoder: Decoder::new(1 << 20) }
    }

    /// The next event; none at the end of the stream.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.decoder.next_event() {
                return Some(event);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.chunks.next()).await.unwrap();
            self.decoder.push(&chunk?.ok()?).unwrap();
        }
    }

    /// The next message; null at the end of the stream.
    pub(crate) async fn message(&mut self) -> Value {
        loop {
            match self.event().await {
                None => return Value::Null,
                Some(event) if event.data.is_empty() => {}
                Some(event) => return serde_json::from_str(&event.data).unwrap(),
            }
        }
    }

    /// The JSON in the first text block of the tool's result that comes next.
    pub(crate) async fn told(&mut self) -> Value {
        let message = self.message().await;
        let text = message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("a result: {message}"));
        serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
    }
}
