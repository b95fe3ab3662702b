//! Everything mcpd keeps: one SQL text for SQLite and PostgreSQL.
//!
//! [`Store`] opens transactions: [`Store::read`] sees one consistent state, [`Store::change`] is the only way to
//! write configuration and moves the global revision. The statements live in `store/…` as methods of [`Tx`]. What
//! the objects mean and who may touch them is deliberately unknown here.

mod answer;
mod audit;
mod audit_chain;
mod catalogue;
mod change;
mod ciphertexts;
mod connections;
mod consents;
mod figures;
mod gateways;
mod in_use;
mod instances;
mod issuer_keys;
mod laptops;
mod meta;
mod migrate;
mod objects;
mod open;
mod passwords;
mod retention;
mod rows;
mod secrets;
mod sessions;
mod tokens;

pub(crate) use answer::Patience;
pub(crate) use audit::AuditQuery;
pub(crate) use audit_chain::ChainEnd;
pub(crate) use catalogue::Table;
pub(crate) use change::{Change, OWN_EPOCH, OWN_NAME, own_name};
pub(crate) use ciphertexts::{Ciphertext, Place};
pub(crate) use connections::StoredConnection;
pub(crate) use consents::{StoredRegistration, StoredTicket};
pub(crate) use figures::{CredentialEnd, InstanceCount, SeenGateway};
pub(crate) use gateways::{EnrolledGateway, JoinGrant};
pub(crate) use in_use::Presence;
pub(crate) use instances::{Order, StoredInstance};
pub(crate) use issuer_keys::StoredKeySet;
pub(crate) use laptops::{Holder, LaptopSession, StoredLaptop};
pub(crate) use migrate::unknown_among as unknown_migration;
pub use open::OpenError;
#[cfg(test)]
pub(crate) use open::open_in;
pub(crate) use open::{open, open_as_it_is, place};
pub(crate) use passwords::PasswordHolder;
pub(crate) use retention::{Cut, Removed};
pub(crate) use rows::Row;
pub(crate) use secrets::StoredSecret;
#[cfg(test)]
pub(crate) use sessions::SESSION_IDLE_MS;
pub(crate) use sessions::{LAPTOP_SESSION_LIFETIME_MS, SESSION_LIFETIME_MS, SessionHolder, SessionRow};
pub(crate) use tokens::{TokenHolder, TokenRow};

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Channel on which replicas tell each other that there is a new revision.
pub(crate) const REVISION_CHANNEL: &str = "mcpd_revision";

/// The database, either of the two; PostgreSQL with the longest wait for one of its answers.
#[derive(Clone)]
pub(crate) enum Store {
    Sqlite(SqlitePool),
    Postgres(PgPool, Patience),
}

/// A transaction on either database; dropping it rolls back.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>, Patience),
}

/// A statement failed, or what it found cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
    #[error("the database did not answer within {0:?}")]
    Silent(Duration),
    #[error("the database holds {what} that this version of mcpd cannot read: {reason}")]
    Unreadable { what: String, reason: String },
}

/// Statements of this process that failed.
static FAILURES: AtomicU64 = AtomicU64::new(0);

/// How many statements of this process failed since it began, whoever asked for them.
pub(crate) fn failures() -> u64 {
    FAILURES.load(Ordering::Relaxed)
}

// By hand, so that none is forgotten in the count.
impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        FAILURES.fetch_add(1, Ordering::Relaxed);
        Self::Database(error)
    }
}

impl StoreError {
    /// Nothing came within `waited`.
    pub(crate) fn silent(waited: Duration) -> Self {
        FAILURES.fetch_add(1, Ordering::Relaxed);
        Self::Silent(waited)
    }

    /// Whether the same may work a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Database(error) => open::is_passing(error),
            Self::Silent(_) => true,
            Self::Unreadable { .. } => false,
        }
    }
}

/// Runs the same statement on whichever connection a [`Tx`] has, and waits for its answer as long as it may take.
macro_rules! on {
    ($tx:expr, $connection:ident => $query:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(tx) => {
                let $connection = &mut **tx;
                $query
            }
            $crate::store::Tx::Postgres(tx, patience) => {
                let $connection = &mut **tx;
                patience.answer(Box::pin(async move { $query })).await
            }
        }
    };
}
pub(in crate::store) use on;

/// The same for what takes as long as there are rows: a database of any size is copied with it.
macro_rules! on_for_long {
    ($tx:expr, $connection:ident => $query:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(tx) => {
                let $connection = &mut **tx;
                $query
            }
            $crate::store::Tx::Postgres(tx, _) => {
                let $connection = &mut **tx;
                $query
            }
        }
    };
}
pub(in crate::store) use on_for_long;

impl Store {
    /// `sqlite` or `postgres`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(..) => "postgres",
        }
    }

    /// How many connections to the database there are that nobody uses now, and how many that somebody does.
    pub(crate) fn connections(&self) -> (u64, u64) {
        let (all, idle) = match self {
            Self::Sqlite(pool) => (pool.size(), pool.num_idle()),
            Self::Postgres(pool, _) => (pool.size(), pool.num_idle()),
        };
        (idle as u64, u64::from(all).saturating_sub(idle as u64))
    }

    /// A transaction that sees one state of the database throughout.
    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite(pool) => Tx::Sqlite(pool.begin().await?),
            Self::Postgres(pool, patience) => {
                let begun = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
                Tx::Postgres(patience.answer(begun).await?, *patience)
            }
        })
    }

    /// A transaction that may write what is not configuration: audit events and reports of gateways.
    pub(crate) async fn write(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite(pool) => Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool, patience) => Tx::Postgres(patience.answer(pool.begin()).await?, *patience),
        })
    }

    /// A change of the configuration, alone until it is committed or dropped.
    pub(crate) async fn change(&self) -> Result<Change, StoreError> {
        Change::begin(self.write().await?).await
    }

    /// Waits for running statements and closes every connection.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool, _) => pool.close().await,
        }
    }
}

impl Tx {
    /// Makes what was written last.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx, patience) => patience.answer(tx.commit()).await?,
        }
        Ok(())
    }
}

/// Parses what a column holds, with a [`StoreError`] that says where.
fn read_json<T: serde::de::DeserializeOwned>(what: impl Fn() -> String, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable { what: what(), reason: error.to_string() })
}

/// Parses a name from a column, with a [`StoreError`] that says where.
fn read_name(what: &str, text: &str) -> Result<control_plane_api::name::Name, StoreError> {
    text.parse().map_err(|error: control_plane_api::name::InvalidName| StoreError::Unreadable {
        what: what.to_owned(),
        reason: error.to_string(),
    })
}

/// Serialises a value of ours; they all have string keys, so this cannot fail short of memory.
fn write_json<T: serde::Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Unreadable { what: what.to_owned(), reason: error.to_string() })
}

/// A revision or version from a BIGINT column; ours are never negative.
fn read_count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// A revision or version for a BIGINT column.
fn write_count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
