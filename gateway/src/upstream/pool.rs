//! Legacy sessions, one for everybody who may share one: opened by who needs it first, ended when nobody used it for long.
//! One with something in flight is in use, however long that takes.
//!
//! Who may share is the key's affair: the same caller, with the same capabilities declared. Deliberately unknown here: what
//! a session is carried by.

use super::{
    Caller, UpstreamError, legacy,
    legacy::Declared,
    slot::{self, Opener, Slot},
};
use control_plane_api::limits::Limits;
use parking_lot::Mutex;
use protocol::Request;
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

/// Requests with equal keys may share a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// On whose behalf.
    pub(super) caller: Caller,
    /// What the client can be asked.
    pub(super) declared: Declared,
}

impl Key {
    /// For a server that remembers something per session.
    pub(super) fn of(request: &Request, caller: &Caller) -> Self {
        Self { caller: caller.clone(), declared: Declared::of(request) }
    }

    /// For a server of which one process serves everybody, unless it can ask its client something: what it asks does not
    /// say whose call it is for, so nobody else may be there (2025-11-25 basic/transports, stdio).
    pub(super) fn shared(request: &Request, caller: &Caller) -> Self {
        let declared = Declared::of(request);
        if declared.is_empty() {
            return Self { caller: Caller::GATEWAY, declared };
        }
        Self { caller: Caller { affinity: None, ..caller.clone() }, declared }
    }
}

/// A session that can be kept.
pub(super) trait Kept: legacy::Session {
    /// Whether it can still take calls.
    fn is_open(&self) -> bool;

    /// Not to be used for new calls any more; those in flight go on, and with the last of them it ends.
    fn retire(&self);
}

/// A kept session; clones are the same one.
#[derive(Clone)]
pub(super) struct Place(pub(super) Arc<dyn Kept>);

impl slot::Session for Place {
    fn is_open(&self) -> bool {
        self.0.is_open()
    }
}

/// See the module.
pub(super) struct Pool {
    entries: Mutex<HashMap<Key, Entry>>,
    sessions_max: usize,
    idle: Duration,
}

struct Entry {
    slot: Arc<Slot<Place>>,
    used: Instant,
}

impl Pool {
    /// Bounded by `limits`. Call on a runtime: unused sessions are ended in a task that ends with the pool.
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let pool = Arc::new(Self {
            entries: Mutex::default(),
            sessions_max: usize::try_from(limits.upstream_sessions_max).unwrap_or(usize::MAX).max(1),
            idle: Duration::from_millis(limits.upstream_session_idle_timeout_ms.max(1)),
        });
        tokio::spawn(sweep(Arc::downgrade(&pool), pool.idle));
        pool
    }

    /// The session of `key`; opened by `door` if there is none.
    ///
    /// # Errors
    /// As the opener's.
    pub(super) async fn get<O: Opener<Session = Place>>(
        &self,
        key: &Key,
        door: &Arc<O>,
    ) -> Result<Place, UpstreamError> {
        let slot = self.slot(key);
        slot.get(door).await
    }

    fn slot(&self, key: &Key) -> Arc<Slot<Place>> {
        let mut entries = self.entries.lock();
        if !entries.contains_key(key) && entries.len() >= self.sessions_max {
            // Where all are in use the bound holds all the same: what is in flight goes on, and later calls open another.
            let oldest =
                entries.iter().min_by_key(|(_, entry)| (entry.in_use(), entry.used)).map(|(key, _)| key.clone());
            if let Some(entry) = oldest.and_then(|key| entries.remove(&key)) {
                entry.let_go();
            }
        }
        let fresh = || Entry { slot: Arc::new(Slot::new()), used: Instant::now() };
        let entry = entries.entry(key.clone()).or_insert_with(fresh);
        entry.used = Instant::now();
        entry.slot.clone()
    }

    /// Lets go of all sessions for good.
    pub(super) fn close(&self) {
        for (_, entry) in self.entries.lock().drain() {
            entry.let_go();
        }
    }

    fn end_unused(&self) {
        self.entries.lock().retain(|_, entry| {
            if entry.in_use() {
                entry.used = Instant::now();
            }
            let used = entry.used.elapsed() < self.idle;
            if !used {
                entry.let_go();
            }
            used
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

impl Entry {
    /// Whether somebody waits for it to open, or holds it besides its place.
    fn in_use(&self) -> bool {
        self.slot.is_needed(|place| Arc::strong_count(&place.0) > 1)
    }

    fn let_go(&self) {
        if let Some(place) = self.slot.close() {
            place.0.retire();
        }
    }
}

async fn sweep(pool: Weak<Pool>, idle: Duration) {
    let mut turns = tokio::time::interval(idle);
    loop {
        turns.tick().await;
        match pool.upgrade() {
            Some(pool) => pool.end_unused(),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Id, Members, meta, method};

    fn request(capabilities: &str) -> Request {
        let capabilities: Members = serde_json::from_str(capabilities).unwrap();
        let mut params = Members::new();
        params.set("_meta", &meta::modern(None, Some(&capabilities.to_raw())));
        Request { id: Id::Number(1), method: method::TOOLS_CALL.to_owned(), params }
    }

    fn caller(name: &str, affinity: Option<&str>) -> Caller {
        Caller { principal: Some(name.parse().unwrap()), affinity: affinity.map(Into::into) }
    }

    #[test]
    fn nobody_shares_what_remembers_somebody() {
        let plain = request("{}");
        assert_ne!(Key::of(&plain, &caller("ada", None)), Key::of(&plain, &caller("bob", None)));
        assert_ne!(Key::of(&plain, &caller("ada", Some("1"))), Key::of(&plain, &caller("ada", Some("2"))));
        assert_ne!(Key::of(&plain, &caller("ada", None)), Key::of(&request(r#"{"roots":{}}"#), &caller("ada", None)));
    }

    #[test]
    fn a_process_is_shared_by_all_who_cannot_be_asked() {
        let (plain, asked) = (request(r#"{"extensions":{}}"#), request(r#"{"elicitation":{}}"#));
        assert_eq!(Key::shared(&plain, &caller("ada", Some("1"))), Key::shared(&plain, &caller("bob", None)));
        assert_ne!(Key::shared(&asked, &caller("ada", None)), Key::shared(&asked, &caller("bob", None)));
        assert_eq!(Key::shared(&asked, &caller("ada", Some("1"))), Key::shared(&asked, &caller("ada", Some("2"))));
    }

    #[tokio::test]
    async fn the_least_used_makes_room() {
        let pool = Pool::new(&Limits { upstream_sessions_max: 2, ..Limits::default() });
        let key = |name: &str| Key::of(&request("{}"), &caller(name, None));
        let ada = pool.slot(&key("ada"));
        pool.slot(&key("bob"));
        assert!(Arc::ptr_eq(&ada, &pool.slot(&key("ada"))));
        pool.slot(&key("eve"));
        assert!(Arc::ptr_eq(&ada, &pool.slot(&key("ada"))), "bob was used less lately");
        assert_eq!(pool.entries.lock().len(), 2);
    }
}
