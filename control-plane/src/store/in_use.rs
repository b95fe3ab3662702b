//! Who uses the database: every mcpd that serves holds it together with the others, and hears them; whoever restores or
//! moves it holds it alone.
//!
//! PostgreSQL: a session-level advisory lock on the connection that listens. It ends with the process, however that
//! ends. SQLite: a lock on a file beside the database.

use super::{OpenError, REVISION_CHANNEL, Store, answer::answered_within, migrate::failed};
use sqlx::{
    ConnectOptions as _, PgConnection, PgPool, SqlitePool,
    postgres::{PgListener, PgPoolOptions},
};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    time::Duration,
};

/// The advisory lock; a database holds one control plane, so one number will do.
const LOCK: i64 = 0x6d63_7064_5f75_7365;

/// Held as long as a process serves.
pub(crate) enum Presence {
    Sqlite {
        /// Holds the lock.
        _lock: File,
    },
    /// None while the connection is lost.
    Postgres(Option<PgListener>),
}

/// Held as long as a process has the database for itself.
pub(crate) enum Alone {
    Sqlite {
        /// Holds the lock.
        _lock: File,
    },
    Postgres {
        /// Holds the lock.
        _connection: Box<PgConnection>,
    },
}

/// Time in which the connection that listens has to answer, or to be made anew.
const LISTENER_TIMEOUT: Duration = Duration::from_secs(2);

const BY_ANOTHER_COMMAND: &str = "another command is restoring or moving it";
const BY_MCPD: &str = "an mcpd serves from it, or another command restores or moves it";

impl Store {
    /// Begins to serve together with others.
    pub(crate) async fn enter(&self) -> Result<Presence, OpenError> {
        match self {
            Self::Sqlite(pool) => {
                let lock = lock_file(pool)?;
                lock.try_lock_shared().map_err(|error| taken(error, BY_ANOTHER_COMMAND))?;
                Ok(Presence::Sqlite { _lock: lock })
            }
            Self::Postgres(pool, _) => match listen(pool).await {
                Ok(Some(listener)) => Ok(Presence::Postgres(Some(listener))),
                Ok(None) => Err(OpenError::InUse(BY_ANOTHER_COMMAND)),
                Err(error) => Err(failed(error)),
            },
        }
    }

    /// Takes the database for this process alone.
    pub(crate) async fn take_alone(&self) -> Result<Alone, OpenError> {
        match self {
            Self::Sqlite(pool) => {
                let lock = lock_file(pool)?;
                lock.try_lock().map_err(|error| taken(error, BY_MCPD))?;
                Ok(Alone::Sqlite { _lock: lock })
            }
            Self::Postgres(pool, _) => {
                let mut connection = pool.connect_options().connect().await.map_err(failed)?;
                // Waits as long as for any lock: the session of an mcpd that was just stopped may still be ending.
                let got = sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut connection).await;
                got.map_err(|error| if is_lock_timeout(&error) { OpenError::InUse(BY_MCPD) } else { failed(error) })?;
                Ok(Alone::Postgres { _connection: Box::new(connection) })
            }
        }
    }
}

impl Presence {
    /// Waits for another replica's word, or for the loss of the connection on which it would come.
    pub(crate) async fn heard(&mut self) {
        let Self::Postgres(Some(listener)) = self else { return std::future::pending().await };
        if !matches!(listener.try_recv().await, Ok(Some(_))) {
            *self = Self::Postgres(None);
        }
    }

    /// Makes sure that other replicas are heard, also where the connection was lost without a word. Whether it was and is
    /// there again, so that words may have been missed.
    pub(crate) async fn renew(&mut self, store: &Store) -> bool {
        let (Self::Postgres(listener), Store::Postgres(pool, _)) = (&mut *self, store) else { return false };
        if let Some(listener) = listener
            && answered_within(LISTENER_TIMEOUT, sqlx::query("SELECT 1").execute(listener)).await.is_ok()
        {
            return false;
        }
        *listener = listen(pool).await.ok().flatten();
        listener.is_some()
    }
}

/// A connection that hears of changes and holds the lock; none while somebody has the database alone.
async fn listen(pool: &PgPool) -> Result<Option<PgListener>, sqlx::Error> {
    answered_within(LISTENER_TIMEOUT, listening(pool)).await
}

async fn listening(pool: &PgPool) -> Result<Option<PgListener>, sqlx::Error> {
    // A pool of its own: what is left of a listener that was lost says good-bye for as long as the system believes in the
    // connection, and is not to have a place among the others meanwhile.
    let own = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let own = own.connect_with((*pool.connect_options()).clone()).await?;
    let mut listener = PgListener::connect_with(&own).await?;
    // A connection that was replaced behind our back would have lost the lock.
    listener.eager_reconnect(false);
    let sql = "SELECT pg_try_advisory_lock_shared($1)";
    let got: bool = sqlx::query_scalar(sql).bind(LOCK).fetch_one(&mut listener).await?;
    listener.listen(REVISION_CHANNEL).await?;
    Ok(got.then_some(listener))
}

fn lock_file(pool: &SqlitePool) -> Result<File, OpenError> {
    let mut path = pool.connect_options().get_filename().as_os_str().to_owned();
    path.push(".in-use");
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| OpenError::File { path: path.display().to_string(), reason: error.to_string() })
}

fn taken(error: TryLockError, by: &'static str) -> OpenError {
    match error {
        TryLockError::WouldBlock => OpenError::InUse(by),
        TryLockError::Error(error) => OpenError::Migrate(io::Error::to_string(&error)),
    }
}

/// SQLSTATE `lock_not_available`: waited for as long as `lock_timeout` allows.
pub(super) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "55P03")
}
