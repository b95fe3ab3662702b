//! HTTP clients for what the gateway itself asks: the control plane, and a server that judges relevance. Upstream MCP
//! servers are reached by pingora's connector instead.

use std::time::Duration;

use reqwest::{ClientBuilder, redirect::Policy};
use url::{Host, Url};

/// A client for `base` that follows no redirect, reads no certificates where none are needed, and goes past proxies to this
/// machine.
pub(crate) fn builder(base: &Url, connect_timeout: Duration) -> ClientBuilder {
    // Only the first call in a process takes effect; the provider is the same for everybody.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .redirect(Policy::none())
        .user_agent(concat!("mcp-gateway/", env!("CARGO_PKG_VERSION")));
    if base.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    builder
}

/// Whether a URL is that of this machine, whose network nobody else listens on.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
