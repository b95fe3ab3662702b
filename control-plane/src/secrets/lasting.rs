//! Keys that outlive the master key: what others know by them (signatures, digests) must not change when the master key
//! does. They are random, and kept encrypted in the database like any secret.

use super::{Binding, EnvelopeError, Ring};
use crate::store::{StoreError, Tx};
use zeroize::Zeroizing;

/// The key that signs configuration.
pub(super) const SIGNING: &str = "signing_key";

/// Why a lasting key cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LastingKeyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the key kept as `{fact}` cannot be used: {error}")]
    Closed { fact: &'static str, error: EnvelopeError },
}

/// What the fact `fact` of the database is bound to.
pub(super) fn binding(fact: &str) -> Binding<'_> {
    Binding { name: "", version: 1, field: fact }
}

/// The lasting key `fact`; `first` makes it the first time it is wanted.
pub(super) async fn key(
    tx: &mut Tx,
    ring: &Ring,
    fact: &'static str,
    first: impl FnOnce() -> Zeroizing<[u8; 32]>,
) -> Result<Zeroizing<[u8; 32]>, LastingKeyError> {
    let closed = |error| LastingKeyError::Closed { fact, error };
    if let Some(text) = tx.meta(fact).await? {
        let bytes = ring.decrypt(binding(fact), &text).map_err(closed)?;
        let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| closed(EnvelopeError::Malformed))?;
        return Ok(Zeroizing::new(bytes));
    }
    let key = first();
    let text = ring.encrypt(binding(fact), key.as_slice()).map_err(closed)?;
    tx.put_meta(fact, &text).await?;
    Ok(key)
}
