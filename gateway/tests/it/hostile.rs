//! A modern HTTP server that lists its tools as it should, and answers a call with whatever bytes the test wants.

use crate::upstream::next_request;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What the server does with a call.
pub(crate) enum Act {
    /// Writes these bytes and closes the connection.
    Close(Vec<u8>),
    /// Writes these bytes and says nothing more.
    Hold(Vec<u8>),
    /// Writes the first bytes, and then the others over and over.
    Flood(Vec<u8>, Vec<u8>),
    /// Writes these bytes and resets the connection.
    Reset(Vec<u8>),
}

type Script = dyn Fn(&Value) -> Act + Send + Sync;

pub(crate) struct Hostile {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Hostile {
    /// With a tool for each of `tools`; `script` is given the request of a call.
    pub(crate) async fn start(tools: &[&str], script: impl Fn(&Value) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<(String, Value)>>>::default();
        let tools: Vec<Value> =
            tools.iter().map(|name| json!({"name": name, "inputSchema": {"type": "object"}})).collect();
        let (log, script, tools) =
            (seen.clone(), Arc::<Script>::from(Box::new(script) as Box<Script>), Arc::new(tools));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tools.clone(), script.clone(), log.clone()));
            }
        });
        Self { url, seen }
    }

    /// The object of the server `name`, which is sent a credential.
    pub(crate) fn object(&self, name: &str) -> Value {
        json!({"kind": "server", "name": name, "spec": {"era": "modern",
            "transport": {"type": "http", "url": self.url, "headers": {"Authorization": "Bearer canary-credential"}},
            "tools": [{"tool": "*", "class": "read"}]}})
    }

    /// Heads and bodies of all requests so far.
    pub(crate) fn seen(&self) -> Vec<(String, Value)> {
        self.seen.lock().clone()
    }

    /// How many calls were sent.
    pub(crate) fn calls(&self) -> usize {
        self.seen().iter().filter(|(_, body)| body["method"] == "tools/call").count()
    }
}

async fn serve(stream: TcpStream, tools: Arc<Vec<Value>>, script: Arc<Script>, log: Arc<Mutex<Vec<(String, Value)>>>) {
    let mut stream = BufReader::new(stream);
    while let Some((head, body)) = next_request(&mut stream).await {
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        log.lock().push((head, request.clone()));
        let result = match request["method"].as_str().unwrap_or_default() {
            "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}),
            "tools/list" => json!({"tools": *tools}),
            "tools/call" => return act(stream.into_inner(), script(&request)).await,
            _ => json!({}),
        };
        let reply = answer(&request, result);
        if stream.get_mut().write_all(&reply).await.is_err() {
            return;
        }
    }
}

/// Writes until the gateway does not take any more.
async fn act(mut stream: TcpStream, act: Act) {
    match act {
        Act::Close(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Hold(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Act::Flood(first, more) => {
            let mut taken = stream.write_all(&first).await;
            while taken.is_ok() {
                taken = stream.write_all(&more).await;
            }
        }
        Act::Reset(bytes) => {
            let _ = stream.write_all(&bytes).await;
            // What is left unread makes the kernel reset instead of close.
            let _ = stream.set_zero_linger();
        }
    }
}

/// A whole answer to `request`.
pub(crate) fn answer(request: &Value, mut result: Value) -> Vec<u8> {
    result["resultType"] = json!("complete");
    json_reply("200 OK", "", &json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string())
}

/// A JSON body under a head with more `headers`, each ended by a line end.
pub(crate) fn json_reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into()
}

/// The head of an event stream, and these bytes as its first ones.
pub(crate) fn events(bytes: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n", bytes].concat()
}
