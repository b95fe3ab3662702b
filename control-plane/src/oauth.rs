//! mcpd as the OAuth client of upstream servers: discovery, registration, consent with PKCE, renewal.
//!
//! Reading order: `discovery` asks a server who issues its tokens; `registration` says who we are there; `flow` leads
//! a person's browser there and back; `exchange` talks to the token endpoint; `renewal` keeps tokens fresh; `refusal`
//! is about those that a server does not take. All of it goes through [`crate::fetch`]. Pages and routes are `http`'s
//! business; where tokens go from here is `publish`'s.

mod challenge;
mod discovery;
mod exchange;
mod flow;
mod grant;
mod metadata;
mod refusal;
mod registration;
mod renewal;
mod scopes;

pub(crate) use flow::{Callback, Consent, Prepared};
pub(crate) use grant::{access_token, registration_name};
pub(crate) use metadata::is_loopback;
pub(crate) use registration::metadata as client_metadata;

use crate::{
    fetch::{FetchError, Named, SafeFetcher},
    publish::Published,
    secrets::{EnvelopeError, Keys},
    settings::Addresses,
    store::{Store, StoreError, StoredConnection},
};
use control_plane_api::{
    name::Name,
    oauth::{OauthMode, OauthSettings},
    object::{Kind, Object, ObjectRef},
    server::Transport,
};
use discovery::Discovered;
use std::sync::Arc;

/// Why there is no token. The text is for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OauthError {
    /// What a server or an authorization server said is not acceptable; trying again will not help.
    #[error("{0}")]
    Refused(String),
    /// The grant is worth nothing any more: somebody has to give consent again.
    #[error("{0}")]
    ConsentNeeded(String),
    /// The authorization server does not know us as a client any more.
    #[error("{0}")]
    ClientUnknown(String),
    /// Somebody did not answer, or not sensibly; it may work later.
    #[error("{0}")]
    Unavailable(String),
    #[error("mcpd's database failed")]
    Store(#[from] StoreError),
    #[error("mcpd could not encrypt or decrypt")]
    Envelope(#[from] EnvelopeError),
}

impl From<FetchError> for OauthError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Refused { .. } => Self::Refused(error.to_string()),
            FetchError::Failed { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

fn refused(text: impl Into<String>) -> OauthError {
    OauthError::Refused(text.into())
}

/// The OAuth client; cheap to clone.
#[derive(Clone)]
pub(crate) struct OauthClient {
    pub(crate) store: Store,
    pub(crate) keys: Arc<Keys>,
    pub(crate) published: Published,
    pub(crate) fetcher: SafeFetcher,
    /// Absent: nobody outside can open a page of ours, so there is no consent.
    pub(crate) addresses: Option<Addresses>,
}

/// A server that needs tokens.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) server: Name,
    /// As configured.
    pub(crate) url: String,
    pub(crate) settings: OauthSettings,
}

impl Target {
    /// The target in `object`, if it is a server that needs tokens.
    pub(crate) fn of(object: &Object) -> Option<Self> {
        let Object::Server(server) = object else { return None };
        let Transport::Http { url, .. } = &server.spec.transport else { return None };
        let settings = server.spec.oauth.clone()?;
        Some(Self { server: server.name.clone(), url: url.clone(), settings })
    }

    /// Whether `connection` was made for it as it is configured now: same URL, same kind of owner, and the pinned
    /// authorization server if there is one.
    pub(crate) fn is_of(&self, connection: &StoredConnection) -> bool {
        self.server == connection.server
            && self.url == connection.url
            && (self.settings.mode == OauthMode::PerUser) == connection.user.is_some()
            && self.settings.issuer.as_ref().is_none_or(|pinned| *pinned == connection.issuer)
    }

    /// The origins an operator named for it.
    fn named(&self) -> Named {
        self.named_issuer().and(&self.url)
    }

    /// The pinned authorization server alone: what may be sent credentials.
    fn named_issuer(&self) -> Named {
        let named = Named::nothing();
        self.settings.issuer.as_deref().map_or(named.clone(), |issuer| named.and(issuer))
    }
}

impl OauthClient {
    /// The server of this name as a target.
    pub(crate) async fn target(&self, server: &Name) -> Result<Option<Target>, StoreError> {
        let reference = ObjectRef { kind: Kind::Server, name: server.clone() };
        Ok(self.store.read().await?.object(&reference).await?.as_ref().and_then(Target::of))
    }

    /// The same as it was published last, without asking the database.
    fn published_target(&self, server: &Name) -> Option<Target> {
        self.published.newest().objects.iter().filter_map(Target::of).find(|target| target.server == *server)
    }

    /// Asks `target` who issues its tokens.
    pub(crate) async fn discover(&self, target: &Target) -> Result<Discovered, OauthError> {
        Box::pin(discovery::discover(&self.fetcher, target)).await
    }
}
