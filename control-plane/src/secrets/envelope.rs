//! Secrets at rest: every value has a key of its own, and the key-encryption key wraps that one.
//!
//! Base64 of `format (2) | id of the key-encryption key (8) | nonce (24) | wrapped key (48) | nonce (24) | ciphertext`. Both
//! layers are XChaCha20-Poly1305 with random nonces, bound to what they belong to, so that ciphertext moved to another row,
//! tenant, version or column does not open. A new key-encryption key needs the wrapped keys rewritten, not the values.
//!
//! Format 1, which is still read, had no id and no tenant.

use super::{
    key::{Key, KeyId},
    ring::Ring,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use rand::{RngCore as _, rngs::OsRng};
use zeroize::Zeroizing;

const FORMAT: u8 = 2;
const FORMAT_WITHOUT_ID: u8 = 1;
const NONCE_BYTES: usize = 24;
const WRAPPED_KEY_BYTES: usize = 32 + 16;
/// Characters of base64 that hold the format and the id: nine bytes, without a rest.
pub(crate) const HEAD_CHARS: usize = 12;

/// Whose the values are. There is one tenant; the format knows of more.
pub(crate) const TENANT: &str = "default";

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
    /// Names, tenants and columns contain no `|`, so no two bindings give the same text.
    fn text(&self, format: u8, layer: &str) -> String {
        let Self { name, version, field } = self;
        match format {
            FORMAT_WITHOUT_ID => format!("mcpctl|1|{layer}|{name}|{version}|{field}"),
            _ => format!("mcpctl|{format}|{layer}|{TENANT}|{name}|{version}|{field}"),
        }
    }
}

/// Ciphertext does not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum EnvelopeError {
    #[error("the ciphertext is damaged or of an unknown format")]
    Malformed,
    #[error("the ciphertext was made with key {0}, which mcpd was not given")]
    UnknownKey(KeyId),
    #[error("the ciphertext does not open: it was changed, moved, or made with another master key")]
    Closed,
}

/// Under which key a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Under {
    /// This one.
    Key(KeyId),
    /// One of the keys there were before keys had ids.
    Unnamed,
    /// The text is no ciphertext.
    Nothing,
}

impl Under {
    /// By the first [`HEAD_CHARS`] characters of a ciphertext.
    pub(crate) fn of(head: &str) -> Self {
        let bytes = STANDARD.decode(head).unwrap_or_default();
        match bytes.split_first() {
            Some((&FORMAT_WITHOUT_ID, _)) => Self::Unnamed,
            Some((&FORMAT, id)) => id.try_into().map_or(Self::Nothing, |id| Self::Key(KeyId(id))),
            _ => Self::Nothing,
        }
    }
}

impl Ring {
    /// The first characters of everything that the current key wraps.
    pub(crate) fn head(&self) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.current().id.0);
        STANDARD.encode(bytes)
    }

    /// Encrypts `value`, under the current key.
    pub(crate) fn encrypt(&self, binding: Binding<'_>, value: &[u8]) -> Result<String, EnvelopeError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        OsRng.fill_bytes(key.as_mut_slice());
        let locked = lock(&key, &binding.text(FORMAT, "value"), value)?;
        self.wrap(binding, key.as_slice(), &locked)
    }

    /// Decrypts what was encrypted for the same binding, under any of the keys.
    pub(crate) fn decrypt(&self, binding: Binding<'_>, text: &str) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let opened = self.open(binding, text)?;
        unlock(&opened.locked, &opened.key, &binding.text(opened.format, "value"))
    }

    /// The same value wrapped by the current key. The value itself is not opened, unless it is of the old format.
    pub(crate) fn rewrap(&self, binding: Binding<'_>, text: &str) -> Result<String, EnvelopeError> {
        let opened = self.open(binding, text)?;
        if opened.format == FORMAT {
            return self.wrap(binding, opened.key.as_slice(), &opened.locked);
        }
        let value = unlock(&opened.locked, &opened.key, &binding.text(opened.format, "value"))?;
        self.encrypt(binding, &value)
    }

    /// The key that unwraps what was encrypted for this binding.
    pub(crate) fn key_of(&self, binding: Binding<'_>, text: &str) -> Option<&Key> {
        self.open(binding, text).ok().and_then(|opened| self.get(opened.by))
    }

    fn wrap(&self, binding: Binding<'_>, key: &[u8], locked: &[u8]) -> Result<String, EnvelopeError> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.current().id.0);
        bytes.extend_from_slice(&lock(&self.current().encryption, &binding.text(FORMAT, "key"), key)?);
        bytes.extend_from_slice(locked);
        Ok(STANDARD.encode(bytes))
    }

    fn open(&self, binding: Binding<'_>, text: &str) -> Result<Opened, EnvelopeError> {
        let bytes = STANDARD.decode(text).map_err(|_| EnvelopeError::Malformed)?;
        let (format, rest) = bytes.split_first().ok_or(EnvelopeError::Malformed)?;
        let (keys, rest): (Vec<&Key>, &[u8]) = match *format {
            FORMAT => {
                let (id, rest) = rest.split_first_chunk::<{ KeyId::BYTES }>().ok_or(EnvelopeError::Malformed)?;
                let id = KeyId(*id);
                (vec![self.get(id).ok_or(EnvelopeError::UnknownKey(id))?], rest)
            }
            FORMAT_WITHOUT_ID => (self.all().collect(), rest),
            _ => return Err(EnvelopeError::Malformed),
        };
        let (wrapped, locked) =
            rest.split_at_checked(NONCE_BYTES + WRAPPED_KEY_BYTES).ok_or(EnvelopeError::Malformed)?;
        let aad = binding.text(*format, "key");
        let unwrapped = keys.iter().find_map(|key| Some((key.id, unlock(wrapped, &key.encryption, &aad).ok()?)));
        let (by, unwrapped) = unwrapped.ok_or(EnvelopeError::Closed)?;
        let mut key = Zeroizing::new([0_u8; 32]);
        if unwrapped.len() != key.len() {
            return Err(EnvelopeError::Malformed);
        }
        key.copy_from_slice(&unwrapped);
        Ok(Opened { format: *format, by, key, locked: locked.to_vec() })
    }
}

/// The key of a value, unwrapped, and the value, locked.
struct Opened {
    format: u8,
    by: KeyId,
    key: Zeroizing<[u8; 32]>,
    locked: Vec<u8>,
}

/// A random nonce, and `msg` encrypted.
fn lock(key: &[u8; 32], aad: &str, msg: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let mut nonce = [0_u8; NONCE_BYTES];
    OsRng.fill_bytes(&mut nonce);
    let cipher = XChaCha20Poly1305::new(chacha20poly1305::Key::from_slice(key));
    let payload = Payload { msg, aad: aad.as_bytes() };
    let ciphertext = cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| EnvelopeError::Closed)?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

fn unlock(bytes: &[u8], key: &[u8; 32], aad: &str) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let (nonce, msg) = bytes.split_at_checked(NONCE_BYTES).ok_or(EnvelopeError::Malformed)?;
    let cipher = XChaCha20Poly1305::new(chacha20poly1305::Key::from_slice(key));
    let payload = Payload { msg, aad: aad.as_bytes() };
    let plain = cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| EnvelopeError::Closed)?;
    Ok(Zeroizing::new(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::MasterKey;

    const HERE: Binding<'_> = Binding { name: "slack-token", version: 3, field: "value" };

    fn ring(keys: &[u8]) -> Ring {
        Ring::new(keys.iter().map(|byte| Key::derive(&MasterKey::of([*byte; 32]), "here")).collect()).unwrap()
    }

    /// What format 1 made of a value, by other means than what is tested.
    fn of_format_1(master: u8, binding: Binding<'_>, value: &[u8]) -> String {
        let key = [9_u8; 32];
        let kek = ring(&[master]);
        let mut bytes = vec![1];
        bytes.extend(
            lock(
                &kek.current().encryption,
                &format!("mcpctl|1|key|{}|{}|{}", binding.name, binding.version, binding.field),
                &key,
            )
            .unwrap(),
        );
        bytes.extend(
            lock(&key, &format!("mcpctl|1|value|{}|{}|{}", binding.name, binding.version, binding.field), value)
                .unwrap(),
        );
        STANDARD.encode(bytes)
    }

    fn check(other: Binding<'_>, keys: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
        let text = ring(&[1]).encrypt(HERE, b"xoxb-plain").unwrap();
        ring(keys).decrypt(other, &text).map(|value| value.to_vec())
    }

    #[test]
    fn s_07_a_value_opens_only_where_it_belongs_and_with_its_key() {
        assert_eq!(check(HERE, &[1]).unwrap(), b"xoxb-plain");
        assert_eq!(check(HERE, &[2, 1]).unwrap(), b"xoxb-plain");
        assert_eq!(check(HERE, &[2, 3]), Err(EnvelopeError::UnknownKey(ring(&[1]).current().id)));
        assert_eq!(check(Binding { name: "other", ..HERE }, &[1]), Err(EnvelopeError::Closed));
        assert_eq!(check(Binding { version: 2, ..HERE }, &[1]), Err(EnvelopeError::Closed));
        assert_eq!(check(Binding { field: "other", ..HERE }, &[1]), Err(EnvelopeError::Closed));
    }

    #[test]
    fn s_07_another_tenants_value_does_not_open() {
        let text = HERE.text(FORMAT, "value");
        assert_eq!(text, "mcpctl|2|value|default|slack-token|3|value");
        let ring = ring(&[1]);
        let key = [5; 32];
        let locked = lock(&key, &text.replace("default", "other"), b"xoxb-plain").unwrap();
        let theirs = ring.wrap(HERE, &key, &locked).unwrap();
        assert_eq!(ring.decrypt(HERE, &theirs).err(), Some(EnvelopeError::Closed));
    }

    #[test]
    fn s_07_one_changed_bit_anywhere_and_every_cut_closes_it() {
        let ring = ring(&[1, 2]);
        let bytes = STANDARD.decode(ring.encrypt(HERE, b"xoxb-plain").unwrap()).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(ring.decrypt(HERE, &STANDARD.encode(&changed)).is_err(), "byte {at}");
                assert!(ring.rewrap(HERE, &STANDARD.encode(&changed)).is_err() || at >= 81, "byte {at}");
            }
        }
        for short in 0..bytes.len() {
            assert!(ring.decrypt(HERE, &STANDARD.encode(&bytes[..short])).is_err(), "{short} bytes");
        }
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let ring = ring(&[1]);
        assert_ne!(ring.encrypt(HERE, b"x").unwrap(), ring.encrypt(HERE, b"x").unwrap());
        assert_eq!(ring.decrypt(HERE, "not base64!").err(), Some(EnvelopeError::Malformed));
    }

    #[test]
    fn format_1_is_read_with_any_of_the_keys_and_rewritten_as_format_2() {
        let text = of_format_1(1, HERE, b"xoxb-plain");
        assert_eq!(ring(&[2, 1]).decrypt(HERE, &text).unwrap().as_slice(), b"xoxb-plain");
        assert_eq!(ring(&[2, 3]).decrypt(HERE, &text).err(), Some(EnvelopeError::Closed));
        assert_eq!(Under::of(&text[..HEAD_CHARS]), Under::Unnamed);
        let new = ring(&[2, 1]).rewrap(HERE, &text).unwrap();
        assert_eq!(ring(&[2]).decrypt(HERE, &new).unwrap().as_slice(), b"xoxb-plain");
    }

    #[test]
    fn a_rewrapped_value_needs_the_old_key_no_more() {
        let old = ring(&[1]).encrypt(HERE, b"xoxb-plain").unwrap();
        let new = ring(&[2, 1]).rewrap(HERE, &old).unwrap();
        assert_eq!(ring(&[2]).decrypt(HERE, &new).unwrap().as_slice(), b"xoxb-plain");
        assert!(ring(&[1]).decrypt(HERE, &new).is_err());
        assert_eq!(&new[..HEAD_CHARS], ring(&[2]).head());
        assert_eq!(Under::of(&new[..HEAD_CHARS]), Under::Key(ring(&[2]).current().id));
        assert_eq!(Under::of("not base64!!"), Under::Nothing);
    }
}
