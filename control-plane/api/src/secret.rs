//! Credentials: how one is held in memory, and those of upstream servers on their way (write-only from people, sealed to
//! gateways).

use crate::name::Name;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// A credential in memory. It has no `Debug`, `Display` or `Serialize`, so that no log line, error or reply can carry it,
/// and it is wiped from memory with its last clone.
///
/// ```compile_fail
/// println!("{:?}", control_plane_api::secret::Secret::new("xoxb-1".to_owned()));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes `value` into custody.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Arc::new(Zeroizing::new(value)))
    }

    /// The value, for the one place that has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A secret inside a snapshot: readable by the one gateway it was sealed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSpec {
    /// Base64 of a NaCl sealed box (X25519, XSalsa20-Poly1305) over the UTF-8 value.
    pub sealed: String,
}

/// Sets a secret: `PUT /api/v1/secrets/{name}`. No Debug: the value must not reach a log.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretValue {
    /// The value itself.
    pub value: String,
}

/// A secret as the control plane lists it: never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretSummary {
    /// Which secret.
    pub name: Name,
    /// Revision of the whole configuration at which its value last changed.
    pub revision: u64,
}

/// A master key and what is under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyInUse {
    /// What it is called; derived from it, and of no use to find it.
    pub id: String,
    /// Where it is kept, for people; absent: mcpd was not given it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Whether everything new is put under it.
    pub current: bool,
    /// How many encrypted values are under it.
    pub values: u64,
}

/// The master keys: `GET /api/v1/master-keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyStatus {
    /// The current one first.
    pub keys: Vec<KeyInUse>,
    /// Values from before keys had ids; they are under one of the keys.
    pub without_id: u64,
    /// Values that are no ciphertext any more.
    pub damaged: u64,
    /// Whether mcpd can make a new key where the current one is kept.
    pub renewable: bool,
}

impl KeyStatus {
    /// Values that are still to be put under the current key.
    #[must_use]
    pub fn pending(&self) -> u64 {
        let older = self.keys.iter().filter(|key| !key.current && key.place.is_some());
        older.map(|key| key.values).sum::<u64>() + self.without_id
    }
}

/// Has the next values put under the current key: `POST /api/v1/master-keys/rewrap`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RewrapRequest {
    /// Where the reply before this ended; absent: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// How far it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RewrapReply {
    /// How many values were put under the current key.
    pub rewrapped: u64,
    /// Some of those that cannot be opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// Where to go on; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(Secret: Debug, Display, Serialize, AsRef<str>, Into<String>);
    assert_not_impl_any!(SecretValue: Debug, Display);

    #[test]
    fn a_secret_is_had_only_by_asking_for_it() {
        let secret = Secret::new("xoxb-1".to_owned());
        assert!(secret.clone() == secret && secret.expose() == "xoxb-1");
    }
}
