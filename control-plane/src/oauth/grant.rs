//! What is kept encrypted: the tokens of a connection, a registered client, a consent under way.

use super::OauthError;
use crate::{
    secrets::{Binding, Keys},
    store::{StoredConnection, StoredRegistration},
};
use control_plane_api::{name::Name, oauth::ClientAuthentication, token};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::{Zeroize as _, Zeroizing};

/// Who we are to an authorization server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClientName {
    pub(super) client_id: String,
    pub(super) origin: ClientOrigin,
    pub(super) method: ClientAuthentication,
    /// The redirect URI it was registered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redirect_uri: Option<String>,
}

/// Where a client id comes from, and so where its secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientOrigin {
    /// The server's settings; the secret is a secret object.
    Configured,
    /// A metadata document at a URL of ours; there is no secret.
    Document,
    /// Dynamic registration; the secret came with it.
    Registered,
}

/// The tokens of a connection. No Debug.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) access_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
    /// The resource they are for.
    pub(super) resource: String,
    /// Where they came from, and the only place the refresh token is ever sent to.
    pub(super) token_endpoint: String,
    pub(super) client: ClientName,
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.access_token.zeroize();
        self.refresh_token.zeroize();
    }
}

/// A client as an authorization server registered it. No Debug.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Registration {
    pub(super) client: ClientName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<String>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// A consent under way: everything the answer is judged by. No Debug.
#[derive(Serialize, Deserialize)]
pub(super) struct Flow {
    /// Digest of the session of the browser that was sent away.
    pub(super) session: String,
    pub(super) server: Name,
    /// Whose connection it will be; absent: the server's own.
    pub(super) user: Option<Name>,
    /// The server's URL, as configured then.
    pub(super) url: String,
    pub(super) resource: String,
    pub(super) issuer: String,
    pub(super) promises_iss: bool,
    pub(super) token_endpoint: String,
    pub(super) redirect_uri: String,
    pub(super) client: ClientName,
    pub(super) verifier: String,
    pub(super) scopes: Vec<String>,
    /// Whether a server's challenge led here.
    pub(super) stepping_up: bool,
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.verifier.zeroize();
    }
}

/// Encrypts the tokens of a connection; `connection` names the row and version they will stand in.
pub(super) fn lock_grant(keys: &Keys, connection: &StoredConnection, grant: &Grant) -> Result<String, OauthError> {
    lock(keys, of_connection(connection), grant)
}

/// Opens the tokens of a connection.
pub(super) fn open_grant(keys: &Keys, connection: &StoredConnection) -> Result<Grant, OauthError> {
    open(keys, of_connection(connection), &connection.ciphertext)
}

/// The access token alone, for whoever seals it to a gateway.
pub(crate) fn access_token(keys: &Keys, connection: &StoredConnection) -> Option<Zeroizing<String>> {
    let grant = open_grant(keys, connection).ok()?;
    (!grant.access_token.is_empty()).then(|| Zeroizing::new(grant.access_token.clone()))
}

fn of_connection(connection: &StoredConnection) -> Binding<'_> {
    Binding { name: connection.id.as_str(), version: connection.version, field: "connection" }
}

/// Encrypts a registration; `stored` names the row and version it will stand in.
pub(super) fn lock_registration(
    keys: &Keys,
    stored: &StoredRegistration,
    registration: &Registration,
) -> Result<String, OauthError> {
    lock(keys, Binding { name: &row(stored), version: stored.version, field: "registration" }, registration)
}

/// Opens a registration.
pub(super) fn open_registration(keys: &Keys, stored: &StoredRegistration) -> Result<Registration, OauthError> {
    let binding = Binding { name: &row(stored), version: stored.version, field: "registration" };
    open(keys, binding, &stored.ciphertext)
}

/// Bindings want names without `|`; issuers and redirect URIs are any text without spaces.
fn row(stored: &StoredRegistration) -> String {
    registration_name(&format!("{} {}", stored.issuer, stored.redirect_uri))
}

/// What the registration `row` (its issuer and redirect URI, a space between them) is bound to.
pub(crate) fn registration_name(row: &str) -> String {
    token::digest(row)
}

/// Encrypts a consent under way; `key` is the digest of its state.
pub(super) fn lock_flow(keys: &Keys, key: &str, flow: &Flow) -> Result<String, OauthError> {
    lock(keys, Binding { name: key, version: 1, field: "flow" }, flow)
}

/// Opens a consent under way.
pub(super) fn open_flow(keys: &Keys, key: &str, text: &str) -> Result<Flow, OauthError> {
    open(keys, Binding { name: key, version: 1, field: "flow" }, text)
}

fn lock<T: Serialize>(keys: &Keys, binding: Binding<'_>, value: &T) -> Result<String, OauthError> {
    let text = serde_json::to_vec(value).map(Zeroizing::new);
    let text = text.map_err(|error| OauthError::Unavailable(format!("mcpd could not keep it: {error}")))?;
    Ok(keys.encrypt(binding, &text)?)
}

fn open<T: DeserializeOwned>(keys: &Keys, binding: Binding<'_>, text: &str) -> Result<T, OauthError> {
    let plain = keys.decrypt(binding, text)?;
    serde_json::from_slice(&plain)
        .map_err(|_| OauthError::ConsentNeeded("what was kept cannot be read by this version of mcpd".to_owned()))
}
