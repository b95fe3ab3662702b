//! How far configuration got: one value, written by the intake, read by readiness, reports and metrics.

use control_plane_api::{gateway::ConfigState, validate::Violation};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::watch;

/// What is in force and what became of the newest offer. Cheap to clone; every clone sees the same.
#[derive(Debug, Clone)]
pub struct Progress {
    state: watch::Sender<Option<ConfigState>>,
    refused: Arc<AtomicU64>,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// Nothing is in force yet.
    #[must_use]
    pub fn new() -> Self {
        Self { state: watch::Sender::new(None), refused: Arc::default() }
    }

    /// What became of the newest offer; none before the first.
    #[must_use]
    pub fn state(&self) -> Option<ConfigState> {
        self.state.borrow().clone()
    }

    /// The revision in force; none before the first.
    #[must_use]
    pub fn revision_in_force(&self) -> Option<u64> {
        in_force(self.state.borrow().as_ref())
    }

    /// How many offers were refused since the process began.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits until a configuration is in force.
    pub async fn ready(&self) {
        // The sender is `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(|state| in_force(state.as_ref()).is_some()).await;
    }

    /// Sees every later change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<ConfigState>> {
        self.state.subscribe()
    }

    pub(crate) fn applied(&self, revision: u64) {
        self.set(ConfigState::Applied { revision });
    }

    /// `in_force` is 0 when nothing is.
    pub(crate) fn rejected(&self, revision: u64, in_force: u64, violations: Vec<Violation>) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.set(ConfigState::Rejected { revision, in_force, violations });
    }

    fn set(&self, state: ConfigState) {
        self.state.send_if_modified(|current| {
            let changed = current.as_ref() != Some(&state);
            *current = Some(state);
            changed
        });
    }
}

fn in_force(state: Option<&ConfigState>) -> Option<u64> {
    match state? {
        ConfigState::Applied { revision } => Some(*revision),
        ConfigState::Rejected { in_force, .. } => Some(*in_force).filter(|revision| *revision > 0),
    }
}
