//! Everything that has to be there before the first request, in order.
//!
//! It is patient with a database that others have, or whose disk is slow: every step may be done twice, and mcpd that is
//! started together with others, or with the machine, is not to fail for that. What does not pass by itself is said at once.

use super::{StartError, open};
use crate::{
    audit::Checkpoints,
    fetch::SafeFetcher,
    identity,
    instances::Instances,
    key_sets::KeySets,
    oauth::OauthClient,
    publish::{Places, Published, Publisher},
    rollback::{HighWater, RollbackError},
    secrets::Keys,
    settings::{Addresses, Settings},
    store::{OpenError, Presence, Store},
};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long the database may be busy at start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time between two attempts; most have waited for the database already.
const PAUSE: Duration = Duration::from_millis(100);

/// What serving needs.
pub(super) struct Ready {
    pub store: Store,
    pub keys: Arc<Keys>,
    pub presence: Presence,
    pub publisher: Publisher,
    pub published: Published,
    pub oauth: OauthClient,
    pub key_sets: KeySets,
    pub instances: Instances,
    pub checkpoints: Checkpoints,
    /// The origin under which browsers reach mcpd, if it has one of its own.
    pub origin: Option<String>,
}

/// Gets ready, again and again while the database is only busy.
pub(super) async fn patiently(settings: &Settings, address: SocketAddr) -> Result<Ready, StartError> {
    let since = Instant::now();
    loop {
        match Box::pin(get_ready(settings, address)).await {
            Err(error) if is_passing(&error) && since.elapsed() < PATIENCE => {
                tracing::warn!(%error, "The database is busy; trying again");
                pause().await;
            }
            done => return done,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "others give no sign when they are done with the database")]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

fn is_passing(error: &StartError) -> bool {
    let (StartError::Open(error) | StartError::WentBack(RollbackError::Open(error))) = error else { return false };
    matches!(error, OpenError::Busy(_))
}

async fn get_ready(settings: &Settings, address: SocketAddr) -> Result<Ready, StartError> {
    let (store, keys) = Box::pin(open(settings)).await?;
    let presence = store.enter().await?;
    let seen = HighWater::check(&store, &settings.home).await?;
    Box::pin(identity::bootstrap(&store, &keys, &settings.home)).await?;
    let keys = Arc::new(keys);
    let addresses = settings.addresses(address).map_err(StartError::PublicUrl)?;
    let checkpoints = Checkpoints { store: store.clone(), keys: Arc::clone(&keys) };
    checkpoints.announce().await?;
    let central_url = settings.central().map_err(StartError::CentralUrl)?;
    let places = Places { addresses: addresses.clone(), central_url };
    let (publisher, published) = Box::pin(Publisher::start(store.clone(), Arc::clone(&keys), places, seen)).await?;
    let origin = addresses.as_ref().map(Addresses::origin);
    let fetcher = SafeFetcher::new(settings.trusts_loopback(address))?;
    let key_sets = KeySets { store: store.clone(), published: published.clone(), fetcher: fetcher.clone() };
    let oauth =
        OauthClient { store: store.clone(), keys: Arc::clone(&keys), published: published.clone(), fetcher, addresses };
    let instances =
        Box::pin(Instances::new(store.clone(), Arc::clone(&keys), published.clone(), settings.engines())).await?;
    Ok(Ready { store, keys, presence, publisher, published, oauth, key_sets, instances, checkpoints, origin })
}
