//! Secrets as ciphertext; how they are encrypted is unknown here.

use super::{StoreError, Tx, on, read_count, read_name, write_count};
use control_plane_api::name::Name;

/// A secret as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredSecret {
    pub(crate) name: Name,
    /// Revision of the whole configuration at which the value last changed.
    pub(crate) revision: u64,
    /// Grows with every value of this secret; part of what the ciphertext is bound to.
    pub(crate) version: u64,
    pub(crate) ciphertext: String,
}

type Row = (String, i64, i64, String);

impl Tx {
    /// Every secret, by name.
    pub(crate) async fn secrets(&mut self) -> Result<Vec<StoredSecret>, StoreError> {
        let sql = "SELECT name, revision, version, ciphertext FROM secrets ORDER BY name";
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        rows.into_iter().map(read).collect()
    }

    /// One secret.
    pub(crate) async fn secret(&mut self, name: &Name) -> Result<Option<StoredSecret>, StoreError> {
        let sql = "SELECT name, revision, version, ciphertext FROM secrets WHERE name = $1";
        let row: Option<Row> = on!(self, c => sqlx::query_as(sql).bind(name.as_str()).fetch_optional(c).await)?;
        row.map(read).transpose()
    }

    /// Creates or replaces a secret.
    pub(crate) async fn put_secret(&mut self, secret: &StoredSecret) -> Result<(), StoreError> {
        let sql = "INSERT INTO secrets (name, revision, version, ciphertext) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, version = excluded.version, \
                   ciphertext = excluded.ciphertext";
        let (name, ciphertext) = (secret.name.as_str(), &secret.ciphertext);
        let (revision, version) = (write_count(secret.revision), write_count(secret.version));
        on!(self, c => sqlx::query(sql)
            .bind(name).bind(revision).bind(version).bind(ciphertext).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Removes a secret.
    pub(crate) async fn delete_secret(&mut self, name: &Name) -> Result<(), StoreError> {
        let sql = "DELETE FROM secrets WHERE name = $1";
        on!(self, c => sqlx::query(sql).bind(name.as_str()).execute(c).await.map(drop))?;
        Ok(())
    }
}

fn read((name, revision, version, ciphertext): Row) -> Result<StoredSecret, StoreError> {
    let name = read_name("a secret's name", &name)?;
    Ok(StoredSecret { name, revision: read_count(revision), version: read_count(version), ciphertext })
}
