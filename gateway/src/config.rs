//! Configuration, from wherever it comes, into force: one door ([`Apply`]) for a control plane and for a file.
//!
//! A [`Source`] gives snapshots; each is offered to [`Apply`], which validates and compiles it and swaps it in or
//! refuses it. What is refused leaves the previous one in force. [`Progress`] tells everybody else (readiness,
//! reports, metrics) how far that got. Deliberately unknown here: what a snapshot means.
//!
//! ```no_run
//! # use gateway::{config, control_plane::ControlPlane, keys::Identity, settings::StateDir};
//! # use std::sync::Arc;
//! # async fn start(control_plane: ControlPlane, identity: Arc<Identity>, state: StateDir, apply: Arc<dyn config::Apply>) {
//! let progress = config::Progress::new();
//! let freshness = config::Freshness::followed();
//! let remote = config::Remote { control_plane, verifying_key: identity.verifying_key(), state, freshness };
//! tokio::spawn(config::run(config::Source::ControlPlane(remote.into()), apply, progress.clone()));
//! progress.ready().await;    // a configuration is in force
//! # }
//! ```

mod file;
mod freshness;
mod last_known_good;
mod progress;
mod remote;

pub use freshness::Freshness;
pub use progress::Progress;
pub use remote::Remote;

use async_trait::async_trait;
use control_plane_api::{snapshot::Snapshot, validate::Violation};
use std::{path::PathBuf, sync::Arc};

/// Takes configurations into force.
#[async_trait]
pub trait Apply: Send + Sync {
    /// Puts `snapshot` into force as a whole, or refuses it and changes nothing.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    async fn apply(&self, snapshot: Arc<Snapshot>) -> Result<(), Vec<Violation>>;
}

/// Where configuration comes from.
pub enum Source {
    /// A control plane, with the last-known-good on disk for when it is away.
    ControlPlane(Box<Remote>),
    /// A JSON file with a [`Snapshot`], read anew when it changes. Its revision counts up by itself.
    File(PathBuf),
}

/// Follows `source` for as long as the process lives; ends only when it is dropped.
pub async fn run(source: Source, apply: Arc<dyn Apply>, progress: Progress) {
    let intake = Intake { apply, progress, current: None };
    match source {
        Source::ControlPlane(remote) => Box::pin(remote.run(intake)).await,
        Source::File(path) => file::run(&path, intake).await,
    }
}

/// The door both sources go through.
struct Intake {
    apply: Arc<dyn Apply>,
    progress: Progress,
    current: Option<Arc<Snapshot>>,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// It is in force now.
    InForce,
    /// That revision was in force already.
    Already,
    /// Refused; the previous one stays in force.
    Refused,
}

impl Intake {
    async fn offer(&mut self, snapshot: Snapshot) -> Taken {
        let revision = snapshot.revision;
        let in_force = self.revision();
        if let Some(in_force) = in_force
            && revision <= in_force
        {
            if revision == in_force {
                self.progress.applied(revision);
                return Taken::Already;
            }
            tracing::error!(
                revision,
                in_force,
                "refused a configuration older than the one in force; if the control plane was restored from a backup, \
                 delete `config.jsonl` in the gateway's state directory and restart the gateway"
            );
            self.progress.rejected(revision, in_force, Vec::new());
            return Taken::Refused;
        }
        let snapshot = Arc::new(snapshot);
        match self.apply.apply(Arc::clone(&snapshot)).await {
            Ok(()) => {
                tracing::info!(revision, objects = snapshot.objects.len(), "configuration in force");
                self.current = Some(snapshot);
                self.progress.applied(revision);
                Taken::InForce
            }
            Err(violations) => {
                let list = violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                tracing::error!(revision, in_force, violations = list, "refused a configuration");
                self.progress.rejected(revision, in_force.unwrap_or_default(), violations);
                Taken::Refused
            }
        }
    }

    /// The revision in force; none before the first.
    fn revision(&self) -> Option<u64> {
        self.current.as_ref().map(|snapshot| snapshot.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::{
        gateway::ConfigState,
        object::{Kind, ObjectRef},
    };
    use std::sync::Mutex;

    /// Takes everything but the revisions it is told to refuse, and remembers what it took.
    pub(super) struct Fake {
        pub(super) refused: Vec<u64>,
        pub(super) applied: Mutex<Vec<u64>>,
    }

    impl Fake {
        pub(super) fn refusing(refused: &[u64]) -> Arc<Self> {
            Arc::new(Self { refused: refused.to_vec(), applied: Mutex::default() })
        }

        pub(super) fn applied(&self) -> Vec<u64> {
            self.applied.lock().unwrap().clone()
        }
    }

    #[async_trait]
    impl Apply for Fake {
        async fn apply(&self, snapshot: Arc<Snapshot>) -> Result<(), Vec<Violation>> {
            if self.refused.contains(&snapshot.revision) {
                let object = ObjectRef { kind: Kind::Server, name: "slack".parse().unwrap() };
                return Err(vec![Violation { object, field: "transport".to_owned(), message: "is bad".to_owned() }]);
            }
            self.applied.lock().unwrap().push(snapshot.revision);
            Ok(())
        }
    }

    pub(super) fn intake(apply: &Arc<Fake>) -> (Intake, Progress) {
        let progress = Progress::new();
        (Intake { apply: Arc::<Fake>::clone(apply), progress: progress.clone(), current: None }, progress)
    }

    async fn check(offers: &[u64], refused: &[u64], applied: &[u64], state: ConfigState) {
        let apply = Fake::refusing(refused);
        let (mut intake, progress) = intake(&apply);
        for &revision in offers {
            intake.offer(Snapshot { revision, ..Snapshot::empty() }).await;
        }
        assert_eq!(apply.applied(), applied);
        match (progress.state().unwrap(), state) {
            (
                ConfigState::Rejected { revision: a, in_force: b, .. },
                ConfigState::Rejected { revision, in_force, .. },
            ) => {
                assert_eq!((a, b), (revision, in_force));
            }
            (found, expected) => assert_eq!(found, expected),
        }
    }

    fn rejected(revision: u64, in_force: u64) -> ConfigState {
        ConfigState::Rejected { revision, in_force, violations: Vec::new() }
    }

    #[tokio::test]
    async fn a_newer_revision_comes_into_force_and_the_same_one_only_once() {
        check(&[3, 3, 5], &[], &[3, 5], ConfigState::Applied { revision: 5 }).await;
    }

    #[tokio::test]
    async fn an_older_revision_is_refused() {
        check(&[5, 4], &[], &[5], rejected(4, 5)).await;
    }

    #[tokio::test]
    async fn a_refused_revision_leaves_the_previous_in_force() {
        check(&[1, 2], &[2], &[1], rejected(2, 1)).await;
        check(&[2], &[2], &[], rejected(2, 0)).await;
        check(&[1, 2, 3], &[2], &[1, 3], ConfigState::Applied { revision: 3 }).await;
    }
}
