//! Keys and what they protect: the master key, secrets at rest, secrets on their way to a gateway, signatures.
//!
//! [`Keys`] is derived from the master key once, at start; replicas with the same master key derive the same keys.
//! Where ciphertext is kept and who may set a secret is unknown here.

mod envelope;
mod master_key;
mod sealing;
mod sentinel;
mod signing;

pub(crate) use envelope::{Binding, EnvelopeError};
pub(crate) use master_key::MasterKey;
pub use master_key::MasterKeyError;
pub(crate) use sealing::SealingKey;
pub(crate) use sentinel::{SentinelError, check as check_sentinel};

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The keys in use. No Debug.
pub(crate) struct Keys {
    key_encryption: Zeroizing<[u8; 32]>,
    signing: ed25519_dalek::SigningKey,
}

impl Keys {
    /// Derives every key from the master key, each under a label of its own.
    pub(crate) fn derive(master: &MasterKey) -> Self {
        let signing = derived(master, b"mcpctl v1 configuration signing");
        Self {
            key_encryption: derived(master, b"mcpctl v1 secret envelope"),
            signing: ed25519_dalek::SigningKey::from_bytes(&signing),
        }
    }
}

fn derived(master: &MasterKey, label: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    // HKDF fails only for more than 255 hashes of output, and this is one.
    Hkdf::<Sha256>::new(None, master.bytes()).expand(label, key.as_mut_slice()).ok();
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_with_one_master_key_share_every_key_and_no_two_labels_do() {
        let (one, same) = (Keys::derive(&MasterKey::of([7; 32])), Keys::derive(&MasterKey::of([7; 32])));
        assert_eq!(one.key_encryption, same.key_encryption);
        assert_eq!(one.signing.to_bytes(), same.signing.to_bytes());
        assert_ne!(*one.key_encryption, one.signing.to_bytes());
        assert_ne!(*one.key_encryption, [0; 32]);
        assert_ne!(one.signing.to_bytes(), Keys::derive(&MasterKey::of([8; 32])).signing.to_bytes());
    }
}
