//! Facts about the database itself.

use super::{StoreError, Tx, on};

impl Tx {
    /// The fact called `name`.
    pub(crate) async fn meta(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = $1";
        let row: Option<(String,)> = on!(self, c => sqlx::query_as(sql).bind(name).fetch_optional(c).await)?;
        Ok(row.map(|(value,)| value))
    }

    /// The facts whose names begin with `prefix`, name and value.
    pub(crate) async fn metas(&mut self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT name, value FROM meta WHERE substr(name, 1, $2) = $1 ORDER BY name";
        let length = i32::try_from(prefix.len()).unwrap_or(i32::MAX);
        Ok(on!(self, c => sqlx::query_as(sql).bind(prefix).bind(length).fetch_all(c).await)?)
    }

    /// Notes the fact called `name`, once.
    pub(crate) async fn put_meta(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO meta (name, value) VALUES ($1, $2)";
        on!(self, c => sqlx::query(sql).bind(name).bind(value).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Notes the fact called `name`, whatever was noted before.
    pub(crate) async fn replace_meta(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.delete_meta(name).await?;
        self.put_meta(name, value).await
    }

    /// Forgets the fact called `name`.
    pub(crate) async fn delete_meta(&mut self, name: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM meta WHERE name = $1";
        on!(self, c => sqlx::query(sql).bind(name).execute(c).await.map(drop))?;
        Ok(())
    }
}
