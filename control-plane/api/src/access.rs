//! Who may call: users, their roles, and what stands for their tokens, sessions and passwords.

use crate::{name::Name, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Shortest password that can be set, in characters (OWASP ASVS 5, 6.2.1 asks for 8 at the least).
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password, in bytes: hashing costs the same whatever its length, reading it does not.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// A person or machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    /// What the user may do in the control plane; `admin` also opens every project.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Shut out: no token, session, password or issuer speaks for the user any more, and every session has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Tokens and sessions the user may present, by digest. Filled by the control plane; ignored when applied.
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

impl Role {
    /// Every role, the mightiest first.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Auditor, Self::Developer];

    /// The word on the wire and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Developer => "developer",
        }
    }

    /// What it is for, in a line.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Admin => "everything, including users and secrets; every project",
            Self::Operator => "servers, profiles, projects, instances; not users",
            Self::Auditor => "reads the audit log and the configuration",
            Self::Developer => "uses the projects it is a member of",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a role may do at the control plane, besides what every user may: `GET /api/v1/roles`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleSummary {
    /// Which role.
    pub name: Role,
    /// What it is for.
    pub purpose: String,
    /// The routes it opens.
    pub may: Vec<RouteSummary>,
}

/// A route of the API, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteSummary {
    /// The HTTP method.
    pub method: String,
    /// The path, `{…}` standing for one segment.
    pub path: String,
    /// What it does.
    pub summary: String,
}

/// What a gateway needs to recognise a token without being able to present it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenGrant {
    /// Public id of the token or session, shown in lists and in the audit log.
    pub id: String,
    /// One of [`crate::pepper::Peppers::digests`] of the token.
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
    /// When it was last presented, to within a minute or so; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// Its last four characters, to tell tokens apart; absent for one that an earlier version made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_four: Option<String>,
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
    /// Id of the session that was presented; absent: it was no session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// Opens a session: `POST /api/v1/sessions`. No Debug: what is shown must not reach a log.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum LoginRequest {
    /// With a password.
    Password(PasswordLogin),
    /// With a token of an issuer.
    Issuer(IssuerLogin),
}

/// A login with a token that an issuer gave for this: see [`crate::issuer::IssuerSpec::device_client_id`]. No Debug.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerLogin {
    /// The id token, or an access token for the control plane.
    pub issuer_token: String,
}

/// A login with a password. No Debug.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordLogin {
    /// Who. Any text: what is no user's name is refused like a wrong password.
    pub user: String,
    /// The user's password.
    pub password: String,
}

/// The answer to a [`LoginRequest`]: the only time the session's token is visible. No Debug.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenedSession {
    /// What the control plane keeps.
    #[serde(flatten)]
    pub summary: SessionSummary,
    /// The bearer token of the session.
    pub token: String,
}

/// A session as the control plane lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionSummary {
    /// Public id, shown in the audit log as that of a token.
    pub id: String,
    /// Whose it is.
    pub user: Name,
    /// Where it is accepted.
    pub audience: SessionAudience,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used, to within a minute or so. Unused for too long, it ends.
    pub used_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// From where it was opened, address and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
}

/// Where a session is accepted, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionAudience {
    /// As bearer token: the REST API and the gateways.
    Api,
    /// As cookie: the control plane's own pages.
    Browser,
    /// As bearer token, at gateways alone: what a developer's local gateway shows the central one, and what the developer's
    /// clients show the local one.
    Gateway,
}

impl SessionAudience {
    /// The word on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Browser => "browser",
            Self::Gateway => "gateway",
        }
    }
}

/// How people may log in: `GET /api/v1/login`. Told to everybody, because nobody is anybody yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct LoginMethods {
    /// The issuers at which a program without a browser may log somebody in (RFC 8628).
    #[serde(default)]
    pub device: Vec<DeviceLogin>,
    /// Whether there is a central gateway, so that users may have local ones: see [`crate::laptop`].
    #[serde(default)]
    pub laptops: bool,
}

/// What a program needs to begin a login at an issuer. None of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceLogin {
    /// Name of the issuer object.
    pub name: Name,
    /// The issuer's identifier; its metadata says where to go on.
    pub issuer: String,
    /// The client id to use there.
    pub client_id: String,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
}

/// Sets, changes or removes a password: `PUT /api/v1/users/{name}/password`. No Debug.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The new password; absent: none any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The password so far. Users who change their own have to know it; administrators need not know that of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
}
