//! What an operator does to the database, beside a running mcpd or instead of one: `mcpd db …`, which `mcpctl db …` runs.
//!
//! None of it needs the master key: what is encrypted is carried along as it is.

use crate::{
    backup::{self, BackupError, BackupFile, Purpose, RestoreError},
    home::{self, HomeError},
    retention, rollback,
    settings::{DatabaseOptions, DbCommand, Settings},
    store::{self, OpenError, Store, StoreError},
};
use control_plane_api::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::{fs, path::Path};

/// A table is read or written in one statement here, which takes as long as it takes, in milliseconds: a day.
const STATEMENT_TIMEOUT_MS: u64 = 86_400_000;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// The home folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No backup was written.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// Nothing was restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Source and target are one.
    #[error("the database cannot be moved to itself")]
    Itself,
    /// The database failed.
    #[error("{0}")]
    Store(String),
}

impl MaintenanceError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Home(error) => error.hint(),
            Self::Open(error) => error.hint(),
            Self::Backup(error) => error.hint(),
            Self::Restore(error) => error.hint(),
            Self::Itself => "name another database with `--to`",
            Self::Store(_) => "the database's own log says more",
        }
    }
}

impl From<StoreError> for MaintenanceError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Runs one command. What it did, for people and programs.
///
/// # Errors
/// Any [`MaintenanceError`]; then nothing was changed, except that a `move` may have filled the other database.
pub async fn run(settings: &Settings, command: &DbCommand) -> Result<Value, MaintenanceError> {
    home::prepare(&settings.home)?;
    match command {
        DbCommand::Backup { file } => back_up(settings, file).await,
        DbCommand::Restore { file, replace } => restore(settings, file, *replace).await,
        DbCommand::Move { to } => move_to(settings, to).await,
        DbCommand::Migrate { dry_run } => migrate(settings, *dry_run).await,
        DbCommand::Retain { days, dry_run } => retain(settings, *days, *dry_run).await,
        DbCommand::AcceptRollback => accept(settings).await,
    }
}

/// Opens the configured database; `migrated` brings its tables up to date first.
async fn open(settings: &Settings, url: &str, migrated: bool) -> Result<Store, MaintenanceError> {
    let options = DatabaseOptions {
        statement_timeout_ms: STATEMENT_TIMEOUT_MS,
        idle_in_transaction_timeout_ms: STATEMENT_TIMEOUT_MS,
        ..settings.database.clone()
    };
    Ok(if migrated { store::open(url, &options).await? } else { store::open_as_it_is(url, &options).await? })
}

#[derive(Serialize)]
struct Summary<'a> {
    file: String,
    created_at: Timestamp,
    revision: u64,
    rows: u64,
    tables: &'a std::collections::BTreeMap<String, u64>,
    sha256: &'a str,
}

fn summary(file: &Path, backup: &BackupFile) -> Value {
    json!(Summary {
        file: file.display().to_string(),
        created_at: backup.header.created_at,
        revision: backup.header.revision,
        rows: backup.rows.values().sum(),
        tables: &backup.rows,
        sha256: &backup.sha256,
    })
}

async fn back_up(settings: &Settings, file: &Path) -> Result<Value, MaintenanceError> {
    let url = settings.database_url();
    let store = open(settings, &url, false).await?;
    let written = backup::backup(&store, file).await;
    store.close().await;
    Ok(json!({"done": "backed up", "database": store::place(&url), "backup": summary(file, &written?)}))
}

async fn restore(settings: &Settings, file: &Path, replace: bool) -> Result<Value, MaintenanceError> {
    let backup = BackupFile::open(file)?;
    let url = settings.database_url();
    let store = open(settings, &url, false).await?;
    let alone = store.take_alone().await?;
    let seen = rollback::noted(&settings.home, None);
    let revision = backup::restore(&store, &backup, Purpose::Restore { seen }, replace).await;
    drop(alone);
    store.close().await;
    let revision = revision?;
    Ok(
        json!({"done": "restored", "database": store::place(&url), "revision": revision, "backup": summary(file, &backup)}),
    )
}

async fn move_to(settings: &Settings, to: &str) -> Result<Value, MaintenanceError> {
    let from = settings.database_url();
    if store::place(&from) == store::place(to) {
        return Err(MaintenanceError::Itself);
    }
    let source = open(settings, &from, true).await?;
    let target = open(settings, to, false).await?;
    let (from_alone, to_alone) = (source.take_alone().await?, target.take_alone().await?);
    let draft = settings.home.join(format!("move.{}.backup", std::process::id()));
    let copied = copy(&source, &target, &draft).await;
    fs::remove_file(&draft).ok();
    let (backup, revision) = copied?;
    let mut tx = source.write().await?;
    tx.replace_meta(rollback::MOVED, &store::place(to)).await?;
    tx.commit().await?;
    drop((from_alone, to_alone));
    source.close().await;
    target.close().await;
    Ok(json!({
        "done": "moved", "database": store::place(to), "from": store::place(&from), "revision": revision,
        "rows": backup.rows.values().sum::<u64>(), "tables": backup.rows,
    }))
}

async fn copy(source: &Store, target: &Store, draft: &Path) -> Result<(BackupFile, u64), MaintenanceError> {
    let backup = backup::backup(source, draft).await?;
    let revision = backup::restore(target, &backup, Purpose::Move, false).await?;
    Ok((backup, revision))
}

async fn migrate(settings: &Settings, dry_run: bool) -> Result<Value, MaintenanceError> {
    let url = settings.database_url();
    let store = open(settings, &url, false).await?;
    let pending = store.read().await?.migrations_pending().await?;
    store.close().await;
    if !dry_run {
        let store = open(settings, &url, true).await?;
        store.make_partitions().await?;
        store.close().await;
    }
    let pending: Vec<String> = pending.iter().map(|(version, name)| format!("{version:04} {name}")).collect();
    let done = if dry_run { "would migrate" } else { "migrated" };
    Ok(json!({"done": done, "database": store::place(&url), "migrations": pending}))
}

async fn retain(settings: &Settings, days: u32, dry_run: bool) -> Result<Value, MaintenanceError> {
    let url = settings.database_url();
    let store = open(settings, &url, true).await?;
    let before = retention::before(days);
    let old = if dry_run {
        retention::old(&mut store.read().await?, before).await?
    } else {
        retention::retain(&store, before, "mcpd db retain").await?
    };
    store.close().await;
    let done = if dry_run { "would remove" } else { "removed" };
    Ok(json!({
        "done": done, "database": store::place(&url), "before": before, "events": old.removed.events,
        "sha256": old.removed.sha256, "records": old.records(),
    }))
}

async fn accept(settings: &Settings) -> Result<Value, MaintenanceError> {
    let url = settings.database_url();
    let store = open(settings, &url, true).await?;
    let accepted = rollback::accept(&store, &settings.home).await?;
    store.close().await;
    Ok(match accepted {
        Some((from, to)) => {
            json!({"done": "accepted", "database": store::place(&url), "from_revision": from, "revision": to})
        }
        None => json!({"done": "nothing to accept", "database": store::place(&url)}),
    })
}
