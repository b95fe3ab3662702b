//! Where an HTTP server is, and what every request to it carries: read once from the configuration.

use super::super::Endpoint;
use control_plane_api::server::Transport;
use http::{HeaderName, HeaderValue, header};
use url::{Host, Url};

/// Headers that say how a message is cut; they are the gateway's alone.
const FRAMING: [HeaderName; 7] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
];

/// See the module. No Debug: the headers hold credentials.
#[derive(Clone)]
pub(super) struct Target {
    /// Whether to speak TLS.
    pub(super) tls: bool,
    /// Name or address, an IPv6 address without brackets.
    pub(super) host: String,
    /// TCP port.
    pub(super) port: u16,
    /// `Host` header.
    pub(super) authority: HeaderValue,
    /// Path and query.
    pub(super) path: String,
    /// The configured headers.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Target {
    /// Reads the configuration of `endpoint`.
    ///
    /// # Errors
    /// What is wrong with it, for people. No value of a header is in it.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, String> {
        let text = match &endpoint.spec.transport {
            Transport::Http { url, .. } => url.as_str(),
            Transport::Stdio { .. } => "",
        };
        let url = Url::parse(text).map_err(|error| format!("its URL `{text}` cannot be read: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("its URL `{text}` is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("its URL holds a user name or a password; put the credential into a header".to_owned());
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(format!("its URL `{text}` names no host")),
        };
        let port = url.port_or_known_default().unwrap_or(80);
        let authority = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let authority = HeaderValue::from_str(&authority).map_err(|_| format!("its URL `{text}` names no host"))?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let headers = headers(endpoint)?;
        Ok(Self { tls: url.scheme() == "https", host, port, authority, path, headers })
    }

    /// The place that `reference`, given by the server at this one, means. Credentials stay with their origin: another one
    /// is refused (2024-11-05 transports, HTTP with SSE).
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn resolve(&self, reference: &str) -> Result<Self, String> {
        let bad = || "it names no usable address to post to".to_owned();
        let scheme = if self.tls { "https" } else { "http" };
        let base = format!("{scheme}://{}{}", self.authority.to_str().map_err(|_| bad())?, self.path);
        let base = Url::parse(&base).map_err(|_| bad())?;
        let url = base.join(reference).map_err(|_| bad())?;
        if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
            return Err("it wants messages to be posted to another origin; credentials do not go there".to_owned());
        }
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok(Self { path, ..self.clone() })
    }
}

fn headers(endpoint: &Endpoint) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut headers = Vec::new();
    for (name, value) in &endpoint.values {
        let header: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a name of a header"))?;
        if FRAMING.contains(&header) {
            return Err(format!("header `{name}` is the gateway's own; remove it from the server's headers"));
        }
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| format!("header `{name}` has characters no header can carry"))?;
        value.set_sensitive(true);
        headers.push((header, value));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::testing::endpoint;
    use control_plane_api::limits::Limits;

    fn check(url: &str, header: (&str, &str)) -> Result<Target, String> {
        Target::new(&endpoint(serde_json::json!({"type": "http", "url": url}), &[header], Limits::default()))
    }

    #[test]
    fn a_url_is_taken_apart() {
        let target = check("https://mcp.example/a/mcp?x=1#y", ("authorization", "Bearer z")).ok().unwrap();
        assert_eq!((target.tls, target.host.as_str(), target.port), (true, "mcp.example", 443));
        assert_eq!((target.authority.to_str().unwrap(), target.path.as_str()), ("mcp.example", "/a/mcp?x=1"));
        let target = check("http://[::1]:8080", ("a", "b")).ok().unwrap();
        assert_eq!((target.host.as_str(), target.authority.to_str().unwrap()), ("::1", "[::1]:8080"));
        assert_eq!(target.path, "/");
    }

    #[test]
    fn a_place_to_post_to_is_of_the_same_origin() {
        let target = check("https://mcp.example/a/sse", ("a", "b")).ok().unwrap();
        let path = |reference: &str| target.resolve(reference).map(|target| target.path);
        assert_eq!(path("/messages?sessionId=1").as_deref(), Ok("/messages?sessionId=1"));
        assert_eq!(path("messages").as_deref(), Ok("/a/messages"));
        assert_eq!(path("https://mcp.example/x").as_deref(), Ok("/x"));
        for bad in [
            "http://mcp.example/x",
            "https://evil.example/x",
            "//evil.example/x",
            "https://a@mcp.example/x",
            "file:///x",
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_refused_without_telling_values() {
        for (url, header) in [
            ("mcp.example", ("a", "b")),
            ("ftp://mcp.example/", ("a", "b")),
            ("https://me:secret@mcp.example/", ("a", "b")),
            ("https://mcp.example/", ("a b", "secret")),
            ("https://mcp.example/", ("a", "secret\r\nx: y")),
            ("https://mcp.example/", ("Content-Length", "secret")),
            ("https://mcp.example/", ("Transfer-Encoding", "secret")),
        ] {
            let error = check(url, header).err().unwrap();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
