//! SQLite: a private file, looked over before it is used.

use super::{OpenError, is_passing};
use crate::{
    settings::DatabaseOptions,
    store::migrate::{self, Dialect},
};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path, str::FromStr as _};

/// Largest file that is checked page by page at every start, in bytes: about a second's work.
const CHECK_BYTES_MAX: u64 = 1 << 30;
/// SQLITE_CORRUPT: what cannot even be opened.
const CORRUPT: &str = "11";

pub(super) async fn open(url: &str, options: &DatabaseOptions) -> Result<SqlitePool, OpenError> {
    let connect = SqliteConnectOptions::from_str(url).map_err(|error| OpenError::Url(error.to_string()))?;
    let path = connect.get_filename().to_path_buf();
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(OpenError::Url("a database in memory would be a different one for every connection".to_owned()));
    }
    let failed = |reason: String| OpenError::File { path: path.display().to_string(), reason };
    create_private(&path).map_err(|error| failed(error.to_string()))?;
    let connect = connect
        .journal_mode(SqliteJournalMode::Wal)
        // What was acknowledged survives a power cut, too.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.lock_timeout())
        .foreign_keys(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(options.connections_max)
        .acquire_timeout(options.acquire_timeout())
        .idle_timeout(options.idle_timeout())
        .max_lifetime(options.lifetime());
    let pool = pool.connect_with(connect).await.map_err(|error| {
        if is_passing(&error) {
            return OpenError::Busy(format!("`{}`: {error}", path.display()));
        }
        let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
        let (path, reason) = (path.display().to_string(), error.to_string());
        if code == CORRUPT { OpenError::Corrupt { path, reason } } else { OpenError::File { path, reason } }
    })?;
    check(&pool, &path).await?;
    Ok(pool)
}

pub(super) async fn migrate(pool: &SqlitePool) -> Result<(), OpenError> {
    let mut connection = pool.acquire().await.map_err(migrate::failed)?;
    let applied = migrate::applied_on_sqlite(&mut connection).await.map_err(migrate::failed)?;
    if let Some(version) = migrate::unknown_among(&applied) {
        return Err(OpenError::Newer(version));
    }
    migrate::sqlite(&mut connection, migrate::migrations(Dialect::Sqlite)).await
}

/// A damaged page shows itself now, in words, and not when somebody happens to read it.
async fn check(pool: &SqlitePool, path: &Path) -> Result<(), OpenError> {
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    if bytes > CHECK_BYTES_MAX {
        tracing::info!(bytes, "The database is too large to be checked at every start");
        return Ok(());
    }
    let corrupt = |reason: String| OpenError::Corrupt { path: path.display().to_string(), reason };
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(pool)
        .await
        .map_err(|error| corrupt(error.to_string()))?;
    if found == "ok" { Ok(()) } else { Err(corrupt(found)) }
}

/// Creates the file if it is not there, readable by its owner only; SQLite gives its side files the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map(drop)
}
