//! The chain: every record holds the hash of the one before it, so that none can be changed, taken out or put in unseen.
//!
//! A record is one line of JSON, an [`Entry`]. Its very text is what is hashed, stored, shipped and exported:
//! `hash_i = SHA-256(hash_{i-1} ‖ text_i)`, and `text_i` holds `hash_{i-1}` as `prev`. Now and then, also when nothing
//! happens, a [`Checkpoint`] follows: an Ed25519 signature over the head, so that whoever cannot sign cannot make up a
//! chain of their own. Deliberately unknown here: files, databases, and when a checkpoint is due.

use super::AuditEvent;
use crate::{name::Name, timestamp::Timestamp};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use utoipa::ToSchema;

/// What a checkpoint's signature is about, so that it is good for nothing else.
const LABEL: &str = "mcpctl audit checkpoint v1";

/// SHA-256 as 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
pub struct Hash([u8; 32]);

impl Hash {
    /// What comes before the first record.
    pub const NONE: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex::Buffer::<32>::new().format(&self.0))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// Where a chain ends: position and hash of its newest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Head {
    /// The start of the process that wrote it; grows with every start.
    pub epoch: u64,
    /// Its position; grows by one with every record, also over starts.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// Before the first record.
    pub const NONE: Self = Self { epoch: 0, seq: 0, hash: Hash::NONE };
}

/// One record of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Whose chain it is in.
    pub gateway: Name,
    /// The start of the process that wrote it, in milliseconds since the Unix epoch, or later by as much as it takes to grow.
    pub epoch: u64,
    /// Its position.
    pub seq: u64,
    /// Hash of the record before it.
    pub prev: Hash,
    /// What it says.
    pub body: Body,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Something happened.
    Event(Box<AuditEvent>),
    /// Everything up to here is signed for.
    Checkpoint(Checkpoint),
}

/// A signature over the gateway, the position and the hash before it, the checkpoint before it and the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checkpoint {
    /// Hash of the checkpoint before it.
    pub previous: Hash,
    /// The gateway's clock.
    pub time: Timestamp,
    /// Hex Ed25519 public key.
    pub key: String,
    /// Hex Ed25519 signature (RFC 8032).
    pub signature: String,
}

impl Entry {
    /// The hash of this record, whose text is `text`.
    #[must_use]
    pub fn hash(&self, text: &str) -> Hash {
        Hash(Sha256::new().chain_update(self.prev.0).chain_update(text).finalize().into())
    }

    /// Where a chain ends whose last record this is.
    #[must_use]
    pub fn head(&self, text: &str) -> Head {
        Head { epoch: self.epoch, seq: self.seq, hash: self.hash(text) }
    }

    /// The event; none in a checkpoint.
    #[must_use]
    pub fn event(&self) -> Option<&AuditEvent> {
        match &self.body {
            Body::Event(event) => Some(event),
            Body::Checkpoint(_) => None,
        }
    }

    /// What `checkpoint`, standing here, signs.
    fn signed(&self, checkpoint: &Checkpoint) -> String {
        let Self { gateway, epoch, seq, prev, .. } = self;
        format!("{LABEL}\n{gateway}\n{epoch}\n{seq}\n{prev}\n{}\n{}\n", checkpoint.previous, checkpoint.time)
    }

    /// Whether `checkpoint`, standing here, was signed with one of `keys`.
    #[must_use]
    pub fn is_signed(&self, checkpoint: &Checkpoint, keys: &[VerifyingKey]) -> bool {
        let Some(signature) = signature(&checkpoint.signature) else {
            return false;
        };
        let key = keys.iter().find(|key| hex::encode(key.as_bytes()) == checkpoint.key);
        key.is_some_and(|key| key.verify_strict(self.signed(checkpoint).as_bytes(), &signature).is_ok())
    }
}

/// Reads an Ed25519 signature.
pub(super) fn signature(text: &str) -> Option<Signature> {
    let mut bytes = [0; 64];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(Signature::from_bytes(&bytes))
}

/// Reads an Ed25519 public key.
#[must_use]
pub fn verifying_key(text: &str) -> Option<VerifyingKey> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// A record as it is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position and hash.
    pub head: Head,
    /// Its very text, without a line end.
    pub text: String,
}

/// The end of a chain, to which records are added.
#[derive(Debug, Clone)]
pub struct Chain {
    gateway: Name,
    epoch: u64,
    head: Head,
    checkpoint: Hash,
}

impl Chain {
    /// The chain of `gateway` behind `head`, whose last checkpoint has the hash `checkpoint`.
    #[must_use]
    pub fn new(gateway: Name, epoch: u64, head: Head, checkpoint: Hash) -> Self {
        Self { gateway, epoch, head, checkpoint }
    }

    /// The position of the newest record.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Adds `event`; its `gateway` and `seq` become the chain's.
    ///
    /// # Errors
    /// What serde says; never for an event made in this process.
    pub fn event(&mut self, event: &mut AuditEvent) -> Result<Record, serde_json::Error> {
        event.gateway = self.gateway.clone();
        event.seq = self.head.seq + 1;
        let (entry, text) = self.next(Body::Event(Box::new(event.clone())))?;
        self.head = entry.head(&text);
        Ok(Record { head: self.head, text })
    }

    /// Adds a checkpoint, signed with `key`.
    ///
    /// # Errors
    /// What serde says; never here.
    pub fn checkpoint(&mut self, key: &SigningKey, time: Timestamp) -> Result<Record, serde_json::Error> {
        let public = hex::encode(key.verifying_key().as_bytes());
        let mut checkpoint = Checkpoint { previous: self.checkpoint, time, key: public, signature: String::new() };
        let (entry, _) = self.next(Body::Checkpoint(checkpoint.clone()))?;
        checkpoint.signature = hex::encode(key.sign(entry.signed(&checkpoint).as_bytes()).to_bytes());
        let (entry, text) = self.next(Body::Checkpoint(checkpoint))?;
        self.head = entry.head(&text);
        self.checkpoint = self.head.hash;
        Ok(Record { head: self.head, text })
    }

    fn next(&self, body: Body) -> Result<(Entry, String), serde_json::Error> {
        let (gateway, epoch) = (self.gateway.clone(), self.epoch);
        let entry = Entry { gateway, epoch, seq: self.head.seq + 1, prev: self.head.hash, body };
        let text = serde_json::to_string(&entry)?;
        Ok((entry, text))
    }
}
