//! Signatures over configuration events, so that a gateway believes nobody else.

use super::Keys;
use control_plane_api::{
    name::Name,
    snapshot::{ConfigEvent, SignedEvent},
};
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

    /// Serialises and signs an event for `gateway`.
    pub(crate) fn sign(&self, event: &ConfigEvent, gateway: &Name) -> Result<SignedEvent, serde_json::Error> {
        let payload = serde_json::to_string(event)?;
        let text = SignedEvent::signed_text(gateway, &payload);
        let signature = hex::encode(self.signing.sign(text.as_bytes()).to_bytes());
        Ok(SignedEvent { payload, signature })
    }
}
