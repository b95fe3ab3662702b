//! Configuration from a local file instead of a control plane: a JSON [`Snapshot`], looked at every second.

use super::Intake;
use control_plane_api::snapshot::Snapshot;
use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};
use tokio::time::MissedTickBehavior;

/// How often the file is looked at, in milliseconds.
const LOOK_INTERVAL_MS: u64 = 1_000;

/// What tells one state of the file from another: when it was changed, and its length.
type Stamp = (SystemTime, u64);

#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is not a snapshot in JSON: {0}")]
    NotASnapshot(#[from] serde_json::Error),
}

pub(super) async fn run(path: &Path, intake: Intake) {
    watch(path, intake, Duration::from_millis(LOOK_INTERVAL_MS)).await;
}

async fn watch(path: &Path, mut intake: Intake, interval: Duration) {
    let mut look = tokio::time::interval(interval);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<Result<Stamp, io::ErrorKind>> = None;
    loop {
        look.tick().await;
        let now = stamp(path).await;
        if last == Some(now) {
            continue;
        }
        last = Some(now);
        match read(path, intake.revision()).await {
            Ok(snapshot) => {
                intake.offer(snapshot).await;
            }
            Err(error) => {
                let in_force = intake.revision();
                tracing::error!(%error, path = %path.display(), in_force, "the configuration file is not used");
            }
        }
    }
}

async fn stamp(path: &Path) -> Result<Stamp, io::ErrorKind> {
    let metadata = tokio::fs::metadata(path).await.map_err(|error| error.kind())?;
    Ok((metadata.modified().map_err(|error| error.kind())?, metadata.len()))
}

/// The file's snapshot, with a revision above the one in force: a file has no history of its own.
async fn read(path: &Path, in_force: Option<u64>) -> Result<Snapshot, FileError> {
    let text = tokio::fs::read(path).await?;
    let mut snapshot: Snapshot = serde_json::from_slice(&text)?;
    snapshot.revision = snapshot.revision.max(in_force.unwrap_or_default() + 1);
    Ok(snapshot)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Fake, intake};
    use std::{path::Path, time::Duration};
    use tokio::sync::watch;

    const EMPTY: &str = r#"{"revision": 0, "issued_at": "2026-07-28T09:00:00Z", "objects": []}"#;

    fn put(path: &Path, text: &str) {
        let fresh = path.with_extension("tmp");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, path).unwrap();
    }

    #[tokio::test]
    async fn a_changed_file_comes_into_force_and_a_bad_one_leaves_the_previous() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.json");
        let apply = Fake::refusing(&[]);
        let (intake, progress) = intake(&apply);
        let mut state = progress.subscribe();
        let running = tokio::spawn({
            let path = path.clone();
            async move { super::watch(&path, intake, Duration::from_millis(5)).await }
        });
        put(&path, EMPTY);
        wait_for(&mut state, &progress, 1).await;
        put(&path, "{");
        put(&path, &format!("{EMPTY}\n"));
        wait_for(&mut state, &progress, 2).await;
        assert_eq!(apply.applied(), [1, 2]);
        running.abort();
    }

    async fn wait_for<T>(state: &mut watch::Receiver<T>, progress: &super::super::Progress, revision: u64) {
        while progress.revision_in_force() != Some(revision) {
            state.changed().await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_file_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.json");
        assert!(super::read(&path, None).await.unwrap_err().to_string().contains("cannot be read"));
        put(&path, "{\"revision\": 1}");
        assert!(super::read(&path, None).await.unwrap_err().to_string().contains("line 1"));
        put(&path, EMPTY);
        assert_eq!(super::read(&path, Some(7)).await.unwrap().revision, 8);
    }
}
