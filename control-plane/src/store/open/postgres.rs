//! PostgreSQL: who, where, how safe, and what every session asks for.

use super::OpenError;
use crate::{
    settings::DatabaseOptions,
    store::{answer::answered_within, migrate},
};
use parking_lot::Mutex;
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use std::{
    net::IpAddr,
    str::FromStr as _,
    sync::Arc,
    time::{Duration, Instant},
};
use url::Url;

/// Time for the first connection at start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a connection of the pool to show that it is alive, before and after it is used.
const ALIVE_TIMEOUT: Duration = Duration::from_secs(1);
/// How our sessions are called in `pg_stat_activity`, unless the URL says otherwise.
const APPLICATION_NAME: &str = concat!("mcpd/", env!("CARGO_PKG_VERSION"));
/// What libpq's URLs may say that is of use here. Anything else is refused: a misspelt `sslmode` would be no TLS.
const PARAMETERS: [&str; 14] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "statement-cache-capacity",
    "ssl-mode",
];

pub(super) async fn open(url: &str, options: &DatabaseOptions) -> Result<PgPool, OpenError> {
    let connect = connect_options(url, options)?;
    // The pool retries a refused connection until it times out; one connection of our own says at once what is wrong.
    let first = tokio::time::timeout(CONNECT_TIMEOUT, connect.connect()).await;
    let first = first.map_err(|_| unreachable_at(&connect, format!("no answer in {CONNECT_TIMEOUT:?}")))?;
    let first = first.map_err(|error| explain(&connect, &error))?;
    // Nothing was done on it; whether it says good-bye does not matter.
    first.close().await.ok();
    if !is_safe(&connect) {
        tracing::warn!(
            place = place(&connect),
            "The connection to PostgreSQL is not proof against others on the network: set sslmode=verify-full"
        );
    }
    let before = Mourning::default();
    let after = before.clone();
    let pool = PgPoolOptions::new()
        .max_connections(options.connections_max)
        .min_connections(options.connections_min.min(options.connections_max))
        .acquire_timeout(options.acquire_timeout())
        .idle_timeout(options.idle_timeout())
        .max_lifetime(options.lifetime())
        // The pool's own test waits for an answer as long as the system believes in the connection: a quarter of an hour
        // where the network swallows everything, and the place in the pool is taken meanwhile.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| Box::pin(before.clone().survived(connection, meta.idle_for)))
        .after_release(move |connection, meta| Box::pin(after.clone().survived(connection, meta.idle_for)));
    pool.connect_with(connect.clone()).await.map_err(|error| explain(&connect, &error))
}

/// When a connection was last found dead.
#[derive(Clone, Default)]
struct Mourning(Arc<Mutex<Option<Instant>>>);

impl Mourning {
    /// Whether a connection that was idle for so long is still alive. One that was idle already when another was found dead
    /// is not even asked: it has died with it, and nobody is to wait for each of them.
    async fn survived(self, connection: &mut PgConnection, idle_for: Duration) -> Result<bool, sqlx::Error> {
        let found = *self.0.lock();
        if found.is_some_and(|found| idle_for > found.elapsed()) {
            return Ok(false);
        }
        let alive = answered_within(ALIVE_TIMEOUT, connection.ping()).await;
        if alive.is_err() {
            *self.0.lock() = Some(Instant::now());
        }
        alive.map(|()| true)
    }
}

pub(super) async fn migrate(pool: &PgPool) -> Result<(), OpenError> {
    let options = pool.connect_options();
    let mut connection = options.connect().await.map_err(|error| explain(&options, &error))?;
    let done = migrate::postgres(&mut connection).await;
    // The locks end with the connection, however it ends.
    connection.close().await.ok();
    done
}

fn connect_options(url: &str, options: &DatabaseOptions) -> Result<PgConnectOptions, OpenError> {
    // What the parsers say may quote the URL, and with it the password.
    let parsed = Url::parse(url).map_err(|_| OpenError::Url("its parts cannot be told".to_owned()))?;
    let own = |key: &str| PARAMETERS.contains(&key) || key.starts_with("options[");
    if let Some((key, _)) = parsed.query_pairs().find(|(key, _)| !own(key)) {
        return Err(OpenError::Url(format!("nothing here knows its parameter `{key}`")));
    }
    let connect = PgConnectOptions::from_str(url);
    let mut connect = connect.map_err(|_| OpenError::Url("its parts cannot be told".to_owned()))?;
    if connect.get_application_name().is_none() {
        connect = connect.application_name(APPLICATION_NAME);
    }
    let said = connect.get_options().unwrap_or_default().to_owned();
    for (setting, ms) in options.session() {
        if !said.contains(setting) {
            connect = connect.options([(setting, ms)]);
        }
    }
    Ok(connect)
}

/// Whether nobody between us and the server can read along or pretend to be it.
fn is_safe(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let local = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    local || matches!(options.get_ssl_mode(), PgSslMode::VerifyCa | PgSslMode::VerifyFull)
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
    if let Some(reason) = tls_reason(error) {
        return OpenError::Tls { place: place(options), reason };
    }
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

/// What TLS said, if it was TLS that failed; a bad certificate comes as an error of the connection.
fn tls_reason(error: &sqlx::Error) -> Option<String> {
    match error {
        sqlx::Error::Tls(reason) => Some(reason.to_string()),
        sqlx::Error::Io(error) => Some(error.get_ref()?.downcast_ref::<rustls::Error>()?.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::CommandLine;
    use clap::Parser as _;

    fn check(url: &str) -> Result<PgConnectOptions, String> {
        let line = CommandLine::try_parse_from(["mcpd", "--home", "/h", "--database-lock-timeout-ms", "700"]).unwrap();
        connect_options(url, &line.settings.database).map_err(|error| error.to_string())
    }

    #[test]
    fn every_session_has_bounds_unless_the_url_sets_them() {
        let options = check("postgres://u@h/d").unwrap();
        let said = options.get_options().unwrap().to_owned();
        for setting in ["statement_timeout=15000", "lock_timeout=700", "idle_in_transaction_session_timeout=5000"] {
            assert!(said.contains(setting), "{said}");
        }
        assert_eq!(options.get_application_name(), Some(APPLICATION_NAME));
        let own = check("postgres://u@h/d?application_name=x&options=-c%20statement_timeout=5").unwrap();
        assert!(own.get_options().unwrap().contains("statement_timeout=5"));
        assert!(!own.get_options().unwrap().contains("15000"));
        assert_eq!(own.get_application_name(), Some("x"));
    }

    #[test]
    fn s_03_what_is_wrong_with_a_url_never_quotes_its_password() {
        for bad in
            ["postgres://u:canary@[::bad", "postgres://u:canary@h/d?sslmode=canary", "postgres://u:canary@h/d?ssl=1"]
        {
            let error = check(bad).unwrap_err();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_connection_over_a_network_is_safe_only_if_the_server_is_verified() {
        for (url, safe) in [
            ("postgres://u@127.0.0.1/d", true),
            ("postgres://u@localhost/d", true),
            ("postgres://u@db.example/d", false),
            ("postgres://u@db.example/d?sslmode=require", false),
            ("postgres://u@db.example/d?sslmode=verify-full", true),
            ("postgres://u@x/d?host=/run/postgresql", true),
        ] {
            assert_eq!(is_safe(&check(url).unwrap()), safe, "{url}");
        }
    }
}
