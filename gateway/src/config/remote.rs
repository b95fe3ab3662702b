//! Configuration from a control plane: the last-known-good first, then the stream, for as long as the process lives.
//!
//! mcpd away: the gateway serves what it has and keeps trying. A gap in the stream, a forged or an endless event: the
//! connection is dropped and a new one asked for what the gateway lacks, a whole snapshot if need be.
//!
//! Whatever comes on a stream, heartbeats included, confirms what is in force, as long as that is the newest the stream has
//! told: a control plane with a configuration that was refused here confirms nothing.

use super::{
    Freshness, Intake, Taken,
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
use tokio_util::task::AbortOnDropHandle;

/// Largest event of the stream, in bytes.
const EVENT_BYTES_MAX: usize = 64 << 20;
/// Change sets kept after a snapshot; beyond it a whole snapshot is asked for, so that the file stays small.
const CHANGE_SETS_MAX: usize = 1_000;

/// The file that says when the last-known-good was confirmed.
const CONFIRMED: &str = "confirmed.json";

/// A control plane as source of configuration.
pub struct Remote {
    /// Where the stream comes from.
    pub control_plane: ControlPlane,
    /// The key that verifies its events.
    pub verifying_key: VerifyingKey,
    /// Where the last-known-good is kept.
    pub state: StateDir,
    /// Told when what is in force is confirmed.
    pub freshness: Freshness,
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
        let (freshness, progress) = (self.freshness.clone(), intake.progress.clone());
        let stamp = self.state.join(CONFIRMED);
        let mut follower = Follower { remote: self, intake, good, backoff: Backoff::control_plane() };
        follower.restore().await;
        let _keeping = AbortOnDropHandle::new(tokio::spawn(freshness.keep(stamp, progress)));
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
                let stamp = self.remote.state.join(CONFIRMED);
                self.remote.freshness.restore(&stamp, snapshot.revision, snapshot.issued_at);
                let age_s = self.remote.freshness.age().as_secs();
                tracing::info!(revision = snapshot.revision, age_s, "starting with the last-known-good configuration");
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
        let mut newest_in_force = false;
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            decoder.push(&chunk)?;
            while let Some(event) = decoder.next_event() {
                if event.data.is_empty() {
                    continue;
                }
                newest_in_force = self.take(&event.data).await? != Taken::Refused;
                if newest_in_force {
                    self.backoff.reset();
                    if std::mem::take(failing) {
                        tracing::info!("the configuration stream is up again");
                    }
                }
                if self.good.changes() > CHANGE_SETS_MAX {
                    return Err(StreamError::TooManyChanges);
                }
            }
            if newest_in_force {
                self.remote.freshness.confirm();
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
mod tests;
