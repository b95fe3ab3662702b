//! From a server's URL to the authorization server that issues its tokens.
//!
//! The server is asked without a token first; its challenge may say where its metadata lies and which scopes it wants.
//! Its metadata (RFC 9728) names the authorization servers. A server that publishes none is of 2025-03-26, where the
//! authorization server is the server's own origin.

use super::{
    OauthError, Target,
    challenge::{self, Challenge},
    metadata::{Authority, Document, places},
    refused,
};
use crate::fetch::{Named, SafeFetcher};
use reqwest::{Method, header};
use serde::Deserialize;
use url::Url;

/// The probe: what a client of 2026-07-28 would send first. Servers of every revision answer it with a challenge if
/// they want a token.
const PROBE: &str = r#"{"jsonrpc":"2.0","id":"probe","method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

/// What is known about a server before anybody gives consent.
#[derive(Debug, Clone)]
pub(crate) struct Discovered {
    /// The resource tokens are asked for (RFC 8707).
    pub(crate) resource: String,
    pub(crate) authority: Authority,
    /// Scopes of the challenge.
    pub(super) challenged: Option<String>,
    /// Every scope of the resource.
    pub(super) scopes_supported: Vec<String>,
}

/// Metadata of a protected resource, as it is on the wire.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResourceDocument {
    resource: String,
    authorization_servers: Vec<String>,
    scopes_supported: Vec<String>,
}

pub(super) async fn discover(fetcher: &SafeFetcher, target: &Target) -> Result<Discovered, OauthError> {
    let server = Url::parse(&target.url).map_err(|_| refused("the server's URL is none"))?;
    let named = target.named();
    let challenge = probe(fetcher, &server, &named).await?;
    let pinned = target.settings.issuer.as_deref();
    let (resource, issuer, scopes_supported) = match resource(fetcher, &server, &named, &challenge).await? {
        Some(document) => {
            if !is_of(&document.resource, &server) {
                return Err(refused("the server's metadata speaks of another resource than the server"));
            }
            let issuer = chosen(&document.authorization_servers, pinned)?;
            (document.resource, Some(issuer), document.scopes_supported)
        }
        None => (canonical(&server), pinned.map(str::to_owned), Vec::new()),
    };
    let authority = match issuer {
        Some(issuer) => {
            let found = authority(fetcher, &issuer, &named).await?;
            found.ok_or_else(|| refused(format!("the authorization server `{issuer}` publishes no metadata")))?
        }
        None => {
            let origin = server.origin().ascii_serialization();
            match authority(fetcher, &origin, &named).await? {
                Some(authority) => authority,
                None => Authority::assumed(&server)?,
            }
        }
    };
    Ok(Discovered { resource, authority, challenged: challenge.scope, scopes_supported })
}

async fn probe(fetcher: &SafeFetcher, server: &Url, named: &Named) -> Result<Challenge, OauthError> {
    let answer = fetcher
        .send(Method::POST, server, named, |request| {
            request
                .header(header::ACCEPT, "application/json, text/event-stream")
                .header(header::CONTENT_TYPE, "application/json")
                .header("mcp-protocol-version", "2026-07-28")
                .header("mcp-method", "server/discover")
                .body(PROBE)
        })
        .await?;
    Ok(if answer.status == 401 { challenge::read(&answer.headers) } else { Challenge::default() })
}

/// The resource's metadata: where the challenge says and nowhere else, or at the two well-known places.
async fn resource(
    fetcher: &SafeFetcher,
    server: &Url,
    named: &Named,
    challenge: &Challenge,
) -> Result<Option<ResourceDocument>, OauthError> {
    if let Some(place) = &challenge.resource_metadata {
        let place = Url::parse(place).map_err(|_| refused("the server's challenge names metadata that is no URL"))?;
        let answer = fetcher.get(&place, named).await?;
        let document = if answer.is_success() { answer.json() } else { None };
        return document
            .map(Some)
            .ok_or_else(|| refused("the metadata that the server's challenge names is not there"));
    }
    for place in resource_places(server) {
        let answer = fetcher.get(&place, named).await?;
        if answer.is_success()
            && let Some(document) = answer.json()
        {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

fn resource_places(server: &Url) -> Vec<Url> {
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
    let at = |path: &str| {
        let mut url = server.clone();
        url.set_path(&format!("{WELL_KNOWN}{path}"));
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    let path = server.path().trim_end_matches('/');
    if path.is_empty() { vec![at("")] } else { vec![at(path), at("")] }
}

/// The metadata of `issuer` at the first place that has any.
async fn authority(fetcher: &SafeFetcher, issuer: &str, named: &Named) -> Result<Option<Authority>, OauthError> {
    let url =
        Url::parse(issuer).map_err(|_| refused(format!("`{issuer}` is not the URL of an authorization server")))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(format!("`{issuer}` cannot be an authorization server: it has a query or a fragment")));
    }
    for place in places(&url) {
        let answer = fetcher.get(&place, named).await?;
        if answer.is_success()
            && let Some(document) = answer.json::<Document>()
        {
            return Authority::checked(issuer, document).map(Some);
        }
    }
    Ok(None)
}

/// The pinned authorization server if there is one, else the first.
fn chosen(offered: &[String], pinned: Option<&str>) -> Result<String, OauthError> {
    match pinned {
        Some(pinned) if offered.iter().any(|issuer| issuer == pinned) => Ok(pinned.to_owned()),
        Some(pinned) => Err(refused(format!("the server no longer names the authorization server `{pinned}`"))),
        None => offered.first().cloned().ok_or_else(|| refused("the server's metadata names no authorization server")),
    }
}

/// Whether `resource` is `server` itself, or its whole origin.
fn is_of(resource: &str, server: &Url) -> bool {
    let Ok(url) = Url::parse(resource) else { return false };
    let own = canonical(server);
    let whole = server.origin().ascii_serialization();
    url.username().is_empty() && url.fragment().is_none() && (canonical(&url) == own || canonical(&url) == whole)
}

/// Lower-case scheme and host, no fragment, no slash at the end.
fn canonical(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resource: &str, same: bool) {
        let server = Url::parse("https://MCP.example/v1/mcp").unwrap();
        assert_eq!(is_of(resource, &server), same, "{resource}");
    }

    #[test]
    fn the_resource_is_the_server_or_its_origin() {
        for own in
            ["https://mcp.example/v1/mcp", "HTTPS://mcp.EXAMPLE/v1/mcp/", "https://mcp.example", "https://mcp.example/"]
        {
            check(own, true);
        }
        let others = [
            "https://mcp.example/v1",
            "https://mcp.example/v1/mcp/x",
            "https://mcp.example/V1/mcp",
            "http://mcp.example",
            "https://mcp.example:8443",
            "https://evil.example/v1/mcp",
            "https://mcp.example.evil/v1/mcp",
            "mcp",
            "",
            "https://x@mcp.example/v1/mcp",
            "https://mcp.example/v1/mcp#x",
            "https://mcp.example/v1/mcp?x",
        ];
        for other in others {
            check(other, false);
        }
    }

    #[test]
    fn metadata_of_a_resource_lies_under_its_path_and_then_at_the_root() {
        let places =
            |url: &str| resource_places(&Url::parse(url).unwrap()).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            places("https://x/v1/mcp?q"),
            ["https://x/.well-known/oauth-protected-resource/v1/mcp", "https://x/.well-known/oauth-protected-resource"]
        );
        assert_eq!(places("https://x/"), ["https://x/.well-known/oauth-protected-resource"]);
    }

    #[test]
    fn a_pinned_authorization_server_has_to_be_offered() {
        let offered = ["https://a".to_owned(), "https://b".to_owned()];
        assert_eq!(chosen(&offered, None).unwrap(), "https://a");
        assert_eq!(chosen(&offered, Some("https://b")).unwrap(), "https://b");
        assert!(chosen(&offered, Some("https://B")).is_err());
        assert!(chosen(&[], None).is_err());
    }
}
