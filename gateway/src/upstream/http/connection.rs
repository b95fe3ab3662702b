//! Connections to one HTTP server: made, used for one request at a time, kept for the next.
//!
//! Pooling, TLS with the system's certificates and HTTP/2 are pingora's; names are looked up here. Redirects are not
//! followed and proxies are not used: credentials go to the configured host or nowhere.

use super::target::Target;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use pingora_core::{
    ErrorType,
    connectors::{ConnectorOptions, http::Connector},
    protocols::http::client::HttpSession,
    upstreams::peer::HttpPeer,
};
use pingora_http::RequestHeader;
use std::{
    net::SocketAddr,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// Connections kept, over all servers.
const POOL_SIZE: usize = 256;
/// An unused connection is closed after this, in milliseconds.
const IDLE_TIMEOUT_MS: u64 = 60_000;
/// An address is looked up again after this, in milliseconds.
const ADDRESS_TTL_MS: u64 = 30_000;
/// Requests at once on one HTTP/2 connection.
const H2_STREAMS_MAX: usize = 100;
/// Response headers that only announce the real ones; more are refused.
const INTERIM_RESPONSES_MAX: usize = 8;

/// Why a request got no response.
#[derive(Debug)]
pub(super) enum Broken {
    /// It never left completely: the server cannot have acted on it.
    Unsent(String),
    /// It left, and the connection ended without an answer.
    Unanswered(String),
    /// It left; what came of it is not known.
    Lost(String),
}

/// Makes connections to one target.
pub(super) struct Dialer {
    connect_timeout: Duration,
    addresses: Mutex<Option<(Instant, Vec<SocketAddr>)>>,
}

/// A connection with a response on it. Dropped unfinished, it is closed, or its stream reset.
pub(super) struct Connection {
    session: HttpSession,
    peer: HttpPeer,
    tls: bool,
}

/// A request as it is written.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether it may be written a second time when a kept connection turns out to be dead.
    pub(super) repeatable: bool,
}

impl Dialer {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        Self { connect_timeout, addresses: Mutex::new(None) }
    }

    /// Sends `request` and reads the head of the response.
    pub(super) async fn send(&self, target: &Target, request: &Outgoing) -> Result<Connection, Broken> {
        let (mut connection, reused) = self.connect(target, false).await.map_err(Broken::Unsent)?;
        match connection.exchange(target, request).await {
            // A kept connection may have been closed by the server at any time; that says nothing about the request. What
            // left completely is written again only if doing it twice does no harm, and never because of what is answered.
            Err(Broken::Unsent(_)) if reused => self.send_anew(target, request).await,
            Err(Broken::Unanswered(_)) if reused && request.repeatable => self.send_anew(target, request).await,
            Err(broken) => Err(broken),
            Ok(()) => Ok(connection),
        }
    }

    /// The same on a connection of its own.
    async fn send_anew(&self, target: &Target, request: &Outgoing) -> Result<Connection, Broken> {
        let (mut connection, _) = self.connect(target, true).await.map_err(Broken::Unsent)?;
        connection.exchange(target, request).await?;
        Ok(connection)
    }

    async fn connect(&self, target: &Target, fresh: bool) -> Result<(Connection, bool), String> {
        let connector = connector(target.tls)?;
        let mut reason = format!("`{}` has no address", target.host);
        for address in self.resolve(target).await? {
            let peer = self.peer(target, address, fresh);
            match connector.get_http_session(&peer).await {
                Ok((session, reused)) => return Ok((Connection { session, peer, tls: target.tls }, reused)),
                Err(error) => reason = self.explain(&error, address),
            }
        }
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Err(reason)
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

    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        let known = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((since, addresses)) = known
            && since.elapsed() < Duration::from_millis(ADDRESS_TTL_MS)
        {
            return Ok(addresses);
        }
        let lookup = tokio::net::lookup_host((target.host.as_str(), target.port));
        let found = tokio::time::timeout(self.connect_timeout, lookup).await;
        let addresses: Vec<SocketAddr> = match found {
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

impl Connection {
    async fn exchange(&mut self, target: &Target, request: &Outgoing) -> Result<(), Broken> {
        let head = self.head(target, request).map_err(Broken::Unsent)?;
        let unsent =
            |error: Box<pingora_core::Error>| Broken::Unsent(format!("the connection broke: {}", cause(&error)));
        let lost = |error: Box<pingora_core::Error>| {
            let reason = format!("the connection broke: {}", cause(&error));
            match error.etype() {
                ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => {
                    Broken::Unanswered(reason)
                }
                _ => Broken::Lost(reason),
            }
        };
        self.session.write_request_header(Box::new(head)).await.map_err(unsent)?;
        if request.body.is_empty() {
            self.session.finish_request_body().await.map_err(lost)?;
        } else {
            self.session.write_request_body(request.body.clone(), true).await.map_err(lost)?;
            self.session.finish_request_body().await.map_err(lost)?;
        }
        for _ in 0..INTERIM_RESPONSES_MAX {
            self.session.read_response_header().await.map_err(lost)?;
            if !self.status().is_informational() {
                return Ok(());
            }
        }
        Err(Broken::Lost("it announces a response and does not send one".to_owned()))
    }

    fn head(&self, target: &Target, request: &Outgoing) -> Result<RequestHeader, String> {
        let build = || -> pingora_core::Result<RequestHeader> {
            let mut head = RequestHeader::build(request.method.clone(), target.path.as_bytes(), None)?;
            head.insert_header(http::header::HOST, target.authority.clone())?;
            head.insert_header(http::header::CONTENT_LENGTH, request.body.len())?;
            for (name, value) in &request.headers {
                head.insert_header(name.clone(), value.clone())?;
            }
            for (name, value) in &target.headers {
                head.insert_header(name.clone(), value.clone())?;
            }
            Ok(head)
        };
        build().map_err(|error| format!("the request cannot be written: {}", cause(&error)))
    }

    pub(super) fn status(&self) -> StatusCode {
        self.session.response_header().map_or(StatusCode::BAD_GATEWAY, |head| head.status)
    }

    /// A header of the response, as text.
    pub(super) fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.session.response_header()?.headers.get(name)?.to_str().ok()
    }

    /// The next piece of the body; none at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        let chunk = self.session.read_response_body().await;
        chunk.map_err(|error| Broken::Lost(format!("the connection broke: {}", cause(&error))))
    }

    /// The rest of the body, and the connection kept for the next request. None if it is longer than `bytes_max`.
    pub(super) async fn collect(mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, Broken> {
        let mut body = Vec::new();
        if !self.fill(&mut body, bytes_max).await? {
            return Ok(None);
        }
        self.release().await;
        Ok(Some(body))
    }

    /// Reads into `body` until it has more than `bytes` bytes, or the body ends: whether it did.
    pub(super) async fn fill(&mut self, body: &mut Vec<u8>, bytes: usize) -> Result<bool, Broken> {
        while body.len() <= bytes {
            match self.chunk().await? {
                Some(chunk) => body.extend_from_slice(&chunk),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Keeps the connection, whose body was read to its end, for the next request.
    pub(super) async fn release(self) {
        if let Ok(connector) = connector(self.tls) {
            let idle = Some(Duration::from_millis(IDLE_TIMEOUT_MS));
            connector.release_http_session(self.session, &self.peer, idle).await;
        }
    }
}

/// One pool for all servers behind TLS and one for the others, which need no certificates.
fn connector(tls: bool) -> Result<&'static Connector, String> {
    static TLS: OnceLock<Result<Connector, String>> = OnceLock::new();
    static PLAIN: OnceLock<Connector> = OnceLock::new();
    if !tls {
        return Ok(PLAIN.get_or_init(|| {
            let mut options = ConnectorOptions::new(POOL_SIZE);
            options.ca_file = Some("/dev/null".to_owned());
            Connector::new(Some(options))
        }));
    }
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

/// The reason people know: what the system said, else what pingora was doing.
fn cause(error: &pingora_core::Error) -> String {
    let first = error.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static));
    let mut causes = std::iter::successors(first, |cause| cause.source());
    if let Some(io) = causes.find(|cause| cause.is::<std::io::Error>()) {
        return io.to_string();
    }
    let text = error.context.as_ref().map_or(error.etype().as_str(), |context| context.as_str());
    let text = text.strip_prefix("TLS connect() failed: ").unwrap_or(text);
    text.split(", SNI: ").next().unwrap_or(text).to_owned()
}
