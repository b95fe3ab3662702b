//! Watches the revision and hands every new configuration to the streams of the connected gateways.
//!
//! One [`Publisher`] per process. It is woken by changes made here, by other replicas through PostgreSQL's
//! LISTEN/NOTIFY, and by a clock, in case another process wrote to the same database without a word. What it publishes is an
//! [`Edition`]: compiled and turned into text once for all gateways, so that one more gateway costs a signature. Streams hold
//! a [`watch::Receiver`]: a slow one sees the newest edition when it looks again, and nothing queues up.

mod contact;
mod contents;
mod edition;
mod event;
mod stream;

pub(crate) use contact::Contact;
pub(crate) use edition::Edition;
pub(crate) use event::Event;
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
use std::{num::NonZero, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{MissedTickBehavior, interval, timeout},
};
use url::Url;

/// Longest time after which a change that nobody told of is noticed.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Time in which the database has to say its revision. Short, because everything waits for it: what was lost on its way is
/// asked again rather than waited for.
const REVISION_TIMEOUT: Duration = Duration::from_secs(2);

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
    newest: watch::Sender<Arc<Edition>>,
    contact: Contact,
    seen: HighWater,
}

/// What the rest of the process has of the publisher.
#[derive(Clone)]
pub(crate) struct Published {
    changed: Arc<Notify>,
    newest: watch::Receiver<Arc<Edition>>,
    contact: Contact,
    /// For events that are made at the same time: half of the cores, so that the other half serves.
    turns: Arc<Semaphore>,
}

impl Published {
    /// Says that a change was committed.
    pub(crate) fn announce(&self) {
        self.changed.notify_one();
    }

    /// The configuration in force, as far as this process knows.
    pub(crate) fn newest(&self) -> Arc<Configuration> {
        Arc::clone(self.newest.borrow().configuration())
    }

    /// Whether that may still be the newest.
    pub(crate) fn contact(&self) -> Contact {
        self.contact.clone()
    }

    /// Every edition from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Edition>> {
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
        let first = edition(load(&store, &keys, places.clone()).await?, None)?;
        seen.note(first.configuration().revision);
        let (newest, receiver) = watch::channel(Arc::new(first));
        let changed = Arc::new(Notify::new());
        let contact = Contact::new();
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let turns = Arc::new(Semaphore::new((cores / 2).max(1)));
        let published = Published { changed: Arc::clone(&changed), newest: receiver, contact: contact.clone(), turns };
        Ok((Self { store, keys, places, changed, newest, contact, seen }, published))
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
                Ok(()) => {
                    failing = false;
                    self.contact.note();
                }
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "Cannot read the configuration; gateways keep what they have");
                }
                Err(_) => {}
            }
        }
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        let asked = async { self.store.read().await?.revision().await };
        timeout(REVISION_TIMEOUT, asked).await.unwrap_or_else(|_| Err(StoreError::silent(REVISION_TIMEOUT)))
    }

    async fn refresh(&mut self) -> Result<(), StoreError> {
        let revision = self.revision().await?;
        let before = Arc::clone(&self.newest.borrow());
        if revision > before.configuration().revision {
            let next = edition(load(&self.store, &self.keys, self.places.clone()).await?, Some(&before))?;
            let revision = next.configuration().revision;
            tracing::info!(revision, "Published a configuration");
            self.seen.note(revision);
            self.newest.send_replace(Arc::new(next));
        }
        Ok(())
    }
}

/// Objects have string keys only, so that nothing of them cannot be written.
fn edition(configuration: Configuration, before: Option<&Edition>) -> Result<Edition, StoreError> {
    Edition::new(configuration, before)
        .map_err(|error| StoreError::Unreadable { what: "an object".to_owned(), reason: error.to_string() })
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
        gateways: tx.gateway_digests().await?,
        laptops: tx.laptops().await?,
        laptop_sessions: tx.laptop_sessions().await?,
        central_url: places.central_url,
        peppers: load_peppers(&mut tx, keys).await?,
        issuers: Issuers::default(),
    };
    configuration.issuers = compile::issuers(&configuration);
    Ok(configuration)
}
