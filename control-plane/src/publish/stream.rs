//! The configuration stream of one connected gateway: a whole snapshot, then what changed since it was last told.

use super::Published;
use crate::{
    compile::{Configuration, Sealed, compile, compile_laptop},
    oauth,
    secrets::{Binding, Keys, SealingKey},
    store::{StoredConnection, StoredSecret},
};
use control_plane_api::{
    name::Name,
    oauth::ConnectionSpec,
    object::Named,
    secret::SecretSpec,
    snapshot::{ConfigEvent, SignedEvent, Snapshot},
    timestamp::Timestamp,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;
use zeroize::Zeroizing;

/// One gateway's connection.
pub(crate) struct Subscription {
    gateway: Name,
    digest: String,
    key: SealingKey,
    keys: Arc<Keys>,
    newest: watch::Receiver<Arc<Configuration>>,
    /// Revision in force when the gateway connected: an older configuration may not know the gateway yet.
    since: u64,
    told: Option<Snapshot>,
    /// It is the local gateway of a user.
    is_laptop: bool,
    /// It was told that it is no longer enrolled.
    is_over: bool,
    /// Sealed boxes differ every time; keeping them keeps unchanged secrets out of the change sets.
    sealed: BTreeMap<Name, Named<SecretSpec>>,
    connections: BTreeMap<Name, Named<ConnectionSpec>>,
    /// The peppers as text, wiped with the stream, and their box.
    peppers: Option<(Zeroizing<String>, SecretSpec)>,
}

/// Whom a subscription is for.
pub(crate) struct Subscriber {
    pub(crate) gateway: Name,
    /// Digest of the token it presented; when that is gone, so is the stream.
    pub(crate) digest: String,
    pub(crate) key: SealingKey,
    /// It is the local gateway of a user.
    pub(crate) is_laptop: bool,
}

impl Subscription {
    /// Subscribes a gateway that connected at revision `since`.
    pub(crate) fn new(subscriber: Subscriber, published: &Published, keys: Arc<Keys>, since: u64) -> Self {
        Self {
            gateway: subscriber.gateway,
            digest: subscriber.digest,
            key: subscriber.key,
            keys,
            newest: published.subscribe(),
            since,
            told: None,
            is_laptop: subscriber.is_laptop,
            is_over: false,
            sealed: BTreeMap::new(),
            connections: BTreeMap::new(),
            peppers: None,
        }
    }

    /// The next event; `None` when mcpd stops or the gateway is no longer enrolled.
    pub(crate) async fn next(&mut self) -> Option<SignedEvent> {
        if self.is_over {
            return None;
        }
        let after = self.told.as_ref().map_or(self.since, |told| told.revision.saturating_add(1));
        let newest = self.newest.wait_for(|configuration| configuration.revision >= after).await.ok()?;
        let configuration = Arc::clone(&newest);
        drop(newest);
        let snapshot = if configuration.gateways.contains(&self.digest) {
            self.compile(&configuration)
        } else {
            tracing::info!(gateway = %self.gateway, "Ended the stream of a gateway that is no longer enrolled");
            self.farewell(&configuration)?
        };
        let event = match &self.told {
            None => ConfigEvent::Snapshot(snapshot.clone()),
            Some(told) => ConfigEvent::ChangeSet(told.changes_to(&snapshot)),
        };
        self.told = Some(snapshot);
        self.keys
            .sign(&event, &self.gateway)
            .inspect_err(|error| tracing::error!(gateway = %self.gateway, %error, "Cannot serialise a configuration"))
            .ok()
    }

    fn compile(&mut self, configuration: &Configuration) -> Snapshot {
        let now = Timestamp::now();
        if self.is_laptop {
            let laptop = configuration.laptops.iter().find(|laptop| laptop.digest == self.digest);
            return laptop
                .map_or_else(|| nothing(configuration, now), |laptop| compile_laptop(configuration, laptop, now));
        }
        let sealed = Sealed {
            secrets: self.seal(configuration),
            connections: self.seal_connections(configuration),
            peppers: self.seal_peppers(configuration),
        };
        compile(configuration, sealed, now)
    }

    /// The last that a local gateway hears: it has nothing any more. One that enrolled anew hears it from nobody: the same
    /// name has another configuration by now.
    fn farewell(&mut self, configuration: &Configuration) -> Option<Snapshot> {
        let renewed = configuration.laptops.iter().any(|laptop| laptop.gateway == self.gateway);
        self.is_over = true;
        if !self.is_laptop || renewed {
            return None;
        }
        Some(nothing(configuration, Timestamp::now()))
    }

    /// The secrets in use, sealed to this gateway; those whose revision is the same keep their box.
    fn seal(&mut self, configuration: &Configuration) -> Vec<Named<SecretSpec>> {
        let mut sealed = BTreeMap::new();
        for secret in configuration.secrets_in_use() {
            let kept = self.sealed.remove(&secret.name).filter(|kept| kept.revision == secret.revision);
            if let Some(kept) = kept.or_else(|| self.seal_one(secret)) {
                sealed.insert(secret.name.clone(), kept);
            }
        }
        self.sealed = sealed;
        self.sealed.values().cloned().collect()
    }

    /// The access tokens in use, sealed to this gateway; those whose revision is the same keep their box.
    fn seal_connections(&mut self, configuration: &Configuration) -> Vec<Named<ConnectionSpec>> {
        let mut sealed = BTreeMap::new();
        for connection in configuration.connections_in_use() {
            let kept = self.connections.remove(&connection.id).filter(|kept| kept.revision == connection.revision);
            if let Some(kept) = kept.or_else(|| self.seal_connection(connection)) {
                sealed.insert(connection.id.clone(), kept);
            }
        }
        self.connections = sealed;
        self.connections.values().cloned().collect()
    }

    /// The peppers, sealed to this gateway; the same ones keep their box.
    fn seal_peppers(&mut self, configuration: &Configuration) -> Option<SecretSpec> {
        let text = Zeroizing::new(configuration.peppers.to_text());
        let kept = self.peppers.take().filter(|(sealed, _)| *sealed == text);
        self.peppers = kept.or_else(|| Some((text.clone(), self.key.seal(text.as_bytes())?)));
        self.peppers.as_ref().map(|(_, spec)| spec.clone())
    }

    /// A connection that does not open is left out: the gateway then sends its users to connect again.
    fn seal_connection(&self, connection: &StoredConnection) -> Option<Named<ConnectionSpec>> {
        let token = oauth::access_token(&self.keys, connection);
        if token.is_none() {
            tracing::error!(connection = connection.target(), "Cannot open a connection");
        }
        let spec = ConnectionSpec {
            server: connection.server.clone(),
            user: connection.user.clone(),
            url: connection.url.clone(),
            sealed: self.key.seal(token?.as_bytes())?.sealed,
            expires_at: connection.expires_at,
            scopes: connection.scopes.clone(),
        };
        Some(Named { name: connection.id.clone(), revision: connection.revision, spec })
    }

    /// A secret that does not open is left out: the gateway then refuses the configuration and says so.
    fn seal_one(&self, secret: &StoredSecret) -> Option<Named<SecretSpec>> {
        let binding = Binding { name: secret.name.as_str(), version: secret.version, field: "value" };
        let value = self
            .keys
            .decrypt(binding, &secret.ciphertext)
            .inspect_err(|error| tracing::error!(secret = %secret.name, %error, "Cannot open a secret"))
            .ok()?;
        let spec = self.key.seal(&value)?;
        Some(Named { name: secret.name.clone(), revision: secret.revision, spec })
    }
}

/// No object at all.
fn nothing(configuration: &Configuration, issued_at: Timestamp) -> Snapshot {
    Snapshot { revision: configuration.revision, issued_at, ..Snapshot::empty() }
}
