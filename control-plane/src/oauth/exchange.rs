//! The token endpoint: codes, refresh tokens and a client's own credentials, traded for access tokens.

use super::{OauthClient, OauthError, Target, refused, registration::Client};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use control_plane_api::oauth::ClientAuthentication;
use reqwest::{Method, header};
use serde::Deserialize;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

/// Longest token that is kept, in bytes; with a prefix it has to fit into a header.
const TOKEN_BYTES_MAX: usize = 12 << 10;
/// Longest lifetime that is believed, in seconds: ten years.
const LIFETIME_S_MAX: i64 = 10 * 365 * 24 * 3_600;

/// What a token endpoint gives (RFC 6749 §5.1). No Debug.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: Zeroized,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Option<f64>,
    #[serde(default)]
    pub(super) refresh_token: Option<Zeroized>,
    #[serde(default)]
    pub(super) scope: Option<String>,
}

/// Text that is wiped.
pub(super) struct Zeroized(pub(super) Zeroizing<String>);

impl<'de> Deserialize<'de> for Zeroized {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Tokens {
    /// Seconds for which the access token lasts, if that was said.
    #[expect(clippy::cast_possible_truncation, reason = "a lifetime in whole seconds, bounded before it is cut")]
    pub(super) fn lifetime_s(&self) -> Option<i64> {
        self.expires_in.filter(|seconds| seconds.is_finite()).map(|seconds| (seconds as i64).clamp(0, LIFETIME_S_MAX))
    }

    /// The scopes it has: what was said, else what was asked for.
    pub(super) fn scopes(&self, asked: &[String]) -> Vec<String> {
        match &self.scope {
            Some(scope) => scope.split_ascii_whitespace().map(str::to_owned).collect(),
            None => asked.to_vec(),
        }
    }

    fn check(self) -> Result<Self, OauthError> {
        let token = &self.access_token.0;
        let visible = token.bytes().all(|b| matches!(b, 0x21..=0x7e));
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX || !visible {
            return Err(refused("the authorization server gave an access token that fits into no header"));
        }
        if !self.token_type.eq_ignore_ascii_case("bearer") {
            return Err(refused("the authorization server gave a token of a type that is not `Bearer`"));
        }
        Ok(self)
    }
}

/// An error of a token endpoint (RFC 6749 §5.2).
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
}

impl OauthClient {
    /// Sends one token request. `form` is all but what proves the client.
    pub(super) async fn tokens(
        &self,
        target: &Target,
        endpoint: &str,
        client: &Client,
        form: &[(&str, &str)],
    ) -> Result<Tokens, OauthError> {
        let endpoint = Url::parse(endpoint).map_err(|_| refused("the token endpoint is no URL"))?;
        let (authorization, body) = proven(client, form);
        let answer = self
            .fetcher
            .send(Method::POST, &endpoint, &target.named_issuer(), |request| {
                let request = match authorization {
                    Some(value) => request.header(header::AUTHORIZATION, value.as_str()),
                    None => request,
                };
                request
                    .header(header::ACCEPT, "application/json")
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(body)
            })
            .await?;
        if answer.is_success() {
            let tokens: Option<Tokens> = answer.json();
            return tokens.ok_or_else(|| refused("the authorization server's answer holds no token"))?.check();
        }
        let error = answer.json::<Refusal>().unwrap_or_default().error;
        let word = known(&error);
        tracing::info!(server = %target.server, status = answer.status, error = word, "A token endpoint refused");
        Err(match (answer.status, word) {
            (408 | 429 | 500.., _) | (_, "temporarily_unavailable" | "server_error" | "slow_down") => {
                OauthError::Unavailable(format!("the authorization server answered {}", answer.status))
            }
            (_, "invalid_client" | "unauthorized_client") => OauthError::ClientUnknown(
                "the authorization server does not know mcpctl as a client any more".to_owned(),
            ),
            (_, "") => refused(format!("the authorization server answered {}", answer.status)),
            (_, word) => OauthError::ConsentNeeded(format!("the authorization server refused: {word}")),
        })
    }
}

/// Only words of the standard are told and logged: an error text may repeat what was sent.
fn known(error: &str) -> &'static str {
    const WORDS: [&str; 13] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "access_denied",
        "unsupported_response_type",
        "server_error",
        "temporarily_unavailable",
        "slow_down",
        "consent_required",
    ];
    WORDS.into_iter().find(|word| *word == error).unwrap_or_default()
}

/// The word of an authorization error (RFC 6749 §4.1.2.1) as it may be shown.
pub(super) fn known_or_other(error: &str) -> &'static str {
    match known(error) {
        "" => "an error without a known name",
        word => word,
    }
}

/// The `Authorization` header, if any, and the body, with what proves the client.
fn proven(client: &Client, form: &[(&str, &str)]) -> (Option<Zeroizing<String>>, String) {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    let secret = client.secret.as_ref().map_or("", |secret| secret.as_str());
    let authorization = match client.name.method {
        ClientAuthentication::ClientSecretBasic => {
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = Zeroizing::new(format!("{}:{}", encoded(&client.name.client_id), encoded(secret)));
            Some(Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
        }
        ClientAuthentication::ClientSecretPost => {
            body.append_pair("client_id", &client.name.client_id).append_pair("client_secret", secret);
            None
        }
        ClientAuthentication::None => {
            body.append_pair("client_id", &client.name.client_id);
            None
        }
    };
    (authorization, body.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::grant::{ClientName, ClientOrigin};

    fn check(method: ClientAuthentication) -> (Option<String>, String) {
        let name =
            ClientName { client_id: "a:b c".to_owned(), origin: ClientOrigin::Configured, method, redirect_uri: None };
        let client = Client { name, secret: Some(Zeroizing::new("s/1".to_owned())) };
        let (header, body) = proven(&client, &[("grant_type", "x")]);
        (header.map(|header| header.to_string()), body)
    }

    #[test]
    fn a_client_proves_itself_in_one_place_only() {
        let basic = format!("Basic {}", STANDARD.encode("a%3Ab+c:s%2F1"));
        assert_eq!(check(ClientAuthentication::ClientSecretBasic), (Some(basic), "grant_type=x".to_owned()));
        let post = "grant_type=x&client_id=a%3Ab+c&client_secret=s%2F1".to_owned();
        assert_eq!(check(ClientAuthentication::ClientSecretPost), (None, post));
        assert_eq!(check(ClientAuthentication::None), (None, "grant_type=x&client_id=a%3Ab+c".to_owned()));
    }

    #[test]
    fn only_bearer_tokens_that_fit_into_a_header_are_taken() {
        let read = |text: &str| serde_json::from_str::<Tokens>(text).unwrap().check();
        assert!(read(r#"{"access_token":"abc","token_type":"bearer","expires_in":3600.0}"#).is_ok());
        assert!(read(r#"{"access_token":"abc","token_type":"DPoP"}"#).is_err());
        assert!(read(r#"{"access_token":"a\r\nX: y","token_type":"Bearer"}"#).is_err());
        assert!(read(r#"{"access_token":"","token_type":"Bearer"}"#).is_err());
        let long = read(r#"{"access_token":"a","token_type":"Bearer","expires_in":1e300}"#).ok().unwrap();
        assert_eq!(long.lifetime_s(), Some(LIFETIME_S_MAX));
    }

    #[test]
    fn an_error_text_is_told_only_if_it_is_a_known_word() {
        assert_eq!(known("invalid_grant"), "invalid_grant");
        assert_eq!(known("refresh_token=secret"), "");
        assert_eq!(known_or_other("<script>"), "an error without a known name");
    }
}
