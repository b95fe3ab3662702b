//! Notices a database that went back in time: an old copy put in its place, a replica that had not heard of everything.
//!
//! Gateways refuse a revision lower than the one in force, so they are safe; but what was revoked since may be valid
//! again, and nobody should learn that by chance. Two witnesses: a file in the home folder with the highest revision this
//! installation has seen, and what gateways report to have in force. `mcpctl db restore` moves the revision ahead by
//! itself and never ends up here.

use crate::{
    home::PrivateFile,
    identity::{Actor, new_id},
    store::{Change, OpenError, Store, StoreError, Tx},
};
use control_plane_api::name::Name;
use serde::{Deserialize, Serialize};
use std::{fs, path::Path, path::PathBuf};

/// The file in the home folder.
const FILE: &str = "revision-seen";
/// The fact by which one database is told from another; a copy has the same.
const DATABASE: &str = "database_id";
/// The fact that somebody has seen a higher revision.
const WENT_BACK: &str = "went_back";
/// The fact that everything lies elsewhere now.
pub(crate) const MOVED: &str = "moved_to";
/// By how much the revision jumps ahead after a restore: more than can have been lost since the backup was made.
pub(crate) const REVISION_JUMP: u64 = 1_000_000;

/// Why this database is not served from as it is.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// It is older than what was seen of it.
    #[error("the database went back: it is at revision {revision}, and was at {seen} when this mcpd last saw it")]
    Older {
        /// What it has.
        revision: u64,
        /// What it had.
        seen: u64,
    },
    /// It was moved away.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It failed.
    #[error("{0}")]
    Store(String),
}

impl RollbackError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Older { .. } => {
                "put the newer database back, or go on with this one: `mcpctl db accept-rollback`; tokens that were revoked since may be valid again"
            }
            Self::Open(error) => error.hint(),
            Self::Store(_) => "check the database's own log, and the space left on its disk",
        }
    }
}

impl From<StoreError> for RollbackError {
    fn from(error: StoreError) -> Self {
        let reason = error.to_string();
        if error.is_passing() { Self::Open(OpenError::Busy(reason)) } else { Self::Store(reason) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    database: String,
    revision: u64,
}

/// The highest revision that was seen, in its file.
pub(crate) struct HighWater {
    file: PathBuf,
    seen: Seen,
}

impl HighWater {
    /// Compares the database with what was last seen of it, and gives it an identity if it has none.
    pub(crate) async fn check(store: &Store, home: &Path) -> Result<Self, RollbackError> {
        let mut change = store.change().await?;
        let revision = change.current();
        if let Some(place) = change.tx().meta(MOVED).await? {
            return Err(OpenError::Moved(place).into());
        }
        if let Some(noted) = change.tx().meta(WENT_BACK).await? {
            tracing::error!(revision, seen = noted, "The database went back; see `mcpctl db accept-rollback`");
        }
        let database = identity(&mut change).await?;
        change.commit().await?;
        let file = home.join(FILE);
        match read(&file).filter(|seen| seen.database == database) {
            Some(seen) if seen.revision > revision => Err(RollbackError::Older { revision, seen: seen.revision }),
            _ => Ok(Self { file, seen: Seen { database, revision: 0 } }),
        }
    }

    /// Remembers that the database had `revision`.
    pub(crate) fn note(&mut self, revision: u64) {
        if revision <= self.seen.revision {
            return;
        }
        self.seen.revision = revision;
        let text = serde_json::to_string(&self.seen).unwrap_or_default();
        let kept = PrivateFile::write(&self.file, &format!("{text}\n")).and_then(PrivateFile::put);
        if let Err(error) = kept {
            tracing::warn!(%error, "The highest revision seen cannot be noted; a database that goes back may not be noticed");
        }
    }
}

/// The highest revision that the file in `home` has of the database that calls itself `database`.
pub(crate) fn noted(home: &Path, database: Option<&str>) -> u64 {
    let seen = read(&home.join(FILE)).filter(|seen| database.is_none_or(|database| seen.database == database));
    seen.map_or(0, |seen| seen.revision)
}

/// The identity of a database, if it has one.
pub(crate) async fn identity_of(tx: &mut Tx) -> Result<Option<String>, StoreError> {
    tx.meta(DATABASE).await
}

async fn identity(change: &mut Change) -> Result<String, StoreError> {
    if let Some(database) = identity_of(change.tx()).await? {
        return Ok(database);
    }
    let database = new_id();
    change.tx().put_meta(DATABASE, &database).await?;
    Ok(database)
}

fn read(file: &Path) -> Option<Seen> {
    let text = fs::read_to_string(file).ok()?;
    let seen = serde_json::from_str(&text);
    seen.inspect_err(|error| tracing::warn!(%error, file = %file.display(), "Not a note of ours; ignored")).ok()
}

/// A gateway has `in_force`, which the database never had: says so once, in the log and in the audit log.
pub(crate) async fn record(store: &Store, gateway: &Name, in_force: u64) -> Result<(), StoreError> {
    let mut change = store.change().await?;
    let revision = change.current();
    let noted: u64 = change.tx().meta(WENT_BACK).await?.and_then(|noted| noted.parse().ok()).unwrap_or_default();
    if in_force <= revision.max(noted) {
        return Ok(());
    }
    tracing::error!(%gateway, in_force, revision, "A gateway has a revision that the database never had: the database went back; see `mcpctl db accept-rollback`");
    change.tx().replace_meta(WENT_BACK, &in_force.to_string()).await?;
    let effect = format!("went back to revision {revision}; gateway/{gateway} has {in_force}");
    change.record(&actor("mcpd"), "database", &effect).await?;
    change.commit().await?;
    Ok(())
}

/// Goes on from above everything that was seen. The old and the new revision; none if nothing had gone back.
pub(crate) async fn accept(store: &Store, home: &Path) -> Result<Option<(u64, u64)>, StoreError> {
    let mut change = store.change().await?;
    let revision = change.current();
    let database = identity_of(change.tx()).await?;
    let noted_here = database.as_deref().map_or(0, |database| noted(home, Some(database)));
    let noted: u64 = change.tx().meta(WENT_BACK).await?.and_then(|noted| noted.parse().ok()).unwrap_or_default();
    let seen = highest_seen(change.tx()).await?.max(noted).max(noted_here);
    if seen <= revision && noted == 0 {
        return Ok(None);
    }
    change.continue_after(seen.max(revision).saturating_add(REVISION_JUMP));
    change.tx().delete_meta(WENT_BACK).await?;
    let effect = format!("accepted at revision {} after it went back from {seen} to {revision}", change.next());
    change.record(&actor("mcpd db accept-rollback"), "database", &effect).await?;
    Ok(Some((revision, change.commit().await?)))
}

/// The highest revision in the database, its own or one that a gateway reported.
pub(crate) async fn highest_seen(tx: &mut Tx) -> Result<u64, StoreError> {
    let reported = tx.revisions_reported().await?;
    Ok(reported.into_iter().fold(tx.revision().await?, u64::max))
}

/// What was on record about this database and is not true of a copy of it.
pub(crate) async fn forget(tx: &mut Tx) -> Result<(), StoreError> {
    tx.delete_meta(MOVED).await?;
    tx.delete_meta(WENT_BACK).await
}

/// mcpd itself, by the subcommand that somebody ran.
pub(crate) fn actor(method: &str) -> Actor {
    Actor { user: None, token_id: None, method: method.to_owned(), peer: None }
}
