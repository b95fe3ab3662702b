//! A whole database as one file, and back: consistent, the same for both databases, checked before anything is touched.
//!
//! Tables come from the migrations, so nothing is forgotten. What is encrypted stays encrypted: the file holds no key, and
//! without the master key nobody reads a secret in it. Everything else in it is in the clear.

mod file;
mod restore;

pub use file::BackupError;
pub(crate) use file::{BackupFile, Header};
pub use restore::RestoreError;
pub(crate) use restore::{Purpose, restore};

use crate::{
    rollback,
    store::{Store, StoreError},
};
use control_plane_api::timestamp::Timestamp;
use file::Writer;
use futures::TryStreamExt as _;
use std::path::Path;

/// Writes what is in `store` at this moment into the new file at `path`. Others may read and write meanwhile.
pub(crate) async fn backup(store: &Store, path: &Path) -> Result<BackupFile, BackupError> {
    let mut tx = store.read().await?;
    let header = Header {
        created_at: Timestamp::now(),
        mcpd: env!("CARGO_PKG_VERSION").to_owned(),
        store: store.name().to_owned(),
        migrations: tx.migrations_applied().await?,
        revision: tx.revision().await?,
        database: rollback::identity_of(&mut tx).await?,
    };
    let tables = tx.tables().await?;
    let mut writer = Writer::create(path, &header)?;
    for table in &tables {
        let columns = table.columns.iter().map(|column| column.name.clone()).collect();
        writer.table(&table.name, columns)?;
        let mut rows = tx.rows(table);
        while let Some(row) = rows.try_next().await.map_err(|error| in_table(&table.name, error))? {
            writer.row(&row)?;
        }
    }
    writer.finish()?;
    BackupFile::open(path)
}

fn in_table(table: &str, error: StoreError) -> StoreError {
    StoreError::Unreadable { what: format!("table {table}"), reason: error.to_string() }
}
