//! Everything in the database that is encrypted, row by row, whatever it is: for whoever has to rewrite it all.

use super::{StoreError, Tx, on, read_count};

/// Where ciphertext is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Facts about the database: keys that outlive the master key.
    Facts,
    Secrets,
    Connections,
    Registrations,
    Flows,
}

impl Place {
    /// Every one, in the order in which they are rewritten.
    pub(crate) const ALL: [Self; 5] = [Self::Facts, Self::Secrets, Self::Connections, Self::Registrations, Self::Flows];

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Secrets => "secrets",
            Self::Connections => "connections",
            Self::Registrations => "registrations",
            Self::Flows => "flows",
        }
    }
}

/// One row.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Ciphertext {
    pub(crate) place: Place,
    /// What the row is found by; of a registration, issuer and redirect URI with a space between them.
    pub(crate) row: String,
    pub(crate) version: u64,
    pub(crate) text: String,
}

/// The same statement for each place: its table, its row and version as expressions, the ciphertext's column, and which rows.
macro_rules! of_place {
    ($place:expr, $before:literal, $after:literal) => {
        match $place {
            Place::Facts => of_place!(@ $before, $after, "meta", "name", "1", "value", "name IN ('master_key_sentinel', 'signing_key') OR name LIKE 'token_pepper_%'"),
            Place::Secrets => of_place!(@ $before, $after, "secrets", "name", "version", "ciphertext", "1 = 1"),
            Place::Connections => of_place!(@ $before, $after, "connections", "id", "version", "ciphertext", "ciphertext <> ''"),
            Place::Registrations => of_place!(@ $before, $after, "registrations", "issuer || ' ' || redirect_uri", "version", "ciphertext", "1 = 1"),
            Place::Flows => of_place!(@ $before, $after, "flows", "digest", "1", "ciphertext", "1 = 1"),
        }
    };
    (@ $before:literal, $after:literal, $table:literal, $row:literal, $version:literal, $text:literal, $which:literal) => {
        concat!("WITH all_of AS (SELECT ", $row, " AS of_row, CAST(", $version, " AS BIGINT) AS of_version, ", $text,
            " AS of_text FROM ", $table, " WHERE ", $which, ") ", $before, " FROM all_of ", $after)
    };
}

impl Tx {
    /// At most `limit` rows of `place` behind the row `after` whose text does not begin with `head`.
    pub(crate) async fn ciphertexts(
        &mut self,
        place: Place,
        after: &str,
        head: &str,
        limit: u32,
    ) -> Result<Vec<Ciphertext>, StoreError> {
        let sql = of_place!(
            place,
            "SELECT of_row, of_version, of_text",
            "WHERE of_row > $1 AND substr(of_text, 1, 12) <> $2 ORDER BY of_row LIMIT $3"
        );
        let limit = i64::from(limit);
        let rows: Vec<(String, i64, String)> =
            on!(self, c => sqlx::query_as(sql).bind(after).bind(head).bind(limit).fetch_all(c).await)?;
        let read = |(row, version, text)| Ciphertext { place, row, version: read_count(version), text };
        Ok(rows.into_iter().map(read).collect())
    }

    /// How many rows of `place` there are for each beginning of their text.
    pub(crate) async fn ciphertext_heads(&mut self, place: Place) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = of_place!(place, "SELECT substr(of_text, 1, 12), COUNT(*)", "GROUP BY substr(of_text, 1, 12)");
        let rows: Vec<(String, i64)> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(head, count)| (head, read_count(count))).collect())
    }

    /// Puts `text` in the place of `old`, unless that was changed meanwhile. Whether it was put.
    pub(crate) async fn replace_ciphertext(&mut self, old: &Ciphertext, text: &str) -> Result<bool, StoreError> {
        let sql = match old.place {
            Place::Facts => "UPDATE meta SET value = $1 WHERE name = $2 AND value = $3",
            Place::Secrets => "UPDATE secrets SET ciphertext = $1 WHERE name = $2 AND ciphertext = $3",
            Place::Connections => "UPDATE connections SET ciphertext = $1 WHERE id = $2 AND ciphertext = $3",
            Place::Registrations => {
                "UPDATE registrations SET ciphertext = $1 WHERE issuer || ' ' || redirect_uri = $2 AND ciphertext = $3"
            }
            Place::Flows => "UPDATE flows SET ciphertext = $1 WHERE digest = $2 AND ciphertext = $3",
        };
        let done = on!(self, c => sqlx::query(sql).bind(text).bind(&old.row).bind(&old.text).execute(c).await
            .map(|done| done.rows_affected()))?;
        Ok(done == 1)
    }
}
