//! What an operator may say about OAuth.

use super::Rules;
use crate::{
    oauth::{OauthMode, OauthSettings},
    object::ObjectRef,
    server::{ServerSpec, Transport},
};
use url::{Host, Url};

impl Rules<'_> {
    pub(super) fn oauth(&mut self, object: &ObjectRef, spec: &ServerSpec) {
        let Some(oauth) = &spec.oauth else { return };
        if matches!(spec.transport, Transport::Stdio { .. }) {
            self.broken(object, "oauth", "is for servers with a URL: a child process has its environment".to_owned());
        }
        if let Transport::Http { headers, .. } = &spec.transport
            && headers.keys().any(|name| name.eq_ignore_ascii_case("authorization"))
        {
            let message = "the headers have an `Authorization` already: a request carries one token".to_owned();
            self.broken(object, "oauth", message);
        }
        if let Some(secret) = oauth.client_secret.as_ref().filter(|secret| !self.names.secrets.contains(secret)) {
            let message = format!("secret `{secret}` does not exist: set it with `PUT /api/v1/secrets/{{name}}`");
            self.broken(object, "oauth.client_secret", message);
        }
        for (field, message) in broken(oauth) {
            self.broken(object, field, message.to_owned());
        }
        for scope in oauth.scopes.iter().filter(|scope| !is_scope(scope)) {
            self.broken(object, "oauth.scopes", format!("`{scope}` is not a scope"));
        }
    }
}

fn broken(oauth: &OauthSettings) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    if oauth.client_id.as_deref() == Some("") {
        found.push(("oauth.client_id", "is empty: leave it out to register dynamically"));
    }
    if oauth.client_secret.is_some() && oauth.client_id.is_none() {
        found.push(("oauth.client_secret", "belongs to a client id: name that too"));
    }
    if !oauth.grant.is_code() && (oauth.mode != OauthMode::Service || oauth.client_id.is_none()) {
        found.push(("oauth.grant", "`client_credentials` needs mode `service`, a client id and a client secret"));
    }
    if oauth.issuer.as_deref().is_some_and(|issuer| !is_issuer(issuer)) {
        found.push(("oauth.issuer", "is not an https URL without query and fragment"));
    }
    found
}

/// An issuer identifier (RFC 8414 §2); plain http only towards this machine.
fn is_issuer(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    (url.scheme() == "https" || url.scheme() == "http" && loopback) && url.query().is_none() && url.fragment().is_none()
}

/// A scope (RFC 6749 §3.3).
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use crate::{snapshot::Snapshot, validate::validate};
    use serde_json::{Value, json};

    fn check(oauth: Value, transport: Value, expected: &[&str]) {
        let server = json!({"kind": "server", "name": "x", "spec": {"transport": transport, "oauth": oauth}});
        let secret = json!({"kind": "secret", "name": "s", "spec": {"sealed": ""}});
        let objects = serde_json::from_value(json!([server, secret])).unwrap();
        let found = validate(&Snapshot { objects, ..Snapshot::empty() });
        assert_eq!(found.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), expected, "{found:?}");
    }

    #[test]
    fn oauth_settings_make_sense_together() {
        let http = || json!({"type": "http", "url": "https://mcp.example/mcp"});
        check(json!({}), http(), &[]);
        check(json!({}), json!({"type": "stdio", "command": "x"}), &["oauth"]);
        let headers = json!({"authorization": "Bearer x"});
        check(json!({}), json!({"type": "http", "url": "https://mcp.example/mcp", "headers": headers}), &["oauth"]);
        check(json!({"client_id": "c", "client_secret": "s"}), http(), &[]);
        check(json!({"client_id": "c", "client_secret": "absent"}), http(), &["oauth.client_secret"]);
        check(json!({"client_secret": "s"}), http(), &["oauth.client_secret"]);
        check(json!({"client_id": ""}), http(), &["oauth.client_id"]);
        let own = json!({"mode": "service", "grant": "client_credentials", "client_id": "c", "client_secret": "s"});
        check(own, http(), &[]);
        check(json!({"grant": "client_credentials"}), http(), &["oauth.grant"]);
        check(json!({"scopes": ["a", "b c", "\""]}), http(), &["oauth.scopes", "oauth.scopes"]);
        check(json!({"issuer": "https://as.example/t1"}), http(), &[]);
        check(json!({"issuer": "http://127.0.0.1:9"}), http(), &[]);
        for bad in ["http://as.example", "https://as.example/?x", "https://as.example/#x", "javascript:1", ""] {
            check(json!({"issuer": bad}), http(), &["oauth.issuer"]);
        }
    }
}
