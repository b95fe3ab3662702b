//! Facts about the database itself.

use super::{StoreError, Tx, on};

impl Tx {
    /// The fact called `name`.
    pub(crate) async fn meta(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = $1";
        let row: Option<(String,)> = on!(self, c => sqlx::query_as(sql).bind(name).fetch_optional(c).await)?;
        Ok(row.map(|(value,)| value))
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
