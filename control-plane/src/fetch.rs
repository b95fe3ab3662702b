//! The one door through which mcpd opens URLs that others supply: metadata, registration and token endpoints, keys.
//!
//! A name is resolved once, by a resolver that gives out admitted addresses only, and the connection goes to one of
//! those; redirects are not followed, proxies and cookies are not used, and time and size are bounded. What goes wrong
//! is told to people in one sentence that says nothing about the network; the log has the reason.

mod address;

pub(crate) use address::Reach;

use reqwest::{
    Client, Method, RequestBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{ACCEPT, CONTENT_TYPE, HeaderMap},
    redirect::Policy,
};
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};
use url::{Host, Origin, Url};

/// Time for one whole exchange.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 256 << 10;

/// Something could not be fetched. The text is for people, and the same whatever the reason.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum FetchError {
    /// The URL or every address behind it is one that is never asked.
    #[error("`{host}` could not be reached")]
    Refused { host: String },
    /// Nobody answered in time, or with too much.
    #[error("`{host}` could not be reached")]
    Failed { host: String },
}

/// What came back.
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Fetched {
    /// Whether it worked.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Cannot set up TLS.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS: {0}")]
pub(crate) struct FetcherError(String);

/// Fetches; cheap to clone. One HTTP client per reach, because the reach is the resolver's.
#[derive(Clone)]
pub(crate) struct SafeFetcher {
    public: Client,
    loopback: Client,
    named: Client,
    trusts_loopback: bool,
}

/// The origins an operator named; for these alone private addresses and plain `http` are allowed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named(BTreeSet<String>);

impl Named {
    /// Nobody named anything.
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    /// These and the origin of `url`, if it has one.
    pub(crate) fn and(mut self, url: &str) -> Self {
        if let Ok(url) = Url::parse(url)
            && let origin @ Origin::Tuple(..) = url.origin()
        {
            self.0.insert(origin.ascii_serialization());
        }
        self
    }

    fn holds(&self, url: &Url) -> bool {
        self.0.contains(&url.origin().ascii_serialization())
    }
}

impl SafeFetcher {
    /// `trusts_loopback`: whether this machine may be reached, and by plain `http`.
    pub(crate) fn new(trusts_loopback: bool) -> Result<Self, FetcherError> {
        // A second installation of the same provider is refused, and changes nothing.
        rustls::crypto::ring::default_provider().install_default().ok();
        let (public, named) = match trusts_loopback {
            true => (Reach::PublicOrLoopback, Reach::NamedOrLoopback),
            false => (Reach::Public, Reach::Named),
        };
        Ok(Self { public: client(public)?, loopback: client(Reach::Loopback)?, named: client(named)?, trusts_loopback })
    }

    /// `GET`, for JSON.
    pub(crate) async fn get(&self, url: &Url, named: &Named) -> Result<Fetched, FetchError> {
        self.send(Method::GET, url, named, |request| request.header(ACCEPT, "application/json")).await
    }

    /// `POST` of JSON.
    pub(crate) async fn post_json(&self, url: &Url, named: &Named, body: String) -> Result<Fetched, FetchError> {
        self.send(Method::POST, url, named, |request| {
            request.header(ACCEPT, "application/json").header(CONTENT_TYPE, "application/json").body(body)
        })
        .await
    }

    /// Any other request; `write` adds headers and body.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        named: &Named,
        write: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Fetched, FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let Some(client) = self.client_for(url, named) else {
            tracing::warn!(%url, "Refused to fetch a URL");
            return Err(FetchError::Refused { host });
        };
        match exchange(write(client.request(method, url.clone()))).await {
            Ok(fetched) => Ok(fetched),
            Err(reason) => {
                tracing::info!(host, reason, "Could not fetch");
                Err(FetchError::Failed { host })
            }
        }
    }

    /// The client whose reach fits, or none if the URL itself is refused. Literal addresses pass by resolvers, so they
    /// are judged here.
    fn client_for(&self, url: &Url, named: &Named) -> Option<&Client> {
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let of_operator = named.holds(url);
        let reach = match (url.scheme(), of_operator, self.trusts_loopback) {
            ("https" | "http", true, true) => Reach::NamedOrLoopback,
            ("https" | "http", true, false) => Reach::Named,
            ("https", false, true) => Reach::PublicOrLoopback,
            ("https", false, false) => Reach::Public,
            ("http", false, true) => Reach::Loopback,
            _ => return None,
        };
        let literal = match url.host()? {
            Host::Ipv4(v4) => Some(v4.into()),
            Host::Ipv6(v6) => Some(v6.into()),
            Host::Domain(_) => None,
        };
        if literal.is_some_and(|address| !reach.admits(address)) {
            return None;
        }
        Some(match reach {
            Reach::Loopback => &self.loopback,
            Reach::Public | Reach::PublicOrLoopback => &self.public,
            Reach::Named | Reach::NamedOrLoopback => &self.named,
        })
    }
}

async fn exchange(request: RequestBuilder) -> Result<Fetched, String> {
    // Without the URL: a token request's may not be told, and the host is told already.
    let told = |error: reqwest::Error| {
        let error = error.without_url();
        let cause = std::iter::successors(std::error::Error::source(&error), |cause| cause.source()).last();
        cause.map_or_else(|| error.to_string(), ToString::to_string)
    };
    let mut response = request.send().await.map_err(told)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(format!("the body has more than {BODY_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched { status, headers, body })
}

fn client(reach: Reach) -> Result<Client, FetcherError> {
    let builder = || {
        Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("mcpd/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Checked(reach)))
    };
    // Only ever used for plain http.
    let certificates = reach != Reach::Loopback;
    let client = if certificates { builder().build() } else { builder().tls_certs_only([]).build() };
    client
        .or_else(|error| {
            // A machine without certificates still serves what needs none.
            tracing::warn!(%error, "Cannot set up TLS; install ca-certificates to fetch anything by https");
            builder().tls_certs_only([]).build()
        })
        .map_err(|error| FetcherError(error.to_string()))
}

/// Resolves names to admitted addresses only.
struct Checked(Reach);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admitted: Vec<SocketAddr> = found.filter(|address| reach.admits(address.ip())).collect();
            if admitted.is_empty() {
                return Err("no address that may be reached".into());
            }
            let addresses: Addrs = Box::new(admitted.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;
