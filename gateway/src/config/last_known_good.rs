//! The last-known-good configuration on disk: `config.jsonl`, the signed events as they came, one per line.
//!
//! First line a whole snapshot, then the change sets accepted since. Every line is verified again when it is read: a
//! file somebody wrote to is refused as a whole. A last line without an end is a write that was cut off by a crash;
//! its revision was never acknowledged, so it is left out. Secrets in it are sealed.

use crate::settings::replace_file;
use control_plane_api::{
    name::Name,
    snapshot::{ConfigEvent, SequenceError, SignedEvent, Snapshot},
};
use ed25519_dalek::{Signature, VerifyingKey};
use std::{
    io,
    path::{Path, PathBuf},
};
use tokio::{fs::OpenOptions, io::AsyncWriteExt as _};

/// A signed event that is not what the control plane signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventError {
    /// No valid signature of the control plane.
    #[error("it is not signed for this gateway by the control plane it enrolled with")]
    Forged,
    /// Signed, but not in a form this gateway knows.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// Why a `config.jsonl` is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("line {line}: {error}")]
    Event {
        line: usize,
        #[source]
        error: EventError,
    },
    #[error("line {line} does not follow the one before: {error}")]
    Sequence {
        line: usize,
        #[source]
        error: SequenceError,
    },
    #[error("it does not begin with a whole snapshot")]
    NoSnapshot,
}

/// Checks the signature of `event` over `gateway`, which it must be for, and the very bytes of its payload, then reads it.
pub(super) fn open(event: &SignedEvent, key: &VerifyingKey, gateway: &Name) -> Result<ConfigEvent, EventError> {
    verify(event, key, gateway)?;
    Ok(serde_json::from_str(&event.payload)?)
}

fn verify(event: &SignedEvent, key: &VerifyingKey, gateway: &Name) -> Result<(), EventError> {
    let mut signature = [0; Signature::BYTE_SIZE];
    hex::decode_to_slice(&event.signature, &mut signature).map_err(|_| EventError::Forged)?;
    let text = SignedEvent::signed_text(gateway, &event.payload);
    key.verify_strict(text.as_bytes(), &Signature::from_bytes(&signature)).map_err(|_| EventError::Forged)
}

/// The file and what it should hold.
pub(super) struct LastKnownGood {
    path: PathBuf,
    lines: Vec<String>,
    /// Whether the file holds exactly `lines`, so that a line can be appended.
    in_step: bool,
}

impl LastKnownGood {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, lines: Vec::new(), in_step: false }
    }

    /// What the file at `path` holds for `gateway`; none when there is no file.
    pub(super) fn load(path: &Path, key: &VerifyingKey, gateway: &Name) -> Result<Option<(Snapshot, Self)>, LoadError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        let mut loaded = Self { path: path.to_owned(), lines: Vec::new(), in_step: text.ends_with('\n') };
        let mut snapshot: Option<Snapshot> = None;
        for (index, line) in whole.lines().enumerate() {
            let number = index + 1;
            let event: SignedEvent = serde_json::from_str(line)
                .map_err(|error| LoadError::Event { line: number, error: EventError::Unreadable(error) })?;
            match (open(&event, key, gateway).map_err(|error| LoadError::Event { line: number, error })?, &mut snapshot)
            {
                (ConfigEvent::Snapshot(first), None) => snapshot = Some(first),
                (ConfigEvent::ChangeSet(change), Some(snapshot)) => {
                    snapshot.apply(change).map_err(|error| LoadError::Sequence { line: number, error })?;
                }
                _ => return Err(LoadError::NoSnapshot),
            }
            loaded.lines.push(line.to_owned());
        }
        Ok(Some((snapshot.ok_or(LoadError::NoSnapshot)?, loaded)))
    }

    /// Whether the file holds all that was accepted.
    pub(super) fn is_kept(&self) -> bool {
        self.in_step && !self.lines.is_empty()
    }

    /// How many change sets follow the snapshot.
    pub(super) fn changes(&self) -> usize {
        self.lines.len().saturating_sub(1)
    }

    /// A whole snapshot was accepted: it replaces everything before.
    pub(super) async fn snapshot(&mut self, event: &SignedEvent) -> io::Result<()> {
        self.lines = vec![serde_json::to_string(event)?];
        self.rewrite().await
    }

    /// A change set was accepted.
    pub(super) async fn change(&mut self, event: &SignedEvent) -> io::Result<()> {
        let line = serde_json::to_string(event)?;
        self.lines.push(line.clone());
        if !self.in_step {
            return self.rewrite().await;
        }
        // Until it is known to be whole, the next event rewrites the file instead of following a torn line.
        self.in_step = false;
        let mut file = OpenOptions::new().append(true).open(&self.path).await?;
        file.write_all(format!("{line}\n").as_bytes()).await?;
        file.sync_data().await?;
        self.in_step = true;
        Ok(())
    }

    async fn rewrite(&mut self) -> io::Result<()> {
        self.in_step = false;
        let text = self.lines.join("\n") + "\n";
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || replace_file(&path, text.as_bytes())).await??;
        self.in_step = true;
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::keys::tests::signing_key;
    use control_plane_api::snapshot::ChangeSet;
    use ed25519_dalek::Signer as _;

    pub(in crate::config) fn local() -> Name {
        "local".parse().unwrap()
    }

    /// Signed for the gateway `local`.
    pub(in crate::config) fn sign(event: &ConfigEvent) -> SignedEvent {
        signed(serde_json::to_string(event).unwrap(), &local())
    }

    pub(in crate::config) fn signed(payload: String, gateway: &Name) -> SignedEvent {
        let text = SignedEvent::signed_text(gateway, &payload);
        SignedEvent { signature: hex::encode(signing_key().sign(text.as_bytes()).to_bytes()), payload }
    }

    pub(in crate::config) fn whole(revision: u64) -> SignedEvent {
        sign(&ConfigEvent::Snapshot(Snapshot { revision, ..Snapshot::empty() }))
    }

    pub(in crate::config) fn change(base: u64, revision: u64) -> SignedEvent {
        let issued_at = Snapshot::empty().issued_at;
        sign(&ConfigEvent::ChangeSet(ChangeSet {
            base,
            revision,
            issued_at,
            upserts: vec![],
            removals: vec![],
            peppers: None,
            draining: None,
        }))
    }

    struct Kept {
        dir: tempfile::TempDir,
    }

    impl Kept {
        /// A file with revisions 3, 4, 5.
        async fn new() -> Self {
            let kept = Self { dir: tempfile::tempdir().unwrap() };
            let mut good = LastKnownGood::new(kept.path());
            good.snapshot(&whole(3)).await.unwrap();
            good.change(&change(3, 4)).await.unwrap();
            good.change(&change(4, 5)).await.unwrap();
            kept
        }

        fn path(&self) -> PathBuf {
            self.dir.path().join("config.jsonl")
        }

        fn text(&self) -> String {
            std::fs::read_to_string(self.path()).unwrap()
        }

        fn load(&self) -> Result<Option<(Snapshot, LastKnownGood)>, LoadError> {
            LastKnownGood::load(&self.path(), &signing_key().verifying_key(), &local())
        }

        fn check(&self, text: &str, revision: Option<u64>) {
            std::fs::write(self.path(), text).unwrap();
            let loaded = self.load().ok().flatten().map(|(snapshot, _)| snapshot.revision);
            assert_eq!(loaded, revision, "{text}");
        }
    }

    #[tokio::test]
    async fn what_was_accepted_is_there_after_a_restart() {
        let kept = Kept::new().await;
        let (snapshot, mut good) = kept.load().unwrap().unwrap();
        assert_eq!((snapshot.revision, good.changes()), (5, 2));
        good.change(&change(5, 6)).await.unwrap();
        assert_eq!(kept.load().unwrap().unwrap().0.revision, 6);
        good.snapshot(&whole(9)).await.unwrap();
        assert_eq!(kept.text().lines().count(), 1);
        assert_eq!(kept.load().unwrap().unwrap().0.revision, 9);
    }

    #[tokio::test]
    async fn no_file_is_no_configuration_and_no_error() {
        let kept = Kept { dir: tempfile::tempdir().unwrap() };
        assert!(kept.load().unwrap().is_none());
    }

    #[tokio::test]
    async fn a_torn_last_line_is_left_out_and_never_appended_to() {
        let kept = Kept::new().await;
        let text = kept.text();
        kept.check(&text[..text.len() - 1], Some(4));
        kept.check(&text[..text.len() - 40], Some(4));
        let (_, mut good) = kept.load().unwrap().unwrap();
        good.change(&change(4, 7)).await.unwrap();
        assert_eq!(kept.load().unwrap().unwrap().0.revision, 7);
    }

    #[tokio::test]
    async fn a_file_that_was_tampered_with_is_refused_as_a_whole() {
        let kept = Kept::new().await;
        let text = kept.text();
        let lines: Vec<&str> = text.lines().collect();
        for bad in [
            String::new(),
            "\n".to_owned(),
            text.replacen("\\\"revision\\\":3", "\\\"revision\\\":8", 1),
            text.replacen("\"signature\":\"", "\"signature\":\"00", 1),
            format!("{}\n{}\n", lines[0], lines[2]),
            format!("{}\n{}\n", lines[1], lines[2]),
            format!("{}\n{}\n", lines[0], lines[0]),
            format!("{}\n{{}}\n{}\n", lines[0], lines[1]),
        ] {
            kept.check(&bad, None);
        }
        let stranger = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key();
        std::fs::write(kept.path(), &text).unwrap();
        assert!(LastKnownGood::load(&kept.path(), &stranger, &local()).is_err());
        let other = "other".parse().unwrap();
        assert!(LastKnownGood::load(&kept.path(), &signing_key().verifying_key(), &other).is_err(), "another's file");
    }
}
