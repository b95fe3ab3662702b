//! The listener for metrics, if there is to be one: taken before anything else, so that an address that cannot be had is
//! known at once, and served as long as mcpd serves.

use super::{StartError, forget, told};
use crate::{
    http::Addressed,
    listener::{self, Bounds},
    metrics::{self, Scraper},
    settings::Settings,
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// The file with its address, in the home folder.
const ADDRESS_FILE: &str = "mcpd-metrics.addr";

/// Takes the address that the settings name for it.
pub(super) async fn bind(settings: &Settings) -> Result<Option<TcpListener>, StartError> {
    let Some(address) = settings.metrics_listen.clone().filter(|address| !address.is_empty()) else { return Ok(None) };
    match TcpListener::bind(&address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(source) => Err(StartError::ListenMetrics { address, source }),
    }
}

/// Serves the metrics; ends with `end`.
pub(super) struct Scraped {
    address: SocketAddr,
    file: PathBuf,
    serving: JoinHandle<()>,
}

impl Scraped {
    /// Serves what `scraper` tells, to who addresses it as the REST API is addressed.
    pub(super) fn start(
        listener: TcpListener,
        scraper: Scraper,
        addressed: Addressed,
        (settings, stop): (&Settings, watch::Receiver<bool>),
    ) -> Result<Self, StartError> {
        let address = listener.local_addr()?;
        let file = told(settings.home.join(ADDRESS_FILE), &address)?;
        tracing::info!(%address, "Serving metrics");
        let router = metrics::router(Arc::new(scraper), addressed);
        let serving = tokio::spawn(listener::serve(listener, router, Bounds::for_scrapes(), stop));
        Ok(Self { address, file, serving })
    }

    /// Serves no more.
    pub(super) fn end(self) {
        self.serving.abort();
        forget(&self.file, &self.address);
    }
}
