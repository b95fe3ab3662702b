//! OAuth towards upstream servers: what an operator says, what the control plane obtained, and the link by which a
//! user gives consent.
//!
//! The control plane runs every flow. A gateway gets finished access tokens, sealed to its key, as objects of kind
//! `connection`; it never fetches metadata and never sees a refresh token. A token in force works until it expires,
//! whether the control plane runs or not.

use crate::{name::Name, timestamp::Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// How the control plane obtains access tokens for one HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OauthSettings {
    /// Whose tokens they are.
    #[serde(default)]
    pub mode: OauthMode,
    /// How a token is obtained.
    #[serde(default, skip_serializing_if = "OauthGrant::is_code")]
    pub grant: OauthGrant,
    /// A client id registered beforehand. Absent: a metadata document or dynamic registration, as the server allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Name of the secret that holds the client secret. Stays in the control plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Name>,
    /// Scopes asked for besides those that the server names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The only authorization server that may be used, letter by letter; it may then stand in a private network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// How the client proves itself at the token endpoint; absent: the strongest both sides know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<ClientAuthentication>,
    /// Where a user gives consent; `?ticket=` and a [`ConnectTicket`] follow. Filled by the control plane; ignored when
    /// applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_url: Option<String>,
}

/// Whose tokens are used with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OauthMode {
    /// Every user's own: each user gives consent, and calls carry that user's token.
    #[default]
    PerUser,
    /// One for all: an operator gives consent, or the client's own credentials do.
    Service,
}

/// How a token is obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OauthGrant {
    /// A person gives consent in a browser; PKCE with S256.
    #[default]
    AuthorizationCode,
    /// The client's own credentials; only with mode `service`, a client id and a client secret.
    ClientCredentials,
}

impl OauthGrant {
    /// Whether a person gives consent.
    #[must_use]
    pub fn is_code(&self) -> bool {
        *self == Self::AuthorizationCode
    }
}

/// How a client proves itself at a token endpoint (RFC 7591 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// HTTP Basic.
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
    /// Not at all: a public client.
    None,
}

impl fmt::Display for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::None => "none",
        })
    }
}

/// An access token inside a snapshot; the object's name is the connection's id and means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSpec {
    /// The server it is for.
    pub server: Name,
    /// The user on whose behalf it may be used; absent: everybody's ([`OauthMode::Service`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Name>,
    /// The server's `transport.url` when consent was given, letter by letter. The token must never be sent elsewhere.
    pub url: String,
    /// Base64 of a NaCl sealed box over the access token, as in [`crate::secret::SecretSpec`].
    pub sealed: String,
    /// From this moment on the token is worthless; absent: nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Scopes the token has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// How a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Being made; there is no token yet.
    Pending,
    /// There is a token, and it is renewed in time.
    Connected,
    /// Renewing failed for good: somebody has to give consent again.
    NeedsConsent,
}

impl ConnectionState {
    /// The word used on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Connected => "connected",
            Self::NeedsConsent => "needs_consent",
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A connection as the control plane lists it; never its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionSummary {
    /// Public id.
    pub id: Name,
    /// The server.
    pub server: Name,
    /// Whose it is; absent: the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Name>,
    /// The authorization server.
    pub issuer: String,
    /// How it is.
    pub state: ConnectionState,
    /// What went wrong last, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Scopes the token has.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// When the token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When consent was given last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_at: Option<Timestamp>,
}

/// Says that a server refused a token in force: `POST /api/v1/gateways/{name}/refused-token`. Never the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRefusal {
    /// Id of the connection whose token it is.
    pub connection: Name,
    /// [`crate::token::digest`] of the token.
    pub digest: String,
    /// Whether it took the place of one that the server had refused to the same call: then a third one is of no use.
    #[serde(default)]
    pub again: bool,
}

/// What became of a connection whose token was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenRefusalReply {
    /// In short.
    pub replacement: Replacement,
}

/// Whether there is another token in place of a refused one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// There is, or somebody is obtaining it: it comes with the configuration.
    Renewed,
    /// No, and none before somebody has given consent again; the refused one is in force no longer.
    NeedsConsent,
    /// Not now: the authorization server does not answer, or an operator has to mend something.
    Unavailable,
}

/// Asks for a link to give consent: `POST /api/v1/connections/{server}/ticket`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectRequest {
    /// Scopes to ask for besides those that the server names.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// A link to give consent. No Debug: whoever has it may be taken for its owner.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectLink {
    /// To be opened in the browser of the user who asked for it.
    pub url: String,
    /// The user it is for.
    pub user: Name,
    /// Whose the connection will be.
    pub mode: OauthMode,
    /// When it ends.
    pub expires_at: Timestamp,
}
