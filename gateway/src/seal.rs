//! What the gateway hands out and wants back unchanged: cursors, request states, task ids. Sealed, so that a replica needs
//! nothing but the key, and so that what one user got is worthless to another.
//!
//! XChaCha20-Poly1305 with a random nonce per seal; kind and owner are authenticated with it, the moment of expiry is
//! inside. What does not open says nothing about why.

use crate::settings::replace_file;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    AeadCore as _, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, OsRng, Payload},
};
use control_plane_api::timestamp::Timestamp;
use std::{io, path::Path, time::Duration};
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const EXPIRY_BYTES: usize = 8;

/// Seals and opens. Replicas that share a key open what any of them sealed.
pub struct Sealer(XChaCha20Poly1305);

/// What a seal is bound to: it opens only under the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound<'a> {
    /// What it is: a seal of one kind is none of another.
    pub kind: &'static str,
    /// Whose it is; `None` is nobody's, and then everybody's.
    pub owner: Option<&'a str>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    /// The file cannot be read or written.
    #[error("the state key `{0}` cannot be read or written: {1}")]
    Io(String, #[source] io::Error),
    /// It holds something else than a key.
    #[error("the state key `{0}` is not 64 hex digits: make one with `openssl rand -hex 32`")]
    Malformed(String),
}

impl Sealer {
    /// With `key`.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// With the key in the file at `path`, 64 hex digits; `make` one (mode 0600) if it is not there.
    ///
    /// # Errors
    /// [`SealKeyError`].
    pub fn load(path: &Path, make: bool) -> Result<Self, SealKeyError> {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && make => {
                let key = Zeroizing::new(hex::encode(XChaCha20Poly1305::generate_key(&mut OsRng)));
                replace_file(path, key.as_bytes()).map_err(|error| SealKeyError::Io(name.clone(), error))?;
                key
            }
            Err(error) => return Err(SealKeyError::Io(name, error)),
        };
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        hex::decode_to_slice(text.trim(), &mut *key).map_err(|_| SealKeyError::Malformed(name))?;
        Ok(Self::new(&key))
    }

    /// `content` as text fit for JSON, URLs and headers; it opens for `lifetime`.
    #[must_use]
    pub fn seal(&self, bound: Bound<'_>, content: &[u8], lifetime: Duration) -> String {
        let now = u64::try_from(Timestamp::now().as_millis()).unwrap_or_default();
        let expiry = now.saturating_add(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX));
        let plain = [&expiry.to_be_bytes(), content].concat();
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        // Fails only above 256 GiB; what does not open is the same as nothing.
        let sealed = self.0.encrypt(&nonce, Payload { msg: &plain, aad: &bound.aad() }).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// What was sealed; none if it was not sealed with this key for this `bound`, or its time is over.
    #[must_use]
    pub fn open(&self, bound: Bound<'_>, sealed: &str) -> Option<Vec<u8>> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let payload = Payload { msg: sealed, aad: &bound.aad() };
        let plain = self.0.decrypt(XNonce::from_slice(nonce), payload).ok()?;
        let (expiry, content) = plain.split_at_checked(EXPIRY_BYTES)?;
        let expiry = u64::from_be_bytes(expiry.try_into().ok()?);
        let now = u64::try_from(Timestamp::now().as_millis()).unwrap_or(u64::MAX);
        (now < expiry).then(|| content.to_vec())
    }
}

impl Bound<'_> {
    /// Unambiguous: kinds hold no zero byte, and an owner is told from none.
    fn aad(self) -> Vec<u8> {
        let owner: &[u8] = self.owner.map_or(b"-", str::as_bytes);
        [self.kind.as_bytes(), b"\0", if self.owner.is_some() { b"+" } else { b"-" }, owner].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop, proptest};

    const ADA: Bound<'static> = Bound { kind: "cursor", owner: Some("ada") };
    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn only_its_owner_opens_it_and_only_in_time() {
        let sealer = Sealer::new(&[7; KEY_BYTES]);
        let sealed = sealer.seal(ADA, b"x", HOUR);
        assert_eq!(sealer.open(ADA, &sealed).as_deref(), Some(b"x".as_slice()));
        for other in [
            Bound { owner: Some("bob"), ..ADA },
            Bound { owner: None, ..ADA },
            Bound { kind: "task", ..ADA },
            Bound { owner: Some("-"), ..ADA },
        ] {
            assert_eq!(sealer.open(other, &sealed), None, "{other:?}");
        }
        assert_eq!(Sealer::new(&[8; KEY_BYTES]).open(ADA, &sealed), None);
        assert_eq!(sealer.open(ADA, &sealer.seal(ADA, b"x", Duration::ZERO)), None);
    }

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state-key");
        assert!(matches!(Sealer::load(&path, false), Err(SealKeyError::Io(..))));
        let sealed = Sealer::load(&path, true).unwrap().seal(ADA, b"x", HOUR);
        assert!(Sealer::load(&path, true).unwrap().open(ADA, &sealed).is_some());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(Sealer::load(&path, true), Err(SealKeyError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn a_changed_seal_does_not_open(content in prop::collection::vec(any::<u8>(), 0..40), at in any::<prop::sample::Index>()) {
            let sealer = Sealer::new(&[7; KEY_BYTES]);
            let sealed = sealer.seal(ADA, &content, HOUR);
            assert_eq!(sealer.open(ADA, &sealed), Some(content));
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&sealed).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
            assert_eq!(sealer.open(ADA, &BASE64_URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn junk_opens_nothing(junk in "\\PC{0,100}") {
            assert_eq!(Sealer::new(&[7; KEY_BYTES]).open(ADA, &junk), None);
        }
    }
}
