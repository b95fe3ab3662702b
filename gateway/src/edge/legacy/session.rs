//! One legacy session: what `initialize` told, what runs for it, what it was asked, and its streams.

use super::{
    levels::Level,
    lock,
    questions::Questions,
    streams::{Streams, Writer},
    subscriptions::Subscriptions,
};
use control_plane_api::{limits::Limits, name::Name};
use protocol::{Id, Members, Revision};
use rand::RngCore as _;
use serde_json::value::RawValue;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// What `initialize` told.
#[derive(Debug)]
pub(super) struct Told {
    /// The revision agreed on.
    pub(super) revision: Revision,
    /// `clientInfo` as the client gave it.
    pub(super) client: Option<Box<RawValue>>,
    /// What the client can do that is of use inside (see `envelope`).
    pub(super) capabilities: Members,
}

impl Default for Told {
    fn default() -> Self {
        Self { revision: Revision::LEGACY, client: None, capabilities: Members::new() }
    }
}

/// See the module.
pub(super) struct Session {
    /// Its id: 256 random bits in hex.
    pub(super) id: Arc<str>,
    /// Who opened it; nobody else may use it.
    pub(super) user: Name,
    /// The project it was opened for.
    pub(super) project: Option<String>,
    /// Whether it lives on the two endpoints of HTTP+SSE, as long as its event stream does.
    pub(super) http_sse: bool,
    /// Its event streams.
    pub(super) streams: Arc<Streams>,
    /// What the client was asked and has not answered.
    pub(super) questions: Arc<Questions>,
    /// What the client wants to hear of.
    pub(super) subscriptions: Subscriptions,
    /// Cancelled when it is over.
    pub(super) ended: CancellationToken,
    told: OnceLock<Told>,
    level: Mutex<Option<Level>>,
    running: Arc<Mutex<HashMap<Id, CancellationToken>>>,
    used: Mutex<Instant>,
}

impl Session {
    /// A fresh session of `user`, which has not told anything yet.
    #[must_use]
    pub(super) fn new(user: Name, project: Option<String>, http_sse: bool, limits: &Limits) -> Self {
        Self {
            id: random().into(),
            user,
            project,
            http_sse,
            streams: Streams::new(limits),
            questions: Arc::default(),
            subscriptions: Subscriptions::default(),
            ended: CancellationToken::new(),
            told: OnceLock::new(),
            level: Mutex::default(),
            running: Arc::default(),
            used: Mutex::new(Instant::now()),
        }
    }

    /// Remembers what `initialize` told; false when it was told before.
    pub(super) fn told(&self, told: Told) -> bool {
        self.told.set(told).is_ok()
    }

    /// Whether `initialize` was sent.
    pub(super) fn is_open(&self) -> bool {
        self.told.get().is_some()
    }

    /// The revision agreed on; the oldest before anything was agreed on.
    pub(super) fn revision(&self) -> Revision {
        self.told.get().map_or(Revision::V2024_11_05, |told| told.revision)
    }

    /// `clientInfo`.
    pub(super) fn client(&self) -> Option<&RawValue> {
        self.told.get().and_then(|told| told.client.as_deref())
    }

    /// What the client can do.
    pub(super) fn capabilities(&self) -> Members {
        self.told.get().map(|told| told.capabilities.clone()).unwrap_or_default()
    }

    /// The lowest level of log messages wanted.
    pub(super) fn level(&self) -> Option<Level> {
        *lock(&self.level)
    }

    /// Sets the lowest level of log messages wanted.
    pub(super) fn set_level(&self, level: Level) {
        *lock(&self.level) = Some(level);
    }

    /// Whether events carry ids, so that a client can come back for the rest of a stream (2025-03-26 transports).
    pub(super) fn resumes(&self) -> bool {
        !self.http_sse && self.revision() >= Revision::V2025_03_26
    }

    /// Notes that request `id` runs; none when a request of that id does already.
    pub(super) fn started(&self, id: &Id) -> Option<Running> {
        let mut running = lock(&self.running);
        if running.contains_key(id) {
            return None;
        }
        let token = self.ended.child_token();
        running.insert(id.clone(), token.clone());
        Some(Running { id: id.clone(), token, all: self.running.clone() })
    }

    /// The client cancels request `id`; an id nobody knows is ignored, as the protocol asks.
    pub(super) fn cancel(&self, id: &Id) {
        if let Some(token) = lock(&self.running).get(id) {
            token.cancel();
        }
    }

    /// Writes to the stream that belongs to no request.
    pub(super) fn standalone(&self) -> Writer {
        self.streams.standalone()
    }

    /// It is used right now.
    pub(super) fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// Whether nothing runs for it, nobody listens, and it was not used for `idle`.
    pub(super) fn is_idle(&self, idle: Duration) -> bool {
        if !lock(&self.running).is_empty() || self.streams.any_followed() {
            self.touch();
            return false;
        }
        lock(&self.used).elapsed() >= idle
    }

    /// It is over: what runs is cancelled, who listens is sent away.
    pub(super) fn end(&self) {
        self.ended.cancel();
        self.streams.close();
    }
}

/// A request that runs; dropping it notes that it does no longer.
pub(super) struct Running {
    id: Id,
    token: CancellationToken,
    all: Arc<Mutex<HashMap<Id, CancellationToken>>>,
}

impl Running {
    /// Cancelled when the client cancels the request or the session ends.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.all).remove(&self.id);
    }
}

/// 256 random bits in hex.
pub(super) fn random() -> String {
    let mut bytes = [0_u8; 32];
    rand::thread_rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}
