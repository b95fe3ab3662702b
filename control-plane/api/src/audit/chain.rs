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

/// About how many bytes a record has.
const RECORD_BYTES: usize = 1_024;

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

/// An [`Entry`] about to be written: what it says stays where it is.
#[derive(Serialize)]
struct Written<'a> {
    gateway: &'a Name,
    epoch: u64,
    seq: u64,
    prev: Hash,
    body: Said<'a>,
}

/// A [`Body`] about to be written.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Said<'a> {
    Event(&'a AuditEvent),
    Checkpoint(&'a Checkpoint),
}

impl Written<'_> {
    /// What `checkpoint`, standing here, signs.
    fn signed(&self, checkpoint: &Checkpoint) -> String {
        let Self { gateway, epoch, seq, prev, .. } = self;
        format!("{LABEL}\n{gateway}\n{epoch}\n{seq}\n{prev}\n{}\n{}\n", checkpoint.previous, checkpoint.time)
    }

    /// The text of the record, and where the chain ends with it.
    fn record(&self) -> Result<Record, serde_json::Error> {
        let mut text = Vec::with_capacity(RECORD_BYTES);
        serde_json::to_writer(&mut text, self)?;
        let head = Head { epoch: self.epoch, seq: self.seq, hash: self.prev.followed_by(&text) };
        // serde_json writes UTF-8 only.
        let text = String::from_utf8(text).map_err(serde::ser::Error::custom)?;
        Ok(Record { head, text })
    }
}

impl Hash {
    /// The hash of the record `text` behind the one that has this hash.
    fn followed_by(self, text: &[u8]) -> Self {
        Self(Sha256::new().chain_update(self.0).chain_update(text).finalize().into())
    }
}

impl Entry {
    /// The hash of this record, whose text is `text`.
    #[must_use]
    pub fn hash(&self, text: &str) -> Hash {
        self.prev.followed_by(text.as_bytes())
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

    /// Whether `checkpoint`, standing here, was signed with one of `keys`.
    #[must_use]
    pub fn is_signed(&self, checkpoint: &Checkpoint, keys: &[VerifyingKey]) -> bool {
        let Some(signature) = signature(&checkpoint.signature) else {
            return false;
        };
        let key = keys.iter().find(|key| hex::encode(key.as_bytes()) == checkpoint.key);
        let Self { gateway, epoch, seq, prev, .. } = self;
        let written = Written { gateway, epoch: *epoch, seq: *seq, prev: *prev, body: Said::Checkpoint(checkpoint) };
        key.is_some_and(|key| key.verify_strict(written.signed(checkpoint).as_bytes(), &signature).is_ok())
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
        let record = self.next(Said::Event(event)).record()?;
        self.head = record.head;
        Ok(record)
    }

    /// Adds a checkpoint, signed with `key`.
    ///
    /// # Errors
    /// What serde says; never here.
    pub fn checkpoint(&mut self, key: &SigningKey, time: Timestamp) -> Result<Record, serde_json::Error> {
        let public = hex::encode(key.verifying_key().as_bytes());
        let mut checkpoint = Checkpoint { previous: self.checkpoint, time, key: public, signature: String::new() };
        checkpoint.signature =
            hex::encode(key.sign(self.next(Said::Checkpoint(&checkpoint)).signed(&checkpoint).as_bytes()).to_bytes());
        let record = self.next(Said::Checkpoint(&checkpoint)).record()?;
        self.head = record.head;
        self.checkpoint = self.head.hash;
        Ok(record)
    }

    /// The next record, if it says `body`.
    fn next<'a>(&'a self, body: Said<'a>) -> Written<'a> {
        Written { gateway: &self.gateway, epoch: self.epoch, seq: self.head.seq + 1, prev: self.head.hash, body }
    }
}
