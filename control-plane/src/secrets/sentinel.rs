//! Known text under the master key, so that the wrong key is noticed at start and not at the first secret.

use super::{Binding, Keys, MasterKeyError};
use crate::store::{Store, StoreError};

const FACT: &str = "master_key_sentinel";
const BINDING: Binding<'static> = Binding { name: "", version: 1, field: FACT };
const TEXT: &[u8] = b"this database belongs to this master key";

/// Why the sentinel could not be checked, or what it said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SentinelError {
    #[error(transparent)]
    Key(#[from] MasterKeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Compares the master key with the one the database was made with; at first start, makes this one that.
pub(crate) async fn check(store: &Store, keys: &Keys) -> Result<(), SentinelError> {
    // A change, because replicas that start together on an empty database must agree on one sentinel.
    let mut change = store.change().await?;
    match change.tx().meta(FACT).await? {
        Some(text) => match keys.decrypt(BINDING, &text) {
            Ok(plain) if plain.as_slice() == TEXT => {}
            _ => return Err(MasterKeyError::Mismatch.into()),
        },
        None => {
            let text = keys.encrypt(BINDING, TEXT).map_err(|_| MasterKeyError::Mismatch)?;
            change.tx().put_meta(FACT, &text).await?;
        }
    }
    change.commit().await?;
    Ok(())
}
