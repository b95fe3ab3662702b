//! HTTP clients with deadlines, the system's certificates, and no proxy in front of this very machine.

use crate::failure::Failure;
use std::{error::Error as _, time::Duration};
use url::{Host, Url};

/// Time to connect to anything.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client for `base`; `timeout` bounds a whole request, absent where replies are streams.
pub(crate) fn client(base: &Url, timeout: Option<Duration>) -> Result<reqwest::Client, Failure> {
    trusting(base, timeout, Vec::new())
}

/// The same, which trusts `more` certificates besides the system's.
pub(crate) fn trusting(
    base: &Url,
    timeout: Option<Duration>,
    more: Vec<reqwest::Certificate>,
) -> Result<reqwest::Client, Failure> {
    // A second installation of the same provider is refused, and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("mcpctl/", env!("CARGO_PKG_VERSION")));
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    if !more.is_empty() {
        builder = builder.tls_certs_merge(more);
    }
    if base.scheme() == "http" {
        // Nothing here is encrypted, so a machine without certificates must not be in the way.
        builder = builder.tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
    }
    builder.build().map_err(|error| {
        Failure::failed(format!("cannot set up TLS: {}", reason(&error)))
            .hint("install the package ca-certificates, or name a file of certificates in SSL_CERT_FILE")
    })
}

/// Whether `url` names this very machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// The innermost cause: what the operating system or TLS said.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.source().is_none() { error.to_string() } else { cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: bool) {
        assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
    }

    #[test]
    fn only_this_machine_is_loopback() {
        check("http://127.0.0.1:3000", true);
        check("http://127.8.9.1", true);
        check("http://[::1]:1", true);
        check("http://localhost:3000", true);
        check("http://mcpd.example", false);
        check("http://localhost.example", false);
        check("http://10.0.0.1", false);
    }
}
