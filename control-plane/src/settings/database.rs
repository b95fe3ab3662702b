//! How mcpd uses its database: the size of the pool, and how long anything may take there.
//!
//! The timeouts are PostgreSQL's own and are asked for when a connection is made; what `options` of the URL says about
//! one of them comes first. SQLite knows only the pool, and a time to wait for another writer.

use clap::Args;
use std::time::Duration;

/// Connections, and times in milliseconds. Every one has a default that a company can live with.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseOptions {
    /// Most connections to the database at once; PostgreSQL has one more, on which replicas hear of each other.
    #[arg(long = "database-connections-max", env = "MCPD_DATABASE_CONNECTIONS_MAX", default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000), global = true)]
    pub connections_max: u32,
    /// Connections that are kept open also when nobody asks anything.
    #[arg(
        long = "database-connections-min",
        env = "MCPD_DATABASE_CONNECTIONS_MIN",
        default_value_t = 1,
        value_name = "N",
        global = true
    )]
    pub connections_min: u32,
    /// Longest wait for a free connection; after it a request is answered 503.
    #[arg(long = "database-acquire-timeout-ms", env = "MCPD_DATABASE_ACQUIRE_TIMEOUT_MS", default_value_t = 5_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub acquire_timeout_ms: u64,
    /// Time after which an unused connection is closed.
    #[arg(long = "database-idle-timeout-ms", env = "MCPD_DATABASE_IDLE_TIMEOUT_MS", default_value_t = 600_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub idle_timeout_ms: u64,
    /// Age at which a connection is closed and opened anew.
    #[arg(long = "database-lifetime-ms", env = "MCPD_DATABASE_LIFETIME_MS", default_value_t = 1_800_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub lifetime_ms: u64,
    /// Longest statement (PostgreSQL's `statement_timeout`). A connection on which no answer comes 2 s after that is given up.
    #[arg(long = "database-statement-timeout-ms", env = "MCPD_DATABASE_STATEMENT_TIMEOUT_MS", default_value_t = 15_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub statement_timeout_ms: u64,
    /// Longest wait for another change (PostgreSQL's `lock_timeout`; SQLite's busy timeout).
    #[arg(long = "database-lock-timeout-ms", env = "MCPD_DATABASE_LOCK_TIMEOUT_MS", default_value_t = 5_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub lock_timeout_ms: u64,
    /// Longest silence within a transaction (PostgreSQL's `idle_in_transaction_session_timeout`): what a replica that was
    /// cut off had begun to change is in the way of the others that long.
    #[arg(long = "database-idle-in-transaction-timeout-ms", env = "MCPD_DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", default_value_t = 5_000, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..), global = true)]
    pub idle_in_transaction_timeout_ms: u64,
}

impl DatabaseOptions {
    pub(crate) fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) fn lifetime(&self) -> Duration {
        Duration::from_millis(self.lifetime_ms)
    }

    pub(crate) fn lock_timeout(&self) -> Duration {
        Duration::from_millis(self.lock_timeout_ms)
    }

    /// PostgreSQL's settings of every session, by the names it gives them.
    pub(crate) fn session(&self) -> [(&'static str, u64); 3] {
        [
            ("statement_timeout", self.statement_timeout_ms),
            ("lock_timeout", self.lock_timeout_ms),
            ("idle_in_transaction_session_timeout", self.idle_in_transaction_timeout_ms),
        ]
    }
}
