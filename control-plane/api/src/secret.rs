//! Credentials of upstream servers on their way: write-only from people, sealed to gateways.

use crate::name::Name;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
