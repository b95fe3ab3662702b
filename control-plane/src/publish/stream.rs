//! The configuration stream of one connected gateway: a whole snapshot, then what changed since it was last told.

use super::Published;
use crate::{
    compile::{Configuration, compile},
    secrets::{Binding, Keys, SealingKey},
    store::StoredSecret,
};
use control_plane_api::{
    name::Name,
    object::Named,
    secret::SecretSpec,
    snapshot::{ConfigEvent, SignedEvent, Snapshot},
    timestamp::Timestamp,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;

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
    /// Sealed boxes differ every time; keeping them keeps unchanged secrets out of the change sets.
    sealed: BTreeMap<Name, Named<SecretSpec>>,
}

/// Whom a subscription is for.
pub(crate) struct Subscriber {
    pub(crate) gateway: Name,
    /// Digest of the token it presented; when that is gone, so is the stream.
    pub(crate) digest: String,
    pub(crate) key: SealingKey,
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
            sealed: BTreeMap::new(),
        }
    }

    /// The next event; `None` when mcpd stops or the gateway is no longer enrolled.
    pub(crate) async fn next(&mut self) -> Option<SignedEvent> {
        let after = self.told.as_ref().map_or(self.since, |told| told.revision.saturating_add(1));
        let newest = self.newest.wait_for(|configuration| configuration.revision >= after).await.ok()?;
        let configuration = Arc::clone(&newest);
        drop(newest);
        if !configuration.gateways.contains(&self.digest) {
            tracing::info!(gateway = %self.gateway, "Ended the stream of a gateway that is no longer enrolled");
            return None;
        }
        let snapshot = compile(&configuration, self.seal(&configuration), Timestamp::now());
        let event = match &self.told {
            None => ConfigEvent::Snapshot(snapshot.clone()),
            Some(told) => ConfigEvent::ChangeSet(told.changes_to(&snapshot)),
        };
        self.told = Some(snapshot);
        self.keys
            .sign(&event)
            .inspect_err(|error| tracing::error!(gateway = %self.gateway, %error, "Cannot serialise a configuration"))
            .ok()
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
