//! Sessions of users, by digest; the token or cookie itself is never here.

use super::{StoreError, Tx, on, read_json, read_name};
use control_plane_api::{
    access::{SessionAudience, SessionSummary, TokenGrant, UserSpec},
    name::Name,
    timestamp::Timestamp,
};

/// Time without use after which a session ends, in milliseconds (OWASP ASVS 5, 7.3.1).
pub(crate) const SESSION_IDLE_MS: i64 = 12 * 3_600_000;
/// Longest time from opening a session to its end, in milliseconds (OWASP ASVS 5, 7.3.2).
pub(crate) const SESSION_LIFETIME_MS: i64 = 7 * 24 * 3_600_000;

/// Longest time from enrolling a local gateway to the end of its sessions, in milliseconds: thirty days, during which
/// clients of that machine need no other login. They have no idle time: a gateway does not rest, whoever uses it does.
pub(crate) const LAPTOP_SESSION_LIFETIME_MS: i64 = 30 * 24 * 3_600_000;

/// A session as it is kept.
pub(crate) struct SessionRow {
    pub(crate) summary: SessionSummary,
    pub(crate) digest: String,
    /// Id of the token or session that was shown; absent: a password was.
    pub(crate) opened_with: Option<String>,
    /// The local gateway it belongs to.
    pub(crate) gateway: Option<Name>,
}

/// Whom a session belongs to.
pub(crate) struct SessionHolder {
    pub(crate) id: String,
    pub(crate) user: Name,
    pub(crate) spec: UserSpec,
}

type Row = (String, String, String, i64, i64, i64, Option<String>);

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, username, audience, created_at, used_at, expires_at, peer FROM sessions ", $rest)
    };
}

impl Tx {
    /// Who presents the session with this digest where `audience` is; nobody once it is over, unused for too long, or what
    /// it was opened with has ended. Says nothing about the user's being disabled.
    pub(crate) async fn session_holder(
        &mut self,
        digest: &str,
        audience: SessionAudience,
    ) -> Result<Option<SessionHolder>, StoreError> {
        let sql = "SELECT s.id, o.name, o.spec FROM sessions s \
                   JOIN objects o ON o.kind = 'user' AND o.name = s.username \
                   WHERE s.digest = $1 AND s.audience = $2 AND s.expires_at > $3 AND s.used_at > $4 \
                   AND (s.opened_with IS NULL \
                   OR EXISTS (SELECT 1 FROM tokens t WHERE t.id = s.opened_with AND t.username = s.username \
                   AND (t.expires_at IS NULL OR t.expires_at > $3)) \
                   OR EXISTS (SELECT 1 FROM sessions p WHERE p.id = s.opened_with AND p.username = s.username \
                   AND p.expires_at > $3 AND p.used_at > $4))";
        let now = Timestamp::now().as_millis();
        let row: Option<(String, String, String)> = on!(self, c => sqlx::query_as(sql)
            .bind(digest).bind(audience.as_str()).bind(now).bind(now - SESSION_IDLE_MS)
            .fetch_optional(c).await)?;
        row.map(|(id, user, spec)| {
            let spec = read_json(|| format!("user/{user}"), &spec)?;
            Ok(SessionHolder { id, user: read_name("a session's user", &user)?, spec })
        })
        .transpose()
    }

    /// The sessions of one user, or of all, oldest first.
    pub(crate) async fn sessions(&mut self, user: Option<&Name>) -> Result<Vec<SessionSummary>, StoreError> {
        let sql = select!(
            "WHERE (username = $1 OR $1 = '') AND expires_at > $2 AND (used_at > $3 OR audience = 'gateway') ORDER BY created_at, id"
        );
        let now = Timestamp::now().as_millis();
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql)
            .bind(user.map_or("", Name::as_str)).bind(now).bind(now - SESSION_IDLE_MS).fetch_all(c).await)?;
        rows.into_iter().map(read).collect()
    }

    /// What gateways need to recognise every session that is a bearer token, by user.
    pub(crate) async fn session_grants(&mut self) -> Result<Vec<(Name, TokenGrant)>, StoreError> {
        let sql = "SELECT id, digest, username, expires_at FROM sessions WHERE audience <> 'browser' AND expires_at > $1 \
                   ORDER BY username, id";
        let now = Timestamp::now().as_millis();
        let rows: Vec<(String, String, String, i64)> =
            on!(self, c => sqlx::query_as(sql).bind(now).fetch_all(c).await)?;
        let grant = |(id, digest, user, expires_at): (String, String, String, i64)| {
            let expires_at = Some(Timestamp::from_millis(expires_at));
            Ok((read_name("a session's user", &user)?, TokenGrant { id, digest, expires_at }))
        };
        rows.into_iter().map(grant).collect()
    }

    /// Opens a session.
    pub(crate) async fn add_session(&mut self, session: &SessionRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO sessions (id, digest, username, audience, opened_with, peer, created_at, used_at, expires_at, gateway) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let summary = &session.summary;
        on!(self, c => sqlx::query(sql)
            .bind(&summary.id).bind(&session.digest).bind(summary.user.as_str()).bind(summary.audience.as_str())
            .bind(&session.opened_with).bind(&summary.peer).bind(summary.created_at.as_millis())
            .bind(summary.used_at.as_millis()).bind(summary.expires_at.as_millis())
            .bind(session.gateway.as_ref().map(Name::as_str))
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Ends a session, of one user or whoever's. Whether there was one.
    pub(crate) async fn delete_session(&mut self, id: &str, user: Option<&Name>) -> Result<bool, StoreError> {
        let sql = "DELETE FROM sessions WHERE id = $1 AND (username = $2 OR $2 = '')";
        let user = user.map_or("", Name::as_str);
        let gone =
            on!(self, c => sqlx::query(sql).bind(id).bind(user).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }

    /// Ends every session of a user. How many there were.
    pub(crate) async fn delete_sessions_of(&mut self, user: &Name) -> Result<u64, StoreError> {
        let sql = "DELETE FROM sessions WHERE username = $1";
        Ok(on!(self, c => sqlx::query(sql).bind(user.as_str()).execute(c).await.map(|done| done.rows_affected()))?)
    }

    /// Takes out the sessions that are over or were not used for too long. Whether gateways knew any of them.
    pub(crate) async fn sweep_sessions(&mut self) -> Result<bool, StoreError> {
        let sql = "DELETE FROM sessions WHERE expires_at <= $1 OR (used_at <= $2 AND audience <> 'gateway') RETURNING audience";
        let now = Timestamp::now().as_millis();
        let gone: Vec<(String,)> =
            on!(self, c => sqlx::query_as(sql).bind(now).bind(now - SESSION_IDLE_MS).fetch_all(c).await)?;
        Ok(gone.iter().any(|(audience,)| audience != SessionAudience::Browser.as_str()))
    }

    /// Whether [`Self::sweep_sessions`] has anything to do.
    pub(crate) async fn has_ended_sessions(&mut self) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) FROM sessions WHERE expires_at <= $1 OR (used_at <= $2 AND audience <> 'gateway')";
        let now = Timestamp::now().as_millis();
        let (ended,): (i64,) =
            on!(self, c => sqlx::query_as(sql).bind(now).bind(now - SESSION_IDLE_MS).fetch_one(c).await)?;
        Ok(ended > 0)
    }

    /// Notes when a token or session was last presented, unless a later use is known.
    pub(crate) async fn note_use(&mut self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let noted = [
            "UPDATE tokens SET used_at = $2 WHERE id = $1 AND (used_at IS NULL OR used_at < $2)",
            "UPDATE sessions SET used_at = $2 WHERE id = $1 AND used_at < $2",
        ];
        for sql in noted {
            on!(&mut *self, c => sqlx::query(sql).bind(id).bind(at.as_millis()).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}

fn read(row: Row) -> Result<SessionSummary, StoreError> {
    let (id, user, audience, created_at, used_at, expires_at, peer) = row;
    let audience = match audience.as_str() {
        "browser" => SessionAudience::Browser,
        "gateway" => SessionAudience::Gateway,
        _ => SessionAudience::Api,
    };
    Ok(SessionSummary {
        id,
        user: read_name("a session's user", &user)?,
        audience,
        created_at: Timestamp::from_millis(created_at),
        used_at: Timestamp::from_millis(used_at),
        expires_at: Timestamp::from_millis(expires_at),
        peer,
    })
}
