//! Signatures over configuration events, so that a gateway believes nobody else.

use super::Keys;
use ed25519_dalek::{Signer as _, SigningKey};

impl Keys {
    /// Hex Ed25519 public key that verifies what [`Keys::sign`] signs.
    pub(crate) fn verifying_key(&self) -> String {
        hex::encode(self.signing.verifying_key().as_bytes())
    }

    /// What signs, for texts that say under the signature what they are (audit receipts, heads and checkpoints).
    pub(crate) fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Hex signature over `text`, which says for whom it is (`SignedEvent::signed_text`).
    pub(crate) fn sign(&self, text: &str) -> String {
        hex::encode(self.signing.sign(text.as_bytes()).to_bytes())
    }
}
