//! A master key that a key management service wraps: HashiCorp Vault or OpenBao, secrets engine Transit.
//!
//! mcpd makes the key, has the service encrypt it, and keeps the result in the database; at each start it has the service
//! decrypt it. Without the service nothing in the database can be read, and while mcpd runs the service may be gone. The
//! service is asked with the token in `VAULT_TOKEN`, or in the file that `VAULT_TOKEN_FILE` names. Another key of the same
//! service is a name with another fragment: `transit:https://…/v1/transit/mcpctl#2`.

use super::{KeySource, reason};
use crate::{
    secrets::{MasterKey, MasterKeyError},
    store::{Store, StoreError},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use control_plane_api::{secret::Secret, token};
use futures::future::BoxFuture;
use reqwest::{Client, redirect::Policy};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};
use url::{Host, Url};
use zeroize::Zeroizing;

/// Time for one exchange with the service.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// What the wrapped key belongs to (`associated_data` of the Transit API).
const ASSOCIATED: &str = "mcpctl|master-key|default";

/// Why the service gave no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransitError {
    #[error("neither VAULT_TOKEN nor VAULT_TOKEN_FILE holds a token")]
    NoToken,
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it refused ({status}): {reason}")]
    Refused { status: u16, reason: String },
    #[error("its answer is not what the Transit API answers")]
    Unusable,
}

/// See the module.
pub(super) struct TransitSource {
    /// URL of the secrets engine, without a slash at the end.
    engine: String,
    key: String,
    fragment: String,
    token_file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: String,
}

impl TransitSource {
    /// By the URL of the key: `https://host:8200/v1/<engine>/<key>`. Only this machine is asked by plain http.
    pub(super) fn new(url: &str, token_file: Option<&Path>) -> Result<Self, MasterKeyError> {
        let bad = || MasterKeyError::Source { name: "transit".to_owned() };
        let url = Url::parse(url).map_err(|_| bad())?;
        let is_local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(bad()),
        };
        if !(url.scheme() == "https" || url.scheme() == "http" && is_local) || url.query().is_some() {
            return Err(bad());
        }
        let (engine, key) = url.path().rsplit_once('/').ok_or_else(bad)?;
        if engine.is_empty() || key.is_empty() || !url.username().is_empty() || url.password().is_some() {
            return Err(bad());
        }
        let fragment = url.fragment().unwrap_or_default().to_owned();
        let engine = format!("{}{engine}", url.origin().ascii_serialization());
        Ok(Self { engine, key: key.to_owned(), fragment, token_file: token_file.map(Path::to_owned) })
    }

    /// The name under which the wrapped key stands in the database.
    fn fact(&self) -> String {
        format!("wrapped_master_key {}", token::digest(&format!("{} {} {}", self.engine, self.key, self.fragment)))
    }

    async fn open(&self, store: &Store) -> Result<MasterKey, MasterKeyError> {
        let service = |error| MasterKeyError::transit(self.place(), error);
        let kept = |error: StoreError| MasterKeyError::Store(error.to_string());
        // A change, because replicas that start together must agree on one key.
        let mut change = store.change().await.map_err(kept)?;
        if let Some(wrapped) = change.tx().meta(&self.fact()).await.map_err(kept)? {
            return self.decrypt(&wrapped).await.map_err(service);
        }
        let key = MasterKey::random();
        let wrapped = self.encrypt(&key).await.map_err(service)?;
        change.tx().put_meta(&self.fact(), &wrapped).await.map_err(kept)?;
        change.commit().await.map_err(kept)?;
        Ok(key)
    }

    async fn encrypt(&self, key: &MasterKey) -> Result<String, TransitError> {
        let plaintext = Zeroizing::new(STANDARD.encode(key.bytes()));
        let body = json!({"plaintext": plaintext.as_str(), "associated_data": STANDARD.encode(ASSOCIATED)});
        self.ask::<Encrypted>("encrypt", body).await.map(|answer| answer.ciphertext)
    }

    async fn decrypt(&self, wrapped: &str) -> Result<MasterKey, TransitError> {
        let body = json!({"ciphertext": wrapped, "associated_data": STANDARD.encode(ASSOCIATED)});
        let answer = self.ask::<Decrypted>("decrypt", body).await?;
        let plaintext = Zeroizing::new(answer.plaintext);
        let bytes = STANDARD.decode(plaintext.as_str()).map(Zeroizing::new).map_err(|_| TransitError::Unusable)?;
        MasterKey::from_bytes(&bytes).ok_or(TransitError::Unusable)
    }

    fn token(&self) -> Result<Secret, TransitError> {
        let text = match &self.token_file {
            Some(file) => fs::read_to_string(file).ok(),
            None => env::var("VAULT_TOKEN").ok(),
        };
        let token = text.map(Zeroizing::new).map(|text| text.trim().to_owned());
        token.filter(|token| !token.is_empty()).map(Secret::new).ok_or(TransitError::NoToken)
    }

    async fn ask<T: for<'de> Deserialize<'de>>(&self, what: &str, body: Value) -> Result<T, TransitError> {
        let lost = |error: reqwest::Error| TransitError::Unreachable(reason(error.without_url()));
        // A second installation of the same provider is refused, and changes nothing; at start nobody else has been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy().build().map_err(lost)?;
        let url = format!("{}/{what}/{}", self.engine, self.key);
        let mut request = client.post(url).header("x-vault-token", self.token()?.expose()).json(&body);
        if let Ok(namespace) = env::var("VAULT_NAMESPACE") {
            request = request.header("x-vault-namespace", namespace);
        }
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status();
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(TransitError::Unusable);
            }
        }
        if !status.is_success() {
            return Err(TransitError::Refused { status: status.as_u16(), reason: errors(&bytes) });
        }
        serde_json::from_slice::<Answer<T>>(&bytes).map(|answer| answer.data).map_err(|_| TransitError::Unusable)
    }
}

impl KeySource for TransitSource {
    fn place(&self) -> String {
        let fragment = if self.fragment.is_empty() { String::new() } else { format!("#{}", self.fragment) };
        format!("transit key `{}{fragment}` at `{}`", self.key, self.engine)
    }

    fn keys<'a>(&'a self, store: &'a Store) -> BoxFuture<'a, Result<Vec<MasterKey>, MasterKeyError>> {
        Box::pin(async { self.open(store).await.map(|key| vec![key]) })
    }
}

/// The reasons in an answer of the service (`{"errors": […]}`), none of which repeats what was sent.
fn errors(bytes: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<String>,
    }
    let errors = serde_json::from_slice::<Errors>(bytes).map(|answer| answer.errors).unwrap_or_default();
    let text: String = errors.join("; ").chars().filter(|c| !c.is_control()).take(200).collect();
    if text.is_empty() { "no reason given".to_owned() } else { text }
}
