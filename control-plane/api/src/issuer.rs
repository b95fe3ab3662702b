//! An issuer: an authorization server whose access tokens gateways accept instead of mcpctl's own.
//!
//! The gateway is the resource server of OAuth 2 (RFC 6750, RFC 9068, RFC 9728): it looks at a token's signature, its
//! issuer, its audience, its time and its scopes, and at nothing else. Which user a token speaks for, and what that user
//! may do, is written here and in the user's own object; a token grants no role.

use crate::name::Name;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use utoipa::ToSchema;

/// Largest tolerated difference of two clocks, in seconds.
pub const CLOCK_SKEW_S_MAX: u32 = 300;

/// What an administrator says about one authorization server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerSpec {
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The issuer's identifier, an `https` URL. Compared with `iss` letter by letter; nothing is normalised.
    #[schema(example = "https://login.example.com/tenant")]
    pub issuer: String,
    /// Audiences accepted besides the URL of the endpoint a request came to. For issuers that cannot be told the URL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Audiences accepted by the control plane's own API, besides its public URL. A token for the endpoints of gateways is
    /// not accepted there, unless its audience is named here too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub control_plane_audiences: Vec<String>,
    /// The issuer's public keys. With `jwks_uri`, the control plane puts what it fetched here before it pushes.
    #[serde(default, skip_serializing_if = "KeySet::is_empty")]
    pub jwks: KeySet,
    /// Where the control plane fetches the keys, again and again. Gateways never do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// The claim that says whose token it is: `sub`, `email`, `preferred_username`, ….
    #[serde(default = "subject", skip_serializing_if = "is_subject")]
    pub user_claim: String,
    /// Value of the claim → user. Empty: the value itself is the name of a user. Whoever is not found is refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, Name>,
    /// Scopes every token must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_required: Vec<String>,
    /// Client id by which `mcpctl login --device` logs people in at this issuer (RFC 8628): that of a public client, to
    /// which nothing else is registered. Id tokens for it open sessions at the control plane, and are good for nothing
    /// else. Absent: nobody logs in that way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_client_id: Option<String>,
    /// Scopes asked for at such a login.
    #[serde(default = "device_scopes", skip_serializing_if = "is_device_scopes")]
    pub device_scopes: Vec<String>,
    /// How far the issuer's clock may be off, in seconds; at most 300.
    #[serde(default = "clock_skew_s", skip_serializing_if = "is_clock_skew_s")]
    pub clock_skew_s: u32,
    /// Signature algorithms accepted. There is none without a signature and none with a shared secret.
    #[serde(default = "algorithms", skip_serializing_if = "is_algorithms")]
    #[schema(value_type = Vec<Algorithm>)]
    pub algorithms: Vec<Algorithm>,
}

/// A signature algorithm of RFC 7518 and RFC 8037 with a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// ECDSA with P-384 and SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

/// A set of public keys (RFC 7517 §5).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct KeySet {
    /// The keys; those of a form nobody here knows are kept and never match.
    pub keys: Vec<PublicKey>,
}

/// A public key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2). Members that are not named here, private ones among them, are
/// dropped when a key is read: they are neither stored nor pushed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct PublicKey {
    /// Family: `RSA`, `EC` or `OKP`.
    pub kty: String,
    /// Name of the key, by which tokens choose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// What it is for; anything but `sig` never matches.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// The only algorithm it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// Curve of `EC` and `OKP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// Modulus of `RSA`, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// Exponent of `RSA`, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// First coordinate of `EC`, or the key of `OKP`, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Second coordinate of `EC`, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

impl KeySet {
    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Algorithm {
    /// The word in a token's header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `text` can be a scope (RFC 6749 §3.3) and stand between quotes in a challenge.
#[must_use]
pub fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn subject() -> String {
    "sub".to_owned()
}

fn is_subject(claim: &str) -> bool {
    claim == "sub"
}

fn device_scopes() -> Vec<String> {
    vec!["openid".to_owned()]
}

fn is_device_scopes(scopes: &[String]) -> bool {
    scopes == device_scopes()
}

fn clock_skew_s() -> u32 {
    60
}

fn is_clock_skew_s(seconds: &u32) -> bool {
    *seconds == clock_skew_s()
}

fn algorithms() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256]
}

fn is_algorithms(given: &[Algorithm]) -> bool {
    given == algorithms()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_has_to_be_said() {
        let spec: IssuerSpec = serde_json::from_str(r#"{"issuer": "https://a.example"}"#).unwrap();
        assert_eq!((spec.user_claim.as_str(), spec.clock_skew_s, spec.algorithms.len()), ("sub", 60, 4));
        assert_eq!(serde_json::to_string(&spec).unwrap(), r#"{"issuer":"https://a.example"}"#);
    }

    #[test]
    fn no_algorithm_is_weak_and_no_private_key_is_kept() {
        for weak in ["none", "None", "HS256", "RS1", "rs256"] {
            let text = serde_json::json!({"issuer": "https://a.example", "algorithms": [weak]}).to_string();
            assert!(serde_json::from_str::<IssuerSpec>(&text).is_err(), "{weak}");
        }
        let key: PublicKey =
            serde_json::from_str(r#"{"kty": "OKP", "crv": "Ed25519", "x": "a", "d": "secret"}"#).unwrap();
        assert!(!serde_json::to_string(&key).unwrap().contains("secret"));
    }

    #[test]
    fn an_algorithm_is_called_the_same_everywhere() {
        for algorithm in algorithms() {
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
        }
    }

    #[test]
    fn a_scope_has_no_quotes_and_no_spaces() {
        assert!(is_scope("mcp:tools.read"));
        for bad in ["", "a b", "a\"b", "a\\b", "ä"] {
            assert!(!is_scope(bad), "{bad}");
        }
    }
}
