//! Configuration from a control plane: the last-known-good first, then the stream, for as long as the process lives.
//!
//! mcpd away: the gateway serves what it has and keeps trying. A gap in the stream, a forged or an endless event: the
//! connection is dropped and a new one asked for what the gateway lacks, a whole snapshot if need be.

use super::{
    Intake, Taken,
    last_known_good::{EventError, LastKnownGood, open},
};
use crate::{
    control_plane::{Backoff, ControlPlane, ControlPlaneError, unreachable},
    settings::StateDir,
};
use control_plane_api::snapshot::{ConfigEvent, SequenceError, SignedEvent, Snapshot};
use ed25519_dalek::VerifyingKey;
use protocol::sse::{Decoder, EventTooLarge};
use serde::Deserialize;
use std::io;

/// Largest event of the stream, in bytes.
const EVENT_BYTES_MAX: usize = 64 << 20;
/// Change sets kept after a snapshot; beyond it a whole snapshot is asked for, so that the file stays small.
const CHANGE_SETS_MAX: usize = 1_000;

/// A control plane as source of configuration.
pub struct Remote {
    /// Where the stream comes from.
    pub control_plane: ControlPlane,
    /// The key that verifies its events.
    pub verifying_key: VerifyingKey,
    /// Where the last-known-good is kept.
    pub state: StateDir,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum StreamError {
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    #[error(transparent)]
    TooLarge(#[from] EventTooLarge),
    #[error("an event of the stream is refused: {0}")]
    Event(#[from] EventError),
    #[error("a whole snapshot is needed: {0}")]
    Gap(#[from] SequenceError),
    #[error("a whole snapshot is needed: {CHANGE_SETS_MAX} change sets have followed the last one")]
    TooManyChanges,
    #[error("it ended")]
    Ended,
}

/// The one field of an event that can be read even if the rest cannot.
#[derive(Deserialize)]
struct Numbered {
    revision: u64,
}

impl Remote {
    pub(super) async fn run(self, intake: Intake) {
        let path = self.state.join("config.jsonl");
        let good = LastKnownGood::new(path);
        let mut follower = Follower { remote: self, intake, good, backoff: Backoff::control_plane() };
        follower.restore().await;
        let mut failing = false;
        loop {
            let Err(error) = follower.follow(&mut failing).await;
            match error {
                StreamError::ControlPlane(_) | StreamError::Ended if failing => {
                    tracing::debug!(%error, "the configuration stream is still down");
                }
                StreamError::Gap(_) | StreamError::TooManyChanges => tracing::info!(reason = %error, "asking anew"),
                _ => {
                    let in_force = follower.intake.revision();
                    tracing::warn!(%error, in_force, "the configuration stream is down: serving what is in force, trying on");
                }
            }
            failing = true;
            follower.backoff.wait().await;
        }
    }
}

struct Follower {
    remote: Remote,
    intake: Intake,
    good: LastKnownGood,
    backoff: Backoff,
}

/// Following never succeeds, it only ends.
enum Never {}

impl Follower {
    /// Puts the last-known-good into force.
    async fn restore(&mut self) {
        let path = self.remote.state.join("config.jsonl");
        match LastKnownGood::load(&path, &self.remote.verifying_key, self.remote.control_plane.gateway()) {
            Ok(Some((snapshot, good))) => {
                tracing::info!(revision = snapshot.revision, "starting with the last-known-good configuration");
                if self.intake.offer(snapshot).await == Taken::InForce {
                    self.good = good;
                }
            }
            Ok(None) => tracing::info!("no last-known-good configuration yet: waiting for the control plane"),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the last-known-good configuration is refused: waiting for the control plane");
            }
        }
    }

    async fn follow(&mut self, failing: &mut bool) -> Result<Never, StreamError> {
        let mut response = self.remote.control_plane.config_stream(self.good_revision()).await?;
        let mut decoder = Decoder::new(EVENT_BYTES_MAX);
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            decoder.push(&chunk)?;
            while let Some(event) = decoder.next_event() {
                if event.data.is_empty() {
                    continue;
                }
                if self.take(&event.data).await? != Taken::Refused {
                    self.backoff.reset();
                    if std::mem::take(failing) {
                        tracing::info!("the configuration stream is up again");
                    }
                }
                if self.good.changes() > CHANGE_SETS_MAX {
                    return Err(StreamError::TooManyChanges);
                }
            }
        }
        Err(StreamError::Ended)
    }

    /// The revision from which the stream may go on: what is in force, if it is on disk as well, and in a short file.
    fn good_revision(&self) -> Option<u64> {
        self.intake.revision().filter(|_| self.good.is_kept() && self.good.changes() <= CHANGE_SETS_MAX)
    }

    /// One event: verified, completed to a whole snapshot, offered, and kept if it was taken.
    async fn take(&mut self, data: &str) -> Result<Taken, StreamError> {
        let signed: SignedEvent = serde_json::from_str(data).map_err(EventError::from)?;
        let event = match open(&signed, &self.remote.verifying_key, self.remote.control_plane.gateway()) {
            Ok(event) => event,
            Err(EventError::Unreadable(error)) => return self.refuse_unreadable(&signed, error),
            Err(forged) => return Err(forged.into()),
        };
        match event {
            ConfigEvent::Snapshot(snapshot) => {
                let taken = self.intake.offer(snapshot).await;
                if taken != Taken::Refused {
                    kept(self.good.snapshot(&signed).await);
                }
                Ok(taken)
            }
            ConfigEvent::ChangeSet(change)
                if self.intake.revision().is_some_and(|have| change.is_nothing_since(have)) =>
            {
                self.intake.progress.applied(change.revision);
                Ok(Taken::Already)
            }
            ConfigEvent::ChangeSet(change) => {
                let mut next = self.intake.current.as_deref().cloned().unwrap_or_else(Snapshot::empty);
                next.apply(change)?;
                let taken = self.intake.offer(next).await;
                if taken == Taken::InForce {
                    kept(self.good.change(&signed).await);
                }
                Ok(taken)
            }
        }
    }

    /// The control plane signed something this gateway does not understand: most likely it is newer.
    fn refuse_unreadable(&self, signed: &SignedEvent, error: serde_json::Error) -> Result<Taken, StreamError> {
        let Ok(Numbered { revision }) = serde_json::from_str(&signed.payload) else {
            return Err(EventError::Unreadable(error).into());
        };
        let in_force = self.intake.revision().unwrap_or_default();
        tracing::error!(%error, revision, in_force, "refused a configuration this gateway cannot read: is the gateway older than the control plane?");
        self.intake.progress.rejected(revision, in_force, Vec::new());
        Ok(Taken::Refused)
    }
}

fn kept(written: io::Result<()>) {
    if let Err(error) = written {
        tracing::error!(%error, "the configuration is in force but cannot be kept on disk: a restart without the control plane would miss it");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Progress, Source,
        last_known_good::tests::{change, local, sign, signed, whole},
        run,
        tests::Fake,
    };
    use super::*;
    use crate::{
        control_plane::fake::{Answer, FakeControlPlane, Seen},
        keys::{Secret, tests::signing_key},
    };
    use std::{
        path::{Path, PathBuf},
        sync::{Arc, Mutex},
    };
    use tokio::{sync::mpsc, task::JoinHandle};
    use url::Url;

    /// A control plane whose n-th connection gives the n-th list of events; later ones stay silent.
    async fn streams(connections: Vec<Vec<SignedEvent>>) -> FakeControlPlane {
        let connections = Mutex::new(connections.into_iter());
        let held = Mutex::new(Vec::new());
        FakeControlPlane::start(move |seen: &Seen| {
            assert_eq!((seen.path.as_str(), seen.bearer.as_str()), ("/api/v1/gateways/local/config", "token"));
            let (sender, receiver) = mpsc::channel(64);
            match connections.lock().unwrap().next() {
                Some(events) => {
                    for event in events {
                        sender.try_send(serde_json::to_string(&event).unwrap()).unwrap();
                    }
                }
                None => held.lock().unwrap().push(sender),
            }
            Answer::Stream(receiver)
        })
        .await
    }

    struct Running {
        progress: Progress,
        apply: Arc<Fake>,
        task: JoinHandle<()>,
    }

    impl Running {
        fn start(url: &Url, state: StateDir, refused: &[u64]) -> Self {
            Self::start_at(std::slice::from_ref(url), state, refused)
        }

        fn start_at(urls: &[Url], state: StateDir, refused: &[u64]) -> Self {
            let token = Secret::new("token".into());
            let control_plane = ControlPlane::new(urls, &"local".parse().unwrap(), token).unwrap();
            let remote = Remote { control_plane, verifying_key: signing_key().verifying_key(), state };
            let (progress, apply) = (Progress::new(), Fake::refusing(refused));
            let task =
                tokio::spawn(run(Source::ControlPlane(remote.into()), Arc::<Fake>::clone(&apply), progress.clone()));
            Self { progress, apply, task }
        }

        async fn in_force(&self, revision: u64) {
            let mut state = self.progress.subscribe();
            while self.progress.revision_in_force() != Some(revision) {
                state.changed().await.unwrap();
            }
        }

        async fn stop(self) -> Vec<u64> {
            self.task.abort();
            let _ = self.task.await;
            self.apply.applied()
        }
    }

    fn lines(dir: &Path) -> usize {
        std::fs::read_to_string(dir.join("config.jsonl")).unwrap_or_default().lines().count()
    }

    /// Streams `connections` into a gateway that refuses `refused`, until `last` is in force and one more connection
    /// was made; gives what came into force, and the lines kept.
    async fn check(connections: Vec<Vec<SignedEvent>>, refused: &[u64], last: u64) -> (Vec<u64>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let count = connections.len();
        let fake = streams(connections).await;
        let running = Running::start(&fake.url(), StateDir::open(dir.path()).unwrap(), refused);
        running.in_force(last).await;
        fake.until(|seen| seen.len() > count).await;
        (running.stop().await, lines(dir.path()))
    }

    #[tokio::test]
    async fn a_snapshot_and_its_change_sets_come_into_force_and_are_kept() {
        assert_eq!(check(vec![vec![whole(3), change(3, 4), change(4, 6)]], &[], 6).await, (vec![3, 4, 6], 3));
    }

    #[tokio::test]
    async fn a_refused_revision_is_not_kept_and_the_next_snapshot_heals() {
        let first = vec![whole(1), change(1, 2), change(2, 3)];
        assert_eq!(check(vec![first, vec![whole(3)]], &[2], 3).await, (vec![1, 3], 1));
    }

    #[tokio::test]
    async fn a_gap_is_healed_by_a_whole_snapshot() {
        assert_eq!(check(vec![vec![whole(1), change(5, 6)], vec![whole(6)]], &[], 6).await, (vec![1, 6], 1));
    }

    #[tokio::test]
    async fn whoever_comes_back_says_what_it_has_on_disk_and_goes_on_from_there() {
        let dir = tempfile::tempdir().unwrap();
        let state = || StateDir::open(dir.path()).unwrap();
        // The second connection has nothing new, and breaks off as well.
        let fake = streams(vec![vec![whole(3), change(3, 4)], vec![change(4, 4)], vec![change(4, 6)]]).await;
        let running = Running::start(&fake.url(), state(), &[]);
        running.in_force(6).await;
        let seen = fake.until(|seen| seen.len() > 3).await;
        assert_eq!(seen.iter().map(|seen| seen.last_event.as_str()).collect::<Vec<_>>(), ["", "4", "4", "6"]);
        assert_eq!((running.stop().await, lines(dir.path())), (vec![3, 4, 6], 3));

        // What cannot be kept is asked for as a whole.
        std::fs::remove_file(dir.path().join("config.jsonl")).unwrap();
        std::fs::create_dir(dir.path().join("config.jsonl")).unwrap();
        let fake = streams(vec![vec![whole(7)]]).await;
        let running = Running::start(&fake.url(), state(), &[]);
        running.in_force(7).await;
        let seen = fake.until(|seen| seen.len() > 1).await;
        assert!(seen.iter().all(|seen| seen.last_event.is_empty()));
        running.stop().await;
    }

    #[tokio::test]
    async fn a_forged_event_is_refused_and_the_stream_asked_anew() {
        let mut forged = whole(9);
        forged.payload = forged.payload.replace("\"revision\":9", "\"revision\":10");
        assert_eq!(check(vec![vec![forged], vec![whole(2)]], &[], 2).await, (vec![2], 1));
    }

    #[tokio::test]
    async fn p_02_what_was_signed_for_another_gateway_is_refused() {
        for other in ["other", "loca", "locall"] {
            let event = signed(whole(9).payload, &other.parse().unwrap());
            assert_eq!(check(vec![vec![event], vec![whole(2)]], &[], 2).await, (vec![2], 1), "{other}");
        }
        let event = signed(change(1, 9).payload, &"other".parse().unwrap());
        assert_eq!(check(vec![vec![whole(1), event], vec![whole(2)]], &[], 2).await, (vec![1, 2], 1));
    }

    #[tokio::test]
    async fn an_older_revision_is_refused_and_a_newer_one_still_taken() {
        assert_eq!(check(vec![vec![whole(5), whole(4)], vec![whole(6)]], &[], 6).await, (vec![5, 6], 1));
    }

    #[tokio::test]
    async fn the_same_revision_again_compacts_the_file_and_changes_nothing() {
        assert_eq!(check(vec![vec![whole(1), change(1, 2)], vec![whole(2)]], &[], 2).await, (vec![1, 2], 1));
    }

    #[tokio::test]
    async fn what_the_gateway_cannot_read_is_refused_by_its_revision() {
        let alien = sign(&ConfigEvent::Snapshot(Snapshot { revision: 7, ..Snapshot::empty() }));
        let payload = alien.payload.replace("\"objects\":[]", "\"objects\":[{\"kind\":\"quantum\"}]");
        let alien = signed(payload, &local());
        assert_eq!(check(vec![vec![whole(6), alien], vec![whole(8)]], &[], 8).await, (vec![6, 8], 1));
    }

    #[tokio::test]
    async fn without_mcpd_the_last_known_good_is_served_and_a_lower_revision_refused_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let state = || StateDir::open(dir.path()).unwrap();
        let fake = streams(vec![vec![whole(3), change(3, 4)]]).await;
        let running = Running::start(&fake.url(), state(), &[]);
        running.in_force(4).await;
        fake.until(|seen| seen.len() > 1).await;
        running.stop().await;

        let nobody: Url = "http://127.0.0.1:1".parse().unwrap();
        let running = Running::start(&nobody, state(), &[]);
        running.progress.ready().await;
        assert_eq!(running.stop().await, [4]);

        let fake = streams(vec![vec![whole(2)]]).await;
        let running = Running::start(&fake.url(), state(), &[]);
        fake.until(|seen| seen.len() > 1).await;
        assert_eq!(running.progress.revision_in_force(), Some(4));
        assert_eq!(running.stop().await, [4]);
        assert_eq!(lines(dir.path()), 2);
    }

    #[tokio::test]
    async fn replicas_that_are_gone_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let gone = FakeControlPlane::start(|_| Answer::HangUp).await;
        let ill = FakeControlPlane::start(|_| Answer::json(503, &serde_json::json!({}))).await;
        let well = streams(vec![vec![whole(3), change(3, 4)]]).await;
        let urls = [gone.url(), ill.url(), gone.url(), ill.url(), well.url()];
        let running = Running::start_at(&urls, StateDir::open(dir.path()).unwrap(), &[]);
        running.in_force(4).await;
        assert_eq!(running.stop().await, [3, 4]);
    }

    #[tokio::test]
    async fn with_neither_mcpd_nor_last_known_good_nothing_is_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let path: PathBuf = dir.path().join("config.jsonl");
        std::fs::write(path, "{\"payload\":\"{}\",\"signature\":\"\"}\n").unwrap();
        let fake = FakeControlPlane::start(|_| Answer::HangUp).await;
        let running = Running::start(&fake.url(), StateDir::open(dir.path()).unwrap(), &[]);
        fake.until(|seen| seen.len() > 1).await;
        assert_eq!(running.progress.state(), None);
        assert!(running.stop().await.is_empty());
    }
}
