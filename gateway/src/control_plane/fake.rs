//! A control plane for tests: a real socket, answers written by hand, and a memory of what was asked.

use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use url::Url;

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) bearer: String,
    /// `Last-Event-ID`; empty without one.
    pub(crate) last_event: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What to answer.
pub(crate) enum Answer {
    /// This status and body.
    Whole(u16, String),
    /// An event stream of what the channel gives; ends with it.
    Stream(mpsc::Receiver<String>),
    /// Nothing: the connection is closed.
    HangUp,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Whole(status, body.to_string())
    }
}

type Respond = dyn Fn(&Seen) -> Answer + Send + Sync;

pub(crate) struct FakeControlPlane {
    url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Drop for FakeControlPlane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeControlPlane {
    pub(crate) async fn start(respond: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (counter, count) = watch::channel(0);
        let respond: Arc<Respond> = Arc::new(respond);
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&respond), Arc::clone(&log), counter.clone()));
            }
        });
        Self { url, seen, count, task }
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until the requests so far satisfy `done`.
    pub(crate) async fn until(&self, done: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let mut count = self.count.clone();
        count.wait_for(|_| done(&self.seen.lock().unwrap())).await.unwrap();
        self.seen()
    }
}

async fn serve(stream: TcpStream, respond: Arc<Respond>, log: Arc<Mutex<Vec<Seen>>>, count: watch::Sender<usize>) {
    let mut stream = BufReader::new(stream);
    let Some(seen) = read(&mut stream).await else { return };
    let answer = respond(&seen);
    log.lock().unwrap().push(seen);
    count.send_modify(|count| *count += 1);
    match answer {
        Answer::Whole(status, body) => {
            let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
        Answer::Stream(mut events) => {
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            while let Some(event) = events.recv().await {
                if stream.write_all(&protocol::sse::encode(&event)).await.is_err() {
                    return;
                }
            }
        }
        Answer::HangUp => {}
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut bearer, mut last_event, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => bearer = value.trim_start_matches("Bearer ").to_owned(),
            "last-event-id" => value.clone_into(&mut last_event),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { method, path, bearer, last_event, body })
}
