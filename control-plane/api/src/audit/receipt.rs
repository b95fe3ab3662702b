//! What the control plane signs about audit logs: that records are stored, and where every chain ends.

use super::chain::{self, Head};
use crate::{name::Name, timestamp::Timestamp};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

/// A text and the signature over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedText {
    /// The very text that is signed: JSON of a [`Receipt`] or of [`Heads`].
    pub payload: String,
    /// Hex Ed25519 signature (RFC 8032) over a label, a line end and the UTF-8 bytes of `payload`.
    pub signature: String,
}

/// What can be signed: the label keeps one kind from passing for another.
pub trait Signable: Serialize + DeserializeOwned {
    /// Goes before the payload, under the signature.
    const LABEL: &'static str;
}

/// Why a signed text is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Not signed with this key.
    #[error("its signature is not the control plane's")]
    Signature,
    /// Signed, and not understood.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl SignedText {
    /// Signs `what`.
    ///
    /// # Errors
    /// What serde says.
    pub fn new<T: Signable>(what: &T, key: &SigningKey) -> Result<Self, serde_json::Error> {
        let payload = serde_json::to_string(what)?;
        let signature = hex::encode(key.sign(labelled::<T>(&payload).as_bytes()).to_bytes());
        Ok(Self { payload, signature })
    }

    /// What was signed with `key`.
    ///
    /// # Errors
    /// [`SignedError`].
    pub fn open<T: Signable>(&self, key: &VerifyingKey) -> Result<T, SignedError> {
        let signature = chain::signature(&self.signature).ok_or(SignedError::Signature)?;
        key.verify_strict(labelled::<T>(&self.payload).as_bytes(), &signature).map_err(|_| SignedError::Signature)?;
        self.unverified()
    }

    /// What it says, whoever signed it.
    ///
    /// # Errors
    /// [`SignedError::Unreadable`].
    pub fn unverified<T: Signable>(&self) -> Result<T, SignedError> {
        serde_json::from_str(&self.payload).map_err(|error| SignedError::Unreadable(error.to_string()))
    }
}

fn labelled<T: Signable>(payload: &str) -> String {
    format!("{}\n{payload}", T::LABEL)
}

/// The control plane's receipt: everything of this gateway up to `head` is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Whose records.
    pub gateway: Name,
    /// The newest of them.
    pub head: Head,
    /// When it was stored.
    pub time: Timestamp,
}

impl Signable for Receipt {
    const LABEL: &'static str = "mcpctl audit receipt v1";
}

/// Where every chain ends at one moment: `GET /api/v1/audit/heads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Heads {
    /// When.
    pub time: Timestamp,
    /// Hex Ed25519 public key of the control plane, which signs this and its own checkpoints.
    pub key: String,
    /// Every chain there is.
    pub chains: Vec<ChainHead>,
}

impl Signable for Heads {
    const LABEL: &'static str = "mcpctl audit heads v1";
}

/// The end of one chain, and who may sign in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainHead {
    /// Whose chain.
    pub gateway: Name,
    /// Hex Ed25519 public keys it has signed with, oldest first.
    pub keys: Vec<String>,
    /// Its newest record.
    pub head: Head,
    /// The last of the records that are no longer there because of their age; absent: all of them are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub let_go: Option<Head>,
}
