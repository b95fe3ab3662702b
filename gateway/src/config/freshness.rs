//! How long ago the control plane confirmed what is in force: written by whoever follows its stream, read by permissions,
//! the audit log and metrics.
//!
//! Measured on the clock that counts from the start of the machine, sleep included: it cannot be set. Over a restart it
//! goes on from a stamp in the state directory. In the same run of the machine that is exact; in another one the wall
//! clock has to do, and one that was set back proves nothing: then nothing counts as confirmed.
//!
//! ```
//! # use gateway::config::Freshness;
//! let freshness = Freshness::followed();
//! assert_eq!(freshness.age(), std::time::Duration::MAX);    // nothing was heard yet
//! freshness.confirm();
//! assert!(freshness.age() < std::time::Duration::from_secs(60) && freshness.stale_s().is_none());
//! assert_eq!(Freshness::always().age(), std::time::Duration::ZERO);
//! ```

use super::Progress;
use crate::settings::replace_file;
use control_plane_api::timestamp::Timestamp;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::time::MissedTickBehavior;

/// Age up to which the audit log says nothing of it, in seconds.
const TOLD_FROM_S: u64 = 60;
/// How often the stamp is written, in milliseconds: after a crash the age may be so much too high.
const STAMP_INTERVAL_MS: u64 = 30_000;
/// Nothing was ever confirmed.
const NEVER: i64 = i64::MIN;

/// See the module. Cheap to clone; every clone sees the same.
#[derive(Debug, Clone)]
pub struct Freshness(Option<Arc<AtomicI64>>);

/// A moment on both clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Moment {
    /// Which run of the machine; empty where that is not known.
    boot: String,
    /// Since the machine started, in milliseconds.
    boot_ms: i64,
    /// The wall clock.
    at: Timestamp,
}

/// What is known over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    /// What was in force.
    revision: u64,
    /// How old it was when this was written, in milliseconds.
    age_ms: u64,
    #[serde(flatten)]
    written: Moment,
}

impl Freshness {
    /// Of a configuration that nobody has to confirm: one from a file.
    #[must_use]
    pub fn always() -> Self {
        Self(None)
    }

    /// Of a control plane that was not heard yet.
    #[must_use]
    pub fn followed() -> Self {
        Self(Some(Arc::new(AtomicI64::new(NEVER))))
    }

    /// What is in force is confirmed now.
    pub fn confirm(&self) {
        self.confirmed_before(0);
    }

    /// How long ago what is in force was confirmed; beyond all bounds where that is not known.
    #[must_use]
    pub fn age(&self) -> Duration {
        let Some(confirmed) = &self.0 else { return Duration::ZERO };
        match confirmed.load(Ordering::Relaxed) {
            NEVER => Duration::MAX,
            at => Duration::from_millis(u64::try_from(boot_ms().saturating_sub(at)).unwrap_or_default()),
        }
    }

    /// When what is in force was confirmed, by the wall clock; none where that is not known.
    #[must_use]
    pub fn confirmed_at(&self) -> Option<Timestamp> {
        let age_ms = i64::try_from(self.age().as_millis()).ok()?;
        self.is_known().then(|| Timestamp::now().plus_millis(-age_ms))
    }

    /// The age in seconds, where it is worth telling.
    #[must_use]
    pub fn stale_s(&self) -> Option<u64> {
        Some(self.age().as_secs()).filter(|age_s| *age_s > TOLD_FROM_S)
    }

    /// Goes on from what was known at the end of the process before, of which `revision` is in force again. Where the stamp
    /// is missing or of another revision, that was confirmed when the control plane `issued` it.
    pub(super) fn restore(&self, path: &Path, revision: u64, issued: Timestamp) {
        let now = Moment::now();
        let stamp = std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<Stamp>(&text).ok());
        let age_ms = match stamp.filter(|stamp| stamp.revision == revision) {
            Some(stamp) => stamp.age_ms.saturating_add(now.since(&stamp.written)),
            None => now.since(&Moment { boot: String::new(), boot_ms: 0, at: issued }),
        };
        self.confirmed_before(age_ms);
    }

    /// Keeps what [`Self::restore`] reads in the file at `path`, for as long as the process lives.
    pub(super) async fn keep(self, path: PathBuf, progress: Progress) {
        let mut tick = tokio::time::interval(Duration::from_millis(STAMP_INTERVAL_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut failing, mut state) = (false, progress.subscribe());
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                // The sender lives in `progress`, so this cannot fail and spin.
                _ = state.changed() => {}
            }
            let (Some(revision), true) = (progress.revision_in_force(), self.is_known()) else { continue };
            let (path, stamp) = (path.clone(), self.stamp(revision));
            let written = tokio::task::spawn_blocking(move || write(&path, &stamp)).await;
            match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "when the configuration was confirmed cannot be kept on disk: after a restart it counts as older");
                }
                Err(_) => {}
            }
        }
    }

    fn is_known(&self) -> bool {
        self.age() < Duration::MAX
    }

    fn stamp(&self, revision: u64) -> Stamp {
        let age_ms = u64::try_from(self.age().as_millis()).unwrap_or(u64::MAX);
        Stamp { revision, age_ms, written: Moment::now() }
    }

    fn confirmed_before(&self, age_ms: u64) {
        if let Some(confirmed) = &self.0 {
            let age_ms = i64::try_from(age_ms).ok();
            confirmed.store(age_ms.map_or(NEVER, |age_ms| boot_ms().saturating_sub(age_ms)), Ordering::Relaxed);
        }
    }
}

impl Moment {
    fn now() -> Self {
        Self { boot: boot(), boot_ms: boot_ms(), at: Timestamp::now() }
    }

    /// Time since `earlier`, in milliseconds; beyond all bounds where the clock says that it is later.
    fn since(&self, earlier: &Self) -> u64 {
        let passed = if !self.boot.is_empty() && self.boot == earlier.boot {
            self.boot_ms.saturating_sub(earlier.boot_ms)
        } else {
            self.at.as_millis().saturating_sub(earlier.at.as_millis())
        };
        u64::try_from(passed).unwrap_or(u64::MAX)
    }
}

fn write(path: &Path, stamp: &Stamp) -> io::Result<()> {
    replace_file(path, &serde_json::to_vec(stamp)?)
}

/// Which run of the machine this is.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Time since the machine started, in milliseconds.
fn boot_ms() -> i64 {
    // Every Linux has the clock; one that cannot be read confirms nothing.
    clock_gettime(CLOCK).map_or(i64::MAX, |time| time.tv_sec().saturating_mul(1_000) + time.tv_nsec() / 1_000_000)
}

/// The one that goes on while the machine sleeps.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::CLOCK_MONOTONIC;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn moment(boot: &str, boot_ms: i64, at: i64) -> Moment {
        Moment { boot: boot.to_owned(), boot_ms, at: Timestamp::from_millis(at) }
    }

    #[test]
    fn in_one_run_of_the_machine_the_wall_clock_says_nothing() {
        let earlier = moment("a", 1_000, 10 * HOUR_MS);
        assert_eq!(moment("a", 5_000, 0).since(&earlier), 4_000, "set back");
        assert_eq!(moment("a", 5_000, 99 * HOUR_MS).since(&earlier), 4_000, "set ahead");
    }

    #[test]
    fn in_another_run_a_clock_that_was_set_back_makes_nothing_fresh() {
        let earlier = moment("a", 9_000, 10 * HOUR_MS);
        assert_eq!(moment("b", 100, 12 * HOUR_MS).since(&earlier), 2 * 3_600_000);
        assert_eq!(moment("b", 100, 10 * HOUR_MS - 1).since(&earlier), u64::MAX);
        assert_eq!(moment("", 10_000, 11 * HOUR_MS).since(&moment("", 9_000, 10 * HOUR_MS)), 3_600_000, "unknown runs");
    }

    fn restored(path: &Path, revision: u64, issued: Timestamp) -> u64 {
        let freshness = Freshness::followed();
        freshness.restore(path, revision, issued);
        freshness.age().as_secs()
    }

    #[test]
    fn the_age_goes_on_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let (path, now) = (dir.path().join("confirmed.json"), Timestamp::now());
        assert_eq!(restored(&path, 7, now.plus_millis(-2 * HOUR_MS)) / 60, 120, "without a stamp since it was issued");
        let stamp = Stamp { revision: 7, age_ms: 3_600_000, written: Moment::now() };
        write(&path, &stamp).unwrap();
        assert_eq!(restored(&path, 7, now) / 60, 60);
        assert_eq!(restored(&path, 8, now.plus_millis(-30 * 60_000)) / 60, 30, "a stamp of another revision");
        assert_eq!(restored(&path, 8, now.plus_millis(HOUR_MS)), u64::MAX, "issued in the future");
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(restored(&path, 7, now.plus_millis(-2 * HOUR_MS)) / 60, 120);
    }

    #[tokio::test]
    async fn the_stamp_is_kept_while_the_process_lives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("confirmed.json");
        let freshness = Freshness::followed();
        freshness.confirmed_before(7_200_000);
        let progress = Progress::new();
        let keeping = tokio::spawn(freshness.clone().keep(path.clone(), progress.clone()));
        progress.applied(3);
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while !path.exists() {
            look.tick().await;
        }
        keeping.abort();
        assert_eq!(restored(&path, 3, Timestamp::now()) / 60, 120);
    }

    #[test]
    fn only_what_is_old_is_told() {
        let freshness = Freshness::followed();
        assert!(freshness.stale_s().is_some(), "never confirmed");
        freshness.confirmed_before(30_000);
        assert_eq!(freshness.stale_s(), None);
        freshness.confirmed_before(90_000);
        assert!(freshness.stale_s().is_some_and(|age_s| age_s >= 90));
        assert_eq!(Freshness::always().stale_s(), None);
    }
}
