//! Opening the database: URL to [`Store`], tables brought up to date, and every failure with a way out.

mod postgres;
mod sqlite;

use super::{Patience, Store};
use crate::settings::DatabaseOptions;

/// SQLite's result codes: `SQLITE_BUSY`, its `_RECOVERY` and `_SNAPSHOT`, `SQLITE_LOCKED`.
const SQLITE_BUSY: [&str; 4] = ["5", "261", "517", "6"];
/// SQLSTATEs: a lock was waited for too long, a statement took too long, there are too many sessions, the server starts.
const POSTGRES_BUSY: [&str; 4] = ["55P03", "57014", "53300", "57P03"];

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
    /// Somebody answers, but not in confidence.
    #[error("there is no safe connection to PostgreSQL at {place}: {reason}")]
    Tls {
        /// Host and port.
        place: String,
        /// What TLS said.
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
    /// The file is damaged.
    #[error("the SQLite database `{path}` is damaged: {reason}")]
    Corrupt {
        /// Which file.
        path: String,
        /// What SQLite found.
        reason: String,
    },
    /// The database was written by a newer mcpd.
    #[error("the database was made by a newer mcpd (it has migration {0}, which this version does not know)")]
    Newer(i64),
    /// Creating or changing the tables failed.
    #[error("cannot bring the tables up to date: {0}")]
    Migrate(String),
    /// Everything in it lies elsewhere now.
    #[error("this database was moved to {0} and is closed")]
    Moved(String),
    /// Others had it for longer than is waited for, or its disk is slow: the same may work a moment later.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// Somebody else restores or moves it, or serves from it.
    #[error("the database is in use: {0}")]
    InUse(&'static str),
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
            Self::Tls { .. } => "check sslmode, sslrootcert, sslcert and sslkey in DATABASE_URL, and the certificates",
            Self::Refused { .. } => "correct the user and password in DATABASE_URL",
            Self::NoDatabase { .. } => "create it with `createdb`, or correct the name in DATABASE_URL",
            Self::File { .. } => "check that the folder exists and that you may write to it and to the file",
            Self::Corrupt { .. } => {
                "keep the file, put another name in DATABASE_URL, and restore a backup with `mcpctl db restore FILE`"
            }
            Self::Newer(_) => "install the newest mcpd, or restore the backup made before the upgrade",
            Self::Migrate(_) => "check the user's rights in the database and the space left on its disk",
            Self::Moved(_) => "let DATABASE_URL name the database that it was moved to",
            Self::Busy(_) => {
                "see what else uses the database and its disk, or give it more time: MCPD_DATABASE_LOCK_TIMEOUT_MS, MCPD_DATABASE_ACQUIRE_TIMEOUT_MS"
            }
            Self::InUse(_) => "stop every mcpd on this database, or wait for the other command, and try again",
        }
    }
}

/// Opens the database at `url` and brings its tables up to date.
pub(crate) async fn open(url: &str, options: &DatabaseOptions) -> Result<Store, OpenError> {
    let store = open_as_it_is(url, options).await?;
    match &store {
        Store::Sqlite(pool) => sqlite::migrate(pool).await?,
        Store::Postgres(pool, _) => postgres::migrate(pool).await?,
    }
    Ok(store)
}

/// Opens the database at `url` and leaves its tables as they are.
pub(crate) async fn open_as_it_is(url: &str, options: &DatabaseOptions) -> Result<Store, OpenError> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        "postgres" | "postgresql" => {
            let patience = Patience::beyond(options.statement_timeout_ms);
            postgres::open(url, options).await.map(|pool| Store::Postgres(pool, patience))
        }
        "sqlite" => sqlite::open(url, options).await.map(Store::Sqlite),
        _ => Err(OpenError::Url(format!("it begins with `{}`", scheme.chars().take(20).collect::<String>()))),
    }
}

/// Whether the same may work a moment later, because others were in the way or the answer took too long.
pub(super) fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::TimedOut,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| SQLITE_BUSY.contains(&&*code) || POSTGRES_BUSY.contains(&&*code))
        }
        _ => false,
    }
}

/// Where the database at `url` is, without user and password; for people.
pub(crate) fn place(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(url) if url.has_host() => {
            let host = url.host_str().unwrap_or_default();
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{host}{port}{}", url.scheme(), url.path())
        }
        Ok(url) => format!("{}:{}", url.scheme(), url.path()),
        Err(_) => "a database".to_owned(),
    }
}

/// A new database in `folder`, with the defaults.
#[cfg(test)]
pub(crate) async fn open_in(folder: &std::path::Path) -> Store {
    let line = <crate::settings::CommandLine as clap::Parser>::try_parse_from(["mcpd", "--home", "/h"]).unwrap();
    open(&format!("sqlite:{}", folder.join("x.db").display()), &line.settings.database).await.unwrap()
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_place_never_holds_a_password() {
        assert_eq!(place("postgres://ann:secret@db.example:5433/mcpd?password=x"), "postgres://db.example:5433/mcpd");
        assert_eq!(place("sqlite:/srv/mcpd.db?mode=rwc"), "sqlite:/srv/mcpd.db");
        assert_eq!(place("postgres://ann:secret@[bad"), "a database");
    }
}
