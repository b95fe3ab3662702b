//! Logging in at the company's issuer with a code (RFC 8628): the person confirms it in any browser, this program asks the issuer
//! until that is done. What comes back is shown to the control plane, which opens a session for it, and is kept nowhere.

use crate::{
    browser,
    client::http,
    failure::{Failure, Status},
    output::Output,
    pause::{Deadline, back_off},
};
use control_plane_api::{access::DeviceLogin, secret::Secret};
use reqwest::{Client, Response};
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;
use url::Url;

/// Time for one request to the issuer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Time between two questions where the issuer names none (RFC 8628 §3.2), and what `slow_down` adds to it (§3.5).
const INTERVAL: Duration = Duration::from_secs(5);
/// Longest time between two questions, whatever the issuer wants.
const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Longest time a person gets to confirm, whatever the issuer allows, in seconds.
const PATIENCE_SECS_MAX: u64 = 1_800;
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What the issuer says about itself (RFC 8414; OpenID Connect Discovery).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    device_authorization_endpoint: Option<String>,
    token_endpoint: String,
}

/// RFC 8628 §3.2. No Debug: whoever has the device code gets the tokens.
#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// What the token endpoint gives in the end. No Debug.
#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
}

/// RFC 6749 §5.2.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// What to do after an answer that is no token.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    AskAgain,
    AskLess,
    GiveUp(&'static str),
    Fail,
}

impl Next {
    /// RFC 8628 §3.5.
    fn of(error: &str) -> Self {
        match error {
            "authorization_pending" => Self::AskAgain,
            "slow_down" => Self::AskLess,
            "access_denied" => Self::GiveUp("the login was refused in the browser"),
            "expired_token" => Self::GiveUp("the code was not confirmed in time"),
            _ => Self::Fail,
        }
    }
}

/// Has the person log in at `offer`; the token to show the control plane.
pub(super) async fn log_in(offer: &DeviceLogin, output: Output) -> Result<Secret, Failure> {
    let base = protected(&offer.issuer, offer)?;
    let client = http::client(&base, Some(REQUEST_TIMEOUT))?;
    let metadata = discover(&client, &base, offer).await?;
    let endpoint = metadata.device_authorization_endpoint.as_deref().ok_or_else(|| {
        Failure::failed(format!(
            "issuer `{}` logs nobody in with a code (no device_authorization_endpoint)",
            offer.issuer
        ))
        .hint("log in with a password or a token, or ask whoever runs the issuer to allow the device grant")
    })?;
    let (endpoint, token_endpoint) = (protected(endpoint, offer)?, protected(&metadata.token_endpoint, offer)?);
    let form = [("client_id", offer.client_id.as_str()), ("scope", &offer.scopes.join(" "))];
    let begun: Begun = match post(&client, endpoint, &form).await? {
        Ok(begun) => begun,
        Err(refusal) => return Err(refused(offer, &refusal)),
    };
    show(&begun, output);
    let tokens = poll(&client, &token_endpoint, (offer, &begun)).await?;
    tokens.id_token.or(tokens.access_token).map(Secret::new).ok_or_else(|| {
        Failure::failed(format!("issuer `{}` gave neither an id token nor an access token", offer.issuer))
    })
}

/// Asks until the person has confirmed the code, or its time is up.
async fn poll(client: &Client, endpoint: &Url, (offer, begun): (&DeviceLogin, &Begun)) -> Result<Tokens, Failure> {
    let deadline = Deadline::after_secs(begun.expires_in.min(PATIENCE_SECS_MAX));
    let mut interval = begun.interval.map_or(INTERVAL, Duration::from_secs).min(INTERVAL_MAX);
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", begun.device_code.as_str()),
        ("client_id", &offer.client_id),
    ];
    while deadline.step().await {
        back_off(interval).await;
        let refusal = match post(client, endpoint.clone(), &form).await {
            Ok(Ok(tokens)) => return Ok(tokens),
            Ok(Err(refusal)) => refusal,
            // A connection that breaks is tried again, more slowly (RFC 8628 §3.5).
            Err(failure) if failure.status == Status::Unhealthy => {
                interval = (interval * 2).clamp(Duration::from_secs(1), INTERVAL_MAX);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        match Next::of(&refusal.error) {
            Next::AskAgain => {}
            Next::AskLess => interval = (interval + INTERVAL).min(INTERVAL_MAX),
            Next::GiveUp(why) => {
                return Err(Failure::new(Status::Unauthenticated, why).hint("run `mcpctl login --device` again"));
            }
            Next::Fail => return Err(refused(offer, &refusal)),
        }
    }
    Err(Failure::new(Status::Unauthenticated, "the code was not confirmed in time")
        .hint("run `mcpctl login --device` again"))
}

/// Tells the person where to go and what to type; a browser on this machine is opened as well.
fn show(begun: &Begun, output: Output) {
    let code: String = begun.user_code.chars().filter(|letter| !letter.is_control()).collect();
    output.note(format!("open {} in a browser and type the code {code}", plain(&begun.verification_uri)));
    if let Some(complete) = &begun.verification_uri_complete {
        output.note(format!("or open {}", plain(complete)));
    }
    let link = begun.verification_uri_complete.as_ref().unwrap_or(&begun.verification_uri);
    if output.shows_progress()
        && let Ok(url) = browser::check(link)
    {
        browser::open(&url);
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

/// The issuer's metadata, from either of the two places where it may lie. Another issuer's is not taken.
async fn discover(client: &Client, base: &Url, offer: &DeviceLogin) -> Result<Metadata, Failure> {
    let (mut last, mut found) = (None, None);
    for url in places(base) {
        match get::<Metadata>(client, url).await {
            Ok(metadata) if metadata.issuer == offer.issuer => {
                // Some publish both, and this grant in one of them.
                if metadata.device_authorization_endpoint.is_some() {
                    return Ok(metadata);
                }
                found = Some(metadata);
            }
            Ok(metadata) => {
                let message = format!("`{}` says that it is issuer `{}`", offer.issuer, metadata.issuer);
                return Err(Failure::failed(message).hint("whoever runs the control plane has to correct the issuer"));
            }
            Err(failure) => last = Some(failure),
        }
    }
    found.ok_or_else(|| last.unwrap_or_else(|| Failure::failed(format!("issuer `{}` has no metadata", offer.issuer))))
}

/// OpenID Connect Discovery appends to the path, RFC 8414 puts itself before it.
fn places(base: &Url) -> Vec<Url> {
    let path = base.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = base.clone();
        url.set_path(&path);
        url
    };
    vec![
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ]
}

/// A URL to which codes and tokens may be sent: TLS, or this very machine.
fn protected(text: &str, offer: &DeviceLogin) -> Result<Url, Failure> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" || http::is_loopback(url));
    url.ok_or_else(|| {
        Failure::failed(format!("issuer `{}` names `{}`, which is no https URL", offer.issuer, plain(text)))
    })
}

fn refused(offer: &DeviceLogin, refusal: &Refusal) -> Failure {
    let said = plain(&format!("{} {}", refusal.error, refusal.error_description));
    Failure::new(Status::Unauthenticated, format!("issuer `{}` refused the login: {}", offer.issuer, said.trim()))
        .hint("whoever runs the control plane has to look at `device_client_id` and `device_scopes` of the issuer")
}

async fn get<T: DeserializeOwned>(client: &Client, url: Url) -> Result<T, Failure> {
    let response = client.get(url.clone()).send().await.map_err(|error| unreachable(&url, &error))?;
    if !response.status().is_success() {
        return Err(Failure::failed(format!("`{url}` answered {}", response.status())));
    }
    read(response, &url).await
}

/// A form that is answered by `T`, or by a refusal.
async fn post<T: DeserializeOwned>(
    client: &Client,
    url: Url,
    form: &[(&str, &str)],
) -> Result<Result<T, Refusal>, Failure> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = client.post(url.clone()).header("content-type", "application/x-www-form-urlencoded").body(body);
    let response = request.send().await.map_err(|error| unreachable(&url, &error))?;
    match response.status() {
        status if status.is_success() => Ok(Ok(read(response, &url).await?)),
        status if status.is_server_error() => {
            Err(Failure::unhealthy(format!("`{url}` answered {status}")).hint("try again later"))
        }
        _ => Ok(Err(read(response, &url).await.unwrap_or_default())),
    }
}

async fn read<T: DeserializeOwned>(mut response: Response, url: &Url) -> Result<T, Failure> {
    let mut body = zeroize::Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(url, &error))? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(Failure::failed(format!("the answer of `{url}` is longer than {ANSWER_BYTES_MAX} bytes")));
        }
    }
    serde_json::from_slice(&body).map_err(|_| Failure::failed(format!("the answer of `{url}` is not understood")))
}

fn unreachable(url: &Url, error: &reqwest::Error) -> Failure {
    Failure::unhealthy(format!("cannot reach the issuer at `{url}`: {}", http::reason(error)))
        .hint("check the network; the control plane itself need not be asked for this")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_lies_behind_the_issuer_or_before_its_path() {
        let check = |issuer: &str| -> Vec<String> {
            places(&Url::parse(issuer).unwrap()).iter().map(|url| url.path().to_owned()).collect()
        };
        let bare = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
        assert_eq!(check("https://login.example"), bare);
        assert_eq!(check("https://login.example/"), bare);
        let tenant = ["/t/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/t"];
        assert_eq!(check("https://login.example/t"), tenant);
    }

    #[test]
    fn what_the_issuer_says_decides_what_comes_next() {
        assert_eq!(Next::of("authorization_pending"), Next::AskAgain);
        assert_eq!(Next::of("slow_down"), Next::AskLess);
        assert!(matches!(Next::of("expired_token"), Next::GiveUp(why) if why.contains("in time")));
        assert!(matches!(Next::of("access_denied"), Next::GiveUp(_)));
        assert_eq!(Next::of("invalid_client"), Next::Fail);
    }
}
