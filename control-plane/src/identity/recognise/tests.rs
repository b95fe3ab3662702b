//! What the database of an earlier version holds, and what time does to sessions.

use super::*;
use crate::{
    identity::{Opening, found_pepper, issue, new_bearer, open_session},
    publish::{Places, Publisher},
    rollback::HighWater,
    secrets::{Keys, file_source},
    store::{self, SESSION_IDLE_MS, SESSION_LIFETIME_MS, TokenRow},
};
use control_plane_api::{
    access::{TokenRequest, UserSpec},
    object::{Named, Object},
    token::{self as text, TokenKind},
};
use std::sync::Arc;

struct World {
    store: Store,
    published: Published,
    publisher: Publisher,
    _folder: tempfile::TempDir,
}

impl World {
    /// A database with the user `ann`.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open_in(folder.path()).await;
        let keys = vec![file_source(&folder.path().join("master-key"))];
        let keys = Arc::new(Keys::open(keys, &store).await.unwrap());
        found_pepper(&store, &keys).await.unwrap();
        let mut change = store.change().await.unwrap();
        let spec = UserSpec::default();
        let ann = Object::User(Named { name: "ann".parse().unwrap(), revision: 1, spec });
        change.writing().put_object(&ann).await.unwrap();
        change.commit().await.unwrap();
        let seen = HighWater::check(&store, folder.path()).await.unwrap();
        let (publisher, published) = Publisher::start(store.clone(), keys, Places::default(), seen).await.unwrap();
        Self { store, published, publisher, _folder: folder }
    }

    async fn revision(&self) -> u64 {
        self.store.read().await.unwrap().revision().await.unwrap()
    }

    /// Whether a session that was opened and used so long ago, in milliseconds, is recognised.
    async fn session(&self, opened: i64, used: i64, opened_with: Option<&str>) -> bool {
        let opening = Opening {
            user: "ann".parse().unwrap(),
            audience: SessionAudience::Api,
            opened_with: opened_with.map(str::to_owned),
            peer: None,
        };
        let (issued, mut row) = open_session(opening, &self.published.newest().peppers);
        let now = Timestamp::now();
        row.summary.used_at = now.plus_millis(-used);
        row.summary.expires_at = now.plus_millis(SESSION_LIFETIME_MS - opened);
        let mut tx = self.store.write().await.unwrap();
        tx.add_session(&row).await.unwrap();
        tx.commit().await.unwrap();
        let as_bearer = (issued.token.as_str(), SessionAudience::Api);
        let as_cookie = (issued.token.as_str(), SessionAudience::Browser);
        assert!(session(&self.store, &self.published, as_cookie).await.unwrap().is_none(), "another audience");
        session(&self.store, &self.published, as_bearer).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn a_token_from_before_there_were_peppers_works_and_moves_at_its_first_use() {
    let world = World::new().await;
    let presented = new_bearer(TokenKind::Personal);
    let request = TokenRequest { label: "old".to_owned(), expires_in_s: None };
    let (_, row) = issue(&"ann".parse().unwrap(), request, &world.published.newest().peppers);
    let mut change = world.store.change().await.unwrap();
    let old = TokenRow { digest: text::digest(&presented), ..row };
    change.writing().add_token(&old).await.unwrap();
    change.commit().await.unwrap();

    let before = world.revision().await;
    for expected in [before + 1, before + 1] {
        let holder = token(&world.store, &world.published, &presented).await.unwrap().unwrap();
        assert_eq!(holder.user.as_str(), "ann");
        assert_eq!(world.revision().await, expected, "it moves once");
    }
    let mut tx = world.store.read().await.unwrap();
    assert!(tx.token_holder(&text::digest(&presented)).await.unwrap().is_none());
    let grants = tx.grants().await.unwrap();
    assert_eq!(grants[0].1.digest, world.published.newest().peppers.digest(&presented));
    let other = new_bearer(TokenKind::Personal);
    assert!(token(&world.store, &world.published, &other).await.unwrap().is_none());
    drop(world.publisher);
}

#[tokio::test]
async fn a_session_ends_unused_at_last_and_with_what_it_was_opened_with() {
    let world = World::new().await;
    assert!(world.session(0, 0, None).await);
    assert!(world.session(SESSION_LIFETIME_MS - 60_000, SESSION_IDLE_MS - 60_000, None).await);
    assert!(!world.session(0, SESSION_IDLE_MS, None).await);
    assert!(!world.session(SESSION_LIFETIME_MS, 0, None).await);
    assert!(!world.session(0, 0, Some("a token that is gone")).await);
    let open = world.store.read().await.unwrap().sessions(None).await.unwrap();
    assert!(world.session(0, 0, Some(&open[0].id)).await, "while the other one lasts");

    let mut change = world.store.change().await.unwrap();
    assert!(change.tx().has_ended_sessions().await.unwrap());
    assert!(change.tx().sweep_sessions().await.unwrap());
    assert!(!change.tx().has_ended_sessions().await.unwrap());
    change.commit().await.unwrap();
}
