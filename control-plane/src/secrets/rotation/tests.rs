//! What is encrypted comes under the new key, wherever it is kept.

use super::*;
use crate::{secrets::file_source, store};
use control_plane_api::timestamp::Timestamp;
use sqlx::AssertSqlSafe;

struct Database {
    folder: tempfile::TempDir,
    store: Store,
}

impl Database {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open_in(folder.path()).await;
        Self { folder, store }
    }

    async fn keys(&self) -> Keys {
        Keys::open(vec![file_source(&self.folder.path().join("master-key"))], &self.store).await.unwrap()
    }

    async fn run(&self, sql: String) {
        let Store::Sqlite(pool) = &self.store else { panic!("SQLite") };
        sqlx::query(AssertSqlSafe(sql)).execute(pool).await.unwrap();
    }

    async fn column(&self, sql: &'static str) -> String {
        let Store::Sqlite(pool) = &self.store else { panic!("SQLite") };
        sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
    }
}

fn actor() -> Actor {
    Actor { user: None, token_id: None, method: "test".to_owned(), peer: None }
}

async fn rewrap_all(keys: &Keys, store: &Store) -> (u64, Vec<String>) {
    let (mut after, mut done, mut unreadable) = (None, 0, Vec::new());
    loop {
        let reply = keys.rewrap(store, after.as_deref(), &actor()).await.unwrap();
        done += reply.rewrapped;
        unreadable.extend(reply.unreadable);
        match reply.next {
            Some(next) => after = Some(next),
            None => return (done, unreadable),
        }
    }
}

#[tokio::test]
async fn s_08_no_place_is_forgotten() {
    let place = Database::new().await;
    let keys = place.keys().await;
    let lock = |name: &str, version, field| keys.encrypt(Binding { name, version, field }, b"plain").unwrap();
    let registration = oauth::registration_name("https://issuer https://mcpd/callback");
    let (secret, connection, registered, flow) = (
        lock("s", 3, "value"),
        lock("c", 2, "connection"),
        lock(&registration, 4, "registration"),
        lock("f", 1, "flow"),
    );
    let later = Timestamp::now().as_millis() + 60_000;
    place.run(format!("INSERT INTO secrets VALUES ('s', 1, 3, '{secret}')")).await;
    for (id, user, text) in [("c", "ada", connection.as_str()), ("empty", "bob", "")] {
        place
            .run(format!(
                "INSERT INTO connections (id, server, username, issuer, url, revision, version, state, scopes, ciphertext, step_ups) \
                 VALUES ('{id}', 'jira', '{user}', 'i', 'u', 1, 2, 'connected', '[]', '{text}', 0)"
            ))
            .await;
    }
    place
        .run(format!(
            "INSERT INTO registrations VALUES ('https://issuer', 'https://mcpd/callback', 4, '{registered}', NULL)"
        ))
        .await;
    place.run(format!("INSERT INTO flows VALUES ('f', '{flow}', {later})")).await;
    let signing = keys.verifying_key();

    keys.renew(&place.store, &actor()).await.unwrap();
    // Two facts, and one row of each table that has one.
    assert_eq!(keys.status(&place.store).await.unwrap().pending(), 6);
    assert_eq!(rewrap_all(&keys, &place.store).await, (6, Vec::new()));
    assert_eq!(keys.status(&place.store).await.unwrap().pending(), 0);
    keys.forget_older(&place.store, &actor()).await.unwrap();

    let again = place.keys().await;
    assert_eq!(again.verifying_key(), signing, "gateways go on believing");
    let opens = |name: &str, version, field, text: String| {
        again.decrypt(Binding { name, version, field }, &text).is_ok_and(|value| value.as_slice() == b"plain")
    };
    assert!(opens("s", 3, "value", place.column("SELECT ciphertext FROM secrets").await));
    assert!(opens("c", 2, "connection", place.column("SELECT ciphertext FROM connections WHERE id = 'c'").await));
    assert!(opens(&registration, 4, "registration", place.column("SELECT ciphertext FROM registrations").await));
    assert!(opens("f", 1, "flow", place.column("SELECT ciphertext FROM flows").await));
}

#[tokio::test]
async fn s_07_rows_that_were_swapped_or_changed_are_named_and_stop_nothing() {
    let place = Database::new().await;
    let keys = place.keys().await;
    let lock = |name| keys.encrypt(Binding { name, version: 1, field: "value" }, b"plain").unwrap();
    for (row, text) in
        [("a", lock("a")), ("b", lock("c")), ("c", lock("c")), ("d", "junk".to_owned()), ("e", lock("e"))]
    {
        place.run(format!("INSERT INTO secrets VALUES ('{row}', 1, 1, '{text}')")).await;
    }
    keys.renew(&place.store, &actor()).await.unwrap();
    let (done, unreadable) = rewrap_all(&keys, &place.store).await;
    assert_eq!((done, unreadable), (5, vec!["secrets/b".to_owned(), "secrets/d".to_owned()]));
    let status = keys.status(&place.store).await.unwrap();
    assert_eq!((status.pending(), status.damaged), (1, 1));
    assert!(matches!(keys.forget_older(&place.store, &actor()).await, Err(RotationError::InUse(1))));
}

#[tokio::test]
async fn a_database_of_before_keeps_its_signing_key() {
    let place = Database::new().await;
    drop(place.keys().await);
    // Before, there was no signing key of its own: it was derived from the master key.
    place.run("DELETE FROM meta WHERE name = 'signing_key'".to_owned()).await;
    let keys = place.keys().await;
    let derived = ed25519_dalek::SigningKey::from_bytes(&keys.ring().current().old_signing);
    assert_eq!(keys.verifying_key(), hex::encode(derived.verifying_key().as_bytes()));
    keys.renew(&place.store, &actor()).await.unwrap();
    rewrap_all(&keys, &place.store).await;
    assert_eq!(place.keys().await.verifying_key(), keys.verifying_key());
}
