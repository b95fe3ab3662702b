//! A key-encryption key, and what it is called. No Debug: it is derived from what must not be known.

use super::MasterKey;
use hkdf::Hkdf;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of an id.
const ID_BYTES: usize = 8;

/// The name of a key: derived from it, so that nobody has to give it one, and of no use to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyId(pub(super) [u8; ID_BYTES]);

impl KeyId {
    pub(super) const BYTES: usize = ID_BYTES;
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// See the module.
pub(crate) struct Key {
    pub(super) id: KeyId,
    /// Wraps the keys of values.
    pub(super) encryption: Zeroizing<[u8; 32]>,
    /// Where it is kept, for people.
    pub(super) place: String,
    /// What signed configuration before the signing key was kept on its own; see `sentinel`.
    pub(super) old_signing: Zeroizing<[u8; 32]>,
}

impl Key {
    /// The key that `master`, which is kept at `place`, stands for; each purpose has a label of its own.
    pub(crate) fn derive(master: &MasterKey, place: &str) -> Self {
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(derived::<ID_BYTES>(master, b"mcpctl v2 key id").as_slice());
        Self {
            id: KeyId(id),
            encryption: derived(master, b"mcpctl v1 secret envelope"),
            place: place.to_owned(),
            old_signing: derived(master, b"mcpctl v1 configuration signing"),
        }
    }
}

fn derived<const BYTES: usize>(master: &MasterKey, label: &[u8]) -> Zeroizing<[u8; BYTES]> {
    let mut key = Zeroizing::new([0; BYTES]);
    // HKDF fails only for more than 255 hashes of output, and this is one.
    Hkdf::<Sha256>::new(None, master.bytes()).expand(label, key.as_mut_slice()).ok();
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_with_one_master_key_share_every_key_and_no_two_labels_do() {
        let derive = |byte| Key::derive(&MasterKey::of([byte; 32]), "here");
        let (one, same, other) = (derive(7), derive(7), derive(8));
        assert_eq!((one.id, &one.encryption, &one.old_signing), (same.id, &same.encryption, &same.old_signing));
        assert_ne!(one.encryption, one.old_signing);
        assert_ne!(*one.encryption, [0; 32]);
        assert_ne!(one.id, other.id);
        assert_ne!(one.encryption, other.encryption);
        assert_ne!(one.id.0.as_slice(), one.encryption.get(..ID_BYTES).unwrap());
    }
}
