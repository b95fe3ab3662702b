//! Tokens of users, by digest; the token itself is never here.

use super::{StoreError, Tx, on, read_json, read_name};
use control_plane_api::{
    access::{TokenGrant, TokenSummary, UserSpec},
    name::Name,
    timestamp::Timestamp,
};

/// A token as it is kept.
pub(crate) struct TokenRow {
    pub(crate) summary: TokenSummary,
    pub(crate) digest: String,
}

/// Whom a digest belongs to.
pub(crate) struct TokenHolder {
    pub(crate) token_id: String,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) user: Name,
    pub(crate) spec: UserSpec,
}

type Row = (String, String, String, String, i64, Option<i64>, Option<i64>, Option<String>);

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, digest, username, label, created_at, expires_at, used_at, last_four FROM tokens ", $rest)
    };
}

impl Tx {
    /// Who presents the token with this digest. Says nothing about its having expired.
    pub(crate) async fn token_holder(&mut self, digest: &str) -> Result<Option<TokenHolder>, StoreError> {
        let sql = "SELECT t.id, t.expires_at, o.name, o.spec FROM tokens t \
                   JOIN objects o ON o.kind = 'user' AND o.name = t.username WHERE t.digest = $1";
        let row: Option<(String, Option<i64>, String, String)> =
            on!(self, c => sqlx::query_as(sql).bind(digest).fetch_optional(c).await)?;
        row.map(|(token_id, expires_at, user, spec)| {
            Ok(TokenHolder {
                token_id,
                expires_at: expires_at.map(Timestamp::from_millis),
                spec: read_json(|| format!("user/{user}"), &spec)?,
                user: read_name("user", &user)?,
            })
        })
        .transpose()
    }

    /// The tokens of one user, oldest first.
    pub(crate) async fn tokens_of(&mut self, user: &Name) -> Result<Vec<TokenSummary>, StoreError> {
        let sql = select!("WHERE username = $1 ORDER BY created_at, id");
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).bind(user.as_str()).fetch_all(c).await)?;
        rows.into_iter().map(|row| Ok(read(row)?.summary)).collect()
    }

    /// What gateways need to recognise every token, by user.
    pub(crate) async fn grants(&mut self) -> Result<Vec<(Name, TokenGrant)>, StoreError> {
        let sql = select!("ORDER BY username, id");
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        let grant = |row| {
            let TokenRow { summary, digest } = read(row)?;
            Ok((summary.user, TokenGrant { id: summary.id, digest, expires_at: summary.expires_at }))
        };
        rows.into_iter().map(grant).collect()
    }

    /// Adds a token.
    pub(crate) async fn add_token(&mut self, token: &TokenRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO tokens (id, digest, username, label, created_at, expires_at, last_four) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let summary = &token.summary;
        let (id, digest, user, label) = (&summary.id, &token.digest, summary.user.as_str(), &summary.label);
        let (created, expires) = (summary.created_at.as_millis(), summary.expires_at.map(Timestamp::as_millis));
        on!(self, c => sqlx::query(sql)
            .bind(id).bind(digest).bind(user).bind(label).bind(created).bind(expires).bind(&summary.last_four)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Keeps a token under another digest of it.
    pub(crate) async fn move_token(&mut self, from: &str, to: &str) -> Result<(), StoreError> {
        let sql = "UPDATE tokens SET digest = $2 WHERE digest = $1";
        on!(self, c => sqlx::query(sql).bind(from).bind(to).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Removes one token of one user. Whether there was one.
    pub(crate) async fn delete_token(&mut self, user: &Name, id: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM tokens WHERE username = $1 AND id = $2";
        let gone = on!(self, c => sqlx::query(sql)
            .bind(user.as_str()).bind(id).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }

    /// Removes every token of one user, or those with one label.
    pub(crate) async fn delete_tokens_of(&mut self, user: &Name, label: Option<&str>) -> Result<(), StoreError> {
        let sql = "DELETE FROM tokens WHERE username = $1 AND ($2 IS NULL OR label = $2)";
        on!(self, c => sqlx::query(sql).bind(user.as_str()).bind(label).execute(c).await.map(drop))?;
        Ok(())
    }
}

fn read(row: Row) -> Result<TokenRow, StoreError> {
    let (id, digest, user, label, created_at, expires_at, used_at, last_four) = row;
    let summary = TokenSummary {
        id,
        user: read_name("a token's user", &user)?,
        label,
        created_at: Timestamp::from_millis(created_at),
        expires_at: expires_at.map(Timestamp::from_millis),
        used_at: used_at.map(Timestamp::from_millis),
        last_four,
    };
    Ok(TokenRow { summary, digest })
}
