//! Watches the revision and hands every new configuration to the streams of the connected gateways.
//!
//! One [`Publisher`] per process. It is woken by changes made here, by other replicas through PostgreSQL's
//! LISTEN/NOTIFY, and by a clock, in case another process wrote to the same database without a word. Streams hold
//! a [`watch::Receiver`]: a slow one sees the newest configuration when it looks again, and nothing queues up.

mod stream;

pub(crate) use stream::{Subscriber, Subscription};

use crate::{
    compile::{self, Configuration},
    identity::load_peppers,
    rollback::HighWater,
    secrets::Keys,
    settings::Addresses,
    store::{Presence, Store, StoreError},
};
use issuers::Issuers;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::{MissedTickBehavior, interval},
};
use url::Url;

/// Longest time after which a change that nobody told of is noticed.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Where people and gateways reach what this installation has.
#[derive(Clone, Default)]
pub(crate) struct Places {
    /// Where people give consent, if they can.
    pub(crate) addresses: Option<Addresses>,
    /// Where local gateways reach the central one, if there is one.
    pub(crate) central_url: Option<Url>,
}

/// Watches the store until told to stop.
pub(crate) struct Publisher {
    store: Store,
    keys: Arc<Keys>,
    places: Places,
    changed: Arc<Notify>,
    newest: watch::Sender<Arc<Configuration>>,
    seen: HighWater,
}

/// What the rest of the process has of the publisher.
#[derive(Clone)]
pub(crate) struct Published {
    changed: Arc<Notify>,
    newest: watch::Receiver<Arc<Configuration>>,
}

impl Published {
    /// Says that a change was committed.
    pub(crate) fn announce(&self) {
        self.changed.notify_one();
    }

    /// The configuration in force, as far as this process knows.
    pub(crate) fn newest(&self) -> Arc<Configuration> {
        Arc::clone(&self.newest.borrow())
    }

    /// Every configuration from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Configuration>> {
        self.newest.clone()
    }
}

impl Publisher {
    /// Loads the configuration for the first time.
    pub(crate) async fn start(
        store: Store,
        keys: Arc<Keys>,
        places: Places,
        mut seen: HighWater,
    ) -> Result<(Self, Published), StoreError> {
        let first = load(&store, &keys, places.clone()).await?;
        seen.note(first.revision);
        let (newest, receiver) = watch::channel(Arc::new(first));
        let changed = Arc::new(Notify::new());
        let published = Published { changed: Arc::clone(&changed), newest: receiver };
        Ok((Self { store, keys, places, changed, newest, seen }, published))
    }

    /// Publishes until `stopped` says so; ending ends every stream.
    pub(crate) async fn run(mut self, mut presence: Presence, mut stopped: watch::Receiver<bool>) {
        let mut clock = interval(POLL_INTERVAL);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                _ = stopped.changed() => return,
                () = self.changed.notified() => {}
                () = presence.heard() => {}
                _ = clock.tick() => {
                    if presence.renew(&self.store).await {
                        tracing::info!("Hears other replicas again");
                    }
                }
            }
            match self.refresh().await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "Cannot read the configuration; gateways keep what they have");
                }
                Err(_) => {}
            }
        }
    }

    async fn refresh(&mut self) -> Result<(), StoreError> {
        let revision = self.store.read().await?.revision().await?;
        if revision > self.newest.borrow().revision {
            let configuration = load(&self.store, &self.keys, self.places.clone()).await?;
            tracing::info!(revision = configuration.revision, "Published a configuration");
            self.seen.note(configuration.revision);
            self.newest.send_replace(Arc::new(configuration));
        }
        Ok(())
    }
}

async fn load(store: &Store, keys: &Keys, places: Places) -> Result<Configuration, StoreError> {
    let mut tx = store.read().await?;
    let mut configuration = Configuration {
        revision: tx.revision().await?,
        objects: tx.objects().await?,
        grants: [tx.grants().await?, tx.session_grants().await?].concat(),
        secrets: tx.secrets().await?,
        connections: tx.connections().await?,
        key_sets: tx.key_sets().await?,
        instances: tx.instances().await?,
        addresses: places.addresses,
        gateways: tx.gateway_digests().await?.into_iter().collect(),
        laptops: tx.laptops().await?,
        laptop_sessions: tx.laptop_sessions().await?,
        central_url: places.central_url,
        peppers: load_peppers(&mut tx, keys).await?,
        issuers: Issuers::default(),
    };
    configuration.issuers = compile::issuers(&configuration);
    Ok(configuration)
}
