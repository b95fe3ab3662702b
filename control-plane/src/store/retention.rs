//! Audit events and records that are older than they have to be kept, and on PostgreSQL the months in which events lie.

use super::{Store, StoreError, Tx, on, on_for_long, read_json, write_count, write_json};
use control_plane_api::{
    audit::chain::{Body, Entry, Head},
    name::Name,
    timestamp::Timestamp,
};
use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::AssertSqlSafe;

/// Months for which partitions are made ahead.
const MONTHS_AHEAD: i32 = 3;

/// Goes before the name of a gateway in the fact that says which of its records were let go.
const LET_GO: &str = "audit_let_go/";

/// The oldest records of one chain, which went, or would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) gateway: Name,
    pub(crate) records: u64,
    /// The last of them, a checkpoint. Its hash stands for all of them.
    pub(crate) upto: Head,
}

/// What went, or would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) events: u64,
    /// SHA-256 over what went, in hex: of each event gateway, id and text, a line each, in the order of gateway and id.
    pub(crate) sha256: String,
}

impl Store {
    /// Makes the partitions of the months to come. How many were missing; SQLite has none.
    pub(crate) async fn make_partitions(&self) -> Result<u64, StoreError> {
        let Self::Postgres(pool, _) = self else { return Ok(0) };
        let made: i64 =
            sqlx::query_scalar("SELECT audit_partitions_ahead($1)").bind(MONTHS_AHEAD).fetch_one(pool).await?;
        Ok(super::read_count(made))
    }
}

impl Tx {
    /// What is older than `before`.
    pub(crate) async fn events_before(&mut self, before: Timestamp) -> Result<Removed, StoreError> {
        let collate = if matches!(self, Self::Postgres(..)) { " COLLATE \"C\"" } else { "" };
        let sql =
            format!("SELECT gateway, id, event FROM audit WHERE time < $1 ORDER BY gateway{collate}, id{collate}");
        let (mut events, mut digest) = (0_u64, Sha256::new());
        on_for_long!(self, c => {
            let mut rows = sqlx::query_as::<_, (String, String, String)>(AssertSqlSafe(sql))
                .bind(before.as_millis())
                .fetch(c);
            while let Some((gateway, id, event)) = rows.try_next().await? {
                events += 1;
                digest.update(format!("{gateway}\n{id}\n{event}\n"));
            }
        });
        Ok(Removed { events, sha256: hex::encode(digest.finalize()) })
    }

    /// Removes what is older than `before`; whole months on PostgreSQL as the tables that they are.
    pub(crate) async fn remove_events_before(&mut self, before: Timestamp) -> Result<(), StoreError> {
        if let Self::Postgres(tx, _) = self {
            let sql = "SELECT quote_ident(child.relname) FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid \
                       WHERE inhparent = 'audit'::regclass AND child.relname ~ '^audit_[0-9]{6}$' \
                       AND EXTRACT(epoch FROM (to_date(right(child.relname, 6), 'YYYYMM') + INTERVAL '1 month') \
                           AT TIME ZONE 'UTC') * 1000 <= $1::BIGINT";
            let months: Vec<String> = sqlx::query_scalar(sql).bind(before.as_millis()).fetch_all(&mut **tx).await?;
            for month in months {
                sqlx::query(AssertSqlSafe(format!("DROP TABLE {month}"))).execute(&mut **tx).await?;
            }
        }
        let sql = "DELETE FROM audit WHERE time < $1";
        on!(self, c => sqlx::query(sql).bind(before.as_millis()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The oldest records of `gateway`, as far as they are from before `before` and end with a checkpoint, so that what is
    /// left can be verified. The newest record stays: from it the chain goes on.
    pub(crate) async fn records_before(
        &mut self,
        gateway: &Name,
        before: Timestamp,
    ) -> Result<Option<Cut>, StoreError> {
        let end = self.chain_end(gateway).await?.head;
        let sql = "SELECT record FROM audit_records WHERE gateway = $1 ORDER BY epoch, seq";
        let (mut records, mut cut) = (0_u64, None);
        on_for_long!(self, c => {
            let mut rows = sqlx::query_as::<_, (String,)>(sql).bind(gateway.as_str()).fetch(c);
            while let Some((text,)) = rows.try_next().await? {
                let entry: Entry = read_json(|| format!("an audit record of {gateway}"), &text)?;
                let (time, is_checkpoint) = match &entry.body {
                    Body::Event(event) => (event.time, false),
                    Body::Checkpoint(checkpoint) => (checkpoint.time, true),
                };
                let upto = entry.head(&text);
                if time >= before || upto == end {
                    break;
                }
                records += 1;
                if is_checkpoint {
                    cut = Some(Cut { gateway: gateway.clone(), records, upto });
                }
            }
        });
        Ok(cut)
    }

    /// Removes what `cut` says, and notes it.
    pub(crate) async fn let_go_of(&mut self, cut: &Cut) -> Result<(), StoreError> {
        let sql = "DELETE FROM audit_records WHERE gateway = $1 AND (epoch < $2 OR (epoch = $2 AND seq <= $3))";
        let (epoch, seq) = (write_count(cut.upto.epoch), write_count(cut.upto.seq));
        on!(&mut *self, c => sqlx::query(sql)
            .bind(cut.gateway.as_str()).bind(epoch).bind(seq).execute(c).await.map(drop))?;
        let head = write_json("the end of what was let go", &cut.upto)?;
        self.replace_meta(&format!("{LET_GO}{}", cut.gateway), &head).await
    }

    /// The last record of `gateway` that was let go.
    pub(crate) async fn let_go(&mut self, gateway: &Name) -> Result<Option<Head>, StoreError> {
        let noted = self.meta(&format!("{LET_GO}{gateway}")).await?;
        noted.map(|head| read_json(|| format!("the end of what {gateway} has no more"), &head)).transpose()
    }
}
