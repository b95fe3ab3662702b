//! Rows of any table, for whoever copies a whole database; what they mean is unknown here.

use super::{
    OpenError, StoreError, Tx,
    catalogue::{self, ColumnKind, Table},
    migrate::{self, Dialect},
    on, on_for_long,
};
use futures::{StreamExt as _, stream::BoxStream};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _};

/// The values of a row in the order of the table's columns: text, whole numbers and null.
pub(crate) type Row = Vec<Value>;

/// Most values in one statement; SQLite takes 32,766 and PostgreSQL 65,535.
const VALUES_MAX: usize = 16_000;

/// The value of column `$at` of `$row`, whatever database it is from.
macro_rules! value {
    ($row:expr, $at:expr, $kind:expr) => {
        match $kind {
            ColumnKind::Text => $row.try_get::<Option<String>, _>($at).map(Value::from),
            ColumnKind::Integer => $row.try_get::<Option<i64>, _>($at).map(Value::from),
        }
    };
}

impl Tx {
    fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(..) => Dialect::Postgres,
        }
    }

    /// The migrations that were run on this database; none if it is new.
    pub(crate) async fn migrations_applied(&mut self) -> Result<Vec<i64>, StoreError> {
        Ok(match self {
            Self::Sqlite(tx) => migrate::applied_on_sqlite(tx).await?,
            Self::Postgres(tx, _) => migrate::applied_on_postgres(tx).await?,
        })
    }

    /// The tables that this database has.
    pub(crate) async fn tables(&mut self) -> Result<Vec<Table>, StoreError> {
        let applied = self.migrations_applied().await?;
        catalogue::catalogue(&applied).await
    }

    /// The rows of a table in the order of its key, byte by byte, which is the same for both databases.
    pub(crate) fn rows<'a>(&'a mut self, table: &'a Table) -> BoxStream<'a, Result<Row, StoreError>> {
        let collation = if self.dialect() == Dialect::Postgres { " COLLATE \"C\"" } else { "" };
        let is_text = |name: &String| table.columns.iter().any(|c| c.name == *name && c.kind == ColumnKind::Text);
        let order =
            table.key.iter().map(|name| if is_text(name) { format!("{name}{collation}") } else { name.clone() });
        let order = order.collect::<Vec<_>>().join(", ");
        let sql = AssertSqlSafe(format!("SELECT {} FROM {} ORDER BY {order}", table.listed(), table.name));
        let kinds = table.columns.iter().map(|column| column.kind).enumerate();
        on_for_long!(self, c => sqlx::query(sql).fetch(c).map(move |row| {
            let row = row?;
            kinds.clone().map(|(at, kind)| value!(row, at, kind).map_err(StoreError::from)).collect()
        }).boxed())
    }

    /// Adds rows to a table.
    pub(crate) async fn insert_rows(&mut self, table: &Table, rows: &[Row]) -> Result<(), StoreError> {
        let width = table.columns.len().max(1);
        for rows in rows.chunks(VALUES_MAX / width) {
            let group = |row: usize| {
                let numbers = (1..=width).map(|column| format!("${}", row * width + column));
                format!("({})", numbers.collect::<Vec<_>>().join(", "))
            };
            let groups = (0..rows.len()).map(group).collect::<Vec<_>>().join(", ");
            let sql = format!("INSERT INTO {} ({}) VALUES {groups}", table.name, table.listed());
            on!(&mut *self, c => {
                let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
                for (column, value) in rows.iter().flat_map(|row| table.columns.iter().zip(row)) {
                    query = match column.kind {
                        ColumnKind::Text => query.bind(value.as_str()),
                        ColumnKind::Integer => query.bind(value.as_i64()),
                    };
                }
                query.execute(c).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Drops every table of ours and makes those of a database on which `applied` were run, without a row.
    pub(crate) async fn recreate(&mut self, applied: &[i64]) -> Result<(), OpenError> {
        let failed = |error: StoreError| OpenError::Migrate(error.to_string());
        let old = self.tables().await.map_err(failed)?;
        let names = old.iter().map(|table| table.name.as_str()).chain(["_sqlx_migrations"]);
        for name in names {
            let sql = AssertSqlSafe(format!("DROP TABLE IF EXISTS {name}"));
            let dropped = on!(&mut *self, c => sqlx::query(sql).execute(c).await.map(drop));
            dropped.map_err(|error| OpenError::Migrate(error.to_string()))?;
        }
        self.run(migrate::shared_among(applied)).await?;
        for table in self.tables().await.map_err(failed)? {
            let sql = AssertSqlSafe(format!("DELETE FROM {}", table.name));
            let emptied = on!(&mut *self, c => sqlx::query(sql).execute(c).await.map(drop));
            emptied.map_err(|error| OpenError::Migrate(error.to_string()))?;
        }
        Ok(())
    }

    /// Brings the tables up to date within this transaction.
    pub(crate) async fn migrate(&mut self) -> Result<(), OpenError> {
        self.run(migrate::migrations(self.dialect())).await
    }

    async fn run(&mut self, wanted: Vec<sqlx::migrate::Migration>) -> Result<(), OpenError> {
        let migrator = migrate::migrator(wanted);
        on_for_long!(self, c => migrator.run_direct(None, c, false).await).map_err(migrate::explained)
    }

    /// What a start of mcpd would still have to run, by version and name.
    pub(crate) async fn migrations_pending(&mut self) -> Result<Vec<(i64, String)>, OpenError> {
        let applied = self.migrations_applied().await.map_err(|error| OpenError::Migrate(error.to_string()))?;
        if let Some(version) = migrate::unknown_among(&applied) {
            return Err(OpenError::Newer(version));
        }
        let all = migrate::migrations(self.dialect()).into_iter();
        let pending = all.filter(|migration| !applied.contains(&migration.version));
        Ok(pending.map(|migration| (migration.version, migration.description.into_owned())).collect())
    }
}
