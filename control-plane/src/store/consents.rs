//! What it takes to obtain a connection: registered clients, consents under way, links.

use super::{StoreError, Tx, on, read_count, read_json, read_name, write_count, write_json};
use control_plane_api::{name::Name, timestamp::Timestamp};

/// A client registered with one authorization server.
pub(crate) struct StoredRegistration {
    pub(crate) issuer: String,
    pub(crate) redirect_uri: String,
    pub(crate) version: u64,
    pub(crate) ciphertext: String,
    pub(crate) expires_at: Option<Timestamp>,
}

/// A link that `mcpctl connect` asked for.
pub(crate) struct StoredTicket {
    pub(crate) user: Name,
    /// The token or session of the user who asked.
    pub(crate) token_id: String,
    pub(crate) server: Name,
    pub(crate) scopes: Vec<String>,
    /// Whether a browser was let in by it.
    pub(crate) used: bool,
    pub(crate) expires_at: Timestamp,
}

impl Tx {
    /// The client registered with `issuer` for `redirect_uri`.
    pub(crate) async fn registration(
        &mut self,
        issuer: &str,
        redirect_uri: &str,
    ) -> Result<Option<StoredRegistration>, StoreError> {
        let sql = "SELECT version, ciphertext, expires_at FROM registrations WHERE issuer = $1 AND redirect_uri = $2";
        let row: Option<(i64, String, Option<i64>)> =
            on!(self, c => sqlx::query_as(sql).bind(issuer).bind(redirect_uri).fetch_optional(c).await)?;
        Ok(row.map(|(version, ciphertext, expires_at)| StoredRegistration {
            issuer: issuer.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            version: read_count(version),
            ciphertext,
            expires_at: expires_at.map(Timestamp::from_millis),
        }))
    }

    /// Keeps a registration in place of an earlier one.
    pub(crate) async fn put_registration(&mut self, registration: &StoredRegistration) -> Result<(), StoreError> {
        let sql = "INSERT INTO registrations (issuer, redirect_uri, version, ciphertext, expires_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (issuer, redirect_uri) DO UPDATE SET \
                   version = excluded.version, ciphertext = excluded.ciphertext, expires_at = excluded.expires_at";
        let expires_at = registration.expires_at.map(Timestamp::as_millis);
        on!(self, c => sqlx::query(sql)
            .bind(&registration.issuer).bind(&registration.redirect_uri).bind(write_count(registration.version))
            .bind(&registration.ciphertext).bind(expires_at).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Forgets the client registered with `issuer`.
    pub(crate) async fn delete_registration(&mut self, issuer: &str, redirect_uri: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM registrations WHERE issuer = $1 AND redirect_uri = $2";
        on!(self, c => sqlx::query(sql).bind(issuer).bind(redirect_uri).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Keeps a consent under way; those and links that have expired are swept out on the way.
    pub(crate) async fn add_flow(
        &mut self,
        digest: &str,
        ciphertext: &str,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let now = Timestamp::now().as_millis();
        let swept = ["DELETE FROM flows WHERE expires_at <= $1", "DELETE FROM connect_tickets WHERE expires_at <= $1"];
        for sql in swept {
            on!(&mut *self, c => sqlx::query(sql).bind(now).execute(c).await.map(drop))?;
        }
        let sql = "INSERT INTO flows (digest, ciphertext, expires_at) VALUES ($1, $2, $3)";
        let expires_at = expires_at.as_millis();
        on!(self, c => sqlx::query(sql).bind(digest).bind(ciphertext).bind(expires_at).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Takes a consent under way, for good as soon as the transaction is committed.
    pub(crate) async fn take_flow(&mut self, digest: &str) -> Result<Option<String>, StoreError> {
        let sql = "DELETE FROM flows WHERE digest = $1 RETURNING ciphertext, expires_at";
        let row: Option<(String, i64)> = on!(self, c => sqlx::query_as(sql).bind(digest).fetch_optional(c).await)?;
        let now = Timestamp::now().as_millis();
        Ok(row.filter(|(_, expires_at)| now < *expires_at).map(|(ciphertext, _)| ciphertext))
    }

    /// Keeps a link.
    pub(crate) async fn add_ticket(&mut self, digest: &str, ticket: &StoredTicket) -> Result<(), StoreError> {
        let sql = "INSERT INTO connect_tickets (digest, username, token_id, server, scopes, used, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, 0, $6)";
        let scopes = write_json("scopes", &ticket.scopes)?;
        on!(self, c => sqlx::query(sql)
            .bind(digest).bind(ticket.user.as_str()).bind(&ticket.token_id).bind(ticket.server.as_str())
            .bind(scopes).bind(ticket.expires_at.as_millis()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The link with this digest, if it is still in force.
    pub(crate) async fn ticket(&mut self, digest: &str) -> Result<Option<StoredTicket>, StoreError> {
        let sql = "SELECT username, token_id, server, scopes, used, expires_at FROM connect_tickets \
                   WHERE digest = $1 AND expires_at > $2";
        let now = Timestamp::now().as_millis();
        let row: Option<(String, String, String, String, i64, i64)> =
            on!(self, c => sqlx::query_as(sql).bind(digest).bind(now).fetch_optional(c).await)?;
        row.map(|(user, token_id, server, scopes, used, expires_at)| {
            Ok(StoredTicket {
                user: read_name("a link's user", &user)?,
                token_id,
                server: read_name("a link's server", &server)?,
                scopes: read_json(|| "the scopes of a link".to_owned(), &scopes)?,
                used: used != 0,
                expires_at: Timestamp::from_millis(expires_at),
            })
        })
        .transpose()
    }

    /// Notes that a browser was let in by a link. Whether it was the first.
    pub(crate) async fn use_ticket(&mut self, digest: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE connect_tickets SET used = 1 WHERE digest = $1 AND used = 0";
        let used = on!(self, c => sqlx::query(sql).bind(digest).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(used == 1)
    }

    /// Ends a link.
    pub(crate) async fn delete_ticket(&mut self, digest: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM connect_tickets WHERE digest = $1";
        on!(self, c => sqlx::query(sql).bind(digest).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The digest of the token by which a gateway is recognised.
    pub(crate) async fn gateway_digest(&mut self, name: &Name) -> Result<Option<String>, StoreError> {
        let sql = "SELECT digest FROM gateways WHERE name = $1";
        let row: Option<(String,)> = on!(self, c => sqlx::query_as(sql).bind(name.as_str()).fetch_optional(c).await)?;
        Ok(row.map(|(digest,)| digest))
    }
}
