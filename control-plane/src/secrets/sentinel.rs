//! Opening the keys, and the self test: known text under the master key, so that the wrong key is noticed at start and not at
//! the first secret.

use super::{
    KeySource, Keys, MasterKeyError, Ring,
    envelope::{HEAD_CHARS, Under},
    lasting::{self, LastingKeyError},
    load,
};
use crate::store::{Store, StoreError};
use rand::{RngCore as _, rngs::OsRng};
use std::sync::{Arc, RwLock};
use zeroize::Zeroizing;

/// The fact under which the text is kept.
pub(super) const FACT: &str = "master_key_sentinel";
const TEXT: &[u8] = b"this database belongs to this master key";

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenKeysError {
    #[error(transparent)]
    Key(#[from] MasterKeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lasting(#[from] LastingKeyError),
}

impl Keys {
    /// The keys of all `sources`, the first one's newest being the current one, if they are those of the database; at first
    /// start, makes them that.
    pub(crate) async fn open(sources: Vec<Box<dyn KeySource>>, store: &Store) -> Result<Self, OpenKeysError> {
        let ring = load(&sources, store).await?;
        // A change, because replicas that start together on an empty database must agree on one sentinel.
        let mut change = store.change().await?;
        let signing = match change.tx().meta(FACT).await? {
            Some(text) => {
                match ring.decrypt(lasting::binding(FACT), &text) {
                    Ok(plain) if plain.as_slice() == TEXT => {}
                    _ => return Err(mismatch(&ring, &text).into()),
                }
                // Databases of before had no signing key of their own: their gateways know the one derived from the key that
                // the sentinel opens with.
                let before = ring.key_of(lasting::binding(FACT), &text).map(|key| key.old_signing.clone());
                lasting::key(change.tx(), &ring, lasting::SIGNING, || before.unwrap_or_else(random)).await?
            }
            None => {
                let text = ring.encrypt(lasting::binding(FACT), TEXT).map_err(|_| mismatch(&ring, ""))?;
                change.tx().put_meta(FACT, &text).await?;
                lasting::key(change.tx(), &ring, lasting::SIGNING, random).await?
            }
        };
        change.commit().await?;
        let signing = ed25519_dalek::SigningKey::from_bytes(&signing);
        Ok(Self { ring: RwLock::new(Arc::new(ring)), sources, signing })
    }
}

fn random() -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0_u8; 32]);
    OsRng.fill_bytes(key.as_mut_slice());
    key
}

fn mismatch(ring: &Ring, text: &str) -> MasterKeyError {
    let needed = match text.get(..HEAD_CHARS).map(Under::of) {
        Some(Under::Key(id)) => format!("key {id}"),
        _ => "another one".to_owned(),
    };
    let given: Vec<String> = ring.all().map(|key| format!("key {} ({})", key.id, key.place)).collect();
    MasterKeyError::Mismatch { needed, given: given.join(", ") }
}
