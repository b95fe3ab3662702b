//! Metadata of an authorization server (RFC 8414, OpenID Connect Discovery), and what must hold of it. Pure.

use super::{OauthError, refused};
use serde::Deserialize;
use url::{Host, Url};

/// What an authorization server says about itself, as it is on the wire.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) registration_endpoint: Option<String>,
    pub(super) code_challenge_methods_supported: Vec<String>,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(super) scopes_supported: Vec<String>,
    pub(super) client_id_metadata_document_supported: bool,
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// An authorization server that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    /// Letter by letter as it was found.
    pub(crate) issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) registration_endpoint: Option<Url>,
    /// Absent: nothing was said, which means `client_secret_basic`.
    pub(super) auth_methods: Option<Vec<String>>,
    pub(super) scopes_supported: Vec<String>,
    pub(super) takes_documents: bool,
    /// Whether an answer without `iss` is to be refused (RFC 9207).
    pub(super) promises_iss: bool,
}

/// Where the metadata of `issuer` may lie, in order.
pub(super) fn places(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    let oauth = at(format!("/.well-known/oauth-authorization-server{path}"));
    let openid = at(format!("/.well-known/openid-configuration{path}"));
    if path.is_empty() {
        return vec![oauth, openid];
    }
    vec![oauth, openid, at(format!("{path}/.well-known/openid-configuration"))]
}

impl Authority {
    /// Checks a document that was found for `issuer`.
    pub(super) fn checked(issuer: &str, document: Document) -> Result<Self, OauthError> {
        if document.issuer != issuer {
            return Err(refused(format!(
                "the metadata found for the authorization server `{issuer}` is another one's"
            )));
        }
        if !document.code_challenge_methods_supported.iter().any(|method| method == "S256") {
            return Err(refused(format!(
                "the authorization server `{issuer}` does not say that it knows PKCE with S256"
            )));
        }
        let registration = document.registration_endpoint.as_deref();
        Ok(Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: endpoint(&document.authorization_endpoint)?,
            token_endpoint: endpoint(&document.token_endpoint)?,
            registration_endpoint: registration.map(endpoint).transpose()?,
            auth_methods: document.token_endpoint_auth_methods_supported,
            scopes_supported: document.scopes_supported,
            takes_documents: document.client_id_metadata_document_supported,
            promises_iss: document.authorization_response_iss_parameter_supported,
        })
    }

    /// What 2025-03-26 assumes of a server's own origin when nothing is published.
    pub(super) fn assumed(origin: &Url) -> Result<Self, OauthError> {
        let at = |path: &str| {
            let mut url = origin.clone();
            url.set_path(path);
            endpoint(url.as_str())
        };
        Ok(Self {
            issuer: origin.origin().ascii_serialization(),
            authorization_endpoint: at("/authorize")?,
            token_endpoint: at("/token")?,
            registration_endpoint: Some(at("/register")?),
            auth_methods: None,
            scopes_supported: Vec::new(),
            takes_documents: false,
            promises_iss: false,
        })
    }
}

/// An endpoint: `https`, or `http` to this machine (which the fetcher allows or not), without credentials or fragment.
/// The authorization endpoint is opened in a browser, so this is also what keeps other schemes out of there.
fn endpoint(text: &str) -> Result<Url, OauthError> {
    let url = Url::parse(text).ok().filter(|url| {
        let secure = url.scheme() == "https" || url.scheme() == "http" && is_loopback(url);
        secure && url.has_host() && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
    });
    url.ok_or_else(|| refused("the authorization server names an endpoint that is not an https URL"))
}

/// Whether `url` names this very machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn document() -> Value {
        json!({
            "issuer": "https://as.example/t1", "authorization_endpoint": "https://as.example/t1/authorize",
            "token_endpoint": "https://as.example/t1/token", "code_challenge_methods_supported": ["plain", "S256"],
        })
    }

    fn check(field: &str, value: Value) -> Result<Authority, OauthError> {
        let mut document = document();
        document[field] = value;
        Authority::checked("https://as.example/t1", serde_json::from_value(document).unwrap())
    }

    #[test]
    fn metadata_lies_at_the_places_of_both_standards_in_order() {
        let places_of = |issuer: &str| {
            places(&Url::parse(issuer).unwrap()).iter().map(|url| url.path().to_owned()).collect::<Vec<_>>()
        };
        let root = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
        assert_eq!(places_of("https://as.example"), root);
        assert_eq!(places_of("https://as.example/"), root);
        let tenant = [
            "/.well-known/oauth-authorization-server/t1",
            "/.well-known/openid-configuration/t1",
            "/t1/.well-known/openid-configuration",
        ];
        assert_eq!(places_of("https://as.example/t1"), tenant);
        assert_eq!(places_of("https://as.example/t1/"), tenant);
    }

    #[test]
    fn an_issuer_is_compared_letter_by_letter() {
        assert!(check("issuer", json!("https://as.example/t1")).is_ok());
        for other in
            ["https://as.example/t1/", "https://AS.example/t1", "https://as.example", "https://evil.example/t1", ""]
        {
            assert!(check("issuer", json!(other)).is_err(), "{other}");
        }
    }

    #[test]
    fn without_s256_there_is_no_consent() {
        for methods in [json!(["plain"]), json!([])] {
            assert!(check("code_challenge_methods_supported", methods).is_err());
        }
        let mut absent = document();
        absent.as_object_mut().unwrap().remove("code_challenge_methods_supported");
        assert!(Authority::checked("https://as.example/t1", serde_json::from_value(absent).unwrap()).is_err());
    }

    #[test]
    fn an_endpoint_is_https_or_on_this_machine() {
        for good in ["https://other.example/x?y=1", "http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]/x"] {
            assert!(check("token_endpoint", json!(good)).is_ok(), "{good}");
        }
        let bad = [
            "http://as.example/x",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://u:p@as.example/",
            "",
            "https://as.example/#x",
            "data:text/html,x",
            "/relative",
        ];
        for bad in bad {
            for field in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
                assert!(check(field, json!(bad)).is_err(), "{field} {bad}");
            }
        }
    }
}
