//! Connections to upstream servers: who has one, how it is, and its tokens as ciphertext.

use super::{StoreError, Tx, on, read_count, read_json, read_name, write_count, write_json};
use control_plane_api::{
    name::Name,
    oauth::{ConnectionState, ConnectionSummary},
    timestamp::Timestamp,
};

/// Most connections that one look at what is due finds.
const DUE_MAX: i64 = 32;

/// A connection as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredConnection {
    pub(crate) id: Name,
    pub(crate) server: Name,
    /// Absent: the server's own.
    pub(crate) user: Option<Name>,
    pub(crate) issuer: String,
    /// The server's URL when consent was given.
    pub(crate) url: String,
    /// Revision of the whole configuration at which the token last changed.
    pub(crate) revision: u64,
    /// Grows with every token; part of what the ciphertext is bound to.
    pub(crate) version: u64,
    pub(crate) state: ConnectionState,
    pub(crate) problem: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// Empty: there are none any more.
    pub(crate) ciphertext: String,
    pub(crate) connected_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) renew_at: Option<Timestamp>,
    /// Consents in a row that a server asked for with a challenge.
    pub(crate) step_ups: u64,
}

impl StoredConnection {
    /// Whether there are tokens. Those that a server refused for good are wiped.
    pub(crate) fn holds_tokens(&self) -> bool {
        !self.ciphertext.is_empty()
    }

    /// What people may see of it.
    pub(crate) fn summary(&self) -> ConnectionSummary {
        ConnectionSummary {
            id: self.id.clone(),
            server: self.server.clone(),
            user: self.user.clone(),
            issuer: self.issuer.clone(),
            state: self.state,
            problem: self.problem.clone(),
            scopes: self.scopes.clone(),
            expires_at: self.expires_at,
            connected_at: self.connected_at,
        }
    }
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    i64,
    i64,
    String,
    Option<String>,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    i64,
);

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, server, username, issuer, url, revision, version, state, problem, scopes, ciphertext, \
             connected_at, expires_at, renew_at, step_ups FROM connections ",
            $rest
        )
    };
}

impl Tx {
    /// Every connection, by server and user.
    pub(crate) async fn connections(&mut self) -> Result<Vec<StoredConnection>, StoreError> {
        let sql = select!("ORDER BY server, username");
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        rows.into_iter().map(read).collect()
    }

    /// One connection by its id.
    pub(crate) async fn connection(&mut self, id: &Name) -> Result<Option<StoredConnection>, StoreError> {
        let sql = select!("WHERE id = $1");
        let row: Option<Row> = on!(self, c => sqlx::query_as(sql).bind(id.as_str()).fetch_optional(c).await)?;
        row.map(read).transpose()
    }

    /// The connection of a user, or of nobody in particular, to a server.
    pub(crate) async fn connection_of(
        &mut self,
        server: &Name,
        user: Option<&Name>,
    ) -> Result<Option<StoredConnection>, StoreError> {
        let sql = select!("WHERE server = $1 AND username = $2");
        let (server, user) = (server.as_str(), username(user));
        let row: Option<Row> = on!(self, c => sqlx::query_as(sql).bind(server).bind(user).fetch_optional(c).await)?;
        row.map(read).transpose()
    }

    /// Connections that are to be renewed and that nobody is renewing.
    pub(crate) async fn due_connections(&mut self, now: Timestamp) -> Result<Vec<StoredConnection>, StoreError> {
        let sql = select!(
            "WHERE renew_at <= $1 AND (lease_until IS NULL OR lease_until <= $1) AND state <> 'needs_consent' \
             ORDER BY renew_at LIMIT $2"
        );
        let now = now.as_millis();
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).bind(now).bind(DUE_MAX).fetch_all(c).await)?;
        rows.into_iter().map(read).collect()
    }

    /// Takes a connection for renewal, unless somebody else has it or renewed it meanwhile. Whether it was taken.
    pub(crate) async fn lease_connection(
        &mut self,
        connection: &StoredConnection,
        lease: &str,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE connections SET lease = $3, lease_until = $4 \
                   WHERE id = $1 AND version = $2 AND (lease_until IS NULL OR lease_until <= $5)";
        let (id, version) = (connection.id.as_str(), write_count(connection.version));
        let (until, now) = (until.as_millis(), Timestamp::now().as_millis());
        let taken = on!(self, c => sqlx::query(sql)
            .bind(id).bind(version).bind(lease).bind(until).bind(now)
            .execute(c).await.map(|done| done.rows_affected()))?;
        Ok(taken == 1)
    }

    /// Whether `lease` still holds the connection in the version it was leased at.
    pub(crate) async fn holds_lease(&mut self, connection: &StoredConnection, lease: &str) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM connections WHERE id = $1 AND version = $2 AND lease = $3";
        let (id, version) = (connection.id.as_str(), write_count(connection.version));
        let row: Option<(String,)> =
            on!(self, c => sqlx::query_as(sql).bind(id).bind(version).bind(lease).fetch_optional(c).await)?;
        Ok(row.is_some())
    }

    /// Creates or replaces a connection; a lease on it ends.
    pub(crate) async fn put_connection(&mut self, connection: &StoredConnection) -> Result<(), StoreError> {
        let sql = "INSERT INTO connections (id, server, username, issuer, url, revision, version, state, problem, \
                   scopes, ciphertext, connected_at, expires_at, renew_at, step_ups) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
                   ON CONFLICT (server, username) DO UPDATE SET id = excluded.id, issuer = excluded.issuer, \
                   url = excluded.url, revision = excluded.revision, version = excluded.version, \
                   state = excluded.state, problem = excluded.problem, scopes = excluded.scopes, \
                   ciphertext = excluded.ciphertext, connected_at = excluded.connected_at, \
                   expires_at = excluded.expires_at, renew_at = excluded.renew_at, lease = NULL, lease_until = NULL, \
                   step_ups = excluded.step_ups";
        let scopes = write_json("scopes", &connection.scopes)?;
        let time = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
        on!(self, c => sqlx::query(sql)
            .bind(connection.id.as_str())
            .bind(connection.server.as_str())
            .bind(username(connection.user.as_ref()))
            .bind(&connection.issuer)
            .bind(&connection.url)
            .bind(write_count(connection.revision))
            .bind(write_count(connection.version))
            .bind(connection.state.as_str())
            .bind(&connection.problem)
            .bind(scopes)
            .bind(&connection.ciphertext)
            .bind(time(connection.connected_at))
            .bind(time(connection.expires_at))
            .bind(time(connection.renew_at))
            .bind(write_count(connection.step_ups))
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Removes a connection. Whether there was one.
    pub(crate) async fn delete_connection(&mut self, id: &Name) -> Result<bool, StoreError> {
        let sql = "DELETE FROM connections WHERE id = $1";
        let gone =
            on!(self, c => sqlx::query(sql).bind(id.as_str()).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }

    /// Removes every connection to a server, or of a user.
    pub(crate) async fn delete_connections_of(
        &mut self,
        server: Option<&Name>,
        user: Option<&Name>,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM connections WHERE server = $1 OR username = $2";
        let (server, user) = (server.map(Name::as_str), user.map(Name::as_str));
        on!(self, c => sqlx::query(sql).bind(server).bind(user).execute(c).await.map(drop))?;
        Ok(())
    }
}

fn username(user: Option<&Name>) -> &str {
    user.map_or("", Name::as_str)
}

fn read(row: Row) -> Result<StoredConnection, StoreError> {
    let (
        id,
        server,
        username,
        issuer,
        url,
        revision,
        version,
        state,
        problem,
        scopes,
        ciphertext,
        connected,
        expires,
        renew,
        steps,
    ) = row;
    let state = match state.as_str() {
        "pending" => ConnectionState::Pending,
        "connected" => ConnectionState::Connected,
        _ => ConnectionState::NeedsConsent,
    };
    let user = if username.is_empty() { None } else { Some(read_name("a connection's user", &username)?) };
    Ok(StoredConnection {
        scopes: read_json(|| format!("the scopes of connection {id}"), &scopes)?,
        id: read_name("a connection's id", &id)?,
        server: read_name("a connection's server", &server)?,
        user,
        issuer,
        url,
        revision: read_count(revision),
        version: read_count(version),
        state,
        problem,
        ciphertext,
        connected_at: connected.map(Timestamp::from_millis),
        expires_at: expires.map(Timestamp::from_millis),
        renew_at: renew.map(Timestamp::from_millis),
        step_ups: read_count(steps),
    })
}
