//! A modern HTTP server with one tool, which writes down every byte it is sent and can ask for another credential.

use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

pub(crate) struct Upstream {
    pub(crate) url: String,
    seen: Arc<Mutex<String>>,
    refusals: Arc<Mutex<usize>>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(String::new()));
        let refused = Arc::<Mutex<Vec<String>>>::default();
        let refusals = Arc::<Mutex<usize>>::default();
        let (log, wrong, count) = (seen.clone(), refused.clone(), refusals.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, log.clone(), wrong.clone(), count.clone()));
            }
        });
        Self { url, seen, refusals, refused }
    }

    /// Heads and bodies of all requests so far.
    pub(crate) fn seen(&self) -> String {
        self.seen.lock().clone()
    }

    /// How many calls were refused so far.
    pub(crate) fn refusals(&self) -> usize {
        *self.refusals.lock()
    }

    /// From now on, calls of the tool with `token` are refused.
    pub(crate) fn refuse(&self, token: &str) {
        self.refused.lock().push(token.to_ascii_lowercase());
    }
}

/// The head of the next request and its body; none at the end of the connection.
pub(crate) async fn next_request(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
            return None;
        }
        let line = head[start..].trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

async fn serve(
    stream: TcpStream,
    log: Arc<Mutex<String>>,
    refused: Arc<Mutex<Vec<String>>>,
    refusals: Arc<Mutex<usize>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some((head, body)) = next_request(&mut stream).await {
        let head = head.to_ascii_lowercase();
        let wrong = refused.lock().iter().any(|token| head.contains(&format!("bearer {token}\r\n")));
        if wrong && head.contains("mcp-method: tools/call") {
            *refusals.lock() += 1;
            let refusal =
                "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer scope=\"write\"\r\ncontent-length: 0\r\n\r\n";
            stream.get_mut().write_all(refusal.as_bytes()).await.unwrap();
            continue;
        }
        log.lock().push_str(&format!("{head}{}\n", String::from_utf8_lossy(&body)));
        let reply = answer(&serde_json::from_slice(&body).unwrap_or_default()).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", reply.len());
        if stream.get_mut().write_all(format!("{head}{reply}").as_bytes()).await.is_err() {
            return;
        }
    }
}

pub(crate) fn answer(request: &Value) -> Value {
    let result = match request["method"].as_str().unwrap_or_default() {
        "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "web", "version": "1"}}),
        "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}], "ttlMs": 0,
            "cacheScope": "private"}),
        "tools/call" => json!({"content": [{"type": "text", "text": "done"}]}),
        method => {
            let error = json!({"code": -32601, "message": format!("no {method}")});
            return json!({"jsonrpc": "2.0", "id": request["id"], "error": error});
        }
    };
    let mut result = result;
    result["resultType"] = json!("complete");
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result})
}
