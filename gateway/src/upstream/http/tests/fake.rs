//! An HTTP/1.1 server that does what a script says and remembers what it was sent.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
};

/// Longest wait for a condition: under load everything takes long.
const PATIENCE: Duration = Duration::from_secs(30);

/// One request as it came in.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) verb: String,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    /// Which connection it came on, from 0.
    pub(super) connection: u32,
}

impl Seen {
    pub(super) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A response with `result` to this request.
    pub(super) fn result(&self, result: &Value) -> Value {
        json!({"jsonrpc": "2.0", "id": self.body["id"], "result": result})
    }

    /// A response with an error to this request.
    pub(super) fn error(&self, code: i64) -> Value {
        json!({"jsonrpc": "2.0", "id": self.body["id"], "error": {"code": code, "message": "no"}})
    }
}

/// What the server does on a request.
pub(super) enum Act {
    /// Writes these bytes, and goes on with the connection.
    Write(String),
    /// Writes these bytes, then waits for the client to close.
    Hold(String),
    /// Writes these bytes and closes.
    Close(String),
    /// Writes these bytes, and the others once the condition holds.
    Ask(String, watch::Receiver<bool>, String),
    /// Begins an event stream with these bytes, and goes on with whatever comes.
    Follow(String, broadcast::Receiver<String>),
}

/// A JSON response with more `headers`, each ended by a line end.
pub(super) fn json_with(status: u16, headers: &str, body: &Value) -> Act {
    let body = body.to_string();
    Act::Write(format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

pub(super) fn json_reply(status: u16, body: &Value) -> Act {
    json_with(status, "", body)
}

/// A response without a body.
pub(super) fn empty(status: u16, headers: &str) -> Act {
    Act::Write(format!("HTTP/1.1 {status} X\r\n{headers}content-length: 0\r\n\r\n"))
}

/// The head and the first events of a stream.
pub(super) fn events(messages: &[Value]) -> String {
    let mut text =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    text.push_str(&chunks(messages));
    text
}

/// More events of a stream that was begun.
pub(super) fn chunks(messages: &[Value]) -> String {
    let event = |message: &Value| format!("event: message\ndata: {message}\n\n");
    messages.iter().map(event).map(|event| format!("{:x}\r\n{event}\r\n", event.len())).collect()
}

/// A whole stream.
pub(super) fn stream(messages: &[Value]) -> Act {
    Act::Write(format!("{}0\r\n\r\n", events(messages)))
}

pub(super) struct Fake {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    changed: watch::Receiver<(usize, u32)>,
}

impl Fake {
    /// Starts a server at a free port that does what `script` says.
    pub(super) async fn start(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp?k=1", listener.local_addr().unwrap());
        let (changes, changed) = watch::channel((0, 0));
        let shared = Arc::new(Shared { script: Box::new(script), seen: Arc::default(), changes });
        let seen = Arc::clone(&shared.seen);
        tokio::spawn(async move {
            let connections = AtomicU32::new(0);
            while let Ok((socket, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { shared.serve(socket, number).await });
            }
        });
        Self { url, seen, changed }
    }

    /// All requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.verb != "GET").cloned().collect()
    }

    /// The streams asked for so far, for which nobody waits.
    pub(super) fn streams(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.verb == "GET").cloned().collect()
    }

    /// The methods (or verbs, for requests without a message) so far.
    pub(super) fn methods(&self) -> Vec<String> {
        let name = |seen: &Seen| if seen.verb == "POST" { seen.method().to_owned() } else { seen.verb.clone() };
        self.seen().iter().map(name).collect()
    }

    /// Waits until `condition` holds of what was seen.
    pub(super) async fn until(&self, condition: impl Fn() -> bool) {
        let mut changed = self.changed.clone();
        tokio::time::timeout(PATIENCE, changed.wait_for(|_| condition())).await.expect("it never holds").unwrap();
    }

    /// Waits until as many requests were seen.
    pub(super) async fn saw(&self, count: usize) {
        self.until(|| self.seen().len() >= count).await;
    }

    /// Waits until as many streams were asked for.
    pub(super) async fn streamed(&self, count: usize) {
        self.until(|| self.streams().len() >= count).await;
    }

    /// Waits until as many held connections were closed by the client.
    pub(super) async fn was_left(&self, count: u32) {
        self.changed.clone().wait_for(|state| state.1 >= count).await.unwrap();
    }
}

struct Shared {
    script: Box<dyn Fn(&Seen) -> Act + Send + Sync>,
    seen: Arc<Mutex<Vec<Seen>>>,
    changes: watch::Sender<(usize, u32)>,
}

impl Shared {
    async fn serve(&self, socket: TcpStream, connection: u32) {
        let mut socket = BufReader::new(socket);
        while let Some(seen) = receive(&mut socket, connection).await {
            let act = (self.script)(&seen);
            self.seen.lock().unwrap().push(seen);
            self.changes.send_modify(|state| state.0 += 1);
            let (text, hold, close) = match act {
                Act::Write(text) => (text, false, false),
                Act::Hold(text) => (text, true, true),
                Act::Close(text) => (text, false, true),
                Act::Ask(first, mut condition, rest) => {
                    if socket.get_mut().write_all(first.as_bytes()).await.is_err() {
                        return;
                    }
                    condition.wait_for(|holds| *holds).await.unwrap();
                    (format!("{rest}0\r\n\r\n"), false, false)
                }
                Act::Follow(first, told) => return follow(socket.get_mut(), first, told).await,
            };
            if socket.get_mut().write_all(text.as_bytes()).await.is_err() {
                return;
            }
            if hold {
                let _ = socket.read_to_end(&mut Vec::new()).await;
                self.changes.send_modify(|state| state.1 += 1);
            }
            if close {
                return;
            }
        }
    }
}

async fn follow(socket: &mut TcpStream, first: String, mut told: broadcast::Receiver<String>) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let mut text = format!("{head}{first}");
    while socket.write_all(text.as_bytes()).await.is_ok() {
        match told.recv().await {
            Ok(more) => text = more,
            Err(_) => return,
        }
    }
}

async fn receive(socket: &mut BufReader<TcpStream>, connection: u32) -> Option<Seen> {
    let mut line = String::new();
    socket.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ');
    let (verb, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.append(name.parse::<HeaderName>().unwrap(), value.trim().parse::<HeaderValue>().unwrap());
    }
    let length: usize = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Seen { verb, path, headers, body, connection })
}
