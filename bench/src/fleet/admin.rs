//! The administrator of the company: makes what there is, and changes it.

use anyhow::{Context as _, Result, bail};
use control_plane_api::{
    access::TokenRequest,
    apply::{ApplyReply, ApplyRequest},
    gateway::{JoinToken, JoinTokenRequest},
    name::Name,
    object::Object,
    secret::SecretValue,
};
use reqwest::{Client, Method};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;
use url::Url;

/// Lifetime of a join token in seconds: a large fleet takes a while.
const JOIN_TOKEN_LIFETIME_S: i64 = 86_400;

/// A client for mcpd on this machine.
pub(super) fn client(timeout: Duration) -> Result<Client> {
    // Asked for by the library also where nothing is encrypted. Only the first call in a process takes effect.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder().no_proxy().tls_certs_only([]).timeout(timeout).build()?)
}

/// Speaks REST with mcpd. Cheap to clone.
#[derive(Clone)]
pub(super) struct Admin {
    client: Client,
    base: Url,
    token: String,
}

impl Admin {
    pub(super) fn new(base: Url, token: String, patience: Duration) -> Result<Self> {
        Ok(Self { client: client(patience)?, base, token })
    }

    /// Creates or changes objects, all or none. The revision that this made.
    pub(super) async fn apply(&self, objects: Vec<Object>) -> Result<u64> {
        let request = ApplyRequest { objects, dry_run: false };
        let reply: ApplyReply = self.ask(Method::POST, "api/v1/apply", &request).await?;
        Ok(reply.revision)
    }

    /// Sets a secret.
    pub(super) async fn set_secret(&self, name: &str, value: String) -> Result<()> {
        self.ask(Method::PUT, &format!("api/v1/secrets/{name}"), &SecretValue { value }).await.map(ignored)
    }

    /// Issues a token to a user.
    pub(super) async fn issue_token(&self, user: &Name) -> Result<()> {
        let request = TokenRequest { label: "laptop".to_owned(), expires_in_s: None };
        self.ask(Method::POST, &format!("api/v1/users/{user}/tokens"), &request).await.map(ignored)
    }

    /// Lets a gateway enrol.
    pub(super) async fn join_token(&self, gateway: &Name) -> Result<String> {
        let request = JoinTokenRequest { gateway: gateway.clone(), expires_in_s: JOIN_TOKEN_LIFETIME_S };
        let token: JoinToken = self.ask(Method::POST, "api/v1/join-tokens", &request).await?;
        Ok(token.token)
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: &impl Serialize) -> Result<T> {
        let request = self.client.request(method, self.base.join(path)?).bearer_auth(&self.token).json(body);
        let response = request.send().await.with_context(|| format!("mcpd does not answer {path}"))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("mcpd broke off answering {path}"))?;
        if !status.is_success() {
            bail!("mcpd refused {path} ({status}): {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("mcpd answered {path} with something else"))
    }
}

fn ignored(_: serde_json::Value) {}
