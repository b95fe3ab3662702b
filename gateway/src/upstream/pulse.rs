//! How an upstream is, written by the tasks that run it and read by reports; whoever listens is told of every change.
//!
//! Deliberately unknown here: what a state means for routing. Nothing is refused because of it.

use super::Health;
use control_plane_api::{gateway::ServerState, server::Era, timestamp::Timestamp};
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};
use tokio::sync::watch;

/// The health of one upstream and the count of its changes.
pub(super) struct Pulse {
    health: Mutex<Health>,
    changes: watch::Sender<u64>,
    /// When its state last changed, in milliseconds since the Unix epoch.
    since: AtomicI64,
}

impl Pulse {
    /// Of one that was not asked for anything yet; `unconfined` as in [`Health`].
    pub(super) fn new(unconfined: Option<String>) -> Self {
        let health = Health { state: ServerState::Idle, era: None, error: None, restarts: 0, pid: None, unconfined };
        let since = AtomicI64::new(Timestamp::now().as_millis());
        Self { health: Mutex::new(health), changes: watch::Sender::new(0), since }
    }

    pub(super) fn health(&self) -> Health {
        self.lock().clone()
    }

    /// When its state last changed.
    pub(super) fn since(&self) -> Timestamp {
        Timestamp::from_millis(self.since.load(Ordering::Relaxed))
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Says that the server's lists may have changed.
    pub(super) fn lists_changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Being started, connected to or probed.
    pub(super) fn starting(&self, pid: Option<u32>) {
        self.update(|health| {
            health.state = ServerState::Starting;
            health.pid = pid;
        });
    }

    /// Answers, in `era`.
    pub(super) fn ready(&self, era: Era) {
        self.update(|health| {
            health.state = ServerState::Ready;
            health.era = Some(era);
            health.error = None;
        });
    }

    /// Does not answer, for that `reason`.
    pub(super) fn failed(&self, reason: &str) {
        self.update(|health| {
            health.state = ServerState::Failed;
            health.error = Some(reason.to_owned());
            health.pid = None;
        });
    }

    /// The process `pid` was ended on purpose. Another one may be there already, and a failure stays one.
    pub(super) fn stopped(&self, pid: Option<u32>) {
        self.update(|health| {
            if health.pid == pid {
                health.pid = None;
                if health.state != ServerState::Failed {
                    health.state = ServerState::Idle;
                }
            }
        });
    }

    /// Its process was started once more.
    pub(super) fn restarted(&self) {
        self.update(|health| health.restarts = health.restarts.saturating_add(1));
    }

    fn update(&self, change: impl FnOnce(&mut Health)) {
        let mut health = self.lock();
        let before = health.clone();
        change(&mut health);
        let changed = *health != before;
        if health.state != before.state {
            self.since.store(Timestamp::now().as_millis(), Ordering::Relaxed);
        }
        drop(health);
        if changed {
            self.lists_changed();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_nothing_else_is() {
        let pulse = Pulse::new(None);
        let mut changes = pulse.changes();
        pulse.ready(Era::Legacy);
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        pulse.ready(Era::Legacy);
        assert!(!changes.has_changed().unwrap());
        pulse.failed("gone");
        pulse.ready(Era::Legacy);
        assert!(changes.has_changed().unwrap());
        assert_eq!(pulse.health().error, None);
    }
}
