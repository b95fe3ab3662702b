//! An HTTP server of either era that many clients share, with the tool `mark` of `crowd_server.py`: calls that say how many
//! they are are answered together, their progress in one order and their answers in another. The orders are drawn by lot,
//! and the lots are the same every time.

use crate::upstream::next_request;
use parking_lot::Mutex;
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
};

const END: &str = "0\r\n\r\n";

pub(crate) struct Crowd {
    pub(crate) url: String,
}

struct Shared {
    legacy: bool,
    sessions: Mutex<BTreeSet<String>>,
    marked: Mutex<Vec<Asked>>,
    lots: Mutex<StdRng>,
}

/// A call that waits for the others, and where its answer goes.
struct Asked {
    request: Value,
    writer: Writer,
}

type Writer = Arc<tokio::sync::Mutex<OwnedWriteHalf>>;

impl Crowd {
    pub(crate) async fn start(legacy: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let lots = Mutex::new(StdRng::seed_from_u64(1));
        let shared = Arc::new(Shared { legacy, sessions: Mutex::default(), marked: Mutex::default(), lots });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { url }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let (reader, writer) = stream.into_split();
    let (mut reader, writer) = (BufReader::new(reader), Arc::new(tokio::sync::Mutex::new(writer)));
    while let Some((head, body)) = next_request(&mut reader).await {
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        if request["params"]["name"] == "mark" && shared.knows(&head) {
            shared.mark(Asked { request, writer: writer.clone() }).await;
        } else {
            write(&writer, &shared.reply(&head, &request)).await;
        }
    }
}

/// A client that is gone is missed by the test.
async fn write(writer: &Writer, text: &str) {
    let _ = writer.lock().await.write_all(text.as_bytes()).await;
}

impl Shared {
    /// Whether a request with `head` may be asked: with the id of a session at a legacy server, without one at a modern one.
    fn knows(&self, head: &str) -> bool {
        let named = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
        match named {
            Some(id) => self.legacy && self.sessions.lock().contains(id),
            None => !self.legacy,
        }
    }

    /// Answers everybody once all are there.
    async fn mark(&self, asked: Asked) {
        let with = usize::try_from(asked.request["params"]["arguments"]["with"].as_u64().unwrap()).unwrap();
        let mut together = {
            let mut marked = self.marked.lock();
            marked.push(asked);
            if marked.len() < with {
                return;
            }
            std::mem::take(&mut *marked)
        };
        are_told_apart(&together);
        // Sorted first: the order they came in has no say.
        together.sort_by_key(|asked| asked.marker().to_owned());
        together.shuffle(&mut *self.lots.lock());
        for asked in &together {
            write(&asked.writer, &format!("{STREAM}{}", event(&asked.progress()))).await;
        }
        together.shuffle(&mut *self.lots.lock());
        for asked in &together {
            write(&asked.writer, &format!("{}{END}", event(&asked.answer()))).await;
        }
    }

    fn reply(&self, head: &str, request: &Value) -> String {
        let method = request["method"].as_str().unwrap_or_default();
        let tools =
            || json!({"tools": [{"name": "mark", "inputSchema": {"type": "object"}}], "resultType": "complete"});
        match (self.legacy, method) {
            (false, "server/discover") => {
                let found = json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "resultType": "complete"});
                json_reply("200 OK", "", &result(request, &found))
            }
            (true, "initialize") => {
                let mut sessions = self.sessions.lock();
                let id = format!("s{}", sessions.len());
                sessions.insert(id.clone());
                let welcome = json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "crowd", "version": "1"}});
                json_reply("200 OK", &format!("mcp-session-id: {id}\r\n"), &result(request, &welcome))
            }
            _ if head.starts_with("GET ") => "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n".to_owned(),
            _ if !self.knows(head) => json_reply("400 Bad Request", "", &refusal(request, -32_000)),
            (_, "tools/list") => json_reply("200 OK", "", &result(request, &tools())),
            _ if request.get("id").is_none() => "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned(),
            _ => json_reply("404 Not Found", "", &refusal(request, -32_601)),
        }
    }
}

impl Asked {
    fn marker(&self) -> &str {
        self.request["params"]["arguments"]["marker"].as_str().unwrap()
    }

    fn token(&self) -> &Value {
        &self.request["params"]["_meta"]["progressToken"]
    }

    fn progress(&self) -> Value {
        let params = json!({"progressToken": self.token(), "progress": 1, "message": self.marker()});
        json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
    }

    fn answer(&self) -> Value {
        let content = json!({"content": [{"type": "text", "text": self.marker()}], "resultType": "complete"});
        result(&self.request, &content)
    }
}

/// A server has nothing but ids and tokens to tell requests in flight apart (2026-07-28 basic, requests).
fn are_told_apart(together: &[Asked]) {
    let different = |of: &dyn Fn(&Asked) -> String| together.iter().map(of).collect::<BTreeSet<_>>().len();
    let ids = different(&|asked| asked.request["id"].to_string());
    let tokens = different(&|asked| asked.token().to_string());
    assert_eq!((ids, tokens), (together.len(), together.len()), "different ids and tokens of requests in flight");
}

fn result(request: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result})
}

fn refusal(request: &Value, code: i64) -> Value {
    json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": "no"}})
}

fn json_reply(status: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A chunk with `message` as an event.
fn event(message: &Value) -> String {
    let event = format!("data: {message}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}
