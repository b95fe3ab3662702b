//! Secrets on their way: sealed to the public key of the one gateway that may open them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use control_plane_api::secret::SecretSpec;
use crypto_box::PublicKey;
use rand::rngs::OsRng;

/// A gateway's X25519 public key.
#[derive(Clone)]
pub(crate) struct SealingKey(PublicKey);

impl SealingKey {
    /// From 64 hex digits; `None` for anything else, and for the all-zero key, which everybody can open.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        (bytes != [0; 32]).then(|| Self(PublicKey::from(bytes)))
    }

    /// Seals `value`; `None` only if it is too large for the cipher.
    pub(crate) fn seal(&self, value: &[u8]) -> Option<SecretSpec> {
        let sealed = self.0.seal(&mut OsRng, value).ok()?;
        Some(SecretSpec { sealed: STANDARD.encode(sealed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_gateways_own_key_opens_what_was_sealed_to_it() {
        let (own, other) = (crypto_box::SecretKey::generate(&mut OsRng), crypto_box::SecretKey::generate(&mut OsRng));
        let key = SealingKey::parse(&hex::encode(own.public_key().as_bytes())).unwrap();
        let sealed = STANDARD.decode(key.seal(b"xoxb-plain").unwrap().sealed).unwrap();
        assert_eq!(own.unseal(&sealed).unwrap(), b"xoxb-plain");
        assert!(other.unseal(&sealed).is_err());
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for bad in ["", "ab", &"0".repeat(64), &"zz".repeat(32), &"ab".repeat(33)] {
            assert!(SealingKey::parse(bad).is_none(), "{bad}");
        }
    }
}
