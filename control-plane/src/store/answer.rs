//! How long PostgreSQL may take to answer. Its own timeouts bound what it does; they say nothing where the network between
//! it and mcpd swallows everything, which is then found out here.

use std::{future::Future, io, time::Duration};
use tokio::time::timeout;

/// The longest wait for the answer to one statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience(Duration);

/// What an answer may take on its way, beyond the time of the statement.
const WAY: Duration = Duration::from_secs(2);

impl Patience {
    /// For statements that take `statement_ms` at the most.
    pub(crate) fn beyond(statement_ms: u64) -> Self {
        Self(Duration::from_millis(statement_ms).saturating_add(WAY))
    }

    /// The answer; a connection on which none comes is not used again.
    pub(crate) async fn answer<T>(self, asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        answered_within(self.0, asked).await
    }
}

/// What was asked of PostgreSQL, if it answers within `longest`.
pub(super) async fn answered_within<T>(
    longest: Duration,
    asked: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    timeout(longest, asked).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {longest:?}");
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, reason)))
    })
}
