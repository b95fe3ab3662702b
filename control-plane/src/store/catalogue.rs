//! Which tables there are: what the migrations make, not what somebody wrote down.
//!
//! The migrations that a database has are run on an empty one in memory, and that one is looked at. So a backup has every
//! table of mcpd's and none of anybody else's, and a new table needs no word here.

use super::{StoreError, migrate};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

/// A table of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// The columns of its primary key, by which rows are put in order.
    pub(crate) key: Vec<String>,
}

/// A column of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: ColumnKind,
}

/// What a column holds; our migrations know no more than these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Text,
    Integer,
}

impl Table {
    /// The columns, for a statement.
    pub(super) fn listed(&self) -> String {
        self.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// The tables of a database on which `applied` were run, by name.
pub(super) async fn catalogue(applied: &[i64]) -> Result<Vec<Table>, StoreError> {
    let mut memory = SqliteConnection::connect("sqlite::memory:").await?;
    let migrator = migrate::migrator(migrate::shared_among(applied));
    migrator.run_direct(None, &mut memory, false).await.map_err(|error| StoreError::Unreadable {
        what: "a set of migrations".to_owned(),
        reason: error.to_string(),
    })?;
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' \
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name";
    let names: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut memory).await?;
    let mut tables = Vec::new();
    for name in names {
        tables.push(table(&mut memory, name).await?);
    }
    Ok(tables)
}

async fn table(memory: &mut SqliteConnection, name: String) -> Result<Table, StoreError> {
    let sql = format!("SELECT name, type, pk FROM pragma_table_info('{name}') ORDER BY cid");
    let rows: Vec<(String, String, i64)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(memory).await?;
    let mut key: Vec<(i64, String)> =
        rows.iter().filter(|(.., place)| *place > 0).map(|(column, _, place)| (*place, column.clone())).collect();
    key.sort();
    let column = |(column, kind, _): (String, String, i64)| {
        let kind = kind_of(&kind).ok_or_else(|| StoreError::Unreadable {
            what: format!("column {name}.{column}"),
            reason: format!("`{kind}` is neither TEXT nor BIGINT"),
        })?;
        Ok(Column { name: column, kind })
    };
    let columns = rows.into_iter().map(column).collect::<Result<_, StoreError>>()?;
    Ok(Table { columns, key: key.into_iter().map(|(_, column)| column).collect(), name })
}

fn kind_of(declared: &str) -> Option<ColumnKind> {
    match declared {
        "TEXT" => Some(ColumnKind::Text),
        "BIGINT" | "INTEGER" => Some(ColumnKind::Integer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate::Dialect;

    #[tokio::test]
    async fn every_table_has_a_key_and_only_columns_that_backups_know() {
        let all: Vec<i64> = migrate::migrations(Dialect::Sqlite).iter().map(|migration| migration.version).collect();
        let tables = catalogue(&all).await.unwrap();
        assert!(tables.iter().any(|table| table.name == "audit"));
        for table in &tables {
            assert!(!table.key.is_empty(), "{}", table.name);
        }
        let first = catalogue(&[1]).await.unwrap();
        assert!(first.len() < tables.len());
        let meta = first.iter().find(|table| table.name == "meta").unwrap();
        assert_eq!((meta.listed().as_str(), &meta.key[..]), ("name, value", &["name".to_owned()][..]));
    }
}
