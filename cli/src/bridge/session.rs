//! The legacy session of this bridge: what the gateway calls it, and what has to be said again in a new one.

use super::gateway::Headers;
use http::HeaderValue;
use protocol::{Members, Request, Response as Answer, headers, method};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Resources whose subscriptions are remembered.
const WATCHED_MAX: usize = 1_024;

/// The session of this bridge, as soon as there is one.
#[derive(Default)]
pub(super) struct Legacy {
    session: Mutex<Option<Session>>,
    /// Held while a forgotten session is opened again.
    pub(super) reopening: tokio::sync::Mutex<()>,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Session {
    /// Counts the sessions of this bridge.
    pub(super) generation: u64,
    pub(super) id: Option<HeaderValue>,
    version: String,
    /// What the gateway can do.
    pub(super) capabilities: Members,
    /// The client's `initialize`, to be sent again.
    pub(super) initialize: Request,
    /// The last `logging/setLevel` that was accepted, to be sent again.
    pub(super) level: Option<Request>,
    /// The resources the client watches, by URI.
    pub(super) watched: BTreeSet<String>,
    /// Whether somebody follows the stream for what belongs to no request.
    pub(super) listening: bool,
}

impl Session {
    /// The headers of every request in it.
    pub(super) fn headers(&self) -> Headers {
        let id = self.id.clone().map(|id| (headers::SESSION_ID, id));
        let version = (headers::PROTOCOL_VERSION, headers::encode(&self.version));
        id.into_iter().chain([version]).collect()
    }
}

impl Legacy {
    /// Whether the client has initialized.
    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// The revision that was agreed on.
    pub(super) fn revision(&self) -> Option<String> {
        self.lock().as_ref().map(|session| session.version.clone())
    }

    /// The session as it is now.
    pub(super) fn current(&self) -> Option<Session> {
        self.lock().clone()
    }

    /// Its headers; none without a session.
    pub(super) fn headers(&self) -> Headers {
        self.lock().as_ref().map(Session::headers).unwrap_or_default()
    }

    /// Whether nobody has followed the stream of this session yet; somebody does from now on.
    pub(super) fn begins_to_listen(&self) -> Option<u64> {
        let mut session = self.lock();
        let session = session.as_mut().filter(|session| !session.listening)?;
        session.listening = true;
        Some(session.generation)
    }

    /// Keeps the session that `answer` to `initialize` opens, and gives the one it takes the place of; an error opens none.
    pub(super) fn keep(&self, initialize: Request, id: Option<HeaderValue>, answer: &Answer) -> Option<Session> {
        let result = answer.result()?;
        let mut session = self.lock();
        let generation = session.as_ref().map_or(0, |session| session.generation) + 1;
        let fresh = Session {
            generation,
            id,
            version: result.read("protocolVersion").unwrap_or_default(),
            capabilities: result.object("capabilities").unwrap_or_default(),
            initialize,
            level: None,
            watched: BTreeSet::new(),
            listening: false,
        };
        session.replace(fresh)
    }

    /// Remembers what `request`, which was answered with a result, has changed in the session.
    pub(super) fn note(&self, request: &Request) {
        let mut session = self.lock();
        let Some(session) = session.as_mut() else { return };
        let uri = || request.params.read::<String>("uri").unwrap_or_default();
        match request.method.as_str() {
            method::SET_LEVEL => session.level = Some(request.clone()),
            SUBSCRIBE if session.watched.len() < WATCHED_MAX => {
                session.watched.insert(uri());
            }
            UNSUBSCRIBE => {
                session.watched.remove(&uri());
            }
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `resources/subscribe` (legacy).
pub(super) const SUBSCRIBE: &str = "resources/subscribe";
/// `resources/unsubscribe` (legacy).
const UNSUBSCRIBE: &str = "resources/unsubscribe";
