//! The public keys of issuers, as they were fetched last.

use super::{StoreError, Tx, on, read_json, read_name, write_json};
use control_plane_api::{issuer::KeySet, name::Name, timestamp::Timestamp};

/// The keys of one issuer.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredKeySet {
    /// The issuer object.
    pub(crate) issuer: Name,
    /// Where they came from.
    pub(crate) uri: String,
    pub(crate) keys: KeySet,
    /// Absent: they never were.
    pub(crate) fetched_at: Option<Timestamp>,
    /// When to look again.
    pub(crate) next_at: Timestamp,
}

type Row = (String, String, String, Option<i64>, i64);

impl Tx {
    /// The keys of every issuer that has some, or had its turn.
    pub(crate) async fn key_sets(&mut self) -> Result<Vec<StoredKeySet>, StoreError> {
        let sql = "SELECT name, uri, keys, fetched_at, next_at FROM issuer_keys ORDER BY name";
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        rows.into_iter().map(read).collect()
    }

    /// Creates or replaces the keys of one issuer.
    pub(crate) async fn put_key_set(&mut self, set: &StoredKeySet) -> Result<(), StoreError> {
        let sql = "INSERT INTO issuer_keys (name, uri, keys, fetched_at, next_at) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (name) DO UPDATE SET uri = excluded.uri, keys = excluded.keys, \
                   fetched_at = excluded.fetched_at, next_at = excluded.next_at";
        let (keys, fetched_at) = (write_json("keys", &set.keys)?, set.fetched_at.map(Timestamp::as_millis));
        on!(self, c => sqlx::query(sql)
            .bind(set.issuer.as_str()).bind(&set.uri).bind(keys).bind(fetched_at).bind(set.next_at.as_millis())
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Takes the turn to fetch the keys of one issuer, unless another replica did. Whether it was taken.
    pub(crate) async fn take_key_set_turn(&mut self, set: &StoredKeySet, next: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE issuer_keys SET next_at = $3 WHERE name = $1 AND next_at = $2";
        let (name, have, next) = (set.issuer.as_str(), set.next_at.as_millis(), next.as_millis());
        let taken = on!(self, c => sqlx::query(sql)
            .bind(name).bind(have).bind(next).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(taken == 1)
    }

    /// Forgets the keys of one issuer.
    pub(crate) async fn delete_key_set(&mut self, issuer: &Name) -> Result<(), StoreError> {
        let sql = "DELETE FROM issuer_keys WHERE name = $1";
        on!(self, c => sqlx::query(sql).bind(issuer.as_str()).execute(c).await.map(drop))?;
        Ok(())
    }
}

fn read((name, uri, keys, fetched_at, next_at): Row) -> Result<StoredKeySet, StoreError> {
    Ok(StoredKeySet {
        keys: read_json(|| format!("the keys of issuer/{name}"), &keys)?,
        issuer: read_name("an issuer's name", &name)?,
        uri,
        fetched_at: fetched_at.map(Timestamp::from_millis),
        next_at: Timestamp::from_millis(next_at),
    })
}
