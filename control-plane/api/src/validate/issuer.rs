//! The rules of issuers: an identifier that is compared to the letter, keys from somewhere, users that exist.

use super::Rules;
use crate::{
    issuer::{CLOCK_SKEW_S_MAX, IssuerSpec, is_scope},
    object::ObjectRef,
};
use url::{Host, Url};

impl<'a> Rules<'a> {
    pub(super) fn issuer(&mut self, object: &ObjectRef, spec: &'a IssuerSpec) {
        if !is_issuer(&spec.issuer) {
            let message = format!("`{}` is not an https URL without query and fragment", spec.issuer);
            self.broken(object, "issuer", message);
        }
        if !self.issuers.insert(&spec.issuer) {
            self.broken(object, "issuer", format!("`{}` is another issuer object's already", spec.issuer));
        }
        match &spec.jwks_uri {
            None if spec.jwks.is_empty() => {
                let message = "there are no keys: give `jwks_uri`, or the keys themselves in `jwks`";
                self.broken(object, "jwks", message.to_owned());
            }
            Some(uri) if !is_protected(uri) => {
                self.broken(object, "jwks_uri", format!("`{uri}` is not an https URL"));
            }
            _ => {}
        }
        for (at, key) in spec.jwks.keys.iter().enumerate().filter(|(_, key)| key.kty == "oct") {
            let name = key.kid.as_deref().unwrap_or("without a name");
            self.broken(
                object,
                &format!("jwks.keys.{at}"),
                format!("key `{name}` is a shared secret, not a public key"),
            );
        }
        if spec.user_claim.is_empty() {
            self.broken(object, "user_claim", "is empty: name the claim that says whose token it is".to_owned());
        }
        for (value, user) in spec.users.iter().filter(|(_, user)| !self.names.users.contains(user)).collect::<Vec<_>>()
        {
            self.broken(object, "users", format!("user `{user}` (for `{value}`) does not exist"));
        }
        for scope in spec.scopes_required.iter().filter(|scope| !is_scope(scope)) {
            self.broken(object, "scopes_required", format!("`{scope}` is not a scope"));
        }
        if spec.audiences.iter().any(String::is_empty) {
            self.broken(object, "audiences", "one of them is empty".to_owned());
        }
        if spec.device_client_id.as_deref() == Some("") {
            self.broken(object, "device_client_id", "is empty: leave it out where nobody logs in that way".to_owned());
        }
        for scope in spec.device_scopes.iter().filter(|scope| !is_scope(scope)) {
            self.broken(object, "device_scopes", format!("`{scope}` is not a scope"));
        }
        if spec.algorithms.is_empty() {
            self.broken(object, "algorithms", "is empty: no token could be accepted".to_owned());
        }
        if spec.clock_skew_s > CLOCK_SKEW_S_MAX {
            self.broken(object, "clock_skew_s", format!("is more than {CLOCK_SKEW_S_MAX} seconds"));
        }
    }
}

/// RFC 8414 §2: https, neither query nor fragment.
fn is_issuer(text: &str) -> bool {
    is_protected(text) && !text.contains(['?', '#'])
}

/// An https URL, or an http one of this very machine, for trying things out.
fn is_protected(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let plain = url.username().is_empty() && url.password().is_none();
    plain && ((url.scheme() == "https" && url.has_host()) || (url.scheme() == "http" && loopback))
}

#[cfg(test)]
mod tests {
    use crate::validate::tests::check as found;
    use serde_json::{Value, json};

    fn check(mut spec: Value, expected: &[&str]) {
        if spec.get("jwks").is_none() && spec.get("jwks_uri").is_none() {
            spec["jwks_uri"] = json!("https://a.example/keys");
        }
        found(json!([issuer("a", spec), {"kind": "user", "name": "ada", "spec": {}}]), expected);
    }

    fn issuer(name: &str, spec: Value) -> Value {
        json!({"kind": "issuer", "name": name, "spec": spec})
    }

    #[test]
    fn an_issuer_is_an_https_url_and_stands_in_one_object() {
        check(json!({"issuer": "https://a.example/tenant"}), &[]);
        check(json!({"issuer": "http://127.0.0.1:4000"}), &[]);
        for bad in
            ["", "a.example", "http://a.example", "https://a.example/?x", "https://a.example/#x", "https://u:p@a/"]
        {
            check(json!({"issuer": bad}), &["spec.issuer"]);
        }
        let one = json!({"issuer": "https://a.example", "jwks_uri": "https://a.example/keys"});
        found(json!([issuer("a", one.clone()), issuer("b", one)]), &["issuer/b spec.issuer"]);
    }

    #[test]
    fn keys_come_from_somewhere_and_are_public() {
        let issuer = "https://a.example";
        check(json!({"issuer": issuer, "jwks": {"keys": []}}), &["spec.jwks: there are no keys"]);
        check(json!({"issuer": issuer, "jwks_uri": "http://a.example/keys"}), &["spec.jwks_uri"]);
        check(
            json!({"issuer": issuer, "jwks": {"keys": [{"kty": "RSA"}, {"kty": "oct", "k": "x"}]}}),
            &["jwks.keys.1"],
        );
    }

    #[test]
    fn everything_else_is_within_bounds() {
        let with = |field: &str, value: Value| {
            let mut spec = json!({"issuer": "https://a.example"});
            spec[field] = value;
            spec
        };
        check(with("users", json!({"a@x": "ada"})), &[]);
        check(with("users", json!({"a@x": "bob"})), &["user `bob`"]);
        check(with("scopes_required", json!(["mcp", "a b"])), &["`a b` is not a scope"]);
        check(with("audiences", json!([""])), &["spec.audiences"]);
        check(with("algorithms", json!([])), &["spec.algorithms"]);
        check(with("clock_skew_s", json!(301)), &["spec.clock_skew_s"]);
        check(with("user_claim", json!("")), &["spec.user_claim"]);
        check(with("device_client_id", json!("")), &["spec.device_client_id"]);
        check(with("device_scopes", json!(["openid", "a b"])), &["spec.device_scopes"]);
    }
}
