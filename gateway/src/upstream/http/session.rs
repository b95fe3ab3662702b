//! What was agreed with an HTTP server: modern, or a legacy session with its id and revision.

use super::remote::Remote;
use crate::upstream::{legacy::Welcome, slot};
use control_plane_api::server::Era;
use http::{HeaderMap, HeaderValue};
use protocol::{Request, Revision, headers, method};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// A verdict "legacy" is looked at again after this, in milliseconds: a server that was upgraded goes on answering
/// `initialize`, so nothing else would tell (2026-07-28 basic/versioning).
const LEGACY_VERDICT_TTL_MS: u64 = 600_000;

/// A shared session. Clones are the same session.
#[derive(Clone)]
pub(super) struct Session(Arc<Agreed>);

struct Agreed {
    legacy: Option<Legacy>,
    remote: Arc<Remote>,
    gone: CancellationToken,
    judged: Mutex<Instant>,
}

struct Legacy {
    welcome: Welcome,
    id: Option<HeaderValue>,
}

impl slot::Session for Session {
    fn is_open(&self) -> bool {
        !self.0.gone.is_cancelled()
    }
}

impl Session {
    /// With a server that needs no session, or none yet.
    pub(super) fn modern(remote: &Arc<Remote>) -> Self {
        Self::new(remote, None)
    }

    /// Opened by `initialize`; `id` is the session's, if the server gave one.
    pub(super) fn legacy(remote: &Arc<Remote>, welcome: Welcome, id: Option<HeaderValue>) -> Self {
        Self::new(remote, Some(Legacy { welcome, id }))
    }

    fn new(remote: &Arc<Remote>, legacy: Option<Legacy>) -> Self {
        let judged = Mutex::new(Instant::now());
        Self(Arc::new(Agreed { legacy, remote: Arc::clone(remote), gone: CancellationToken::new(), judged }))
    }

    /// What a legacy server said to `initialize`; none for modern ones.
    pub(super) fn welcome(&self) -> Option<&Welcome> {
        self.0.legacy.as_ref().map(|legacy| &legacy.welcome)
    }

    /// The era it belongs to.
    pub(super) fn era(&self) -> Era {
        if self.0.legacy.is_some() { Era::Legacy } else { Era::Modern }
    }

    /// Whether the server keeps a session under an id.
    pub(super) fn has_id(&self) -> bool {
        self.0.has_id()
    }

    /// The headers that `request`, or a message that is none, carries in this session.
    pub(super) fn headers(&self, request: Option<&Request>) -> HeaderMap {
        match (&self.0.legacy, request) {
            // It opens a session, so it belongs to none.
            (None, Some(request)) if request.method == method::INITIALIZE => HeaderMap::new(),
            (None, Some(request)) => headers::of(request).into_iter().collect(),
            _ => self.0.headers(),
        }
    }

    /// Not to be used again: the next call opens a new one.
    pub(super) fn give_up(&self) {
        self.0.gone.cancel();
    }

    /// Resolves when the session is given up.
    pub(super) async fn given_up(&self) {
        self.0.gone.cancelled().await;
    }

    /// Whether the verdict on the server's era is due; says so once per period.
    pub(super) fn verdict_is_due(&self) -> bool {
        let mut judged = self.0.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.0.legacy.is_some() && judged.elapsed() >= Duration::from_millis(LEGACY_VERDICT_TTL_MS);
        if due {
            *judged = Instant::now();
        }
        due
    }
}

impl Agreed {
    fn has_id(&self) -> bool {
        self.legacy.as_ref().is_some_and(|legacy| legacy.id.is_some())
    }

    fn headers(&self) -> HeaderMap {
        let revision = self.legacy.as_ref().map_or(Revision::MODERN, |legacy| legacy.welcome.revision);
        let mut map = HeaderMap::new();
        map.insert(headers::PROTOCOL_VERSION, HeaderValue::from_static(revision.as_str()));
        if let Some(id) = self.legacy.as_ref().and_then(|legacy| legacy.id.as_ref()) {
            map.insert(headers::SESSION_ID, id.clone());
        }
        map
    }
}

impl Drop for Agreed {
    /// The last call is over: a session that the server keeps is given back.
    fn drop(&mut self) {
        if self.has_id() && !self.gone.is_cancelled() {
            self.remote.leave_later(self.headers());
        }
    }
}

/// A session id as servers may choose it: visible ASCII (2025-11-25 transports, session management).
pub(super) fn id(text: &str) -> Option<HeaderValue> {
    let visible = !text.is_empty() && text.bytes().all(|b| (0x21..=0x7e).contains(&b));
    let mut value = HeaderValue::from_str(text).ok().filter(|_| visible)?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    #[test]
    fn session_ids_are_visible_ascii() {
        assert!(super::id("a-1_B~").is_some());
        for bad in ["", "a b", "a\tb", "é"] {
            assert!(super::id(bad).is_none(), "{bad}");
        }
    }
}
