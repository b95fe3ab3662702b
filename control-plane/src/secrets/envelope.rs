//! Secrets at rest: every value has a key of its own, and the key-encryption key wraps that one.
//!
//! Base64 of `format (1) | nonce (24) | wrapped key (48) | nonce (24) | ciphertext`. Both layers are
//! XChaCha20-Poly1305 with random nonces, bound to what they belong to, so that ciphertext moved to another row,
//! version or column does not open. A new master key will need the wrapped keys rewritten, not the values.

use super::Keys;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    Key, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use rand::{RngCore as _, rngs::OsRng};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;
const WRAPPED_KEY_BYTES: usize = 32 + 16;

/// What ciphertext belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    /// The secret's name.
    pub(crate) name: &'a str,
    /// Which of its values.
    pub(crate) version: u64,
    /// The column.
    pub(crate) field: &'a str,
}

impl Binding<'_> {
    /// Names contain no `|`, so no two bindings give the same text.
    fn text(&self, layer: &str) -> String {
        format!("mcpctl|{FORMAT}|{layer}|{}|{}|{}", self.name, self.version, self.field)
    }
}

/// Ciphertext does not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum EnvelopeError {
    #[error("the ciphertext is damaged or of an unknown format")]
    Malformed,
    #[error("the ciphertext does not open: it was changed, moved, or made with another master key")]
    Closed,
}

impl Keys {
    /// Encrypts `value`.
    pub(crate) fn encrypt(&self, binding: Binding<'_>, value: &[u8]) -> Result<String, EnvelopeError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        OsRng.fill_bytes(key.as_mut_slice());
        let mut bytes = vec![FORMAT];
        lock(&mut bytes, &self.key_encryption, &binding.text("key"), key.as_slice())?;
        lock(&mut bytes, &key, &binding.text("value"), value)?;
        Ok(STANDARD.encode(bytes))
    }

    /// Decrypts what [`Keys::encrypt`] made for the same binding.
    pub(crate) fn decrypt(&self, binding: Binding<'_>, text: &str) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let bytes = STANDARD.decode(text).map_err(|_| EnvelopeError::Malformed)?;
        let (format, rest) = bytes.split_first().ok_or(EnvelopeError::Malformed)?;
        let (wrapped, locked) =
            rest.split_at_checked(NONCE_BYTES + WRAPPED_KEY_BYTES).ok_or(EnvelopeError::Malformed)?;
        if *format != FORMAT {
            return Err(EnvelopeError::Malformed);
        }
        let unwrapped = unlock(wrapped, &self.key_encryption, &binding.text("key"))?;
        let mut key = Zeroizing::new([0_u8; 32]);
        if unwrapped.len() != key.len() {
            return Err(EnvelopeError::Malformed);
        }
        key.copy_from_slice(&unwrapped);
        unlock(locked, &key, &binding.text("value"))
    }
}

fn lock(into: &mut Vec<u8>, key: &[u8; 32], aad: &str, msg: &[u8]) -> Result<(), EnvelopeError> {
    let mut nonce = [0_u8; NONCE_BYTES];
    OsRng.fill_bytes(&mut nonce);
    let cipher = XChaCha20Poly1305::new(Key::from_slice(key));
    let payload = Payload { msg, aad: aad.as_bytes() };
    let ciphertext = cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| EnvelopeError::Closed)?;
    into.extend_from_slice(&nonce);
    into.extend_from_slice(&ciphertext);
    Ok(())
}

fn unlock(bytes: &[u8], key: &[u8; 32], aad: &str) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let (nonce, msg) = bytes.split_at_checked(NONCE_BYTES).ok_or(EnvelopeError::Malformed)?;
    let cipher = XChaCha20Poly1305::new(Key::from_slice(key));
    let payload = Payload { msg, aad: aad.as_bytes() };
    let plain = cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| EnvelopeError::Closed)?;
    Ok(Zeroizing::new(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::MasterKey;

    const HERE: Binding<'_> = Binding { name: "slack-token", version: 3, field: "value" };

    fn check(other: Binding<'_>, other_master: [u8; 32]) -> Result<Vec<u8>, EnvelopeError> {
        let text = Keys::derive(&MasterKey::of([1; 32])).encrypt(HERE, b"xoxb-plain").unwrap();
        Keys::derive(&MasterKey::of(other_master)).decrypt(other, &text).map(|value| value.to_vec())
    }

    #[test]
    fn a_value_opens_only_where_it_belongs_and_with_its_master_key() {
        assert_eq!(check(HERE, [1; 32]).unwrap(), b"xoxb-plain");
        assert_eq!(check(HERE, [2; 32]), Err(EnvelopeError::Closed));
        assert_eq!(check(Binding { name: "other", ..HERE }, [1; 32]), Err(EnvelopeError::Closed));
        assert_eq!(check(Binding { version: 2, ..HERE }, [1; 32]), Err(EnvelopeError::Closed));
        assert_eq!(check(Binding { field: "other", ..HERE }, [1; 32]), Err(EnvelopeError::Closed));
    }

    #[test]
    fn one_changed_bit_anywhere_closes_it() {
        let keys = Keys::derive(&MasterKey::of([1; 32]));
        let bytes = STANDARD.decode(keys.encrypt(HERE, b"xoxb-plain").unwrap()).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(keys.decrypt(HERE, &STANDARD.encode(changed)).is_err(), "byte {at}");
        }
        for short in 0..bytes.len() {
            assert!(keys.decrypt(HERE, &STANDARD.encode(&bytes[..short])).is_err(), "{short} bytes");
        }
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let keys = Keys::derive(&MasterKey::of([1; 32]));
        assert_ne!(keys.encrypt(HERE, b"x").unwrap(), keys.encrypt(HERE, b"x").unwrap());
        assert_eq!(keys.decrypt(HERE, "not base64!"), Err(EnvelopeError::Malformed));
    }
}
