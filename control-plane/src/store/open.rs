//! Opening the database: URL to [`Store`], tables brought up to date, and every failure with a way out.

use super::Store;
use sqlx::{
    ConnectOptions as _, Connection as _,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path, str::FromStr as _, time::Duration};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Connections to the database at once.
const CONNECTIONS_MAX: u32 = 16;
/// Time to wait for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the first connection at start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time to wait for another process to finish writing the same SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one of ours.
    #[error("DATABASE_URL is not a database URL: {0}")]
    Url(String),
    /// Nobody answers.
    #[error("cannot reach PostgreSQL at {place}: {reason}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// What the connection said.
        reason: String,
    },
    /// The server does not know us.
    #[error("PostgreSQL at {place} refuses user `{user}`: {reason}")]
    Refused {
        /// Host and port.
        place: String,
        /// Who was refused.
        user: String,
        /// What the server said.
        reason: String,
    },
    /// The database is not there.
    #[error("PostgreSQL at {place} has no database `{database}`")]
    NoDatabase {
        /// Host and port.
        place: String,
        /// Which one was asked for.
        database: String,
    },
    /// The file cannot be opened.
    #[error("cannot open the SQLite database `{path}`: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What the system or SQLite said.
        reason: String,
    },
    /// The database was written by a newer mcpd.
    #[error("the database was made by a newer mcpd (it has migration {0}, which this version does not know)")]
    Newer(i64),
    /// Creating or changing the tables failed.
    #[error("cannot bring the tables up to date: {0}")]
    Migrate(String),
}

impl OpenError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Url(_) => {
                "use `postgres://user:password@host/database` or `sqlite:/path/mcpd.db`, or unset it for the default"
            }
            Self::Unreachable { .. } => "start PostgreSQL, or correct the host and port in DATABASE_URL",
            Self::Refused { .. } => "correct the user and password in DATABASE_URL",
            Self::NoDatabase { .. } => "create it with `createdb`, or correct the name in DATABASE_URL",
            Self::File { .. } => "check that the folder exists and that you may write to it and to the file",
            Self::Newer(_) => "install the newest mcpd, or restore the backup made before the upgrade",
            Self::Migrate(_) => "check the user's rights in the database and the space left on its disk",
        }
    }
}

/// Opens the database at `url` and brings its tables up to date.
pub(crate) async fn open(url: &str) -> Result<Store, OpenError> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    let store = match scheme {
        "postgres" | "postgresql" => open_postgres(url).await?,
        "sqlite" => open_sqlite(url).await?,
        _ => return Err(OpenError::Url(format!("it begins with `{}`", scheme.chars().take(20).collect::<String>()))),
    };
    let done = match &store {
        Store::Sqlite(pool) => MIGRATIONS.run(pool).await,
        Store::Postgres(pool) => MIGRATIONS.run(pool).await,
    };
    done.map_err(|error| match error {
        MigrateError::VersionMissing(version) => OpenError::Newer(version),
        other => OpenError::Migrate(other.to_string()),
    })?;
    Ok(store)
}

async fn open_postgres(url: &str) -> Result<Store, OpenError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| OpenError::Url("its parts cannot be told".to_owned()))?;
    // The pool retries a refused connection until it times out; one connection of our own says at once what is wrong.
    let first = tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await;
    let first = first.map_err(|_| unreachable_at(&options, format!("no answer in {CONNECT_TIMEOUT:?}")))?;
    let first = first.map_err(|error| explain(&options, &error))?;
    // Nothing was done on it; whether it says good-bye does not matter.
    first.close().await.ok();
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT);
    let pool = pool.connect_with(options.clone()).await.map_err(|error| explain(&options, &error))?;
    Ok(Store::Postgres(pool))
}

fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

fn unreachable_at(options: &PgConnectOptions, reason: String) -> OpenError {
    OpenError::Unreachable { place: place(options), reason }
}

fn explain(options: &PgConnectOptions, error: &sqlx::Error) -> OpenError {
    let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    match code.as_deref() {
        Some("28P01" | "28000") => OpenError::Refused {
            place: place(options),
            user: options.get_username().to_owned(),
            reason: error.as_database_error().map(|error| error.message().to_owned()).unwrap_or_default(),
        },
        Some("3D000") => OpenError::NoDatabase {
            place: place(options),
            database: options.get_database().unwrap_or(options.get_username()).to_owned(),
        },
        _ => unreachable_at(options, error.to_string()),
    }
}

async fn open_sqlite(url: &str) -> Result<Store, OpenError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| OpenError::Url(error.to_string()))?;
    let path = options.get_filename().to_path_buf();
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(OpenError::Url("a database in memory would be a different one for every connection".to_owned()));
    }
    let failed = |reason: String| OpenError::File { path: path.display().to_string(), reason };
    create_private(&path).map_err(|error| failed(error.to_string()))?;
    let options = options.journal_mode(SqliteJournalMode::Wal).busy_timeout(BUSY_TIMEOUT).foreign_keys(true);
    let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(ACQUIRE_TIMEOUT);
    let pool = pool.connect_with(options).await.map_err(|error| failed(error.to_string()))?;
    Ok(Store::Sqlite(pool))
}

/// Creates the file if it is not there, readable by its owner only; SQLite gives its side files the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map(drop)
}
