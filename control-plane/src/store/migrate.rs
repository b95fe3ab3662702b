//! Bringing the tables up to date, while others serve.
//!
//! The rule for migrations is expand, then contract: the version before must be able to read and write what a migration
//! leaves, so a migration adds tables, columns that may be null or have a default, and indexes; what became useless goes
//! one release later. Replicas that start together take turns. A table that others use is waited for briefly and often,
//! so that nobody queues up behind the migration for long.

use super::{OpenError, in_use::is_lock_timeout, open::is_passing};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection,
    migrate::{Migrate as _, MigrateError, Migration, Migrator},
};

/// What both databases get.
static SHARED: Migrator = sqlx::migrate!("./migrations");
/// What only PostgreSQL gets; numbered in one row with the others, and the columns stay the same.
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// Longest wait for another process that migrates, in milliseconds.
const TURN_TIMEOUT_MS: u32 = 60_000;
/// Longest wait for one table, during which others wait behind, in milliseconds.
const TABLE_TIMEOUT_MS: u32 = 1_000;
/// How often a table in use is tried for.
const TABLE_ATTEMPTS_MAX: u32 = 30;

/// Which of the two sets a database gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// Every migration for `dialect`.
pub(super) fn migrations(dialect: Dialect) -> Vec<Migration> {
    let own = POSTGRES.iter().filter(|_| dialect == Dialect::Postgres);
    let mut all: Vec<Migration> = SHARED.iter().chain(own).cloned().collect();
    all.sort();
    all
}

/// The migrations that a database of either kind has when `applied` were run on it.
pub(super) fn shared_among(applied: &[i64]) -> Vec<Migration> {
    SHARED.iter().filter(|migration| applied.contains(&migration.version)).cloned().collect()
}

/// Those of `applied` that no version of mcpd up to this one knows, for either database.
pub(crate) fn unknown_among(applied: &[i64]) -> Option<i64> {
    applied.iter().copied().find(|version| !SHARED.version_exists(*version) && !POSTGRES.version_exists(*version))
}

/// Runs `wanted` as far as they are not in `applied`; refuses what a newer mcpd has run.
pub(super) async fn sqlite(connection: &mut SqliteConnection, wanted: Vec<Migration>) -> Result<(), OpenError> {
    // One transaction for all of them: whoever starts at the same time waits, and finds the work done.
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    migrator(wanted).run_direct(None, &mut *tx, false).await.map_err(explained)?;
    tx.commit().await.map_err(failed)
}

/// The same on PostgreSQL, on a connection of its own.
pub(super) async fn postgres(connection: &mut PgConnection) -> Result<(), OpenError> {
    let wanted = migrations(Dialect::Postgres);
    let applied = applied_on_postgres(connection).await.map_err(failed)?;
    if let Some(version) = unknown_among(&applied) {
        return Err(OpenError::Newer(version));
    }
    // A role that may not change tables can serve as long as there is nothing to change.
    if wanted.iter().all(|migration| applied.contains(&migration.version)) {
        return Ok(());
    }
    wait_at_most(connection, "statement_timeout", TURN_TIMEOUT_MS).await?;
    connection.execute("SET lock_timeout = 0").await.map_err(failed)?;
    connection.lock().await.map_err(explained)?;
    wait_at_most(connection, "statement_timeout", 0).await?;
    wait_at_most(connection, "lock_timeout", TABLE_TIMEOUT_MS).await?;
    let migrator = migrator(wanted);
    let mut attempts = 0;
    loop {
        attempts += 1;
        match migrator.run_direct(None, connection, false).await {
            Err(error) if is_in_use(&error) && attempts < TABLE_ATTEMPTS_MAX => {
                tracing::info!(attempts, "A table is in use; trying the migration again");
            }
            done => return done.map_err(explained),
        }
    }
}

/// The migrations that were run on a database, none if it is new.
pub(super) async fn applied_on_postgres(connection: &mut PgConnection) -> Result<Vec<i64>, sqlx::Error> {
    let sql = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
    let (known,): (bool,) = sqlx::query_as(sql).fetch_one(&mut *connection).await?;
    if !known {
        return Ok(Vec::new());
    }
    let sql = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
    sqlx::query_scalar(sql).fetch_all(connection).await
}

/// The same for SQLite.
pub(super) async fn applied_on_sqlite(connection: &mut SqliteConnection) -> Result<Vec<i64>, sqlx::Error> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'";
    let known: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
    if known == 0 {
        return Ok(Vec::new());
    }
    let sql = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
    sqlx::query_scalar(sql).fetch_all(connection).await
}

/// Runs exactly `wanted`, in whatever transaction the caller has.
pub(super) fn migrator(wanted: Vec<Migration>) -> Migrator {
    let mut migrator = Migrator::with_migrations(wanted);
    migrator.set_locking(false);
    migrator
}

async fn wait_at_most(connection: &mut PgConnection, setting: &str, ms: u32) -> Result<(), OpenError> {
    connection.execute(AssertSqlSafe(format!("SET {setting} = {ms}"))).await.map_err(failed).map(drop)
}

fn is_in_use(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => is_lock_timeout(cause),
        _ => false,
    }
}

pub(super) fn explained(error: MigrateError) -> OpenError {
    match error {
        MigrateError::VersionMissing(version) => OpenError::Newer(version),
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => failed(cause),
        other => OpenError::Migrate(other.to_string()),
    }
}

pub(super) fn failed(error: sqlx::Error) -> OpenError {
    let reason = error.to_string();
    if is_passing(&error) { OpenError::Busy(reason) } else { OpenError::Migrate(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_has_a_number_of_its_own() {
        let mut versions: Vec<i64> = migrations(Dialect::Postgres).iter().map(|migration| migration.version).collect();
        let count = versions.len();
        versions.dedup();
        assert_eq!(versions.len(), count);
        assert!(shared_among(&[1, 2]).iter().map(|migration| migration.version).eq([1, 2]));
        assert_eq!(unknown_among(&[1, 9999]), Some(9999));
    }
}
