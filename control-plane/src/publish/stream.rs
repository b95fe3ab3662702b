//! The configuration stream of one connected gateway: a whole snapshot, or what has changed since the revision it came back
//! with, and then every change.

mod laptop;

use super::{
    Published,
    contents::Contents,
    edition::{Edition, Text},
    event::Event,
};
use crate::{
    oauth,
    secrets::{Binding, Keys, SealingKey},
    store::{StoredConnection, StoredSecret},
};
use control_plane_api::{
    limits::Limits,
    name::Name,
    oauth::ConnectionSpec,
    object::{Kind, Named, Object, ObjectRef},
    secret::SecretSpec,
    snapshot::{ChangeSet, ConfigEvent, Snapshot},
};
use laptop::Laptop;
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::{Semaphore, watch};
use zeroize::Zeroizing;

/// One gateway's connection.
pub(crate) struct Subscription {
    subscriber: Subscriber,
    keys: Arc<Keys>,
    newest: watch::Receiver<Arc<Edition>>,
    turns: Arc<Semaphore>,
    /// What the gateway was told last.
    told: Option<Arc<Contents>>,
    /// Whether it was told to be drained.
    draining: Option<bool>,
    /// For the local gateway of a user.
    laptop: Option<Laptop>,
    /// What could not be sealed; it is tried again with every event.
    unopened: BTreeSet<ObjectRef>,
}

/// Whom a subscription is for.
pub(crate) struct Subscriber {
    pub(crate) gateway: Name,
    /// Digest of the token it presented; when that is gone, so is the stream.
    pub(crate) digest: String,
    pub(crate) key: SealingKey,
    /// It is the local gateway of a user.
    pub(crate) is_laptop: bool,
    /// Revision in force when the gateway connected: an older configuration may not know the gateway yet.
    pub(crate) since: u64,
    /// The revision that the gateway has already, as it says.
    pub(crate) has: Option<u64>,
}

/// What is sealed to one gateway in one event.
struct Own {
    objects: Vec<Object>,
    peppers: Option<SecretSpec>,
}

impl Subscription {
    /// Subscribes a gateway.
    pub(crate) fn new(subscriber: Subscriber, published: &Published, keys: Arc<Keys>) -> Self {
        let (newest, turns) = (published.subscribe(), Arc::clone(&published.turns));
        let laptop = subscriber.is_laptop.then(Laptop::default);
        Self { subscriber, keys, newest, turns, told: None, draining: None, laptop, unopened: BTreeSet::new() }
    }

    /// The next event; `None` when mcpd stops or the gateway is no longer enrolled.
    ///
    /// Whoever waits for it may stop waiting at any time and lose nothing.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let told = match &self.laptop {
            Some(laptop) => laptop.revision()?,
            None => self.told.as_ref().map(|told| told.revision),
        };
        let after = told.map_or(self.subscriber.since, |told| told.saturating_add(1));
        self.newest.wait_for(|edition| edition.contents.revision >= after).await.ok()?;
        // A thousand gateways that come at once must not keep whoever asks for something small from being served.
        let _turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let edition = Arc::clone(&self.newest.borrow_and_update());
        if let Some(laptop) = &mut self.laptop {
            let event = laptop.next(edition.configuration(), &self.subscriber)?;
            return self.logged(self.event(&event, &Text::default()));
        }
        let gateway = &self.subscriber.gateway;
        let Some(&draining) = edition.configuration().gateways.get(&self.subscriber.digest) else {
            tracing::info!(%gateway, "Ended the stream of a gateway that is no longer enrolled");
            return None;
        };
        let before = self.told.clone().or_else(|| edition.at(self.subscriber.has?));
        let event = match &before {
            None => self.snapshot(&edition, draining),
            Some(before) => self.changes(&edition, before, draining),
        };
        self.told = Some(Arc::clone(&edition.contents));
        self.draining = Some(draining);
        self.logged(event)
    }

    fn logged(&self, event: Result<Event, serde_json::Error>) -> Option<Event> {
        let gateway = &self.subscriber.gateway;
        event.inspect_err(|error| tracing::error!(%gateway, %error, "Cannot serialise a configuration")).ok()
    }

    fn snapshot(&mut self, edition: &Edition, draining: bool) -> Result<Event, serde_json::Error> {
        let secrets = edition.contents.secrets.keys().collect();
        let connections = edition.contents.connections.keys().collect();
        let own = self.seal(edition, (secrets, connections), true);
        let snapshot = Snapshot {
            revision: edition.contents.revision,
            issued_at: edition.issued_at,
            objects: own.objects,
            peppers: own.peppers,
            limits: Limits::default(),
            draining,
        };
        self.event(&ConfigEvent::Snapshot(snapshot), edition.whole()?)
    }

    fn changes(&mut self, edition: &Edition, before: &Contents, draining: bool) -> Result<Event, serde_json::Error> {
        let changes = edition.changes_since(before)?;
        let difference = &changes.difference;
        let again = std::mem::take(&mut self.unopened);
        let wanted = |kind: Kind, names: &[Name]| -> Vec<Name> {
            let again = again.iter().filter(|object| object.kind == kind).map(|object| &object.name);
            names.iter().chain(again).cloned().collect()
        };
        let (secrets, connections) =
            (wanted(Kind::Secret, &difference.secrets), wanted(Kind::Connection, &difference.connections));
        let wanted = (secrets.iter().collect(), connections.iter().collect());
        let own = self.seal(edition, wanted, difference.has_other_peppers);
        let change = ChangeSet {
            base: before.revision,
            revision: edition.contents.revision,
            issued_at: edition.issued_at,
            upserts: own.objects,
            removals: difference.removals.clone(),
            peppers: own.peppers,
            // One that came back was told what holds at the revision it has, which is not known here.
            draining: (self.draining != Some(draining) && before.revision != edition.contents.revision)
                .then_some(draining),
        };
        self.event(&ConfigEvent::ChangeSet(change), &changes.upserts)
    }

    fn event(&self, own: &ConfigEvent, shared: &Text) -> Result<Event, serde_json::Error> {
        Event::new((own, shared), (&self.keys, &self.subscriber.gateway))
    }

    /// Seals to this gateway those of the secrets and connections that are in use, and the peppers if `with_peppers`.
    fn seal(
        &mut self,
        edition: &Edition,
        (secrets, connections): (BTreeSet<&Name>, BTreeSet<&Name>),
        with_peppers: bool,
    ) -> Own {
        let (configuration, contents) = (edition.configuration(), &edition.contents);
        let mut objects = Vec::new();
        let wanted =
            |secret: &&StoredSecret| secrets.contains(&secret.name) && contents.secrets.contains_key(&secret.name);
        for secret in configuration.secrets.iter().filter(wanted) {
            match self.seal_secret(secret) {
                Some(sealed) => objects.push(Object::Secret(sealed)),
                None => drop(self.unopened.insert(ObjectRef { kind: Kind::Secret, name: secret.name.clone() })),
            }
        }
        let wanted =
            |one: &&StoredConnection| connections.contains(&one.id) && contents.connections.contains_key(&one.id);
        for connection in configuration.connections.iter().filter(wanted) {
            match self.seal_connection(connection) {
                Some(sealed) => objects.push(Object::Connection(sealed)),
                None => drop(self.unopened.insert(ObjectRef { kind: Kind::Connection, name: connection.id.clone() })),
            }
        }
        let peppers = || self.subscriber.key.seal(Zeroizing::new(configuration.peppers.to_text()).as_bytes());
        Own { objects, peppers: with_peppers.then(peppers).flatten() }
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
            sealed: self.subscriber.key.seal(token?.as_bytes())?.sealed,
            expires_at: connection.expires_at,
            scopes: connection.scopes.clone(),
        };
        Some(Named { name: connection.id.clone(), revision: connection.revision, spec })
    }

    /// A secret that does not open is left out: the gateway then refuses the configuration and says so.
    fn seal_secret(&self, secret: &StoredSecret) -> Option<Named<SecretSpec>> {
        let binding = Binding { name: secret.name.as_str(), version: secret.version, field: "value" };
        let value = self
            .keys
            .decrypt(binding, &secret.ciphertext)
            .inspect_err(|error| tracing::error!(secret = %secret.name, %error, "Cannot open a secret"))
            .ok()?;
        let spec = self.subscriber.key.seal(&value)?;
        Some(Named { name: secret.name.clone(), revision: secret.revision, spec })
    }
}
