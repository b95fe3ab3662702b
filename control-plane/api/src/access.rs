//! Who may call: users, their roles, and the digests of their tokens.

use crate::{name::Name, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A person or machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// What the user may do in the control plane; `admin` also opens every project.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Tokens the user may present, by digest. Filled by the control plane; ignored when applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenGrant>,
}

/// A role of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, including users and secrets.
    Admin,
    /// Servers, profiles, projects, instances; not users.
    Operator,
    /// Reads the audit log and the configuration.
    Auditor,
    /// Uses the projects it is a member of.
    Developer,
}

/// What a gateway needs to recognise a token without being able to present it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenGrant {
    /// Public id of the token, shown in lists and in the audit log.
    pub id: String,
    /// [`crate::token::digest`] of the token.
    pub digest: String,
    /// From this moment on the token is refused; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A token as the control plane lists it; the token itself is shown once, in [`IssuedToken`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenSummary {
    /// Public id.
    pub id: String,
    /// Whose it is.
    pub user: Name,
    /// What it is for, in the words of who made it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Asks for a new token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What the token is for.
    pub label: String,
    /// Lifetime in seconds from now; absent: no end. Zero or negative: already expired (useful to try a refusal).
    #[serde(default)]
    pub expires_in_s: Option<i64>,
}

/// The answer to a [`TokenRequest`]: the only time the token is visible.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedToken {
    /// What the control plane keeps.
    #[serde(flatten)]
    pub summary: TokenSummary,
    /// The token.
    pub token: String,
}

/// Who the caller of the control plane is: the answer to `GET /api/v1/whoami`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// The user.
    pub user: Name,
    /// The user's roles.
    pub roles: Vec<Role>,
}
