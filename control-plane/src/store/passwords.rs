//! Passwords as hashes.

use super::{StoreError, Tx, on, read_json, read_name};
use control_plane_api::{access::UserSpec, name::Name, timestamp::Timestamp};

/// A user with a password.
pub(crate) struct PasswordHolder {
    pub(crate) user: Name,
    pub(crate) spec: UserSpec,
    /// Argon2id, as a PHC string.
    pub(crate) phc: String,
}

impl Tx {
    /// The user called `user`, which may be any text, if there is one with a password.
    pub(crate) async fn password_holder(&mut self, user: &str) -> Result<Option<PasswordHolder>, StoreError> {
        let sql = "SELECT o.name, o.spec, p.phc FROM passwords p \
                   JOIN objects o ON o.kind = 'user' AND o.name = p.username WHERE p.username = $1";
        let row: Option<(String, String, String)> =
            on!(self, c => sqlx::query_as(sql).bind(user).fetch_optional(c).await)?;
        row.map(|(user, spec, phc)| {
            let spec = read_json(|| format!("user/{user}"), &spec)?;
            Ok(PasswordHolder { user: read_name("a password's user", &user)?, spec, phc })
        })
        .transpose()
    }

    /// Sets the password of a user.
    pub(crate) async fn put_password(&mut self, user: &Name, phc: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO passwords (username, phc, changed_at) VALUES ($1, $2, $3) \
                   ON CONFLICT (username) DO UPDATE SET phc = excluded.phc, changed_at = excluded.changed_at";
        let now = Timestamp::now().as_millis();
        on!(self, c => sqlx::query(sql).bind(user.as_str()).bind(phc).bind(now).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The same password hashed anew, unless it was changed meanwhile.
    pub(crate) async fn rehash_password(&mut self, user: &Name, old: &str, new: &str) -> Result<(), StoreError> {
        let sql = "UPDATE passwords SET phc = $3 WHERE username = $1 AND phc = $2";
        on!(self, c => sqlx::query(sql).bind(user.as_str()).bind(old).bind(new).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Removes the password of a user. Whether there was one.
    pub(crate) async fn delete_password(&mut self, user: &Name) -> Result<bool, StoreError> {
        let sql = "DELETE FROM passwords WHERE username = $1";
        let gone = on!(self, c => sqlx::query(sql)
            .bind(user.as_str()).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(gone > 0)
    }
}
