//! Starting and stopping: everything mcpd needs, in order, each failure with a hint.

mod ready;
mod scraped;

use crate::{
    fetch::FetcherError,
    home::{self, HomeError, PrivateFile},
    http::{self, Addressed, App},
    identity::{self, BootstrapError, Logins, Uses},
    listener::{self, Bounds},
    metrics::{Metrics, Scraper},
    retention::Retention,
    rollback::RollbackError,
    secrets::{Keys, LastingKeyError, MasterKeyError, OpenKeysError},
    settings::Settings,
    store::{self, OpenError, Store, StoreError},
};
use control_plane_api::timestamp::Timestamp;
use ready::Ready;
use scraped::Scraped;
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

/// Time for requests in progress after the signal to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the connections to the database after that.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The file with the address that is listened on, in the home folder.
const ADDRESS_FILE: &str = "mcpd.addr";

/// Why mcpd does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The same of the address for metrics.
    #[error("cannot listen on {address} for metrics: {source}")]
    ListenMetrics {
        /// The address asked for.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The home folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// There is no master key, or it is the wrong one.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database failed at its first use.
    #[error("{0}")]
    Store(String),
    /// The database is older than what was seen of it.
    #[error(transparent)]
    WentBack(#[from] RollbackError),
    /// The public URL is none.
    #[error("MCPD_PUBLIC_URL is `{0}`, which is neither an https URL nor this machine's own")]
    PublicUrl(String),
    /// The URL of the central gateway is none.
    #[error("MCPD_CENTRAL_URL is `{0}`, which is neither an https URL nor this machine's own")]
    CentralUrl(String),
    /// Nothing can be fetched.
    #[error("{0}")]
    Fetcher(String),
    /// The listener failed.
    #[error("serving failed: {0}")]
    Serve(#[from] io::Error),
}

impl StartError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "another program, perhaps another mcpd, has this port: stop it, or set MCPD_LISTEN to a free one"
            }
            Self::Listen { .. } => "set MCPD_LISTEN to `address:port` of this machine, such as 127.0.0.1:3000",
            Self::ListenMetrics { .. } => {
                "set MCPD_METRICS_LISTEN to a free `address:port` of this machine, such as 127.0.0.1:9231, or unset it"
            }
            Self::Home(error) => error.hint(),
            Self::MasterKey(error) => error.hint(),
            Self::Open(error) => error.hint(),
            Self::Store(_) => "check the database's own log, and the space left on its disk",
            Self::WentBack(error) => error.hint(),
            Self::PublicUrl(_) => "set it to the https URL under which browsers reach mcpd, without query and fragment",
            Self::CentralUrl(_) => "set it to the https URL under which laptops reach the central gateway, or unset it",
            Self::Fetcher(_) => "install the package ca-certificates, or name a file of certificates in SSL_CERT_FILE",
            Self::Serve(_) => "the system's log may say more; start mcpd again",
        }
    }
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        let reason = error.to_string();
        if error.is_passing() { Self::Open(OpenError::Busy(reason)) } else { Self::Store(reason) }
    }
}

impl From<FetcherError> for StartError {
    fn from(error: FetcherError) -> Self {
        Self::Fetcher(error.to_string())
    }
}

impl From<OpenKeysError> for StartError {
    fn from(error: OpenKeysError) -> Self {
        match error {
            OpenKeysError::Key(error) => error.into(),
            OpenKeysError::Store(error) => error.into(),
            OpenKeysError::Lasting(LastingKeyError::Store(error)) => error.into(),
            OpenKeysError::Lasting(error) => Self::Store(error.to_string()),
        }
    }
}

impl From<BootstrapError> for StartError {
    fn from(error: BootstrapError) -> Self {
        match error {
            BootstrapError::Home(error) => error.into(),
            BootstrapError::Store(error) => error.into(),
            other => Self::Store(other.to_string()),
        }
    }
}

/// Takes the address that the settings name.
///
/// # Errors
/// [`StartError::Listen`] when it is taken or not one of this machine's.
pub async fn bind(settings: &Settings) -> Result<TcpListener, StartError> {
    let failed = |source| StartError::Listen { address: settings.listen.clone(), source };
    TcpListener::bind(&settings.listen).await.map_err(failed)
}

/// Serves on `listener` until `stop` is ready, then lets requests in progress finish and ends the streams.
///
/// # Errors
/// Any [`StartError`]; once it serves, none.
pub async fn serve(
    settings: &Settings,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), StartError> {
    let (address, for_metrics) = (listener.local_addr()?, scraped::bind(settings).await?);
    let Ready { store, keys, presence, publisher, published, oauth, key_sets, instances, checkpoints, origin } =
        Box::pin(ready::patiently(settings, address)).await?;
    let addressed = Addressed::by(&settings.allowed_hosts, origin);
    let (logins, uses) = (Arc::new(Logins::new()), Uses::default());
    let (metrics, started_at) = (Metrics::new(&http::routes()), Timestamp::now());
    let scraper = Scraper::new(metrics.clone(), store.clone(), started_at);
    let app = App {
        store: store.clone(),
        keys,
        published: published.clone(),
        oauth: oauth.clone(),
        instances: instances.clone(),
        logins: Arc::clone(&logins),
        uses: uses.clone(),
        metrics,
        started_at,
    };
    let address_file = told(settings.home.join(ADDRESS_FILE), &address)?;
    tracing::info!(%address, store = store.name(), home = %settings.home.display(), "Serving");

    let (stopping, stopped) = watch::channel(false);
    let start = |listener| Scraped::start(listener, scraper, addressed.clone(), (settings, stopped.clone()));
    let scraped = for_metrics.map(start).transpose()?;
    let publishing = tokio::spawn(publisher.run(presence, stopped.clone()));
    let renewing = tokio::spawn(oauth.renew(stopped.clone()));
    let noting = tokio::spawn(uses.run(store.clone(), published, stopped.clone()));
    let warming = tokio::spawn(async move { logins.hasher.warm().await });
    let fetching = tokio::spawn(key_sets.run(stopped.clone()));
    let tending = tokio::spawn(instances.run(stopped.clone()));
    let retention = Retention { store: store.clone(), days: settings.audit_retention_days };
    let retaining = tokio::spawn(retention.run(stopped.clone()));
    let signing = tokio::spawn(checkpoints.run(stopped.clone()));
    let router = http::router(app, addressed);
    let mut server = pin!(listener::serve(listener, router, Bounds::default(), stopped));
    tokio::select! {
        () = &mut server => {}
        () = stop => {
            tracing::info!("Stopping");
            stopping.send_replace(true);
            if timeout(DRAIN_TIMEOUT, server).await.is_err() {
                tracing::warn!("Some requests did not end in time and were cut off");
            }
        }
    }
    publishing.abort();
    // Where they stopped, this or another replica goes on.
    warming.abort();
    [fetching, tending, retaining, signing].iter().for_each(JoinHandle::abort);
    // With it ends this process's hold on the database.
    publishing.await.ok();
    // Not aborted: a refresh token that was spent and whose answer is lost would be lost for good.
    stopping.send_replace(true);
    if timeout(DRAIN_TIMEOUT, renewing).await.is_err() {
        tracing::warn!("Some connections were being renewed and may have to be made anew");
    }
    if timeout(DRAIN_TIMEOUT, noting).await.is_err() {
        tracing::warn!("The last uses of tokens were not written down");
    }
    scraped.into_iter().for_each(Scraped::end);
    forget(&address_file, &address);
    close(&store).await;
    Ok(())
}

/// Writes down in `file` where mcpd listens.
fn told(file: PathBuf, address: &SocketAddr) -> Result<PathBuf, StartError> {
    PrivateFile::write(&file, &format!("{address}\n"))?.put()?;
    Ok(file)
}

async fn close(store: &Store) {
    if timeout(CLOSE_TIMEOUT, store.close()).await.is_err() {
        tracing::warn!("Some connections to the database did not close in time");
    }
}

/// Issues a new token for the user `admin`, into its file in the home folder.
///
/// # Errors
/// Any [`StartError`] except those of the listener.
pub async fn reset_admin_token(settings: &Settings) -> Result<(), StartError> {
    let (store, keys) = open(settings).await?;
    identity::reset_admin_token(&store, &keys, &settings.home).await?;
    store.close().await;
    Ok(())
}

/// Makes a new pepper for the digests of tokens; running control planes and their gateways take it over at once.
///
/// # Errors
/// Any [`StartError`] except those of the listener.
pub async fn rotate_pepper(settings: &Settings) -> Result<(), StartError> {
    let (store, keys) = open(settings).await?;
    identity::rotate_pepper(&store, &keys).await?;
    store.close().await;
    Ok(())
}

async fn open(settings: &Settings) -> Result<(Store, Keys), StartError> {
    home::prepare(&settings.home)?;
    let sources = settings.key_sources()?;
    let store = store::open(&settings.database_url(), &settings.database).await?;
    let keys = Keys::open(sources, &store).await?;
    identity::found_pepper(&store, &keys).await?;
    Ok((store, keys))
}

/// Removes the address file if it still holds our address; another mcpd may have taken over.
fn forget(file: &Path, address: &SocketAddr) {
    if fs::read_to_string(file).is_ok_and(|text| text.trim() == address.to_string()) {
        fs::remove_file(file).ok();
    }
}
