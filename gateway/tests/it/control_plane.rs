//! A control plane with one gateway: enrols it, seals to it, signs for it, and hands out whatever the test says.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use control_plane_api::{
    snapshot::SignedEvent,
    timestamp::Timestamp,
    token::{self, TokenKind},
};
use crypto_box::{PublicKey, aead::OsRng};
use ed25519_dalek::{Signer as _, SigningKey};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub(crate) struct ControlPlane {
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    signing: SigningKey,
    sealing: Mutex<Option<PublicKey>>,
    /// The newest configuration; none before the first.
    newest: watch::Sender<Option<Value>>,
    /// The refused tokens it was told of.
    refusals: Mutex<Vec<Value>>,
    /// What it answers to that.
    replacement: Mutex<&'static str>,
    /// The pins it was told of, and whether it hears of them.
    pins: Mutex<Vec<Value>>,
    takes_pins: AtomicBool,
    /// Whether it takes no connections any more.
    away: AtomicBool,
}

impl ControlPlane {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let signing = SigningKey::from_bytes(&[3; 32]);
        let state = Arc::new(State {
            signing,
            sealing: Mutex::default(),
            newest: watch::channel(None).0,
            refusals: Mutex::default(),
            replacement: Mutex::new("renewed"),
            pins: Mutex::default(),
            takes_pins: AtomicBool::new(true),
            away: AtomicBool::new(false),
        });
        let own = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, own.clone()));
            }
        });
        Self { url, state }
    }

    /// A join token for the one gateway.
    pub(crate) fn join_token() -> String {
        token::format(TokenKind::Join, &[1; 32])
    }

    /// The digest of the token the gateway gets.
    pub(crate) fn gateway_token_digest() -> String {
        token::digest(&gateway_token())
    }

    /// `value` sealed to the gateway, which has enrolled.
    pub(crate) fn seal(&self, value: &str) -> String {
        let key = self.state.sealing.lock().clone().unwrap();
        BASE64_STANDARD.encode(key.seal(&mut OsRng, value.as_bytes()).unwrap())
    }

    /// What it says to refused tokens from now on.
    pub(crate) fn replaces(&self, replacement: &'static str) {
        *self.state.replacement.lock() = replacement;
    }

    /// The refused tokens it was told of: connection, digest, and whether it was the second one.
    pub(crate) fn refusals(&self) -> Vec<(String, String, bool)> {
        let text = |refusal: &Value, field: &str| refusal[field].as_str().unwrap().to_owned();
        let told = |refusal: &Value| (text(refusal, "connection"), text(refusal, "digest"), refusal["again"] == true);
        self.state.refusals.lock().iter().map(told).collect()
    }

    /// Whether it takes pins from now on.
    pub(crate) fn takes_pins(&self, takes: bool) {
        self.state.takes_pins.store(takes, Ordering::SeqCst);
    }

    /// Whether it is cut off from gateways that connect from now on.
    pub(crate) fn is_away(&self, away: bool) {
        self.state.away.store(away, Ordering::SeqCst);
    }

    /// The reports of pins it took.
    pub(crate) fn pins(&self) -> Vec<Value> {
        self.state.pins.lock().clone()
    }

    pub(crate) fn publish(&self, revision: u64, objects: &[Value]) {
        let snapshot = json!({"type": "snapshot", "revision": revision, "issued_at": Timestamp::now(), "objects": objects,
            "limits": {"upstream_call_timeout_ms": 20_000}});
        self.state.newest.send_replace(Some(snapshot));
    }
}

fn gateway_token() -> String {
    token::format(TokenKind::Gateway, &[2; 32])
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    if state.away.load(Ordering::SeqCst) {
        return;
    }
    let mut stream = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = head[start..].to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let stream = stream.get_mut();
    if path.ends_with("/config") {
        return events(stream, &state).await;
    }
    let (status, reply) = if path.ends_with("/enrol") {
        let request: Value = serde_json::from_slice(&body).unwrap();
        let key = hex::decode(request["sealing_key"].as_str().unwrap()).unwrap();
        *state.sealing.lock() = Some(PublicKey::from_slice(&key).unwrap());
        let verifying_key = hex::encode(state.signing.verifying_key().as_bytes());
        ("201 Created", json!({"token": gateway_token(), "verifying_key": verifying_key}).to_string())
    } else if path.ends_with("/refused-token") {
        state.refusals.lock().push(serde_json::from_slice(&body).unwrap());
        ("200 OK", json!({"replacement": *state.replacement.lock()}).to_string())
    } else if path.ends_with("/pins") && state.takes_pins.load(Ordering::SeqCst) {
        state.pins.lock().push(serde_json::from_slice(&body).unwrap());
        ("204 No Content", String::new())
    } else if path.ends_with("/status") {
        ("204 No Content", String::new())
    } else {
        // Audit records: the gateway keeps them.
        ("503 Service Unavailable", String::new())
    };
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", reply.len());
    let _ = stream.write_all(format!("{head}{reply}").as_bytes()).await;
}

async fn events(stream: &mut TcpStream, state: &State) {
    let mut newest = state.newest.subscribe();
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n";
    let _ = stream.write_all(head.as_bytes()).await;
    loop {
        let snapshot = newest.borrow_and_update().clone();
        if let Some(snapshot) = snapshot {
            let payload = snapshot.to_string();
            let text = SignedEvent::signed_text(&"local".parse().unwrap(), &payload);
            let signature = hex::encode(state.signing.sign(text.as_bytes()).to_bytes());
            let event = json!({"payload": payload, "signature": signature});
            if stream.write_all(format!("data: {event}\n\n").as_bytes()).await.is_err() {
                return;
            }
        }
        if newest.changed().await.is_err() {
            return;
        }
    }
}
