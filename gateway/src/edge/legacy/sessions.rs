//! All legacy sessions of this gateway: found by their unguessable id, and only by who opened them.

use super::{lock, session::Session};
use crate::metrics::Metrics;
use control_plane_api::{limits::Limits, name::Name};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

/// How often sessions are looked over for those nobody uses.
const SWEEP: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Default)]
pub(in crate::edge) struct Sessions {
    open: Mutex<HashMap<Arc<str>, Arc<Session>>>,
    /// Told how many there are.
    metrics: Option<Metrics>,
}

impl Sessions {
    /// None yet; `metrics` are told how many there are.
    pub(in crate::edge) fn new(metrics: Metrics) -> Self {
        Self { metrics: Some(metrics), ..Self::default() }
    }

    fn counted(&self, open: &HashMap<Arc<str>, Arc<Session>>) {
        if let Some(metrics) = &self.metrics {
            metrics.sessions(open.len());
        }
    }

    /// Opens `session`; false when there are too many, or too many of its user's, after forgetting those nobody uses.
    pub(super) fn insert(&self, session: &Arc<Session>, limits: &Limits) -> bool {
        let sessions_max = usize::try_from(limits.sessions_max).unwrap_or(usize::MAX);
        if lock(&self.open).len() >= sessions_max {
            self.sweep(limits);
        }
        let mut open = lock(&self.open);
        let own = open.values().filter(|other| other.user == session.user).count();
        let own_max = usize::try_from(limits.principal_sessions_max).unwrap_or(usize::MAX);
        let room = open.len() < sessions_max && own < own_max;
        if room {
            open.insert(session.id.clone(), session.clone());
            self.counted(&open);
        }
        room
    }

    /// The session `id`, if `user` opened it for `project` and it was used lately.
    #[must_use]
    pub(super) fn get(&self, id: &str, user: &Name, project: Option<&str>, limits: &Limits) -> Option<Arc<Session>> {
        let session = lock(&self.open).get(id).cloned()?;
        let own = session.user == *user && session.project.as_deref() == project;
        if !own || session.is_idle(idle(limits)) {
            return None;
        }
        session.touch();
        Some(session)
    }

    /// Ends `session`: what runs for it is cancelled.
    pub(super) fn remove(&self, session: &Session) {
        let mut open = lock(&self.open);
        open.remove(&session.id);
        self.counted(&open);
        drop(open);
        session.end();
    }

    /// Ends the sessions nobody uses, and lets go of events nobody will ask for.
    pub(super) fn sweep(&self, limits: &Limits) {
        let sessions: Vec<Arc<Session>> = lock(&self.open).values().cloned().collect();
        for session in sessions {
            session.streams.prune();
            if session.is_idle(idle(limits)) {
                self.remove(&session);
            }
        }
    }

    /// Sweeps from time to time, as long as the gateway is there.
    pub(in crate::edge) async fn keep_swept(sessions: Weak<Self>, limits: impl Fn() -> Limits + Send) {
        let mut pause = tokio::time::interval(SWEEP);
        loop {
            pause.tick().await;
            match sessions.upgrade() {
                Some(sessions) => sessions.sweep(&limits()),
                None => return,
            }
        }
    }
}

fn idle(limits: &Limits) -> Duration {
    Duration::from_millis(limits.session_idle_timeout_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::legacy::session::Told;
    use protocol::Id;

    fn session(user: &str) -> Arc<Session> {
        let session = Session::new(user.parse().unwrap(), Some("weekly".to_owned()), false, &Limits::default());
        session.told(Told::default());
        Arc::new(session)
    }

    #[test]
    fn a_session_is_only_its_owners() {
        let (sessions, limits) = (Sessions::default(), Limits::default());
        let ada = session("ada");
        assert!(sessions.insert(&ada, &limits));
        let get = |user: &str, project| sessions.get(&ada.id, &user.parse().unwrap(), project, &limits).is_some();
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
        let sessions = Sessions::default();
        let ada = session("ada");
        assert!(sessions.insert(&ada, &limits));
        assert!(!sessions.insert(&session("bob"), &limits));
        let impatient = Limits { session_idle_timeout_ms: 0, ..limits };
        let running = ada.started(&Id::Number(1)).unwrap();
        assert!(!sessions.insert(&session("bob"), &impatient), "a session that waits for an answer is in use");
        drop(running);
        assert!(sessions.insert(&session("bob"), &impatient));
        assert!(ada.ended.is_cancelled());
    }

    #[test]
    fn cancelling_and_ending_reach_what_runs() {
        let sessions = Sessions::default();
        let ada = session("ada");
        let (one, two) = (ada.started(&Id::Number(1)).unwrap(), ada.started(&Id::Text("1".to_owned())).unwrap());
        assert!(ada.started(&Id::Number(1)).is_none(), "an id names one running request");
        ada.cancel(&Id::Number(1));
        assert!(one.token().is_cancelled() && !two.token().is_cancelled());
        drop(one);
        assert!(ada.started(&Id::Number(1)).is_some());
        sessions.remove(&ada);
        assert!(two.token().is_cancelled());
    }
}
