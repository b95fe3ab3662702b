//! A tiny HTTP server on a free port: one thread a connection, one request a connection, every request remembered.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

/// Longest wait for a condition: far beyond what a slow machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Seen {
    /// A header; empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Whether the body is a message with this method.
    pub(crate) fn is(&self, method: &str) -> bool {
        self.body.contains(&format!(r#""method":"{method}""#))
    }
}

/// What to answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Keeps the connection open until the client closes it, and remembers that as method `CLOSED`.
    pub(crate) hangs: bool,
    /// Closes the connection before everything that was announced is said.
    pub(crate) breaks: bool,
}

impl Reply {
    /// One JSON value.
    pub(crate) fn json(body: &str) -> Self {
        Self::new(200, "application/json", body)
    }

    /// One event for each message.
    pub(crate) fn events(messages: &[&str]) -> Self {
        let body: String = messages.iter().map(|message| format!("event: message\ndata: {message}\n\n")).collect();
        Self::new(200, "text/event-stream", &body)
    }

    /// The events as they are written, with ids and without an answer among them if need be.
    pub(crate) fn stream(text: &str) -> Self {
        Self::new(200, "text/event-stream", text)
    }

    /// Only a status.
    pub(crate) fn status(status: u16) -> Self {
        Self::new(status, "text/plain", "")
    }

    pub(crate) fn new(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("Content-Type", content_type.to_owned())];
        Self { status, headers, body: body.as_bytes().to_vec(), hangs: false, breaks: false }
    }

    /// With one more header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Closed in the middle.
    pub(crate) fn hanging_up(mut self) -> Self {
        self.breaks = true;
        self
    }

    /// Without an end.
    pub(crate) fn hanging(mut self) -> Self {
        self.hangs = true;
        self
    }
}

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    changed: Condvar,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) url: String,
    log: Arc<Log>,
}

impl Stub {
    /// Answers every request with what `answer` says; it may wait on the stub it is given.
    pub(crate) fn start(answer: impl Fn(&Seen, &Stub) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stub = Self { url: format!("http://{}", listener.local_addr().unwrap()), log: Arc::default() };
        let (own, answer) = (stub.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, answer) = (own.clone(), Arc::clone(&answer));
                thread::spawn(move || own.serve(stream, &*answer));
            }
        });
        stub
    }

    fn serve(&self, stream: TcpStream, answer: &dyn Fn(&Seen, &Stub) -> Reply) {
        let mut reader = BufReader::new(stream);
        let Some(seen) = read(&mut reader) else { return };
        self.remember(seen.clone());
        let reply = answer(&seen, self);
        let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !reply.hangs {
            head.push_str(&format!("Content-Length: {}\r\n", reply.body.len() + usize::from(reply.breaks)));
        }
        head.push_str("\r\n");
        let stream = reader.get_mut();
        // A client that went away is what some tests are about.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&reply.body));
        if reply.hangs {
            let _ = reader.read_to_end(&mut Vec::new());
            self.remember(Seen { method: "CLOSED".to_owned(), ..seen });
        }
    }

    fn remember(&self, seen: Seen) {
        self.log.seen.lock().unwrap().push(seen);
        self.log.changed.notify_all();
    }

    /// Everything seen so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    /// Waits until something was seen that `wanted` accepts, and gives it.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let seen = self.log.seen.lock().unwrap();
        let missing = |seen: &mut Vec<Seen>| !seen.iter().any(&wanted);
        let (seen, timeout) = self.log.changed.wait_timeout_while(seen, PATIENCE, missing).unwrap();
        assert!(!timeout.timed_out(), "only saw {seen:#?}");
        seen.iter().find(|seen| wanted(seen)).unwrap().clone()
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { method, path, headers, body: String::from_utf8(body).ok()? })
}
