//! Legacy sessions: what `initialize` told, remembered under an unguessable id and bound to who opened it.

use control_plane_api::{limits::Limits, name::Name};
use protocol::{Id, Revision};
use rand::RngCore as _;
use serde_json::value::RawValue;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// One legacy session.
pub(super) struct Session {
    /// Its id: 256 random bits in hex.
    pub(super) id: String,
    /// Who opened it; nobody else may use it.
    pub(super) user: Name,
    /// The project it was opened for.
    pub(super) project: Option<String>,
    /// The revision agreed on.
    pub(super) revision: Revision,
    /// `clientInfo` as the client gave it.
    pub(super) client: Option<Box<RawValue>>,
    /// `capabilities` as the client gave them.
    pub(super) capabilities: Option<Box<RawValue>>,
    running: Mutex<HashMap<Id, CancellationToken>>,
    used: Mutex<Instant>,
}

impl Session {
    /// A fresh session of `user`.
    #[must_use]
    pub(super) fn new(user: Name, project: Option<String>, revision: Revision) -> Self {
        let mut random = [0_u8; 32];
        rand::thread_rng().fill_bytes(&mut random);
        Self {
            id: hex::encode(random),
            user,
            project,
            revision,
            client: None,
            capabilities: None,
            running: Mutex::default(),
            used: Mutex::new(Instant::now()),
        }
    }

    /// Notes that request `id` runs; the token is cancelled when the client says so.
    pub(super) fn started(&self, id: &Id) -> CancellationToken {
        let token = CancellationToken::new();
        lock(&self.running).insert(id.clone(), token.clone());
        token
    }

    /// Notes that request `id` is answered.
    pub(super) fn ended(&self, id: &Id) {
        lock(&self.running).remove(id);
    }

    /// The client cancels request `id`; an id nobody knows is ignored, as the protocol asks.
    pub(super) fn cancel(&self, id: &Id) {
        if let Some(token) = lock(&self.running).remove(id) {
            token.cancel();
        }
    }
}

/// All sessions of this gateway.
pub(super) struct Sessions {
    open: Mutex<HashMap<String, Arc<Session>>>,
    sessions_max: usize,
    idle: Duration,
}

impl Sessions {
    /// At most as many and as old as `limits` allow.
    #[must_use]
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            open: Mutex::default(),
            sessions_max: usize::try_from(limits.sessions_max).unwrap_or(usize::MAX),
            idle: Duration::from_millis(limits.session_idle_timeout_ms),
        }
    }

    /// Opens `session`; false when there are too many, after forgetting those nobody uses.
    pub(super) fn insert(&self, session: Arc<Session>) -> bool {
        let mut open = lock(&self.open);
        if open.len() >= self.sessions_max {
            open.retain(|_, session| lock(&session.used).elapsed() < self.idle);
        }
        let room = open.len() < self.sessions_max;
        if room {
            open.insert(session.id.clone(), session);
        }
        room
    }

    /// The session `id`, if `user` opened it for `project` and it was used lately.
    #[must_use]
    pub(super) fn get(&self, id: &str, user: &Name, project: Option<&str>) -> Option<Arc<Session>> {
        let session = lock(&self.open).get(id).cloned()?;
        let own = session.user == *user && session.project.as_deref() == project;
        let mut used = lock(&session.used);
        let fresh = used.elapsed() < self.idle;
        if own && fresh {
            *used = Instant::now();
        }
        drop(used);
        (own && fresh).then_some(session)
    }

    /// Ends `session`: its requests are cancelled.
    pub(super) fn remove(&self, session: &Session) {
        lock(&self.open).remove(&session.id);
        for (_, token) in lock(&session.running).drain() {
            token.cancel();
        }
    }
}

/// A panic while holding the lock leaves nothing half-done here: the maps are changed in single steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(user: &str) -> Arc<Session> {
        Arc::new(Session::new(user.parse().unwrap(), Some("weekly".to_owned()), Revision::LEGACY))
    }

    #[test]
    fn a_session_is_only_its_owners() {
        let sessions = Sessions::new(&Limits::default());
        let ada = session("ada");
        assert!(sessions.insert(ada.clone()));
        let get = |user: &str, project| sessions.get(&ada.id, &user.parse().unwrap(), project).is_some();
        assert!(get("ada", Some("weekly")));
        assert!(!get("bob", Some("weekly")));
        assert!(!get("ada", Some("other")));
        assert!(!get("ada", None));
        sessions.remove(&ada);
        assert!(!get("ada", Some("weekly")));
    }

    #[test]
    fn there_is_a_bound_and_idle_ones_make_room() {
        let limits = Limits { sessions_max: 1, ..Limits::default() };
        let sessions = Sessions::new(&limits);
        assert!(sessions.insert(session("ada")));
        assert!(!sessions.insert(session("bob")));
        let sessions = Sessions::new(&Limits { session_idle_timeout_ms: 0, ..limits });
        assert!(sessions.insert(session("ada")));
        assert!(sessions.insert(session("bob")));
    }

    #[test]
    fn cancelling_and_ending_reach_what_runs() {
        let sessions = Sessions::new(&Limits::default());
        let ada = session("ada");
        let (one, two) = (ada.started(&Id::Number(1)), ada.started(&Id::Number(2)));
        ada.cancel(&Id::Number(1));
        assert!(one.is_cancelled() && !two.is_cancelled());
        sessions.remove(&ada);
        assert!(two.is_cancelled());
    }
}
