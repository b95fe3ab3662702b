//! From the file into a database: all of it in one transaction, compared row by row, or nothing.

use super::file::{BackupError, BackupFile, Line};
use crate::{
    rollback::{self, REVISION_JUMP},
    store::{Change, OpenError, Row, Store, StoreError, Table, Tx},
};
use futures::TryStreamExt as _;

/// Rows that are put into the database in one go.
const ROWS_MAX: usize = 1_000;

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The database cannot be opened or changed.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is something already.
    #[error("the database is not empty: it is at revision {0}")]
    NotEmpty(u64),
    /// A newer mcpd made the file.
    #[error("the backup has migration {0}, which this version does not know")]
    Newer(i64),
    /// The copy is not the same.
    #[error("table {table} is not the same after it was copied: row {row} differs")]
    Differs {
        /// Which table.
        table: String,
        /// Which of its rows, counted from one.
        row: u64,
    },
    /// A table or its columns are not those that its migrations make.
    #[error("the backup has a table {0} that its migrations do not make")]
    Alien(String),
    /// The database failed.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl RestoreError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Backup(error) => error.hint(),
            Self::Open(error) => error.hint(),
            Self::NotEmpty(_) => "name an empty database, or say `--replace` to lose what is there; back it up first",
            Self::Newer(_) => "install the mcpd that made the backup, or a newer one",
            Self::Differs { .. } | Self::Alien(_) => "nothing was changed; make the backup anew",
            Self::Store(_) => "nothing was changed; the database's own log says more",
        }
    }
}

/// What a copy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Time goes back: the revision has to go on from above `seen` and everything else that was seen.
    Restore { seen: u64 },
    /// The same database at another place.
    Move,
}

/// Puts `backup` into `store`. The revision that is in force afterwards.
pub(crate) async fn restore(
    store: &Store,
    backup: &BackupFile,
    purpose: Purpose,
    replace: bool,
) -> Result<u64, RestoreError> {
    if let Some(version) = crate::store::unknown_migration(&backup.header.migrations) {
        return Err(RestoreError::Newer(version));
    }
    let mut tx = store.write().await?;
    let before = before(&mut tx).await?;
    if before > 0 && !replace {
        return Err(RestoreError::NotEmpty(before));
    }
    tx.recreate(&backup.header.migrations).await?;
    let tables = tx.tables().await?;
    load(&mut tx, backup, &tables).await?;
    compare(&mut tx, backup, &tables).await?;
    tx.migrate().await?;
    rollback::forget(&mut tx).await?;
    let mut change = Change::begin(tx).await?;
    let revision = change.current();
    if let Purpose::Restore { seen } = purpose {
        let seen = rollback::highest_seen(change.tx()).await?.max(before).max(seen);
        change.continue_after(seen.saturating_add(REVISION_JUMP));
        let effect = format!(
            "restored from the backup of {} at revision {revision}; the highest revision seen was {seen}",
            backup.header.created_at
        );
        change.record(&rollback::actor("mcpd db restore"), "database", &effect).await?;
    }
    Ok(change.commit().await?)
}

/// The highest revision in a database that is about to be replaced; 0 for a new one.
async fn before(tx: &mut Tx) -> Result<u64, RestoreError> {
    let applied = tx.migrations_applied().await?;
    if let Some(version) = crate::store::unknown_migration(&applied) {
        return Err(OpenError::Newer(version).into());
    }
    if applied.is_empty() { Ok(0) } else { Ok(rollback::highest_seen(tx).await?) }
}

async fn load(tx: &mut Tx, backup: &BackupFile, tables: &[Table]) -> Result<(), RestoreError> {
    let mut lines = backup.lines()?;
    let mut table = None;
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let line = lines.next()?;
        let is_row = matches!(line, Some(Line::Row(_)));
        if let Some(table) = table.filter(|_| !is_row || rows.len() >= ROWS_MAX) {
            tx.insert_rows(table, &rows).await.map_err(|error| super::in_table(&table.name, error))?;
            rows.clear();
        }
        match line {
            Some(Line::Row(row)) => rows.push(row),
            Some(Line::Table(name, columns)) => table = Some(find(tables, &name, &columns)?),
            None => return Ok(()),
        }
    }
}

/// Row by row, in the order of the key.
async fn compare(tx: &mut Tx, backup: &BackupFile, tables: &[Table]) -> Result<(), RestoreError> {
    let mut lines = backup.lines()?;
    let mut line = lines.next()?;
    while let Some(Line::Table(name, columns)) = line {
        let table = find(tables, &name, &columns)?;
        let mut stored = tx.rows(table);
        let mut number = 0;
        line = loop {
            number += 1;
            let differs = || RestoreError::Differs { table: name.clone(), row: number };
            match (lines.next()?, stored.try_next().await?) {
                (Some(Line::Row(row)), Some(other)) if row == other => {}
                (Some(Line::Row(_)), _) | (_, Some(_)) => return Err(differs()),
                (next, None) => break next,
            }
        };
    }
    Ok(())
}

fn find<'a>(tables: &'a [Table], name: &str, columns: &[String]) -> Result<&'a Table, RestoreError> {
    let table = tables.iter().find(|table| table.name == name);
    let same = |table: &&Table| table.columns.iter().map(|column| &column.name).eq(columns);
    table.filter(same).ok_or_else(|| RestoreError::Alien(name.to_owned()))
}
