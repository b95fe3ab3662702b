//! Access tokens for servers, looked up for each request by who asks.
//!
//! The control plane obtains and renews them; a snapshot brings them sealed. They lie beside the servers and not in them:
//! a new token is in use with the next request, and no server is started anew for it. A user's token is sent for that
//! user and nobody else, and only to the URL it was issued for.

use super::{Caller, UpstreamError};
use crate::keys::{Keyring, Secret};
use control_plane_api::{
    name::Name,
    oauth::{ConnectionSpec, OauthMode},
    secret::SecretSpec,
    server::Transport,
    snapshot::Snapshot,
    timestamp::Timestamp,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// Gives the token that a request to one server carries.
pub trait Credentials: Send + Sync {
    /// The bearer token for a request on behalf of `caller`; none for a server that needs none of the control plane's.
    ///
    /// # Errors
    /// [`UpstreamError::NeedsConsent`] when the server needs one and there is none for `caller`.
    fn bearer(&self, caller: &Caller) -> Result<Option<Secret>, UpstreamError>;

    /// `text` without any token of the server: not every server keeps them to itself.
    fn redact(&self, text: String) -> String;

    /// Counts up whenever there may be other tokens: who was refused may try again.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// The tokens of all servers. Clones are the same table.
#[derive(Clone)]
pub struct Tokens {
    table: watch::Sender<Arc<Table>>,
    epoch: watch::Sender<u64>,
}

type Table = BTreeMap<Name, Held>;

/// The tokens for one server.
struct Held {
    mode: OauthMode,
    /// By connection; whose each one is says the token.
    tokens: BTreeMap<Name, Token>,
}

struct Token {
    user: Option<Name>,
    /// As it came, to see that it is the same.
    sealed: String,
    secret: Secret,
    expires_at: Option<Timestamp>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { table: watch::channel(Arc::default()).0, epoch: watch::channel(0).0 }
    }
}

impl Tokens {
    /// Puts the tokens of `snapshot` into use and those that are not in it out of use.
    pub fn replace(&self, snapshot: &Snapshot, keyring: &Keyring) {
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
                        None => open(keyring, server, connection)?,
                    };
                    let (user, expires_at) = (connection.user.clone(), connection.expires_at);
                    Some((id.clone(), Token { user, sealed: connection.sealed.clone(), secret, expires_at }))
                })
                .collect();
            table.insert(server.clone(), Held { mode: oauth.mode, tokens });
        }
        self.table.send_replace(Arc::new(table));
        self.epoch.send_modify(|epoch| *epoch += 1);
    }

    /// Those of `server`.
    #[must_use]
    pub fn of(&self, server: &Name) -> Arc<dyn Credentials> {
        Arc::new(OfServer { server: server.clone(), tokens: self.clone() })
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

impl Credentials for OfServer {
    fn bearer(&self, caller: &Caller) -> Result<Option<Secret>, UpstreamError> {
        bearer(&self.tokens.table.borrow(), &self.server, caller)
    }

    fn redact(&self, text: String) -> String {
        let table = self.tokens.table.borrow();
        let tokens = table.get(&self.server).into_iter().flat_map(|held| held.tokens.values());
        tokens.fold(text, |text, token| text.replace(token.secret.expose(), "***"))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.tokens.epoch.subscribe()
    }
}

fn bearer(table: &Table, server: &Name, caller: &Caller) -> Result<Option<Secret>, UpstreamError> {
    let Some(held) = table.get(server) else {
        return Ok(None);
    };
    let is_for = |token: &Token| match (held.mode, &caller.principal) {
        (OauthMode::Service, _) => true,
        (OauthMode::PerUser, Some(user)) => token.user.as_ref() == Some(user),
        // The gateway asks for itself only what a server has: its lists, to whoever is admitted there.
        (OauthMode::PerUser, None) => true,
    };
    let now = Timestamp::now();
    let good = |token: &&Token| is_for(token) && token.expires_at.is_none_or(|end| now < end);
    match held.tokens.values().find(good) {
        Some(token) => Ok(Some(token.secret.clone())),
        None => Err(UpstreamError::NeedsConsent { server: server.clone(), scopes: Vec::new() }),
    }
}

/// One token that cannot be opened is that connection's misfortune, not the configuration's.
fn open(keyring: &Keyring, server: &Name, connection: &ConnectionSpec) -> Option<Secret> {
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
