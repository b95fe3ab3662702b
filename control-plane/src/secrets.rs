//! Keys and what they protect: master keys, secrets at rest, secrets on their way to a gateway, signatures.
//!
//! [`Keys`] is opened once, at start; replicas that are given the same master keys have the same keys. Where ciphertext is
//! kept and who may set a secret is unknown here.

mod envelope;
mod key;
mod lasting;
mod master_key;
mod ring;
mod rotation;
mod sealing;
mod sentinel;
mod signing;
mod sources;

pub(crate) use envelope::{Binding, EnvelopeError};
pub(crate) use lasting::LastingKeyError;
pub(crate) use master_key::MasterKey;
pub use master_key::MasterKeyError;
pub(crate) use rotation::RotationError;
pub(crate) use sealing::SealingKey;
pub(crate) use sentinel::OpenKeysError;
pub(crate) use sources::{KeySource, file as file_source, named as named_source};

use key::Key;
use ring::Ring;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// The keys in use. No Debug.
pub(crate) struct Keys {
    ring: RwLock<Arc<Ring>>,
    /// Where they come from, the source of the current one first.
    sources: Vec<Box<dyn KeySource>>,
    signing: ed25519_dalek::SigningKey,
}

impl Keys {
    /// Encrypts `value`, under the current key.
    pub(crate) fn encrypt(&self, binding: Binding<'_>, value: &[u8]) -> Result<String, EnvelopeError> {
        self.ring().encrypt(binding, value)
    }

    /// Decrypts what was encrypted for the same binding, under any of the keys.
    pub(crate) fn decrypt(&self, binding: Binding<'_>, text: &str) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        self.ring().decrypt(binding, text)
    }

    fn ring(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The keys of all `sources`, the first one's first.
async fn load(sources: &[Box<dyn KeySource>], store: &crate::store::Store) -> Result<Ring, MasterKeyError> {
    let mut keys = Vec::new();
    for source in sources {
        let place = source.place();
        keys.extend(source.keys(store).await?.iter().map(|master| Key::derive(master, &place)));
    }
    Ring::new(keys).ok_or_else(|| MasterKeyError::Malformed { place: "no source".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(Keys: Debug, Display, Serialize);
    assert_not_impl_any!(Key: Debug, Display, Serialize);
    assert_not_impl_any!(Ring: Debug, Display, Serialize);
    assert_not_impl_any!(MasterKey: Debug, Display, Serialize, Clone);
}
