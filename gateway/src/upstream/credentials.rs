//! Access tokens for servers, looked up for each request by who asks.
//!
//! The control plane obtains and renews them; a snapshot brings them sealed. They lie beside the servers and not in them:
//! a new token is in use with the next request, and no server is started anew for it. A user's token is sent for that
//! user and nobody else, and only to the URL it was issued for.

mod refusals;

use super::{Caller, UpstreamError};
use crate::{
    control_plane::ControlPlane,
    keys::{Keyring, Secret},
};
use async_trait::async_trait;
use control_plane_api::{
    name::Name,
    oauth::{ConnectionSpec, OauthMode, Replacement, TokenRefusal},
    secret::SecretSpec,
    server::Transport,
    snapshot::Snapshot,
    timestamp::Timestamp,
    token,
};
use refusals::Refusals;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// A token as it is sent, and the connection it belongs to.
#[derive(Clone)]
pub struct Bearer {
    connection: Name,
    secret: Secret,
}

impl Bearer {
    /// The token, for the one place that has to send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose()
    }

    /// `secret` for tests, of the connection `x`.
    #[cfg(test)]
    pub(super) fn for_test(secret: &str) -> Self {
        Self { connection: "x".parse().unwrap(), secret: Secret::new(secret.to_owned()) }
    }
}

/// Gives the token that a request to one server carries.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The bearer token for a request on behalf of `caller`; none for a server that needs none of the control plane's.
    ///
    /// # Errors
    /// [`UpstreamError::NeedsConsent`] when the server needs one and there is none for `caller`.
    fn bearer(&self, caller: &Caller) -> Result<Option<Bearer>, UpstreamError>;

    /// The token in place of `refused`, which the server did not take; waits for it, at most `patience`.
    ///
    /// # Errors
    /// [`UpstreamError::NeedsConsent`] when somebody has to give consent first, [`UpstreamError::TokenRefused`] when there
    /// is none now.
    async fn replaced(&self, refused: &Bearer, patience: Duration) -> Result<Bearer, UpstreamError>;

    /// Told that the server did not take `refused` either, which [`Self::replaced`] had given.
    async fn given_up(&self, refused: &Bearer);

    /// Counts up whenever there may be other tokens: who was refused may try again.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// The tokens of all servers. Clones are the same table.
#[derive(Clone, Default)]
pub struct Tokens {
    table: watch::Sender<Arc<Table>>,
    epoch: watch::Sender<u64>,
    refusals: Refusals,
}

type Table = BTreeMap<Name, Held>;

/// Tokens that are not in use yet.
pub struct Opened(Table);

impl Opened {
    /// Each of them, and the server it is for.
    pub fn secrets(&self) -> impl Iterator<Item = (&Name, &Secret)> {
        self.0.iter().flat_map(|(server, held)| held.tokens.values().map(move |token| (server, &token.secret)))
    }
}

/// The tokens for one server.
struct Held {
    mode: OauthMode,
    /// By connection; whose each one is says the token.
    tokens: BTreeMap<Name, Token>,
}

impl Held {
    /// The token of a connection, while it is good.
    fn bearer(&self, connection: &Name) -> Option<Bearer> {
        let token = self.tokens.get(connection).filter(|token| token.is_good(Timestamp::now()))?;
        Some(Bearer { connection: connection.clone(), secret: token.secret.clone() })
    }
}

struct Token {
    user: Option<Name>,
    /// As it came, to see that it is the same.
    sealed: String,
    secret: Secret,
    expires_at: Option<Timestamp>,
}

impl Token {
    fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl Tokens {
    /// None yet; those that servers refuse are told to `control_plane`.
    #[must_use]
    pub fn new(control_plane: Option<ControlPlane>) -> Self {
        Self { refusals: Refusals::new(control_plane), ..Self::default() }
    }

    /// The tokens of `snapshot`, opened; none is in use before [`Self::put`].
    #[must_use]
    pub fn open(&self, snapshot: &Snapshot, keyring: &Keyring) -> Opened {
        let before = self.table.borrow().clone();
        let mut connections: HashMap<&Name, Vec<(&Name, &ConnectionSpec)>> = HashMap::new();
        for (id, spec) in snapshot.connections() {
            connections.entry(&spec.server).or_default().push((id, spec));
        }
        let mut table = Table::new();
        for (server, spec) in snapshot.servers() {
            let (Some(oauth), Transport::Http { url, .. }) = (&spec.oauth, &spec.transport) else {
                continue;
            };
            let fits = |connection: &ConnectionSpec| {
                connection.url == *url && connection.user.is_some() == (oauth.mode == OauthMode::PerUser)
            };
            let of_server = connections.remove(server).unwrap_or_default().into_iter();
            let known = before.get(server);
            let tokens = of_server
                .filter(|(_, connection)| fits(connection))
                .filter_map(|(id, connection)| {
                    let same = known.and_then(|held| held.tokens.get(id)).filter(|t| t.sealed == connection.sealed);
                    let secret = match same {
                        Some(token) => token.secret.clone(),
                        None => unseal(keyring, server, connection)?,
                    };
                    let (user, expires_at) = (connection.user.clone(), connection.expires_at);
                    Some((id.clone(), Token { user, sealed: connection.sealed.clone(), secret, expires_at }))
                })
                .collect();
            table.insert(server.clone(), Held { mode: oauth.mode, tokens });
        }
        Opened(table)
    }

    /// Puts `opened` into use and what is not in it out of use.
    pub fn put(&self, opened: Opened) {
        self.table.send_replace(Arc::new(opened.0));
        self.epoch.send_modify(|epoch| *epoch += 1);
    }

    /// Those of `server`.
    #[must_use]
    pub fn of(&self, server: &Name) -> Arc<dyn Credentials> {
        Arc::new(OfServer { server: server.clone(), tokens: self.clone() })
    }

    /// Whether a request to `server` for `caller` needs no consent first.
    #[must_use]
    pub fn suffice(&self, server: &Name, caller: &Caller) -> bool {
        bearer(&self.table.borrow(), server, caller).is_ok()
    }

    /// Waits until there is a token of `server` for `caller`, at most `patience`.
    pub async fn arrived(&self, server: &Name, caller: &Caller, patience: Duration) {
        let mut table = self.table.subscribe();
        let there = table.wait_for(|table| bearer(table, server, caller).is_ok());
        // Whether it came is seen when it is used.
        let _ = tokio::time::timeout(patience, there).await;
    }
}

struct OfServer {
    server: Name,
    tokens: Tokens,
}

impl OfServer {
    /// The token in force in place of `refused`; none as long as that is in force itself, an error once there is none.
    fn successor(&self, table: &Table, refused: &Bearer) -> Option<Result<Bearer, UpstreamError>> {
        match table.get(&self.server).and_then(|held| held.bearer(&refused.connection)) {
            Some(token) if token.expose() == refused.expose() => None,
            Some(token) => Some(Ok(token)),
            None => Some(Err(UpstreamError::NeedsConsent { server: self.server.clone(), scopes: Vec::new() })),
        }
    }

    /// Tells the control plane that the server does not take `refused`; whether there is another.
    async fn tell(&self, refused: &Bearer, again: bool) -> Replacement {
        if self.successor(&self.tokens.table.borrow().clone(), refused).is_some() {
            return Replacement::Renewed;
        }
        let (connection, digest) = (refused.connection.clone(), token::digest(refused.expose()));
        self.tokens.refusals.tell(TokenRefusal { connection, digest, again }).await
    }
}

#[async_trait]
impl Credentials for OfServer {
    fn bearer(&self, caller: &Caller) -> Result<Option<Bearer>, UpstreamError> {
        bearer(&self.tokens.table.borrow(), &self.server, caller)
    }

    async fn replaced(&self, refused: &Bearer, patience: Duration) -> Result<Bearer, UpstreamError> {
        let server = self.server.clone();
        match self.tell(refused, false).await {
            Replacement::NeedsConsent => return Err(UpstreamError::NeedsConsent { server, scopes: Vec::new() }),
            Replacement::Unavailable => return Err(UpstreamError::TokenRefused { server }),
            Replacement::Renewed => {}
        }
        let mut table = self.tokens.table.subscribe();
        let came = table.wait_for(|table| self.successor(table, refused).is_some());
        // Whether it came is seen when it is looked for.
        let _ = tokio::time::timeout(patience, came).await;
        let table = self.tokens.table.borrow().clone();
        self.successor(&table, refused).unwrap_or(Err(UpstreamError::TokenRefused { server }))
    }

    async fn given_up(&self, refused: &Bearer) {
        self.tell(refused, true).await;
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.tokens.epoch.subscribe()
    }
}

fn bearer(table: &Table, server: &Name, caller: &Caller) -> Result<Option<Bearer>, UpstreamError> {
    let Some(held) = table.get(server) else {
        return Ok(None);
    };
    let is_for = |token: &Token| match (held.mode, &caller.principal) {
        (OauthMode::Service, _) => true,
        (OauthMode::PerUser, Some(user)) => token.user.as_ref() == Some(user),
        // The gateway asks for itself only what a server has: its lists, to whoever is admitted there.
        (OauthMode::PerUser, None) => true,
    };
    let mut own = held.tokens.iter().filter(|(_, token)| is_for(token)).map(|(connection, _)| connection);
    match own.find_map(|connection| held.bearer(connection)) {
        Some(token) => Ok(Some(token)),
        None => Err(UpstreamError::NeedsConsent { server: server.clone(), scopes: Vec::new() }),
    }
}

/// One token that cannot be opened is that connection's misfortune, not the configuration's.
fn unseal(keyring: &Keyring, server: &Name, connection: &ConnectionSpec) -> Option<Secret> {
    match keyring.open(&SecretSpec { sealed: connection.sealed.clone() }) {
        Ok(secret) => Some(secret),
        Err(error) => {
            tracing::warn!(%server, %error, "an access token for the server cannot be used");
            None
        }
    }
}

/// What a refusal of a server asks for: the scopes it names, if a token with more consent would do (RFC 6750 §3).
#[must_use]
pub fn consent_wanted(status: http::StatusCode, challenge: Option<&str>) -> Option<Vec<String>> {
    let challenge = challenge.unwrap_or_default();
    let scopes = || parameter(challenge, "scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    match status {
        http::StatusCode::UNAUTHORIZED => Some(scopes()),
        http::StatusCode::FORBIDDEN if parameter(challenge, "error") == Some("insufficient_scope") => Some(scopes()),
        _ => None,
    }
}

/// Whether a server refuses the token itself, and not what it is good for (RFC 6750 §3.1).
#[must_use]
pub fn is_token_refused(status: http::StatusCode, challenge: Option<&str>) -> bool {
    let insufficient = parameter(challenge.unwrap_or_default(), "error") == Some("insufficient_scope");
    status == http::StatusCode::UNAUTHORIZED && !insufficient
}

/// The value of a parameter of a challenge; without escapes, which neither of ours can hold.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = challenge;
    loop {
        let at = rest.find(name)?;
        let (before, after) = (rest.get(..at)?, rest.get(at + name.len()..)?);
        let starts = before.is_empty() || before.ends_with([' ', ',', '\t']);
        match after.trim_start().strip_prefix('=').map(str::trim_start) {
            Some(value) if starts => {
                return match value.strip_prefix('"') {
                    Some(quoted) => quoted.split('"').next(),
                    None => value.split([',', ' ']).next(),
                };
            }
            _ => rest = after,
        }
    }
}

#[cfg(test)]
mod tests;
