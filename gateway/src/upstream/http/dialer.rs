//! Connections to one HTTP server: made, used for one request at a time, kept for the next.
//!
//! TLS with the system's certificates, HTTP/2, and what is kept behind TLS are pingora's; names are looked up here. Redirects
//! are not followed and proxies are not used: credentials go to the configured host or nowhere.

use super::{
    connection::{Broken, Connection, Link, Outgoing, cause},
    kept::{IDLE_TIMEOUT_MS, Kept},
    target::Target,
};
use pingora_core::{
    ErrorType,
    connectors::{ConnectorOptions, TransportConnector, http::Connector},
    protocols::http::client::HttpSession,
    upstreams::peer::HttpPeer,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// Connections kept behind TLS, over all servers.
const POOL_SIZE: usize = 256;
/// An address is looked up again after this, in milliseconds.
const ADDRESS_TTL_MS: u64 = 30_000;
/// Requests at once on one HTTP/2 connection.
const H2_STREAMS_MAX: usize = 100;

/// Makes connections to one target.
pub(super) struct Dialer {
    connect_timeout: Duration,
    addresses: Mutex<Option<(Instant, Arc<[SocketAddr]>)>>,
    kept: Arc<Kept>,
}

impl Dialer {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Self { connect_timeout, addresses: Mutex::new(None), kept: Arc::default() }
    }

    /// Sends `request` and reads the head of the response.
    pub(super) async fn send(&self, target: &Target, request: &Outgoing) -> Result<Connection, Broken> {
        let (link, reused) = self.connect(target, false).await.map_err(Broken::Unsent)?;
        match Connection::open(link, target, request).await {
            // A kept connection may have been closed by the server at any time; that says nothing about the request. What
            // left completely is written again only if doing it twice does no harm, and never because of what is answered.
            Err(Broken::Unsent(_)) if reused => Box::pin(self.send_anew(target, request)).await,
            Err(Broken::Unanswered(_)) if reused && request.repeatable => {
                Box::pin(self.send_anew(target, request)).await
            }
            opened => opened,
        }
    }

    /// The same on a connection of its own.
    async fn send_anew(&self, target: &Target, request: &Outgoing) -> Result<Connection, Broken> {
        let (link, _) = self.connect(target, true).await.map_err(Broken::Unsent)?;
        Connection::open(link, target, request).await
    }

    /// Something to write to, and whether it was written to before.
    async fn connect(&self, target: &Target, fresh: bool) -> Result<(Link, bool), String> {
        let addresses = self.resolve(target).await?;
        if !target.tls
            && !fresh
            && let Some((stream, address)) = self.kept.take(&addresses)
        {
            return Ok((Link::Plain(stream, self.kept.clone(), address), true));
        }
        let mut reason = format!("`{}` has no address", target.host);
        for address in addresses.iter().copied() {
            let peer = self.peer(target, address, fresh);
            match Box::pin(self.link(target, peer, address)).await? {
                Ok(linked) => return Ok(linked),
                Err(error) => reason = self.explain(&error, address),
            }
        }
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Err(reason)
    }

    async fn link(
        &self,
        target: &Target,
        peer: HttpPeer,
        address: SocketAddr,
    ) -> Result<pingora_core::Result<(Link, bool)>, String> {
        if !target.tls {
            let stream = plain().new_stream(&peer).await;
            return Ok(stream.map(|stream| (Link::Plain(stream, self.kept.clone(), address), false)));
        }
        let linked = tls()?.get_http_session(&peer).await;
        Ok(linked.map(|(session, reused)| (Link::Tls(Box::new(session), Box::new(peer)), reused)))
    }

    fn peer(&self, target: &Target, address: SocketAddr, fresh: bool) -> HttpPeer {
        // An empty SNI would switch verification off; the host is never empty.
        let mut peer = HttpPeer::new(address, target.tls, target.host.clone());
        peer.options.connection_timeout = Some(self.connect_timeout);
        peer.options.total_connection_timeout = Some(self.connect_timeout);
        peer.options.max_h2_streams = H2_STREAMS_MAX;
        // Connections are kept by group: nothing is kept yet in one of its own.
        peer.group_key = u64::from(fresh);
        if target.tls {
            peer.options.set_http_version(2, 1);
        }
        peer
    }

    async fn resolve(&self, target: &Target) -> Result<Arc<[SocketAddr]>, String> {
        let known = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((since, addresses)) = known
            && since.elapsed() < Duration::from_millis(ADDRESS_TTL_MS)
        {
            return Ok(addresses);
        }
        let lookup = tokio::net::lookup_host((target.host.as_str(), target.port));
        let found = tokio::time::timeout(self.connect_timeout, lookup).await;
        let addresses: Arc<[SocketAddr]> = match found {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => return Err(format!("host `{}` was not found ({error}); check its URL", target.host)),
            Err(_) => return Err(format!("looking up host `{}` took too long", target.host)),
        };
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), addresses.clone()));
        Ok(addresses)
    }

    fn explain(&self, error: &pingora_core::Error, address: SocketAddr) -> String {
        match error.etype() {
            ErrorType::ConnectRefused => format!("nothing listens at {address}; is it running?"),
            ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => {
                format!("no connection to {address} within {} ms", self.connect_timeout.as_millis())
            }
            ErrorType::ConnectNoRoute => format!("there is no route to {address}"),
            ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert | ErrorType::HandshakeError => {
                format!("no trusted TLS connection to {address}: {}; check its certificate", cause(error))
            }
            _ => format!("no connection to {address}: {}", cause(error)),
        }
    }
}

/// Keeps what was spoken with `peer` behind TLS for the next request.
pub(super) async fn keep(session: HttpSession, peer: &HttpPeer) {
    if let Ok(connector) = tls() {
        connector.release_http_session(session, peer, Some(Duration::from_millis(IDLE_TIMEOUT_MS))).await;
    }
}

/// Connects without TLS, so without certificates.
fn plain() -> &'static TransportConnector {
    static PLAIN: OnceLock<TransportConnector> = OnceLock::new();
    PLAIN.get_or_init(|| {
        let mut options = ConnectorOptions::new(0);
        options.ca_file = Some("/dev/null".to_owned());
        TransportConnector::new(Some(options))
    })
}

/// Connects and keeps, for all servers behind TLS.
fn tls() -> Result<&'static Connector, String> {
    static TLS: OnceLock<Result<Connector, String>> = OnceLock::new();
    let made = TLS.get_or_init(|| {
        // Tried beforehand: pingora panics where this fails.
        let mut store = pingora_core::tls::RootCertStore::empty();
        pingora_core::tls::load_platform_certs_incl_env_into_store(&mut store)
            .map_err(|error| format!("the system's certificates cannot be loaded: {}", cause(&error)))?;
        if store.is_empty() {
            return Err("the system has no certificates; install `ca-certificates`".to_owned());
        }
        Ok(Connector::new(Some(ConnectorOptions::new(POOL_SIZE))))
    });
    made.as_ref().map_err(Clone::clone)
}
