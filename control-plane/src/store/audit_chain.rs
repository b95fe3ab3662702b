//! Audit records as they were written. Every statement here adds or reads; only [`super::retention`] removes.

use super::{StoreError, Tx, on, read_count, read_name, write_count};
use control_plane_api::{
    audit::chain::{Hash, Head, Record},
    name::Name,
    timestamp::Timestamp,
};

/// Where a chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChainEnd {
    pub(crate) head: Head,
    /// Hash of its newest checkpoint.
    pub(crate) checkpoint: Hash,
}

impl Tx {
    /// Where the chain of `gateway` ends; before its first record where there is none.
    pub(crate) async fn chain_end(&mut self, gateway: &Name) -> Result<ChainEnd, StoreError> {
        let sql = "SELECT epoch, seq, hash, checkpoint FROM audit_records WHERE gateway = $1 \
                   ORDER BY epoch DESC, seq DESC LIMIT 1";
        let row: Option<(i64, i64, String, String)> =
            on!(self, c => sqlx::query_as(sql).bind(gateway.as_str()).fetch_optional(c).await)?;
        let Some((epoch, seq, hash, checkpoint)) = row else {
            return Ok(ChainEnd { head: Head::NONE, checkpoint: Hash::NONE });
        };
        let head = Head { epoch: read_count(epoch), seq: read_count(seq), hash: read_hash(hash)? };
        Ok(ChainEnd { head, checkpoint: read_hash(checkpoint)? })
    }

    /// The hash of one record; none if it is not there.
    pub(crate) async fn record_hash(&mut self, gateway: &Name, at: Head) -> Result<Option<Hash>, StoreError> {
        let sql = "SELECT hash FROM audit_records WHERE gateway = $1 AND epoch = $2 AND seq = $3";
        let row: Option<(String,)> = on!(self, c => sqlx::query_as(sql)
            .bind(gateway.as_str()).bind(write_count(at.epoch)).bind(write_count(at.seq))
            .fetch_optional(c).await)?;
        row.map(|(hash,)| read_hash(hash)).transpose()
    }

    /// Adds a record; `checkpoint` is the newest one's hash up to it.
    pub(crate) async fn add_record(
        &mut self,
        gateway: &Name,
        record: &Record,
        checkpoint: Hash,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit_records (gateway, epoch, seq, hash, checkpoint, record) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let Head { epoch, seq, hash } = record.head;
        on!(self, c => sqlx::query(sql)
            .bind(gateway.as_str()).bind(write_count(epoch)).bind(write_count(seq))
            .bind(hash.to_string()).bind(checkpoint.to_string()).bind(&record.text)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// The texts of at most `limit` records of `gateway` behind `after`, oldest first.
    pub(crate) async fn records(
        &mut self,
        gateway: &Name,
        after: (u64, u64),
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT record FROM audit_records WHERE gateway = $1 AND (epoch > $2 OR (epoch = $2 AND seq > $3)) \
                   ORDER BY epoch, seq LIMIT $4";
        let rows: Vec<(String,)> = on!(self, c => sqlx::query_as(sql)
            .bind(gateway.as_str()).bind(write_count(after.0)).bind(write_count(after.1)).bind(i64::from(limit))
            .fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(record,)| record).collect())
    }

    /// Whose chains there are, by name; also of gateways that are gone.
    pub(crate) async fn chains(&mut self) -> Result<Vec<Name>, StoreError> {
        let sql = "SELECT DISTINCT gateway FROM audit_records ORDER BY gateway";
        let rows: Vec<(String,)> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        rows.into_iter().map(|(name,)| read_name("a chain's gateway", &name)).collect()
    }

    /// The keys that `gateway` has signed with, oldest first.
    pub(crate) async fn audit_keys(&mut self, gateway: &Name) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT public_key FROM audit_keys WHERE gateway = $1 ORDER BY since, public_key";
        let rows: Vec<(String,)> = on!(self, c => sqlx::query_as(sql).bind(gateway.as_str()).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(key,)| key).collect())
    }

    /// Notes that `gateway` signs with `key` from now on; one that is known stays as it is.
    pub(crate) async fn add_audit_key(&mut self, gateway: &Name, key: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit_keys (gateway, public_key, since) VALUES ($1, $2, $3) \
                   ON CONFLICT (gateway, public_key) DO NOTHING";
        on!(self, c => sqlx::query(sql)
            .bind(gateway.as_str()).bind(key).bind(Timestamp::now().as_millis()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Waits for every other transaction that adds records of `gateway`, and keeps them waiting.
    pub(crate) async fn hold_gateway(&mut self, gateway: &Name) -> Result<(), StoreError> {
        let sql = "UPDATE gateways SET seen_at = seen_at WHERE name = $1";
        on!(self, c => sqlx::query(sql).bind(gateway.as_str()).execute(c).await.map(drop))?;
        Ok(())
    }
}

fn read_hash(text: String) -> Result<Hash, StoreError> {
    Hash::try_from(text).map_err(|error| StoreError::Unreadable {
        what: "the hash of an audit record".to_owned(),
        reason: error.to_string(),
    })
}
